"""A recorded call as replay needs it: what was decided, who answered when, and how each dial ended. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from math import inf, isfinite, nextafter
from typing import Any

from pydantic import ValidationError

from callrouter.auction.known import Asked, InHand, Known
from callrouter.auction.recorded import known_at
from callrouter.domain.decision import FORM, Choice, Decision
from callrouter.domain.reasons import Reason

SPARE_S = 11.0
"""How long before its offer lapses a dial is decided at the latest, where the call's own offers do not tell."""
_ROUNDING_S = 0.002
"""Times outside of decisions are whole milliseconds."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What one buyer answered in one auction. Times are epoch seconds."""

    asked: Asked
    replied_at: float | None
    """``None``: it was cut off, and nobody knows what it would have answered."""
    offer: InHand | None


@dataclass(frozen=True, slots=True)
class Round:
    """One auction."""

    no: int
    since: float
    deadline_at: float
    replies: tuple[Reply, ...]


@dataclass(frozen=True, slots=True)
class Dialled:
    """How a dial really ended. Times are epoch seconds."""

    auction: int
    buyer: str
    at: float
    """When it was decided."""
    result: str | None
    """``None``: it was decided and never placed, for the buyer took its bid back."""
    ended_at: float | None
    paid: Decimal
    """What it is expected to pay by the seconds that were talked, in dollars."""


@dataclass(frozen=True, slots=True)
class Past:
    """One finished call."""

    sid: str
    plan: str
    kind: str
    outcome: str
    ended_at: float
    decisions: tuple[Decision, ...]
    known: tuple[Known, ...]
    """What was known at each of them."""
    dials: Mapping[int, Dialled]
    """By the place of their decision."""
    rounds: Mapping[int, Round]
    below_floor: int
    """How many replies were refused for the floor; what they would have paid is not kept."""

    @property
    def abandoned(self) -> bool:
        """Whether the caller left."""
        return self.outcome == "abandoned"


class Unreplayable(Exception):
    """The record cannot be decided again; the message says why, in few words."""


def past_of(record: Mapping[str, Any]) -> Past:
    """Read the record of a call (``GET /api/v1/calls/{sid}``). Raises `Unreplayable`."""
    if record.get("erased"):
        raise Unreplayable("whose person, and with them what was decided, was erased")
    if "decisions" not in record:
        raise Unreplayable("recorded before decisions were kept")
    try:
        decisions = tuple(Decision.model_validate(one) for one in record["decisions"])
        if any(decision.form > FORM for decision in decisions):
            raise Unreplayable("recorded by a newer version")
        known = tuple(known_at(decisions, record["sid"]))
        return Past(
            sid=record["sid"],
            plan=record["plan"],
            kind=record["kind"],
            outcome=record["outcome"] or "",
            ended_at=_time(record["ended_at"]) or (decisions[-1].at if decisions else 0.0),
            decisions=decisions,
            known=known,
            dials=dict(_dials(decisions, record["attempts"])),
            rounds={no: _round(no, decisions, known, record["results"]) for no in {d.auction for d in decisions}},
            below_floor=sum(one["reason"] == Reason.REJECTED_BELOW_FLOOR for one in record["results"]),
        )
    except (ValidationError, KeyError, TypeError, ValueError, InvalidOperation) as error:
        raise Unreplayable("cannot be read") from error


def _dials(decisions: Sequence[Decision], attempts: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, Dialled]]:
    """Decisions to dial with the dial that followed, in order."""
    left = list(attempts)
    for place, decision in enumerate(decisions):
        if decision.choice is not Choice.DIAL or decision.buyer is None:
            continue
        later = decisions[place + 1].at if place + 1 < len(decisions) else None
        if left and left[0]["buyer"] == decision.buyer and _between(decision.at, left[0]["decided_at"], later):
            made = left.pop(0)
            ended_at, paid = _time(made["ended_at"]), Decimal(made["expected_payout"])
            yield place, Dialled(decision.auction, decision.buyer, decision.at, made["result"], ended_at, paid)
        else:
            yield place, Dialled(decision.auction, decision.buyer, decision.at, None, later, Decimal(0))


def _between(first: float, at: str | None, last: float | None) -> bool:
    moment = _time(at)
    return moment is not None and first - _ROUNDING_S <= moment and (last is None or moment <= last + _ROUNDING_S)


def _round(
    no: int, decisions: Sequence[Decision], known: Sequence[Known], results: Sequence[Mapping[str, Any]]
) -> Round:
    """What the decisions say is exact; what they never saw (late answers) is taken from the results."""
    seen = [(d.at, k) for d, k in zip(decisions, known, strict=True) if d.auction == no]
    since, deadline_at = seen[0][1].since, seen[0][1].deadline_at
    told = {one["buyer"]: one for one in results if one["auction"] == no}
    asked: dict[str, Asked] = {}
    offered: dict[str, InHand] = {}
    silent: dict[str, tuple[float, float]] = {}
    """When a decision last saw it awaited, and when the next one did not any more."""
    for at, facts in seen:
        awaited = {buyer.buyer: buyer for buyer in facts.awaited}
        asked = {**awaited, **asked}
        offered = {**{offer.buyer: offer for offer in facts.in_hand}, **offered}
        for buyer in {*awaited, *(offer.buyer for offer in facts.in_hand), *silent}:
            last, gone = silent.get(buyer, (-inf, inf))
            silent[buyer] = (at, inf) if buyer in awaited else (last, min(gone, at))
    spare_s = _spare_s(offered, told)
    replies = []
    for name in sorted({*asked, *offered, *(name for name, one in told.items() if one["asked_at"])}):
        one = told.get(name, {})
        asked_at = _time(one.get("asked_at"))
        ask = asked.get(name) or Asked(name, since if asked_at is None else asked_at, deadline_at)
        replied_at = _replied_at(one, *silent.get(name, (-inf, inf)))
        replies.append(Reply(ask, replied_at, offered.get(name) or _late_offer(name, one.get("offer"), spare_s)))
    return Round(no, since, deadline_at, tuple(replies))


def _replied_at(result: Mapping[str, Any], silent_at: float, gone_at: float) -> float | None:
    """When its answer was there: after the last decision that awaited it, and not later than the next one."""
    at = _time((result.get("offer") or {}).get("received_at"))
    asked_at = _time(result.get("asked_at"))
    if at is None and asked_at is not None:
        at = asked_at + float(result["elapsed_s"])
    if at is None or result.get("reason") == Reason.NO_OFFER_CALLER_GONE:
        at = inf
    at = min(max(at, nextafter(silent_at, inf)), gone_at)
    return at if isfinite(at) else None


def _spare_s(offered: Mapping[str, InHand], told: Mapping[str, Mapping[str, Any]]) -> float:
    """By how much the latest dial is before the offer's end, as decisions on offers of this auction tell."""
    for name, offer in offered.items():
        expires_at = _time(((told.get(name) or {}).get("offer") or {}).get("expires_at"))
        if expires_at is not None:
            return expires_at - offer.dial_by
    return SPARE_S


def _late_offer(buyer: str, offer: Mapping[str, Any] | None, spare_s: float) -> InHand | None:
    expires_at = _time(offer["expires_at"]) if offer else None
    if not offer or expires_at is None:
        return None
    return InHand(buyer, Decimal(offer["payout"]), int(offer["min_duration_s"]), expires_at - spare_s)


def _time(text: str | None) -> float | None:
    return None if text is None else datetime.fromisoformat(text).timestamp()
