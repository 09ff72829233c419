"""What finished calls say of each buyer: how often it was asked, what it offered, whether its number answered. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from callrouter.domain.money import dollars
from callrouter.domain.reasons import OFFER, Family, Reason

LAST_ERRORS = 5

Record = Mapping[str, Any]
"""One finished call, as ``GET /api/v1/calls/{sid}`` shows it."""

_FAULTS = frozenset(r.value for r in Reason if r.family in (Family.ERROR, Family.REJECTED))
"""Results that the buyer must act on."""


@dataclass
class Lately:
    """One buyer of a plan in the calls that were counted."""

    asked: int = 0
    """Requests for an offer."""
    dials: int = 0
    answered: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    """How often each result of an auction, or of a lead's sale, came up; ``offer`` is one of them."""
    payouts: list[Decimal] = field(default_factory=list)
    """Of each offer."""
    last_errors: list[Mapping[str, Any]] = field(default_factory=list)
    """The newest first."""

    @property
    def offers(self) -> int:
        """Offers, or bids, that were taken as such."""
        return self.reasons.get(OFFER, 0)

    @property
    def shown(self) -> dict[str, Any]:
        """For the API and the console."""
        return {
            "asked": self.asked,
            "offers": self.offers,
            "offer_rate": _rate(self.offers, self.asked),
            "dials": self.dials,
            "answered": self.answered,
            "answer_rate": _rate(self.answered, self.dials),
            "reasons": dict(sorted(self.reasons.items())),
            "last_errors": self.last_errors,
        }

    @property
    def payout(self) -> dict[str, Any]:
        """The highest and the average of its offers, ``None`` without any."""
        if not self.payouts:
            return {"highest": None, "average": None}
        average = sum(self.payouts, Decimal(0)) / len(self.payouts)
        return {"highest": dollars(max(self.payouts)), "average": dollars(average)}

    def had(self, result: Mapping[str, Any], *, asked: bool, at: object, sid: object) -> None:
        """Count one result."""
        reason = str(result.get("reason"))
        self.asked += asked
        self.reasons[reason] = self.reasons.get(reason, 0) + 1
        self.failed(result, at, sid)

    def failed(self, result: Mapping[str, Any], at: object, sid: object) -> None:
        """Keep a result that the buyer must act on; others are none of it."""
        if result.get("reason") in _FAULTS and len(self.last_errors) < LAST_ERRORS:
            kept = {"at": at, "sid": sid, "reason": result["reason"], "detail": result.get("detail")}
            self.last_errors.append(kept)


Tallies = dict[tuple[str, str], Lately]
"""By plan and buyer."""


def count_calls(tallies: Tallies, records: Iterable[Record]) -> None:
    """Add these calls, which come newest first."""
    for record in records:
        _count(tallies, record)


def count_sales(tallies: Tallies, records: Iterable[Record], sales: Mapping[str, Mapping[str, Any]]) -> None:
    """Add the sales of these calls' leads, by their ids; a sale is told with the call that it began with."""
    for record in records:
        sale = sales.get(str((record.get("sale") or {}).get("id")))
        if sale is None or sale.get("sid") != record.get("sid"):
            continue
        results = [result for result in sale.get("results") or () if isinstance(result, Mapping)]
        pinged = {result.get("buyer") for result in results if result.get("step") == "ping"}
        for result in results:
            tally = _of(tallies, record, result)
            if result.get("step") != "ping" and result.get("buyer") in pinged:
                tally.failed(result, sale.get("at"), record.get("sid"))  # it was counted with its price
                continue
            tally.had(result, asked=result.get("exchange") is not None, at=sale.get("at"), sid=record.get("sid"))
            if result.get("reason") == OFFER:
                _paid(tally, result)


def _count(tallies: Tallies, record: Record) -> None:
    sid = record.get("sid")
    for result in reversed(record.get("results") or ()):
        tally, asked_at = _of(tallies, record, result), result.get("asked_at")
        tally.had(result, asked=asked_at is not None, at=asked_at or record.get("started_at"), sid=sid)
        if result.get("offer"):
            _paid(tally, result["offer"])
    for post in record.get("posts") or ():
        _of(tallies, record, post).failed(post, post.get("sent_at"), sid)
    for attempt in record.get("attempts") or ():
        tally = _of(tallies, record, attempt)
        tally.dials += 1
        tally.answered += bool(attempt.get("answered_at") or attempt.get("bridged_s"))


def _of(tallies: Tallies, record: Record, part: Mapping[str, Any]) -> Lately:
    return tallies.setdefault((str(record.get("plan")), str(part.get("buyer"))), Lately())


def _paid(tally: Lately, offer: Mapping[str, Any]) -> None:
    try:
        tally.payouts.append(Decimal(str(offer.get("payout"))))
    except InvalidOperation:
        return  # it named no price


def _rate(part: int, whole: int) -> float | None:
    return round(part / whole, 3) if whole else None
