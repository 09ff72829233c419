"""Decisions as they are kept with the call, and what was known at them read back, exactly."""

from collections.abc import Sequence
from typing import Literal

from callrouter.auction.known import Asked, InHand, Known
from callrouter.auction.stopping import Arrivals
from callrouter.auction.verdict import Verdict
from callrouter.domain.decision import Awaited, Choice, Decision, Rated, Rules

After = Literal["start", "reply", "look", "close", "dial"]


def recorded(
    known: Known,
    verdict: Verdict,
    now: float,
    *,
    auction: int,
    after: After,
    beliefs: int,
    earlier: Sequence[Decision] = (),
) -> Decision:
    """The decision with its reasons. What the call's ``earlier`` decisions say as well is not written again;
    ``beliefs`` is the version of what was believed."""
    decision = Decision(
        at=now,
        auction=auction,
        after=after,
        beliefs=beliefs,
        vertical=known.vertical,
        since=known.since,
        deadline_at=known.deadline_at,
        tries_left=known.tries_left,
        rules=known.rules,
        choice=verdict.choice,
        because=verdict.because,
        buyer=verdict.buyer,
        until=verdict.until,
        worth_now=_cents(verdict.worth_now),
        worth_waiting=_cents(verdict.worth_waiting),
        horizon_s=verdict.horizon_s,
        second_costs=_cents(verdict.second_costs),
        offers=_rated(known, verdict),
        awaited=tuple(_awaited(asked, verdict) for asked in known.awaited),
    )
    return _shortened(decision, earlier, known)


def _shortened(decision: Decision, earlier: Sequence[Decision], known: Known) -> Decision:
    """Without the rules that hold already, and a wait without what was known before, as long as no offer has come."""
    ruled = next((before.rules for before in reversed(earlier) if before.rules is not None), None)
    short = decision.model_copy(update={"rules": None if ruled == decision.rules else decision.rules})
    last = told_until(earlier)
    if decision.choice is not Choice.WAIT or last is None or earlier[-1].auction != decision.auction:
        return short
    offers, awaited = last
    still = {(a.buyer, a.asked_at, a.until) for a in known.awaited}
    if _in_hand(offers) != set(known.in_hand) or not still <= {(a.buyer, a.asked_at, a.until) for a in awaited}:
        return short
    answered = tuple(a.buyer for a in awaited if (a.buyer, a.asked_at, a.until) not in still)
    return short.model_copy(update={"news": False, "answered": answered, "offers": (), "awaited": ()})


def told_until(decisions: Sequence[Decision]) -> tuple[tuple[Rated, ...], tuple[Awaited, ...]] | None:
    """The offers in hand and those awaited at the last of these decisions; ``None`` before the first."""
    answered: set[str] = set()
    for decision in reversed(decisions):
        if decision.news:
            return decision.offers, tuple(a for a in decision.awaited if a.buyer not in answered)
        answered.update(decision.answered)
    return None


def _in_hand(offers: Sequence[Rated]) -> set[InHand]:
    return {InHand(o.buyer, o.payout, o.min_duration_s, o.dial_by) for o in offers}


def known_at(decisions: Sequence[Decision], sid: str) -> list[Known]:
    """What was known at each of a call's decisions, in their order."""
    found: list[Known] = []
    rules = Rules()
    for no, decision in enumerate(decisions):
        rules = decision.rules or rules
        offers, awaited = told_until(decisions[: no + 1]) or ((), ())
        found.append(
            Known(
                sid=sid,
                vertical=decision.vertical,
                since=decision.since,
                deadline_at=decision.deadline_at,
                tries_left=decision.tries_left,
                in_hand=tuple(InHand(o.buyer, o.payout, o.min_duration_s, o.dial_by) for o in offers),
                awaited=tuple(Asked(a.buyer, a.asked_at, a.until) for a in awaited),
                rules=rules,
            )
        )
    return found


def _rated(known: Known, verdict: Verdict) -> tuple[Rated, ...]:
    """The offers in hand in the order of the ranking; those that cannot be dialled any more come last."""
    places = {dial.buyer: place for place, dial in enumerate(verdict.ranking)}
    order = sorted(known.in_hand, key=lambda offer: (places.get(offer.buyer, len(places)), offer.buyer))
    return tuple(_rate(offer, verdict) for offer in order)


def _rate(offer: InHand, verdict: Verdict) -> Rated:
    dial = next((dial for dial in verdict.ranking if dial.buyer == offer.buyer), None)
    chances = verdict.weighing.chances(offer.buyer, offer.min_s) if verdict.weighing and dial else None
    rated = Rated(buyer=offer.buyer, payout=offer.payout, min_duration_s=offer.min_s, dial_by=offer.dial_by, worth=0.0)
    if dial is None or chances is None:
        return rated
    shown = {"answers": chances.answers, "talks": chances.talks, "stays": chances.stays}
    return rated.model_copy(
        update={
            **{of: round(chance, 4) for of, chance in shown.items()},
            "worth": _cents(dial.win),
            "newcomer": chances.newcomer,
        }
    )


def _awaited(asked: Asked, verdict: Verdict) -> Awaited:
    coming = next((coming for coming in verdict.coming if coming.asked.buyer == asked.buyer), None)
    awaited = Awaited(buyer=asked.buyer, asked_at=asked.asked_at, until=asked.until)
    if coming is None or not coming.by_horizon:
        return awaited
    within_s, chance = _chance(coming, verdict)
    shown = {"chance": round(chance, 4), "within_s": round(within_s, 3), "worth": _cents(coming.dial.win)}
    return awaited.model_copy(update={**shown, "newcomer": coming.newcomer})


def _chance(coming: Arrivals, verdict: Verdict) -> tuple[float, float]:
    """How long a wait, and the chance that it offers in that."""
    waits = list(zip(verdict.horizons, coming.by_horizon, strict=True))
    if verdict.choice is Choice.WAIT and verdict.horizon_s is not None:
        return next((wait for wait in waits if wait[0] >= (verdict.horizon_s or 0.0)), waits[-1])
    return waits[-1]


def _cents(dollars: float | None) -> float | None:
    return None if dollars is None else round(dollars, 4)
