"""Clocks that are whole quarter-hours apart: another time zone, or summer time on the wrong day. Pure."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

STEP_S = 900
"""Every zone on earth is whole quarter-hours from every other."""
FURTHEST_S = 14 * 3600
SHARPEST_S = 300
"""A step is told from the next only as long as the clocks agree so far otherwise."""
SUMMER_S = 3600
"""What summer time is worth: single days are not off by more."""
FEWEST = 3
"""So many rows must agree before a statement's clock, or a day's, is called another."""


@dataclass(frozen=True, slots=True)
class Shifts:
    """By how many seconds their clock is ahead of ours: by itself, and on single days (of their clock)."""

    whole_s: int = 0
    days_s: Mapping[str, int] = field(default_factory=dict)

    def of(self, day: str) -> int:
        """On this day."""
        return self.days_s.get(day, self.whole_s)


def step_of(difference_s: float, tolerance_s: int) -> int | None:
    """The whole steps, in seconds, that a difference is within tolerance of; ``None`` when it is of none."""
    step = round(difference_s / STEP_S) * STEP_S
    near = abs(difference_s - step) <= min(tolerance_s, SHARPEST_S)
    return step if near and abs(step) <= FURTHEST_S else None


def find_shifts(
    rows: Iterable[tuple[object, float]],
    times_of: Callable[[object], Sequence[float]],
    day_of: Callable[[float], str],
    tolerance_s: int,
) -> Shifts:
    """What the rows' own numbers say: each votes for the steps that part it from calls of the same number.

    ``rows`` are (what is known of the caller, time); ``times_of`` gives the sorted times of such callers' calls.
    """
    votes: Counter[int] = Counter()
    of_days: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for caller, at in rows:
        steps = _steps(at, times_of(caller), tolerance_s)
        votes.update(steps)
        of_days[day_of(at)].update(steps)
    whole_s = _elected(votes, 0)
    days = {day: _elected(found, whole_s) for day, found in of_days.items()}
    return Shifts(whole_s, {day: s for day, s in sorted(days.items()) if 0 < abs(s - whole_s) <= SUMMER_S})


def _steps(at: float, times: Sequence[float], tolerance_s: int) -> set[int]:
    """A row that is where it should be has no other vote: a number that calls each hour tells nothing."""
    near = bisect_left(times, at - tolerance_s)
    if near < len(times) and times[near] <= at + tolerance_s:
        return {0}
    low, high = (bisect_left(times, at + sign * (FURTHEST_S + SHARPEST_S)) for sign in (-1, 1))
    return {step for time in times[low:high] if (step := step_of(at - time, tolerance_s)) is not None}


def _elected(votes: Counter[int], usual_s: int) -> int:
    """The step of most votes, when it has clearly more than the usual one."""
    if not votes:
        return usual_s
    step, most = min(votes.items(), key=lambda item: (-item[1], abs(item[0])))
    return step if most >= FEWEST and most > 2 * votes[usual_s] else usual_s
