"""One participant's place in a conference."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from callrouter.simulator.carrier.line import Line
from callrouter.simulator.carrier.records import ParticipantRecord
from callrouter.simulator.carrier.switch import Switch
from callrouter.simulator.carrier.tunes import Score, Tune, Tunes


@dataclass(frozen=True)
class Callback:
    """Where a conference reports, and which of its events."""

    url: str = ""
    method: str = "POST"
    events: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Terms:
    """On what terms somebody enters a conference."""

    label: str | None = None
    start_on_enter: bool = True
    end_on_exit: bool = False
    muted: bool = False
    wait: Tune = field(default_factory=Tune)
    callback: Callback = field(default_factory=Callback)
    early_media: bool = False
    """The others hear the ringing."""
    coached_sid: str | None = None
    """Whom this participant speaks to, unheard by the others."""


class Seat:
    """A participant who is expected, or there. ``goes_on``: the call outlives the conference."""

    def __init__(self, switch: Switch, line: Line, terms: Terms, *, goes_on: bool) -> None:
        self._switch = switch
        self.line = line
        self.terms = terms
        self.goes_on = goes_on
        self.tunes = Tunes(switch, line)
        self.held = False
        self.muted = terms.muted
        self.end_on_exit = terms.end_on_exit
        self.coached_sid = terms.coached_sid
        self.wait = terms.wait
        self.occupied = False
        """Plays something of its own: waiting music, hold music, an announcement."""
        self.gone = asyncio.Event()
        self.record = ParticipantRecord(line.sid, line.number, terms.label, lambda: line.heard)
        self._playing: asyncio.Task[None] | None = None
        self._alone_since: float | None = None

    def play(self, tune: Tune, score: Score | None = None, then: Callable[[], None] | None = None) -> None:
        """Hear this instead of the room, and afterwards silence, or what ``then`` decides."""
        self.hush()
        self.occupied = True
        self._playing = self._switch.background.spawn(self._play(tune, score, then))

    def hush(self) -> None:
        """Hear the room again."""
        self.occupied = False
        if self._playing is not None:
            self._playing.cancel()
            self._playing = None

    def leave(self, why: str) -> None:
        """Not there any more."""
        now = self._switch.clock.now()
        self.hush()
        self.set_held(False)
        self.set_alone(False)
        self.record.left_at, self.record.why_left = now, why
        self.gone.set()

    def set_held(self, held: bool) -> bool:
        """On hold or not; whether that is new."""
        if held == self.held:
            return False
        self.held, now = held, self._switch.clock.now()
        if held:
            self.record.held.append((now, None))
        else:
            self.record.held[-1] = (self.record.held[-1][0], now)
        return True

    def set_alone(self, alone: bool) -> None:
        """Whether somebody else is there who is not on hold; keeps the longest time without."""
        now = self._switch.clock.now()
        if self._alone_since is not None:
            self.record.longest_alone_s = max(self.record.longest_alone_s, now - self._alone_since)
        self._alone_since = (now if self._alone_since is None else self._alone_since) if alone else None

    def is_heard_by(self, other: "Seat") -> bool:
        """Whether the other one hears what this one says."""
        if self is other or self.held or self.muted:
            return False
        return self.coached_sid is None or self.coached_sid == other.line.sid

    def params(self) -> dict[str, str]:
        """The fields of a conference's callback about this participant."""
        shown = {
            "CallSid": self.line.sid,
            "Muted": _word(self.muted),
            "Hold": _word(self.held),
            "Coaching": _word(self.coached_sid is not None),
            "EndConferenceOnExit": _word(self.end_on_exit),
            "StartConferenceOnEnter": _word(self.terms.start_on_enter),
        }
        if self.terms.label:
            shown["ParticipantLabel"] = self.terms.label
        if self.coached_sid:
            shown["CallSidToCoach"] = self.coached_sid
        return shown

    async def _play(self, tune: Tune, score: Score | None, then: Callable[[], None] | None) -> None:
        await self.tunes.play(tune, score)
        if then is not None:
            self._playing = None
            self.occupied = False
            then()


def _word(value: bool) -> str:
    return "true" if value else "false"
