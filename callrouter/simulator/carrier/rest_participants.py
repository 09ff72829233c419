"""The Participants resource: calls people for a conference, shows, changes and removes them."""

from callrouter.simulator.carrier.applying import Applying
from callrouter.simulator.carrier.orders import UPDATE_PARAMS, order_of, wrong_values
from callrouter.simulator.carrier.outbound import Order, OutboundLeg
from callrouter.simulator.carrier.records import RestRecord
from callrouter.simulator.carrier.rest_answers import Answer, RestError, not_found, paged, rfc2822
from callrouter.simulator.carrier.rooms import Room, Rooms
from callrouter.simulator.carrier.seats import Seat
from callrouter.simulator.carrier.switch import Switch
from callrouter.simulator.carrier.tunes import Tune

_LIST_PARAMS = frozenset({"Muted", "Hold", "Coaching", "PageSize", "Page", "PageToken"})
_CONNECTING = {"queued": "queued", "ringing": "ringing"}


class Participants:
    """Everything below ``/Conferences/{one}/Participants``."""

    def __init__(self, switch: Switch, rooms: Rooms, applying: Applying, root: str) -> None:
        self._switch = switch
        self._rooms = rooms
        self._applying = applying
        self._root = root
        self._free_at = 0.0
        """When the next leg may be started."""
        self.legs: list[OutboundLeg] = []

    def of_room(self, method: str, key: str, params: dict[str, str], record: RestRecord) -> Answer:
        """List those in a conference, or call somebody for it: by its sid or, then only, by its name."""
        room = self._rooms.by_sid(key)
        if method == "POST":
            if (room is None and key.startswith("CF")) or (room is not None and not room.live):
                raise not_found()
            return 201, self._create(room.record.name if room else key, params, record)
        if room is None:
            raise not_found()
        if method != "GET":
            raise RestError(405, 20004, "Method not allowed")
        record.problems += [name for name in params if name not in _LIST_PARAMS]
        there = [seat for seat in [*room.seats, *room.expected] if _matches(seat, params)]
        path = f"{self._root}/{room.record.sid}/Participants"
        return 200, paged("participants", there, lambda seat: self._shown(room, seat), params, path)

    def of_one(self, method: str, key: str, who: str, params: dict[str, str], record: RestRecord) -> Answer:
        """Show, change or remove one participant, by call sid or label."""
        room = self._rooms.by_sid(key)
        seat = room.listed(who) if room else None
        if room is None or seat is None:
            raise not_found()
        if method == "GET":
            return 200, self._shown(room, seat)
        if method == "DELETE":
            self._applying.later(lambda: room.remove(seat), record)
            return 204, None
        if method != "POST":
            raise RestError(405, 20004, "Method not allowed")
        record.problems += [name for name in params if name not in UPDATE_PARAMS] + wrong_values(params)
        if seat not in room.seats:
            raise not_found()
        self._applying.later(lambda: _change(room, seat, params), record)
        asked = {"Hold": "hold", "Muted": "muted", "EndConferenceOnExit": "end_conference_on_exit"}
        changed = {asked[name]: params[name] == "true" for name in asked if name in params}
        return 200, self._shown(room, seat) | changed

    def _create(self, name: str, params: dict[str, str], record: RestRecord) -> dict[str, object]:
        order = order_of(params, record.problems)
        for number in {params["From"], order.from_}:
            self._check_from(number, params.get("CallToken"))
        known = self._rooms.live(name)
        if known and order.terms.label and known.listed(order.terms.label):
            raise RestError(409, 16025, "A participant with this label is in the conference already")
        faults = self._switch.faults
        if faults.lose_creates > 0:
            faults.lose_creates -= 1
            record.lost = True
            return self._never(order, known or Room(self._switch, name))
        room = self._rooms.open(name)
        leg = OutboundLeg(self._switch, self._rooms, room, order, self._wait_s())
        self.legs.append(leg)
        self._switch.background.spawn(leg.run())
        seat = room.listed(leg.sid)
        assert seat is not None  # noqa: S101 - a leg is expected from its first moment
        return self._shown(room, seat)

    def _never(self, order: Order, room: Room) -> dict[str, object]:
        """What is answered for a leg that will never be called."""
        return {
            **_nobody(self._switch.new_sid(), order.terms.label),
            "account_sid": self._switch.account_sid,
            "conference_sid": room.record.sid,
        }

    def _wait_s(self) -> float:
        """Seconds until the leg may be started, after those before it."""
        now = self._switch.clock.now()
        starts_at = max(now, self._free_at)
        self._free_at = starts_at + 1 / self._switch.timings.creates_per_s
        return starts_at - now

    def _check_from(self, number: str, token: str | None) -> None:
        switch = self._switch
        if number.startswith("client:") or number in switch.numbers or number in switch.verified:
            return
        if token and number == switch.tokens.get(token):
            return
        raise RestError(400, 21210, "'From' phone number not verified")

    def _shown(self, room: Room, seat: Seat) -> dict[str, object]:
        path = f"{self._root}/{room.record.sid}/Participants/{seat.line.sid}.json"
        since = seat.record.joined_at or seat.line.started_at
        joined = seat in room.seats
        return {
            **_nobody(seat.line.sid, seat.terms.label),
            "account_sid": self._switch.account_sid,
            "conference_sid": room.record.sid,
            "hold": seat.held,
            "muted": seat.muted,
            "coaching": seat.coached_sid is not None,
            "call_sid_to_coach": seat.coached_sid,
            "end_conference_on_exit": seat.end_on_exit,
            "start_conference_on_enter": seat.terms.start_on_enter,
            "status": "connected" if joined else _CONNECTING.get(seat.line.state, "connecting"),
            "date_created": rfc2822(since),
            "date_updated": rfc2822(since),
            "uri": path,
        }


def _nobody(call_sid: str, label: str | None) -> dict[str, object]:
    """A participant of whom nothing has happened."""
    return {
        "call_sid": call_sid,
        "label": label,
        "hold": False,
        "muted": False,
        "coaching": False,
        "call_sid_to_coach": None,
        "status": "queued",
        "queue_time": "0",
    }


def _matches(seat: Seat, params: dict[str, str]) -> bool:
    shown = {"Hold": seat.held, "Muted": seat.muted, "Coaching": seat.coached_sid is not None}
    return all(name not in params or (params[name] == "true") == value for name, value in shown.items())


def _change(room: Room, seat: Seat, params: dict[str, str]) -> None:
    if "WaitUrl" in params:
        seat.wait = Tune(params["WaitUrl"], params.get("WaitMethod", "POST"))
    if "Muted" in params:
        room.mute(seat, params["Muted"] == "true")
    coached = params.get("CallSidToCoach", seat.coached_sid)
    if params.get("Coaching") == "false":
        coached = None
    ends = params["EndConferenceOnExit"] == "true" if "EndConferenceOnExit" in params else seat.end_on_exit
    room.modify(seat, ends, coached)
    if "Hold" in params:
        room.hold(seat, params["Hold"] == "true", Tune(params.get("HoldUrl"), params.get("HoldMethod", "POST")))
    if params.get("AnnounceUrl"):
        room.announce(seat, Tune(params["AnnounceUrl"], params.get("AnnounceMethod", "POST")))
