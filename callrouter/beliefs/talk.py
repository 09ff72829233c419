"""How long callers talk: Kaplan and Meier's estimate of survival on a grid of seconds."""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

EDGES: tuple[float, ...] = (*map(float, range(5, 301, 5)), *map(float, range(360, 1201, 60)))
"""Where the grid's bins end; bin ``j`` is from the edge before up to ``EDGES[j]``, which is the next one's."""
_BINS = len(EDGES)
_TINY = 1e-9

Survival = Callable[[int], float]
"""The chance that a talk lasts to the end of bin ``j``."""


def first_guess(seconds: float) -> float:
    """What is believed of anybody: a quarter hangs up within moments, the others talk for some three minutes."""
    return 0.25 * math.exp(-seconds / 12) + 0.75 / (1 + math.pow(seconds / 170, 1.6))


_GUESSED = tuple(first_guess(edge) for edge in EDGES)


def guessed(bin_: int) -> float:
    """`first_guess` at the end of a bin."""
    return _GUESSED[bin_]


def bin_of(seconds: float) -> int:
    """The bin in which a talk of so many seconds ended; ``len(EDGES)`` when it outlasted the grid."""
    return bisect_right(EDGES, seconds)


@dataclass(slots=True)
class TalkEvidence:
    """Weighted talks by the bin in which they ended (``died``), or up to which they were seen (``cut``)."""

    died: list[float] = field(default_factory=lambda: [0.0] * (_BINS + 1))
    cut: list[float] = field(default_factory=lambda: [0.0] * (_BINS + 1))
    scale: float = 1.0
    """What each weight is worth by now: fading is one multiplication."""

    @property
    def weight(self) -> float:
        """How many talks it amounts to."""
        return (sum(self.died) + sum(self.cut)) * self.scale

    def add(self, seconds: float, *, cut: bool = False, weight: float = 1.0) -> None:
        """One more talk."""
        if self.scale < _TINY:
            self._rescale()
        (self.cut if cut else self.died)[bin_of(seconds)] += weight / self.scale

    def fade(self, factor: float) -> None:
        """Older evidence is worth less."""
        self.scale *= factor

    def _rescale(self) -> None:
        self.died = [weight * self.scale for weight in self.died]
        self.cut = [weight * self.scale for weight in self.cut]
        self.scale = 1.0


class Curve:
    """Survival at the bins' ends, worked out as far as anybody asks."""

    __slots__ = ("_at_risk", "_cut", "_died", "_imaginary", "_like", "_reached")

    def __init__(self, evidence: TalkEvidence, going_on_s: Iterable[float], like: Survival, imaginary: float) -> None:
        """``going_on_s``: how long the talks last that are not over; ``imaginary`` calls are drawn from ``like``."""
        scale = evidence.scale
        self._died = [weight * scale for weight in evidence.died]
        self._cut = [weight * scale for weight in evidence.cut]
        for seconds in going_on_s:
            self._cut[bin_of(seconds)] += 1.0
        self._at_risk = sum(self._died) + sum(self._cut)
        self._like, self._imaginary = like, imaginary
        self._reached: list[float] = []

    def after(self, bin_: int) -> float:
        """The chance that a talk lasts to the end of this bin."""
        reached = self._reached
        while len(reached) <= bin_:
            self._next_bin(len(reached))
        return reached[bin_]

    def _next_bin(self, j: int) -> None:
        # Who was last seen in this bin was not at risk through all of it.
        at_risk = self._at_risk - self._cut[j]
        before = self._like(j - 1) if j else 1.0
        at_risk_all = at_risk + self._imaginary * before
        died_all = self._died[j] + self._imaginary * (before - self._like(j))
        share = min(1.0, died_all / at_risk_all) if at_risk_all > _TINY else 0.0
        self._reached.append((self._reached[-1] if self._reached else 1.0) * (1.0 - share))
        self._at_risk = max(0.0, at_risk - self._died[j])

    def lasts(self, seconds: float) -> float:
        """The chance that a talk lasts at least so long; beyond the grid as at its end."""
        if seconds <= 0:
            return 1.0
        bin_ = bin_of(seconds)
        start = EDGES[bin_ - 1] if bin_ else 0.0
        at_start = self.after(bin_ - 1) if bin_ else 1.0
        if bin_ >= _BINS or seconds == start:
            return at_start
        # Within a bin they end evenly.
        share = (seconds - start) / (EDGES[bin_] - start)
        return at_start + share * (self.after(bin_) - at_start)
