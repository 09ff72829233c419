"""The time axis of the call page: to scale, but for long stretches without any event, which are cut short. Pure."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from callrouter.console.plain_words import seconds_words

LONG_S = 40.0
"""A stretch without any event is cut when it is longer than this: a buyer's phone may ring for 25 s."""
LEAD_S, TAIL_S = 6.0, 4.0
"""What stays to scale of a stretch that is cut, at its beginning and at its end."""
BREAK_PX = 64.0
"""How wide a cut is drawn, whatever its length."""
LEAST_TICK_PX = 56.0
STEPS_S = (0.25, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200)
LEAST_S = 2.0
"""The axis is never shorter, so that a call of an instant still has one."""


@dataclass(frozen=True)
class Cut:
    """A stretch that is not drawn to scale. Seconds since the arrival; ``x`` and ``width`` in the drawing's units."""

    start_s: float
    end_s: float
    x: float
    width: float

    @property
    def words(self) -> str:
        """What is left out."""
        return f"{seconds_words(self.end_s - self.start_s)} not drawn"


@dataclass(frozen=True)
class Tick:
    """A line across the drawing."""

    x: float
    words: str


@dataclass(frozen=True)
class Scale:
    """Maps seconds since the arrival to the drawing's units."""

    left: float
    end_s: float
    per_s: float
    cuts: tuple[Cut, ...]

    def x(self, at_s: float) -> float:
        """Where a moment stands; moments outside of the axis at its ends."""
        at_s = min(max(at_s, 0.0), self.end_s)
        x = self.left + at_s * self.per_s
        for cut in self.cuts:
            if at_s >= cut.end_s:
                x += cut.width - (cut.end_s - cut.start_s) * self.per_s
            elif at_s > cut.start_s:
                share = (at_s - cut.start_s) / (cut.end_s - cut.start_s)
                return round(cut.x + share * cut.width, 1)
        return round(x, 1)

    @property
    def ticks(self) -> tuple[Tick, ...]:
        """One at each whole step, none within a cut."""
        step = next((step for step in STEPS_S if step * self.per_s >= LEAST_TICK_PX), STEPS_S[-1])
        moments = [no * step for no in range(math.floor(self.end_s / step) + 1)]
        shown = [at for at in moments if not any(cut.start_s < at < cut.end_s for cut in self.cuts)]
        return tuple(Tick(self.x(at), _tick_words(at, step)) for at in shown)


def scale(points_s: Iterable[float], left: float, width: float) -> Scale:
    """The axis that holds these moments (seconds since the arrival) in ``width`` units right of ``left``."""
    points = sorted({0.0, *(point for point in points_s if point > 0)})
    end_s = max(points[-1], LEAST_S)
    spans = _long_stretches(points)
    to_scale_s = end_s - sum(end - start for start, end in spans)
    per_s = (width - BREAK_PX * len(spans)) / to_scale_s
    cuts: list[Cut] = []
    for start, end in spans:
        before = sum(cut.width - (cut.end_s - cut.start_s) * per_s for cut in cuts)
        cuts.append(Cut(start, end, round(left + start * per_s + before, 1), BREAK_PX))
    return Scale(left, end_s, per_s, tuple(cuts))


def _long_stretches(points: Sequence[float]) -> list[tuple[float, float]]:
    return [(a + LEAD_S, b - TAIL_S) for a, b in pairwise(points) if b - a > LONG_S]


def _tick_words(at_s: float, step_s: float) -> str:
    if at_s >= 60:
        return seconds_words(at_s)
    return f"{at_s:g} s" if step_s >= 1 or at_s == int(at_s) else f"{at_s:.2f}".rstrip("0") + " s"
