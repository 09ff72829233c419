"""Which offer is dialled, and whether a better one is waited for: a pure function of what is known and believed.

It never touches the rules (floors, caps, hours, the window): it chooses among what they allow.
"""

from collections.abc import Sequence
from dataclasses import replace

from callrouter.auction.fixed import by_payout, by_priority
from callrouter.auction.known import Asked, Believed, InHand, Known
from callrouter.auction.stopping import (
    LOOK_AGAIN_S,
    WORTH_MORE,
    Arrivals,
    DialNow,
    arrivals_of,
    best_wait,
    horizons_until,
)
from callrouter.auction.verdict import Verdict
from callrouter.auction.worth import Weighing, best_plan, in_order
from callrouter.domain.decision import Because, Choice


def decide(known: Known, believed: Believed, now: float) -> Verdict:
    """Dial, wait until, or give up, with the reasons in numbers. ``now`` is epoch seconds."""
    alive = tuple(offer for offer in known.in_hand if offer.dial_by >= now)
    answering = tuple(asked for asked in known.awaited if min(asked.until, known.deadline_at) > now)
    if known.tries_left <= 0 or not (alive or answering):
        return Verdict(Choice.GIVE_UP, Because.NOTHING_LEFT)
    weighing = Weighing(known, believed, now)
    if not alive:
        until = max(min(asked.until, known.deadline_at) for asked in answering)
        horizons = horizons_until(until, now)
        arrivals = arrivals_of(answering, horizons, weighing, believed)
        return Verdict(Choice.WAIT, Because.NO_OFFER_YET, until=until, coming=tuple(arrivals), horizons=tuple(horizons))
    if known.rules.policy == "highest_payout":
        return by_payout(known, alive, answering, weighing)
    if known.rules.policy == "priority":
        return by_priority(known, alive, answering, weighing)
    return _by_worth(known, alive, answering, believed, weighing)


def _by_worth(
    known: Known, alive: Sequence[InHand], answering: Sequence[Asked], believed: Believed, weighing: Weighing
) -> Verdict:
    now, bound = weighing.now, known.wait_until
    in_hand = [weighing.dial(offer) for offer in alive]
    horizons = horizons_until(max(bound, now + LOOK_AGAIN_S), now)
    # Whoever has not answered also counts as a fallback, whatever the plan says of waiting.
    arrivals = arrivals_of(answering, horizons, weighing, believed)
    first = in_order(in_hand)[0]
    fallbacks = [coming.fallback(first.failing_s, horizons) for coming in arrivals]
    best, worth_now = best_plan(in_hand, fallbacks, known.tries_left, now)
    first = best or first
    ranking = (first, *(dial for dial in in_order(in_hand) if dial is not first))
    verdict = Verdict(
        Choice.DIAL,
        Because.NOT_WORTH_WAITING if arrivals else Because.ALL_ANSWERED,
        buyer=first.buyer,
        worth_now=worth_now,
        second_costs=weighing.hold_leave * worth_now,
        ranking=ranking,
        coming=tuple(arrivals),
        horizons=tuple(horizons),
        weighing=weighing,
    )
    if now >= bound:
        return verdict.but(because=Because.LONGEST_WAIT) if arrivals else verdict
    if not arrivals:
        return verdict
    if len(alive) < known.rules.min_offers:
        lapses_at = next(offer.lapses_at for offer in alive if offer.buyer == first.buyer)
        if now >= lapses_at:
            return verdict.but(because=Because.OFFER_LAPSES)
        until = min(bound, lapses_at, max(asked.until for asked in answering))
        return verdict.but(choice=Choice.WAIT, because=Because.TOO_FEW_OFFERS, until=until)
    within = [horizon for horizon in horizons if now + horizon <= bound + 1e-6]
    trimmed = [_trimmed(coming, len(within)) for coming in arrivals]
    wait = best_wait(DialNow(known, in_hand, first, worth_now, fallbacks), trimmed, within, weighing)
    verdict = verdict.but(worth_waiting=wait.worth, horizon_s=wait.horizon_s)
    if wait.worth <= WORTH_MORE * worth_now:
        return verdict
    until = min(now + min(LOOK_AGAIN_S, wait.horizon_s), bound)
    return verdict.but(choice=Choice.WAIT, because=Because.WORTH_WAITING, until=until)


def _trimmed(coming: Arrivals, count: int) -> Arrivals:
    return replace(coming, by_horizon=coming.by_horizon[:count])
