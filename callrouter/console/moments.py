"""Moments of a call's record as seconds since the arrival. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

Record = Mapping[str, Any]
"""One call in the shape of ``GET /api/v1/calls/{sid}``."""


class Moments:
    """Reads the times of one record; ``now`` (epoch seconds) is the end of what is open in a live call."""

    def __init__(self, record: Record, now: float) -> None:
        self._started = epoch(record.get("started_at")) or 0.0
        ended = epoch(record.get("ended_at"))
        self.live = record.get("outcome") is None
        self.end_s = max(0.0, (now if ended is None else ended) - self._started)

    def since(self, at: object) -> float | None:
        """Seconds from the arrival to an RFC 3339 time; ``None`` for none. Never before the arrival."""
        moment = epoch(at)
        return None if moment is None else max(0.0, round(moment - self._started, 3))


def epoch(at: object) -> float | None:
    """Epoch seconds of an RFC 3339 time; ``None`` for none, and for what is no time."""
    if not isinstance(at, str):
        return None
    try:
        return datetime.fromisoformat(at).timestamp()
    except ValueError:
        return None


def auctions(record: Record) -> list[str]:
    """When each auction of the call began, renewals too, in order, as the record has it."""
    return [event["at"] for event in events(record, "auction_started", "offers_renewed")]


def events(record: Record, *names: str) -> Sequence[Record]:
    """The record's events by time, those of these names or all."""
    found = [event for event in record.get("events") or () if not names or event["event"] in names]
    return sorted(found, key=lambda event: str(event["at"]))


def offer_of(attempt: Record, record: Record) -> Record | None:
    """The offer that a dial was of: the buyer's answer that was as old as the dial says."""
    decided = epoch(attempt.get("decided_at"))
    if decided is None:
        return None
    received = decided - float(attempt.get("offer_age_s") or 0.0)
    answers = [*(record.get("results") or ()), *(record.get("posts") or ())]
    offers = [a["offer"] for a in answers if a["buyer"] == attempt["buyer"] and a.get("offer")]
    near = [offer for offer in offers if abs((epoch(offer["received_at"]) or 0.0) - received) < 0.05]
    return near[-1] if near else None


def still_asked(record: Record, buyers: Sequence[str]) -> list[str]:
    """Of the plan's ``buyers`` those that a live call's auction still waits for."""
    if record.get("state") not in ("auction", "open"):
        return []
    no = len(auctions(record))
    closed = len(events(record, "auction_closed"))
    answered = {result["buyer"] for result in record.get("results") or () if result["auction"] == no}
    return [buyer for buyer in buyers if buyer not in answered] if no > closed else []
