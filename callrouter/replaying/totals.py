"""What the calls of a group came to, and would have come to, with the interval in which the difference lies. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf, sqrt
from statistics import NormalDist, fmean, variance
from typing import Literal

from callrouter.replaying.replay import Compared
from callrouter.replaying.tally import Comes, Doubt, Stake

By = Literal["plan", "buyer"]
_NORMAL_95 = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class Change:
    """From what it was to what it would be. The difference is from ``low`` to ``high``, by 95 %: of these calls, and
    what is to be expected of others like them."""

    was: float
    would: float
    low: float
    high: float

    @property
    def difference(self) -> float:
        """By how much it would be more."""
        return self.would - self.was


@dataclass(frozen=True, slots=True)
class Line:
    """A group of calls; dollars are in all, hold (s) and the share of callers who left are of each call."""

    key: str
    calls: int
    """Of a buyer: that dialled it, or would."""
    dials_were: float
    dials_would: float
    money: Change
    believed: float
    """How many of the dollars that would be paid are an expectation."""
    valued: int
    """How many calls have a dial that never happened."""
    hold_s: Change | None = None
    """``None`` of a buyer."""
    left: Change | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """A line for each group, and all of them together."""

    lines: tuple[Line, ...]
    total: Line


def totals(compared: Sequence[Compared], by: By) -> Totals:
    """By plan or by buyer."""
    total = _line("total", compared)
    if by == "plan":
        groups: dict[str, list[Compared]] = defaultdict(list)
        for one in compared:
            groups[one.plan].append(one)
        return Totals(tuple(_line(plan, groups[plan]) for plan in sorted(groups)), total)
    buyers = sorted({buyer for one in compared for comes in (one.was, one.would) for buyer in comes.stakes})
    return Totals(tuple(_buyers_line(buyer, compared) for buyer in buyers), total)


def _line(key: str, compared: Sequence[Compared]) -> Line:
    would = [one.would for one in compared]
    off: dict[str, float] = defaultdict(float)
    for comes in would:
        for buyer, stake in comes.stakes.items():
            off[buyer] += stake.uncertainty
    money = _summed(
        [one.was.money for one in compared],
        [comes.money for comes in would],
        [comes.variance for comes in would],
        off.values(),
    )
    return Line(
        key,
        len(compared),
        _dials(one.was for one in compared),
        _dials(would),
        money,
        sum(stake.believed for comes in would for stake in comes.stakes.values()),
        sum(Doubt.NEVER_DIALLED in comes.doubts for comes in would),
        _mean([one.was.hold_s for one in compared], [comes.hold_s for comes in would], [0.0] * len(would)),
        _mean(
            [one.was.left for one in compared],
            [comes.left for comes in would],
            [comes.left * (1.0 - comes.left) for comes in would],
        ),
    )


def _buyers_line(buyer: str, compared: Sequence[Compared]) -> Line:
    nothing = Stake()
    was = [one.was.stakes.get(buyer, nothing) for one in compared]
    would = [one.would.stakes.get(buyer, nothing) for one in compared]
    return Line(
        buyer,
        sum(before.dials > 0 or after.dials > 0 for before, after in zip(was, would, strict=True)),
        sum(stake.dials for stake in was),
        sum(stake.dials for stake in would),
        _summed(
            [stake.money for stake in was],
            [stake.money for stake in would],
            [max(0.0, stake.squares - stake.money**2) for stake in would],
            [sum(stake.uncertainty for stake in would)],
        ),
        sum(stake.believed for stake in would),
        sum(stake.believed > 0 for stake in would),
    )


def _dials(comes: Iterable[Comes]) -> float:
    return sum(stake.dials for one in comes for stake in one.stakes.values())


def _summed(was: Sequence[float], would: Sequence[float], chance: Sequence[float], off: Iterable[float]) -> Change:
    """Three things make the sum uncertain: that calls differ, that each dial which never happened pays or does not
    (``chance`` is that variance of each call), and that what was believed of a buyer may be wrong for all its dials
    alike (``off``, of each buyer in dollars)."""
    before, after = sum(was), sum(would)
    differences = [new - old for old, new in zip(was, would, strict=True)]
    if not any(differences) and not any(chance):
        return Change(before, after, 0.0, 0.0)
    spread = _spread(differences)
    error = _quantile(len(differences)) * sqrt(spread * len(differences) + sum(chance) + sum(one**2 for one in off))
    return Change(before, after, after - before - error, after - before + error)


def _mean(was: Sequence[float], would: Sequence[float], chance: Sequence[float]) -> Change:
    if not was:
        return Change(0.0, 0.0, 0.0, 0.0)
    of_all, calls = _summed(was, would, chance, ()), len(was)
    return Change(fmean(was), fmean(would), of_all.low / calls, of_all.high / calls)


def _spread(differences: Sequence[float]) -> float:
    return variance(differences) if len(differences) > 1 else inf


def _quantile(count: int) -> float:
    """Student's, for few calls (to its first term of expansion)."""
    return _NORMAL_95 + (_NORMAL_95**3 + _NORMAL_95) / (4 * max(1, count - 1))
