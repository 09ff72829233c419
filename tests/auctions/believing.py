"""Beliefs stated in plain numbers, and calls made up of them, for tests of the choice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from callrouter.auction.verdict import Verdict


@dataclass(frozen=True)
class Stated:
    """What is believed of one buyer."""

    answers: float = 0.7
    talks: tuple[tuple[float, float], ...] = ((0.0, 1.0), (60.0, 0.7), (300.0, 0.3))
    """``(seconds, chance that a talk lasts so long)``, ascending; straight lines between, flat after the last."""
    ring_s: float = 6.0
    failing_s: float = 12.0
    offers: tuple[tuple[float, float], ...] = ((0.0, 0.0), (3.0, 0.4), (10.0, 0.6))
    """``(seconds, share of pings that have been offered to by then)``, ascending; straight lines between."""
    typical: tuple[tuple[float, int], ...] = ((25.0, 90),)


@dataclass
class StatedBeliefs:
    """Answers `callrouter.auction.known.Believed` from what is stated."""

    buyers: Mapping[str, Stated] = field(default_factory=dict)
    hold: float = 1 / 60
    ring: float = 1 / 120
    version: int = 1

    def _of(self, buyer: str) -> Stated:
        return self.buyers.get(buyer, Stated())

    def answers(self, buyer: str) -> float:
        return self._of(buyer).answers

    def talks(self, buyer: str, vertical: str, min_s: float, now: float) -> float:
        return _line(self._of(buyer).talks, min_s)

    def ring_s(self, buyer: str) -> float:
        return self._of(buyer).ring_s

    def failing_s(self, buyer: str) -> float:
        return self._of(buyer).failing_s

    def offers_within(self, buyer: str, silent_s: float, later_s: Sequence[float]) -> list[float]:
        offers = self._of(buyer).offers
        by_now = _line(offers, silent_s)
        silent = 1.0 - by_now
        return [(_line(offers, later) - by_now) / silent if silent > 0 else 0.0 for later in later_s]

    def dialled(self, buyer: str) -> bool:
        return buyer in self.buyers

    def heard(self, buyer: str) -> bool:
        return buyer in self.buyers

    def typical_offers(self, buyer: str) -> Sequence[tuple[float, int]]:
        return self._of(buyer).typical

    def leave_per_s(self, vertical: str, hearing: str) -> float:
        return self.hold if hearing == "hold" else self.ring

    def but(self, **changes: Any) -> "StatedBeliefs":
        """These with some changed."""
        return replace(self, **changes)


def _line(points: Sequence[tuple[float, float]], at: float) -> float:
    before = points[0]
    for point in points:
        if at < point[0]:
            share = (at - before[0]) / (point[0] - before[0]) if at > before[0] else 0.0
            return before[1] + share * (point[1] - before[1])
        before = point
    return before[1]


def said(verdict: Verdict) -> tuple[object, ...]:
    """All that a verdict says, whatever the order in which those who have not answered are listed."""
    coming = {arrivals.asked.buyer: arrivals for arrivals in verdict.coming}
    return (
        *(verdict.choice, verdict.because, verdict.buyer, verdict.until, verdict.worth_now, verdict.worth_waiting),
        *(verdict.horizon_s, verdict.second_costs, verdict.ranking, verdict.horizons, coming),
    )
