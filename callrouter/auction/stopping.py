"""Whether a better offer is worth waiting for: the value of waiting up to each of some horizons. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp

from callrouter.auction.known import LAPSES_S, Asked, Believed, Known
from callrouter.auction.worth import Dial, Weighing, best_plan, in_order, value_of

HORIZONS_S = (0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 13.0)
LOOK_AGAIN_S = 0.5
"""How long nothing may happen before the wait is weighed again."""
WORTH_MORE = 1.001
"""By which factor waiting must be worth more than dialling."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What a buyer that has not answered may bring."""

    asked: Asked
    by_horizon: tuple[float, ...]
    """The chance that its offer has come by each horizon."""
    dial: Dial
    """Of its typical offer."""
    wins: tuple[float, ...]
    """What a dial of each offer would win that it may make, each as likely."""
    newcomer: bool = False
    """Whether nothing is known of its replies."""

    def fallback(self, first_failing_s: float, horizons: Sequence[float]) -> Dial:
        """It as one that may be dialled when the first dial has failed, discounted by its chance to be there."""
        there = 0.0
        for horizon_s, chance in zip(horizons, self.by_horizon, strict=True):
            if horizon_s > first_failing_s:
                break
            there = chance
        return replace(self.dial, there=there)


@dataclass(frozen=True, slots=True)
class Wait:
    """The best wait: what it is worth, and how long it may last."""

    worth: float
    horizon_s: float


def horizons_until(until: float, now: float) -> list[float]:
    """The horizons that end by ``until``, and that moment itself."""
    left_s = until - now
    within = [horizon for horizon in HORIZONS_S if horizon < left_s]
    return [*within, left_s] if 0 < left_s <= HORIZONS_S[-1] else within


def arrivals_of(
    asked: Sequence[Asked], horizons: Sequence[float], weighing: Weighing, believed: Believed
) -> list[Arrivals]:
    """What each of those who have not answered may bring, by each horizon."""
    found = []
    for buyer in asked:
        silent_s = max(0.0, weighing.now - buyer.asked_at)
        left_s = buyer.until - weighing.now
        if left_s <= 0:
            continue
        moments = [silent_s + (horizon if horizon < left_s else left_s) for horizon in horizons]
        chances = believed.offers_within(buyer.buyer, silent_s, moments)
        dial, wins = weighing.typical(buyer.buyer)
        found.append(Arrivals(buyer, tuple(chances), dial, wins, not believed.heard(buyer.buyer)))
    return found


@dataclass(frozen=True, slots=True)
class DialNow:
    """What a wait is weighed against: dialling ``first`` now, and what may come after it."""

    known: Known
    in_hand: Sequence[Dial]
    first: Dial
    worth: float
    """With all that may follow."""
    fallbacks: Sequence[Dial]


def best_wait(against: DialNow, arrivals: Sequence[Arrivals], horizons: Sequence[float], weighing: Weighing) -> Wait:
    """The horizon up to which waiting is worth most, and what it is worth."""
    comers = _better(against, arrivals, weighing)
    leave, best = weighing.hold_leave, Wait(0.0, 0.0)
    gained, nobody, before_s = 0.0, 1.0, 0.0
    for index, horizon_s in enumerate(horizons):
        here = exp(-leave * (before_s + horizon_s) / 2)
        for chances, worth in comers:
            came_before = chances[index - 1] if index else 0.0
            left = 1.0 - came_before
            comes = (chances[index] - came_before) / left if left > 1e-9 else 0.0
            gained += nobody * here * comes * worth
            nobody *= 1.0 - comes
        still, then = against.worth, weighing.now + horizon_s
        if then > against.first.dial_by - LAPSES_S:  # whoever wakes up at its last moment is too late
            alive = [dial for dial in against.in_hand if then <= dial.dial_by - LAPSES_S]
            still = best_plan(alive, against.fallbacks, against.known.tries_left, then)[1]
        waiting = gained + nobody * exp(-leave * horizon_s) * still
        if waiting > best.worth:
            best = Wait(waiting, horizon_s)
        before_s = horizon_s
    return best


def _better(against: DialNow, arrivals: Sequence[Arrivals], weighing: Weighing) -> list[tuple[list[float], float]]:
    """Of each buyer whose offer may be better than what is in hand: the chance that it has come, by horizon, and what
    the call is worth with it; the best first."""
    order = in_order([*against.in_hand, *against.fallbacks])
    found = []
    for coming in arrivals:
        buyer = coming.asked.buyer
        rest = (dial for dial in order if dial.buyer != buyer)
        keep = coming.dial.keep
        following = value_of(rest, against.known.tries_left - 1, weighing.now + coming.dial.failing_s)
        # It must win so much to come first, and so much to be worth more with all that may follow.
        least = max(against.first.index * (1.0 - keep), against.worth - keep * following)
        better = [win + keep * following for win in coming.wins if win > least]
        if better:
            share = len(better) / len(coming.wins)
            found.append(([chance * share for chance in coming.by_horizon], sum(better) / len(better)))
    return sorted(found, key=lambda comer: (-comer[1], comer[0]))
