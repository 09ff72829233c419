"""The legs of a warm transfer for the call page: when each was called, rang, was in the room, and left. Pure."""

from callrouter.calls.words import left_words
from callrouter.console.moments import Moments, Record

_Span = tuple[float, float, str, str, str]
_Moment = tuple[float, str, str]
NAMES = {"agent": "Agent's leg", "caller": "Caller's leg", "buyer": "Buyer's leg"}


def leg_spans(record: Record, moments: Moments) -> list[tuple[str, list[_Span], list[_Moment]]]:
    """Of each leg its name, what lasted (start, end, class, label, words) and what happened (time, class, words).

    Empty for a call that is no warm transfer, or whose room nobody was called into.
    """
    transfer = record.get("transfer") or {}
    return [_leg(party, moments) for party in transfer.get("parties") or ()]


def _leg(party: Record, moments: Moments) -> tuple[str, list[_Span], list[_Moment]]:
    role = str(party.get("role"))
    at: dict[str, float | None] = {
        name: moments.since(party.get(f"{name}_at")) for name in ("ordered", "ringing", "answered", "joined", "left")
    }
    end_s = moments.end_s if at["left"] is None else at["left"]
    steps: list[tuple[str, str, str]] = [
        ("ordered", "calling", "is called"),
        ("ringing", "rings", "rings"),
        ("answered", "answers", "answers, and joins"),
        ("joined", "in the room", "is in the room"),
    ]
    begun = [(start, label, words) for name, label, words in steps if (start := at[name]) is not None]
    ends = [start for start, _, _ in begun[1:]] + [end_s]
    spans = [
        (start, max(start, end), f"leg-{label.split()[0]}", label, words)
        for (start, label, words), end in zip(begun, ends, strict=False)
    ]
    why = left_words(party.get("why_left"))
    left = [] if at["left"] is None else [(end_s, "end", f"leaves{f': {why}' if why else ''}")]
    number = int(party.get("no") or 1)
    name = NAMES.get(role, role)
    return (name if number == 1 else f"{name} {number}", spans, left)
