"""The Conferences resource: shows, lists and ends conferences."""

from callrouter.simulator.carrier.applying import Applying
from callrouter.simulator.carrier.outbound import OutboundLeg
from callrouter.simulator.carrier.records import RestRecord
from callrouter.simulator.carrier.rest_answers import Answer, RestError, in_time, not_found, paged, rfc2822
from callrouter.simulator.carrier.rest_participants import Participants
from callrouter.simulator.carrier.rooms import Room, Rooms
from callrouter.simulator.carrier.switch import API_VERSION, Switch

_LIST_PARAMS = frozenset(
    {"FriendlyName", "Status", "PageSize", "Page", "PageToken"}
    | {f"Date{what}{bound}" for what in ("Created", "Updated") for bound in ("", ">", "<")}
)
_UPDATE_PARAMS = frozenset({"Status"})


class Conferences:
    """Everything below ``/Conferences``."""

    def __init__(self, switch: Switch, rooms: Rooms, applying: Applying, root: str) -> None:
        self._switch = switch
        self._rooms = rooms
        self._applying = applying
        self._root = root
        self.participants = Participants(switch, rooms, applying, root)

    @property
    def legs(self) -> list[OutboundLeg]:
        """Every leg that was created, oldest first."""
        return self.participants.legs

    def answer(self, path: str, params: dict[str, str], record: RestRecord) -> Answer:
        """The answer to a request; ``path`` is what follows ``/Conferences/``. Raises `RestError`."""
        match (record.method, path.split("/") if path else []):
            case ("GET", []):
                record.problems += [name for name in params if name not in _LIST_PARAMS]
                found = [room for room in reversed(self._rooms.all) if _matches(room, params)]
                return 200, paged("conferences", found, self._shown, params, self._root)
            case (("GET" | "POST") as method, [sid]):
                room = self._rooms.by_sid(sid)
                if room is None:
                    raise not_found()
                return 200, self._updated(room, params, record) if method == "POST" else self._shown(room)
            case (method, [key, "Participants"]):
                return self.participants.of_room(method, key, params, record)
            case (method, [key, "Participants", who]):
                return self.participants.of_one(method, key, who, params, record)
        raise RestError(405, 20004, "Method not allowed")

    def _updated(self, room: Room, params: dict[str, str], record: RestRecord) -> dict[str, object]:
        record.problems += [name for name in params if name not in _UPDATE_PARAMS]
        if params.get("Status") != "completed":
            raise RestError(400, 20001, "Status can only be completed")
        if room.live:
            self._applying.later(room.complete, record)
        return self._shown(room)

    def _shown(self, room: Room) -> dict[str, object]:
        record = room.record
        uri = f"{self._root}/{record.sid}"
        return {
            "sid": record.sid,
            "account_sid": self._switch.account_sid,
            "friendly_name": record.name,
            "status": room.status,
            "region": "us1",
            "date_created": rfc2822(record.opened_at),
            "date_updated": rfc2822(record.ended_at or record.started_at or record.opened_at),
            "reason_conference_ended": record.why_ended,
            "call_sid_ending_conference": record.call_sid_ending,
            "api_version": API_VERSION,
            "uri": f"{uri}.json",
            "subresource_uris": {"participants": f"{uri}/Participants.json", "recordings": f"{uri}/Recordings.json"},
        }


def _matches(room: Room, params: dict[str, str]) -> bool:
    record = room.record
    shown = {"FriendlyName": record.name, "Status": room.status}
    if any(name in params and params[name] != value for name, value in shown.items()):
        return False
    updated = record.ended_at or record.started_at or record.opened_at
    return in_time(record.opened_at, "DateCreated", params) and in_time(updated, "DateUpdated", params)
