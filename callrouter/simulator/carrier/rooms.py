"""Conferences: who is in them, what they hear, when they start and end, and what the product is told."""

from collections.abc import Mapping

from callrouter.simulator.carrier.records import RoomRecord
from callrouter.simulator.carrier.seats import Callback, Seat
from callrouter.simulator.carrier.switch import Switch
from callrouter.simulator.carrier.tunes import Score, Tune
from callrouter.simulator.carrier.webhooks import Message

_ASKED_AS = {
    "conference-start": "start", "conference-end": "end", "participant-join": "join", "participant-leave": "leave",
    "participant-hold": "hold", "participant-unhold": "hold", "participant-mute": "mute", "participant-unmute": "mute",
    "participant-modify": "modify", "announcement-end": "announcement",
}  # fmt: skip
"""Each event, and the word by which callbacks for it are asked for."""


class Room:
    """One conference. It lives while somebody is in it, or is being dialled for it."""

    def __init__(self, switch: Switch, name: str) -> None:
        self._switch = switch
        self.record = RoomRecord(name, f"CF{switch.rng.getrandbits(128):032x}", switch.clock.now())
        self.expected: list[Seat] = []
        """Those who are dialled for it and have not come yet."""
        self.seats: list[Seat] = []
        self._callback: Callback | None = None
        self._sequence = 0

    @property
    def live(self) -> bool:
        """Whether it has not ended."""
        return self.record.ended_at is None

    @property
    def started(self) -> bool:
        """Whether those in it hear each other."""
        return self.record.started_at is not None

    @property
    def status(self) -> str:
        """``init``, ``in-progress`` or ``completed``."""
        return "completed" if not self.live else "in-progress" if self.started else "init"

    def present(self, who: str) -> Seat | None:
        """Who is in it, by call sid or label."""
        return next((seat for seat in self.seats if who in {seat.line.sid, seat.terms.label}), None)

    def listed(self, who: str) -> Seat | None:
        """Who is in it or dialled for it, by call sid or label."""
        return next((seat for seat in [*self.seats, *self.expected] if who in {seat.line.sid, seat.terms.label}), None)

    # --- coming and going

    def expect(self, seat: Seat) -> None:
        """Somebody is being dialled for this conference."""
        self.expected.append(seat)
        self.record.participants.append(seat.record)

    def join(self, seat: Seat, score: Score | None = None) -> None:
        """Somebody enters. ``score`` is what they hear until it starts, where that had to be fetched."""
        if seat in self.expected:
            self.expected.remove(seat)
        else:
            self.record.participants.append(seat.record)
        self.seats.append(seat)
        seat.record.joined_at = self._switch.clock.now()
        if self._callback is None:
            self._callback = seat.terms.callback
        self._tell("participant-join", seat.params())
        if self._can_start():
            self.record.started_at = self._switch.clock.now()
            self._tell("conference-start", {})
            for each in self.seats:
                if not each.held:
                    each.hush()
        elif not self.started:
            seat.play(seat.wait, score)
        self.look()

    def miss(self, seat: Seat, call_status: str) -> None:
        """Somebody who was dialled does not come; without effect if they came."""
        if seat not in self.expected:
            return
        self.expected.remove(seat)
        seat.leave("participant_add_failed")
        self._tell_left(seat, call_status)
        self._end_if_empty(seat, kicked=False)

    def leave(self, seat: Seat, why: str, call_status: str) -> None:
        """Somebody leaves; without effect if they are not there."""
        if seat not in self.seats:
            return
        self.seats.remove(seat)
        seat.leave(why)
        self._tell_left(seat, call_status)
        kicked = why == "participant_updated_via_api"
        if seat.end_on_exit:
            self._end(f"participant-with-end-conference-on-exit-{_how(kicked)}", seat, "moderator_ended_conference")
        else:
            self._end_if_empty(seat, kicked=kicked)

    def remove(self, seat: Seat) -> None:
        """The REST side takes somebody out."""
        if seat in self.expected:
            seat.line.complete()
        self.leave(seat, "participant_updated_via_api", "in-progress" if seat.goes_on else "completed")

    def complete(self) -> None:
        """The REST side ends it."""
        self._end("conference-ended-via-api", None, "conference_ended_via_api")

    # --- what the REST side changes about those in it

    def hold(self, seat: Seat, held: bool, tune: Tune) -> None:
        """Put on hold, or take from it."""
        if seat not in self.seats or not seat.set_held(held):
            return
        self._tell("participant-hold" if held else "participant-unhold", seat.params())
        if held:
            seat.play(tune)
        elif self.started:
            seat.hush()
        else:
            seat.play(seat.wait)
        self.look()

    def mute(self, seat: Seat, muted: bool) -> None:
        """Let the others hear them, or not."""
        if seat in self.seats and seat.muted != muted:
            seat.muted = muted
            self._tell("participant-mute" if muted else "participant-unmute", seat.params())
            self.look()

    def modify(self, seat: Seat, end_on_exit: bool, coached_sid: str | None) -> None:
        """Change what follows from their leaving, and whom they coach."""
        if seat in self.seats and (seat.end_on_exit, seat.coached_sid) != (end_on_exit, coached_sid):
            seat.end_on_exit, seat.coached_sid = end_on_exit, coached_sid
            self._tell("participant-modify", seat.params())
            self.look()

    def announce(self, seat: Seat, tune: Tune) -> None:
        """Play something to one participant, who hears the room again afterwards."""
        if seat in self.seats and not seat.held:
            seat.play(tune, then=lambda: self._announced(seat))

    def look(self) -> None:
        """Everybody hears what there is to hear now; notes who is alone."""
        for seat in self.seats:
            seat.set_alone(not any(other is not seat and not other.held for other in self.seats))
            if not self.started or seat.occupied:
                continue
            if any(other.is_heard_by(seat) for other in self.seats):
                seat.line.hear("voice", "conference")
            elif any(ringing.terms.early_media and ringing.line.state == "ringing" for ringing in self.expected):
                seat.line.hear("ring", "conference")
            else:
                seat.line.hear("silence", "conference")

    # ---

    def _can_start(self) -> bool:
        return not self.started and len(self.seats) > 1 and any(seat.terms.start_on_enter for seat in self.seats)

    def _announced(self, seat: Seat) -> None:
        self._tell("announcement-end", seat.params())
        self.look()

    def _end_if_empty(self, last: Seat, *, kicked: bool) -> None:
        if self.seats or self.expected:
            self.look()
        else:
            self._end(f"last-participant-{_how(kicked)}", last, "participant_hung_up")

    def _end(self, reason: str, by: Seat | None, why_left: str) -> None:
        if not self.live:
            return
        self.record.ended_at, self.record.why_ended = self._switch.clock.now(), reason
        while self.seats:
            seat = self.seats.pop(0)
            seat.leave(why_left)
            self._tell_left(seat, "in-progress" if seat.goes_on else "completed")
        while self.expected:
            seat = self.expected.pop(0)
            seat.leave("participant_add_failed")
            self._tell_left(seat, "canceled")
            seat.line.complete()
        ended = {"ReasonConferenceEnded": reason, "Reason": _told(reason, by)}
        if by is not None:
            self.record.call_sid_ending = by.line.sid
            ended["CallSidEndingConference"] = by.line.sid
            if by.terms.label:
                ended["ParticipantLabelEndingConference"] = by.terms.label
        self._tell("conference-end", ended)

    def _tell_left(self, seat: Seat, call_status: str) -> None:
        why = seat.record.why_left or ""
        left = {"ParticipantCallStatus": call_status, "ReasonParticipantLeft": why}
        self._tell("participant-leave", seat.params() | left, seat.terms.callback)

    def _tell(self, event: str, fields: Mapping[str, str], otherwise: Callback | None = None) -> None:
        """Report an event, as the first who came wanted it; ``otherwise`` is for when nobody has come yet."""
        callback = self._callback or otherwise
        self._sequence += 1
        if callback is None or not callback.url or _ASKED_AS[event] not in callback.events:
            return
        params = {
            "ConferenceSid": self.record.sid,
            "FriendlyName": self.record.name,
            "AccountSid": self._switch.account_sid,
            "SequenceNumber": str(self._sequence),
            "Timestamp": self._switch.timestamp(),
            "StatusCallbackEvent": event,
            **fields,
        }
        about = fields.get("CallSid") or fields.get("CallSidEndingConference", "")
        self._switch.webhooks.tell(Message(callback.url, params, "conference", about, callback.method))


class Rooms:
    """Every conference of one carrier."""

    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        self.all: list[Room] = []
        """Oldest first."""

    def live(self, name: str) -> Room | None:
        """The conference of that name that has not ended."""
        return next((room for room in reversed(self.all) if room.live and room.record.name == name), None)

    def open(self, name: str) -> Room:
        """The live conference of that name, or a new one."""
        room = self.live(name)
        if room is None:
            room = Room(self._switch, name)
            self.all.append(room)
        return room

    def by_sid(self, sid: str) -> Room | None:
        """Any conference, live or ended."""
        return next((room for room in self.all if room.record.sid == sid), None)


def _how(kicked: bool) -> str:
    return "kicked" if kicked else "left"


def _told(reason: str, by: Seat | None) -> str:
    if by is None:
        return "Conference ended via API"
    label = f" with label {by.terms.label}" if by.terms.label else ""
    return f"Participant {by.line.sid}{label} {'was removed' if reason.endswith('kicked') else 'left'}"
