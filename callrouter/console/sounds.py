"""What the caller heard, derived from the events of the call's record. Pure."""

from dataclasses import dataclass

from callrouter.console.moments import Moments, Record, events

_AFTER: dict[str, str] = {
    "arrived": "ringing",
    "zip_asked": "question",
    "zip_entered": "silence",
    "leg_ringing": "ringing",
    "leg_in_progress": "voice",
    "dial_ended": "silence",
    "dial_lapsed": "silence",
    "dial_called_off": "silence",
    "transfer_opened": "agent",
    "dialled_in": "silence",
}
_ENDS = frozenset({"ended", "caller_gone", "refused"})
_LEG_ENDS = frozenset({"leg_completed", "leg_busy", "leg_failed", "leg_no_answer", "leg_canceled"})

LEAST_S = 0.05
"""What is shorter nobody hears."""


@dataclass(frozen=True)
class Sound:
    """One thing that was heard; seconds since the arrival."""

    kind: str
    """A key of `plain_words.SOUNDS`."""
    start_s: float
    end_s: float


def heard(record: Record, moments: Moments, fast_answer_s: float) -> tuple[Sound, ...]:
    """What the caller heard, without gaps, until they or we hung up.

    ``fast_answer_s`` is how long a webhook stays open for a decision: only after that hold audio begins.
    """
    changes = _changes(record, moments, fast_answer_s)
    sounds: list[Sound] = []
    for (start_s, kind), (end_s, _) in zip(changes, [*changes[1:], (moments.end_s, "")], strict=True):
        if kind == "end":
            break
        if sounds and sounds[-1].kind == kind:
            sounds[-1] = Sound(kind, sounds[-1].start_s, end_s)
        elif end_s - start_s >= LEAST_S:
            sounds.append(Sound(kind, start_s, end_s))
    return tuple(sounds)


def _changes(record: Record, moments: Moments, fast_answer_s: float) -> list[tuple[float, str]]:
    """Each change of what is heard. Hold audio begins unless something else does first."""
    changes: list[tuple[float, str]] = []
    hold_from: float | None = None
    with_agent = False
    for event in events(record):
        name, at_s = event["event"], moments.since(event["at"]) or 0.0
        with_agent = name != "dialled_in" and (with_agent or name == "transfer_opened")
        if with_agent and name not in _ENDS and name != "transfer_opened":
            continue  # whatever the buyers say and the agent dials, the caller talks with the agent
        if hold_from is not None and at_s >= hold_from:
            changes.append((hold_from, "hold"))
            hold_from = None
        if name == "auction_started":
            hold_from = at_s + fast_answer_s
        elif name in _ENDS:
            changes.append((at_s, "end"))
            return changes
        elif name in _LEG_ENDS and changes and changes[-1][1] in ("voice", "ringing"):
            changes.append((at_s, "silence"))
        elif name in _AFTER:
            changes.append((at_s, _AFTER[name]))
            hold_from = None
    if hold_from is not None and hold_from < moments.end_s:
        changes.append((hold_from, "hold"))
    return changes
