"""How long callers talk: Kaplan and Meier's estimate of survival on a grid of seconds."""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

EDGES: tuple[float, ...] = (*map(float, range(5, 301, 5)), *map(float, range(360, 1201, 60)))
"""Where the grid's bins end; bin ``j`` is from the edge before up to ``EDGES[j]``, which is the next one's."""
_BINS = len(EDGES)
_TINY = 1e-9

Like = Callable[[int], Sequence[float]]
"""The chances that a talk lasts to the end of each bin, at least up to the one asked for."""


def first_guess(seconds: float) -> float:
    """What is believed of anybody: a quarter hangs up within moments, the others talk for some three minutes."""
    return 0.25 * math.exp(-seconds / 12) + 0.75 / (1 + math.pow(seconds / 170, 1.6))


_GUESSED = tuple(first_guess(edge) for edge in EDGES)


def guessed(bin_: int) -> Sequence[float]:
    """`first_guess` at the ends of the bins."""
    return _GUESSED


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
        (self.cut if cut else self.died)[bin_of(seconds)] += weight / self.scale

    def fade(self, factor: float) -> None:
        """Older evidence is worth less."""
        self.scale *= factor
        if self.scale < _TINY:  # a million offers without a talk must not take it to where division fails
            self._rescale()

    def _rescale(self) -> None:
        self.died = [weight * self.scale for weight in self.died]
        self.cut = [weight * self.scale for weight in self.cut]
        self.scale = 1.0


class Curve:
    """Survival at the bins' ends, worked out as far as anybody asks."""

    __slots__ = ("_at_risk", "_cut", "_died", "_imaginary", "_like", "_reached", "_scale")

    def __init__(self, evidence: TalkEvidence, going_on_s: Iterable[float], like: Like, imaginary: float) -> None:
        """``going_on_s``: how long the talks last that are not over; ``imaginary`` calls are drawn from ``like``."""
        # Evidence is shared: whoever changes it drops the curve.
        self._died, self._cut, self._scale = evidence.died, evidence.cut, evidence.scale
        going_on = list(going_on_s)
        if going_on:
            self._cut = list(evidence.cut)
        for seconds in going_on:
            self._cut[bin_of(seconds)] += 1.0 / self._scale
        self._at_risk = sum(evidence.died) + sum(self._cut)
        self._like, self._imaginary = like, imaginary
        self._reached: list[float] = []

    def up_to(self, bin_: int) -> Sequence[float]:
        """The chances that a talk lasts to the end of each bin, at least as far as this one."""
        reached = self._reached
        start = len(reached)
        if start > bin_:
            return reached
        like = self._like(bin_)
        # Weights are as they were written: so much more are the imaginary ones worth.
        imaginary = self._imaginary / self._scale
        died, cut, at_risk = self._died, self._cut, self._at_risk
        lasts = reached[-1] if start else 1.0
        before = like[start - 1] if start else 1.0
        for j in range(start, bin_ + 1):
            # Who was last seen in this bin was not at risk through all of it.
            at_risk -= cut[j]
            after = like[j]
            at_risk_all = at_risk + imaginary * before
            if at_risk_all > _TINY:
                share = (died[j] + imaginary * (before - after)) / at_risk_all
                lasts *= 1.0 - share if share < 1.0 else 0.0
            reached.append(lasts)
            at_risk -= died[j]
            if at_risk < 0.0:
                at_risk = 0.0
            before = after
        self._at_risk = at_risk
        return reached

    def after(self, bin_: int) -> float:
        """The chance that a talk lasts to the end of this bin."""
        return self.up_to(bin_)[bin_]

    def lasts(self, seconds: float) -> float:
        """The chance that a talk lasts at least so long; beyond the grid as at its end."""
        if seconds <= 0:
            return 1.0
        bin_ = bin_of(seconds)
        start = EDGES[bin_ - 1] if bin_ else 0.0
        if bin_ >= _BINS or seconds == start:
            return self.up_to(bin_ - 1)[bin_ - 1] if bin_ else 1.0
        reached = self.up_to(bin_)
        at_start = reached[bin_ - 1] if bin_ else 1.0
        # Within a bin they end evenly.
        share = (seconds - start) / (EDGES[bin_] - start)
        return at_start + share * (reached[bin_] - at_start)
