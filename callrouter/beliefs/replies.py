"""When a buyer's offer comes, if it comes, and what it will be: from its last pings."""

import math
from bisect import bisect_right, insort
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

PINGS = 200
OFFERS = 12
IMAGINARY = 2.0
IMAGINED_SHARE = 0.6
IMAGINED_MEAN_S = 3.0
NEWCOMERS_OFFER = (25.0, 90)
"""Payout and minimum duration of whoever has not offered anything yet."""


@dataclass(slots=True)
class ReplyTimes:
    """The last pings: ``(seconds, how it ended)``, and the last offers: ``(payout, minimum duration)``."""

    pings: deque[tuple[float, str]] = field(default_factory=deque)
    offers: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=OFFERS))
    _offered: list[float] = field(default_factory=list)
    """When offers came, sorted; of the other lists likewise."""
    _answered: list[float] = field(default_factory=list)
    _cut: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, pings: Iterable[tuple[float, str]], offers: Iterable[tuple[float, int]]) -> "ReplyTimes":
        """From what was stored."""
        made = cls()
        for seconds, ended in pings:
            made.add(seconds, ended)
        made.offers.extend(offers)
        return made

    def add(self, seconds: float, ended: str) -> None:
        """One more ping."""
        self.pings.append((seconds, ended))
        for times in self._lists(ended):
            insort(times, seconds)
        if len(self.pings) > PINGS:
            seconds, ended = self.pings.popleft()
            for times in self._lists(ended):
                del times[bisect_right(times, seconds) - 1]

    def _lists(self, ended: str) -> Sequence[list[float]]:
        if ended == "offer":
            return (self._offered, self._answered)
        if ended == "no":
            return (self._answered,)
        return (self._cut,) if ended == "cut" else ()

    def offered_within(self, silent_s: float, later_s: Sequence[float]) -> list[float]:
        """The chance that one that has been silent so long offers by each of these later moments, all since the ask;
        the moments ascend."""
        offered, cut = self._offered, self._cut
        by_now, cut_by_now = bisect_right(offered, silent_s), bisect_right(cut, silent_s)
        left_now = math.exp(-silent_s / IMAGINED_MEAN_S)
        silent = len(self.pings) - bisect_right(self._answered, silent_s) - cut_by_now
        silent_all = silent + IMAGINARY * (IMAGINED_SHARE * left_now + 1 - IMAGINED_SHARE)
        if later_s and bisect_right(cut, later_s[-1]) > cut_by_now:
            return self._offered_by_stretches(silent_s, later_s, silent_all)
        chances = []
        for moment in later_s:
            came = bisect_right(offered, moment) - by_now
            came_all = came + IMAGINARY * IMAGINED_SHARE * (left_now - math.exp(-moment / IMAGINED_MEAN_S))
            chances.append(min(1.0, came_all / silent_all) if silent_all > 0 else 0.0)
        return chances

    def _offered_by_stretches(self, silent_s: float, later_s: Sequence[float], silent_all: float) -> list[float]:
        """Where pings were cut off meanwhile: a life table, whose stretches end at the moments. Who is cut off in a
        stretch was at risk for half of it; counted not at all, those who offered before being cut would weigh more."""
        lists = (self._offered, self._answered, self._cut)
        before = [bisect_right(times, silent_s) for times in lists]
        left_before = math.exp(-silent_s / IMAGINED_MEAN_S)
        chance, still_silent, chances = 0.0, 1.0, []
        for moment in later_s:
            by_then = [bisect_right(times, moment) for times in lists]
            came, answered, cut = (now - then for now, then in zip(by_then, before, strict=True))
            left = math.exp(-moment / IMAGINED_MEAN_S)
            imagined = IMAGINARY * IMAGINED_SHARE * (left_before - left)
            at_risk = silent_all - cut / 2
            if at_risk > 0:
                chance += still_silent * (came + imagined) / at_risk
                still_silent *= max(0.0, 1.0 - (answered + imagined) / at_risk)
            chances.append(min(1.0, chance))
            silent_all -= answered + imagined + cut
            before, left_before = by_then, left
        return chances
