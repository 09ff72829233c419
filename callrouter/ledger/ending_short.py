"""Does a buyer end calls just before it would have to pay? Pure.

Whoever hangs up without an eye on the clock does so as readily in the ten seconds before the minimum duration as in
the ten before those and the ten after it. So of its hang-ups in these thirty seconds, the share of those just before
the minimum is that of the time that calls spent there: the exact conditional test of two Poisson rates (Przyborowski
and Wilenski, 1940). A small probability says that it is no chance. Looking to both sides keeps buyers unsuspected
whose readiness to hang up falls or rises with the time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, lgamma, log

NEAR_S = 10
"""A talk that ended within so many seconds before the minimum duration is a near miss."""
FROM_S = -2 * NEAR_S
"""Where the time that is looked at begins, in seconds from the minimum duration; it ends at ``NEAR_S``."""
FEWEST = 5
"""Fewer near misses by a buyer prove nothing."""
MANIFOLD = 1.5
"""Nor do fewer than so many times the usual ones, however sure: talks may have a length that is natural."""
LEVEL = 0.01
"""How often all buyers together may be suspected by chance."""

Endings = Mapping[tuple[int, int, str], int]
"""How many talks ended by so many seconds from the minimum duration, of what minimum duration, and by whom.

What is further away is counted at ``NEAR_S`` or at one less than ``FROM_S``; a minimum above ``-FROM_S`` as that.
"""


@dataclass(frozen=True)
class HangUps:
    """Whoever hung up near the minimum duration, and how that compares with chance."""

    short: int
    """Near misses."""
    around: int
    """These, and the hang-ups of the ten seconds on each side."""
    usual: float
    """How many of those around would be near misses by chance."""
    chance: float
    """The probability of so many near misses, or more, by chance."""


def near_misses(endings: Endings) -> dict[str, int]:
    """How many talks ended just before the minimum duration, by who hung up."""
    found: dict[str, int] = {}
    for (margin_s, _, ended_by), count in endings.items():
        if -NEAR_S <= margin_s < 0:
            found[ended_by] = found.get(ended_by, 0) + count
    return found


def hang_ups(endings: Endings, ended_by: str = "buyer") -> HangUps | None:
    """Whether who hung up did so just before the minimum duration by chance.

    ``None`` when nothing can be said: nobody did near it, or no talk was there before or after.
    """
    short = beside = 0
    spent_short = spent_beside = 0.0
    for (margin_s, least_s, by), count in endings.items():
        # Whole seconds: a talk of 7 s lasted 7.5 s on average, wherever it ended inside.
        before, near, after = (
            count * max(0.0, min(end, margin_s + 0.5) - max(start, -least_s))
            for start, end in ((FROM_S, -NEAR_S), (-NEAR_S, 0), (0, NEAR_S))
        )
        spent_short += near
        spent_beside += before + after
        if by == ended_by and FROM_S <= margin_s < NEAR_S:
            short += count if -NEAR_S <= margin_s < 0 else 0
            beside += count if not -NEAR_S <= margin_s < 0 else 0
    around = short + beside
    if spent_short <= 0 or spent_beside <= 0 or around == 0:
        return None
    share = spent_short / (spent_short + spent_beside)
    return HangUps(short, around, around * share, at_least(short, around, share))


def at_least(k: int, n: int, p: float) -> float:
    """The probability of ``k`` or more of ``n`` at chance ``p`` each, exactly."""
    if k <= 0:
        return 1.0
    return min(1.0, sum(exp(_log_binomial(i, n, p)) for i in range(k, n + 1)))


def _log_binomial(i: int, n: int, p: float) -> float:
    ways = lgamma(n + 1) - lgamma(i + 1) - lgamma(n - i + 1)
    return ways + (i * log(p) if i else 0.0) + ((n - i) * log(1 - p) if i < n else 0.0)


def suspicious(found: HangUps | None, buyers: int) -> bool:
    """Whether a buyer ends calls short more often than chance explains, of so many that are looked at."""
    if found is None or found.short < max(FEWEST, MANIFOLD * found.usual):
        return False
    return found.chance < LEVEL / max(1, buyers)
