"""Small learned numbers: how often a phone is picked up, how long it rings, how soon callers leave."""

from dataclasses import dataclass, field
from math import exp

from callrouter.beliefs.alarms import KEPT_SHARE, Alarm

SEEN_AS_POOL = 6.0
"""How many dials a newcomer is given the pool's answer rate for."""
POOL_RATE, POOL_DIALS = 0.7, 10.0
LEAVERS, EXPOSED_S = 4.0, 240.0
"""The hazard that callers are believed to have before any was seen: so many leave in so many seconds."""
MEMORY_S = 20_000.0
"""For how many seconds of exposure what callers did is remembered."""
_RING_FADE = 0.99
_RINGS = 4.0


@dataclass(slots=True)
class Answers:
    """Weighted dials of a buyer, and those of them that were answered."""

    answered: float = 0.0
    dials: float = 0.0
    alarm: Alarm = field(default_factory=Alarm)

    def add(self, expected: float, answered: bool) -> bool:
        """One more dial; whether it trips the alarm."""
        got = 1.0 if answered else 0.0
        self.answered += got
        self.dials += 1.0
        run = self.alarm.notes(expected, got, got)
        if run is None:
            return False
        self.answered = self.answered * KEPT_SHARE + (1 - KEPT_SHARE) * sum(run)
        self.dials = self.dials * KEPT_SHARE + (1 - KEPT_SHARE) * len(run)
        return True

    def fade(self, factor: float) -> None:
        """Older evidence is worth less."""
        self.answered *= factor
        self.dials *= factor


@dataclass(slots=True)
class Rings:
    """How long a phone rings until it is answered, or until it is clear that it is not."""

    mean_s: float
    """Believed before anything was seen."""
    sum_s: float = 0.0
    count: float = 0.0

    def add(self, seconds: float) -> None:
        """One more ring."""
        self.sum_s = self.sum_s * _RING_FADE + seconds
        self.count = self.count * _RING_FADE + 1.0

    @property
    def expected_s(self) -> float:
        """Seconds."""
        return (self.mean_s * _RINGS + self.sum_s) / (_RINGS + self.count)


@dataclass(slots=True)
class Patience:
    """Callers who left, and the seconds for which any were exposed to hold, or to ringing."""

    left: float = 0.0
    exposed_s: float = 0.0

    def add(self, seconds: float, left: bool) -> None:
        """One more caller."""
        kept = exp(-seconds / MEMORY_S)
        self.left = self.left * kept + (1.0 if left else 0.0)
        self.exposed_s = self.exposed_s * kept + seconds

    def leave_per_s(self, otherwise: float = LEAVERS / EXPOSED_S) -> float:
        """The hazard; ``otherwise`` is believed before anything was seen, and is worth `EXPOSED_S`."""
        return (otherwise * EXPOSED_S + self.left) / (EXPOSED_S + self.exposed_s)
