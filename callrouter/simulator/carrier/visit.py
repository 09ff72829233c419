"""Executes ``<Dial><Conference>``: one line's stay in a conference."""

import xml.etree.ElementTree as ET
from dataclasses import replace

from callrouter.simulator.carrier.line import Fetch, Line
from callrouter.simulator.carrier.rooms import Room, Rooms
from callrouter.simulator.carrier.seats import Callback, Seat, Terms
from callrouter.simulator.carrier.switch import Switch, merged
from callrouter.simulator.carrier.tunes import NoTune, Tune
from callrouter.simulator.carrier.twiml import Document


class Visit:
    """From the way into a conference to leaving it. ``action`` is requested then; without one the document goes on.

    What is wrong with it is added to ``problems``.
    """

    def __init__(
        self,
        switch: Switch,
        rooms: Rooms,
        name: str,
        seat: Seat,
        action: Fetch | None = None,
        problems: list[str] | None = None,
    ) -> None:
        self._switch = switch
        self._rooms = rooms
        self._name = name
        self._seat = seat
        self._action = action
        self._problems = problems if problems is not None else []
        self._room: Room | None = None

    async def run(self) -> Fetch | None:
        """Enter and stay. The action to request then, or ``None`` to go on in the document."""
        seat, line = self._seat, self._seat.line
        line.answer()
        line.hear("silence", "joining")
        live = self._rooms.live(self._name)
        try:
            # Nobody waits in a conference that has started, and so its waiting music is not asked for.
            score = None if live and live.started else await seat.tunes.fetch(seat.wait)
        except NoTune:
            return self._asked("failed")
        room = self._rooms.open(self._name)
        other = room.listed(seat.terms.label) if seat.terms.label else None
        if other not in {None, seat}:
            self._problems.append("Conference: the participantLabel is taken (16025)")
            return self._asked("failed")
        self._room = room
        room.join(seat, score)
        line.joined()
        await seat.gone.wait()
        line.hear("silence", "left the conference")
        return self._asked("answered")

    def abandon(self, *, caller_gone: bool) -> Fetch | None:
        """The call leaves the conference by itself; the action is due only when the caller hung up."""
        live = self._rooms.live(self._name)
        if self._room is None and live is not None:
            live.miss(self._seat, self._seat.line.state)
        elif self._room is not None:
            why = "participant_hung_up" if caller_gone else "participant_updated_via_api"
            self._room.leave(self._seat, why, self._seat.line.state)
        return self._asked("completed") if caller_gone else None

    def _asked(self, status: str) -> Fetch | None:
        if self._action is None:
            return None
        faults = self._switch.faults
        joined = self._seat.record.joined_at is not None
        params = {
            "DialCallStatus": faults.rename_dial_status.get(status, status),
            "DialBridged": "true" if joined else "false",
        }
        params = {name: value for name, value in params.items() if name not in faults.drop_params}
        return replace(self._action, params=merged(self._action.params, params))


def visit_of(switch: Switch, rooms: Rooms, line: Line, verb: ET.Element, room: ET.Element, document: Document) -> Visit:
    """The stay that a ``<Dial>`` with a ``<Conference>`` asks for."""
    action = verb.get("action")
    fetch = Fetch(document.resolve(action), {}, "action", verb.get("method", "POST")) if action is not None else None
    wait_url, callback_url = room.get("waitUrl"), room.get("statusCallback")
    terms = Terms(
        label=room.get("participantLabel"),
        start_on_enter=room.get("startConferenceOnEnter", "true") == "true",
        end_on_exit=room.get("endConferenceOnExit") == "true",
        muted=room.get("muted") == "true",
        wait=Tune(document.resolve(wait_url) if wait_url else wait_url, room.get("waitMethod", "POST")),
        callback=Callback(
            document.resolve(callback_url) if callback_url else "",
            room.get("statusCallbackMethod", "POST"),
            frozenset(room.get("statusCallbackEvent", "").split()),
        ),
        coached_sid=room.get("coach"),
    )
    seat = Seat(switch, line, terms, goes_on=action is not None)
    return Visit(switch, rooms, (room.text or "").strip(), seat, fetch, document.record.problems)
