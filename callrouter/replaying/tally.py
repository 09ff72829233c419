"""What a call comes to: money, seconds of hold, and the chance that the caller left. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from math import sqrt


class Doubt(Enum):
    """What is not known of a call that was replayed otherwise."""

    NEVER_DIALLED = "never_dialled"
    """A dial never happened, and is valued by what was believed of it."""
    HELD_LONGER = "held_longer"
    """The caller is held for longer than it was seen that they stay."""
    CUT_OFF = "cut_off"
    """A buyer that was waited for had been cut off."""
    ASKED_AGAIN = "asked_again"
    """A further auction would be held that never was; it counts as if it brought nothing."""


@dataclass(frozen=True, slots=True)
class Stake:
    """What one buyer brings in one call, in dollars."""

    dials: float = 0.0
    """How many are expected."""
    money: float = 0.0
    squares: float = 0.0
    """The mean of the square of what it brings."""
    believed: float = 0.0
    """How much of the money is an expectation, ..."""
    uncertainty: float = 0.0
    """... by how much, at one standard deviation, it is off if the beliefs are, ..."""
    evidence: float = 0.0
    """... and how many dials of the buyer were known then."""

    def plus(self, dials: float, money: float, squares: float) -> "Stake":
        """With so much more, of which it is known how it ended."""
        return replace(self, dials=self.dials + dials, money=self.money + money, squares=self.squares + squares)

    def expecting(self, dials: float, money: float, squares: float, chance: float, known: float) -> "Stake":
        """With so much more, that is believed: its chance to pay comes of so many ``known`` dials."""
        # What is only supposed of a newcomer is no evidence: one dial stands for it.
        off = sqrt((1.0 - chance) / (chance * (known + 1.0))) if chance > 0 else 0.0
        return replace(
            self.plus(dials, money, squares),
            believed=self.believed + money,
            uncertainty=self.uncertainty + money * off,
            evidence=known,
        )


@dataclass(frozen=True)
class Comes:
    """To what a call comes."""

    hold_s: float
    left: float
    """The chance that the caller leaves before anybody talks with them."""
    stakes: Mapping[str, Stake] = field(default_factory=dict)
    """By buyer."""
    doubts: frozenset[Doubt] = frozenset()

    @property
    def money(self) -> float:
        """Dollars."""
        return sum(stake.money for stake in self.stakes.values())

    @property
    def variance(self) -> float:
        """Of the money: zero where all is known."""
        return max(0.0, sum(stake.squares for stake in self.stakes.values()) - self.money**2)


class Tally:
    """Adds up one course of a call. ``reach`` is the chance that it goes on until here."""

    def __init__(self) -> None:
        self.reach = 1.0
        self._hold_s = 0.0
        self._left = 0.0
        self._stakes: dict[str, Stake] = {}
        self._doubts: set[Doubt] = set()

    def hold(self, seconds: float) -> None:
        """The caller is held."""
        self._hold_s += self.reach * max(0.0, seconds)

    def leaves(self, chance: float) -> None:
        """The caller leaves with this chance."""
        self._left += self.reach * chance
        self.reach *= 1.0 - chance

    def dials(self, buyer: str, brings: float) -> None:
        """A dial that brought so many dollars."""
        money = self.reach * brings
        self._stakes[buyer] = self._stakes.get(buyer, Stake()).plus(self.reach, money, money * brings)

    def would_dial(self, buyer: str, brings: float, chance: float, known: float) -> None:
        """A dial that brings so many dollars with this chance, which ``known`` dials tell of."""
        money = self.reach * chance * brings
        stake = self._stakes.get(buyer, Stake())
        self._stakes[buyer] = stake.expecting(self.reach, money, money * brings, chance, known)

    def ends(self, chance: float = 1.0) -> None:
        """Somebody talks, or nobody is left to talk with."""
        self.reach *= 1.0 - chance

    def doubts(self, of: Doubt) -> None:
        """Something is not known."""
        self._doubts.add(of)

    @property
    def comes(self) -> Comes:
        """The sum."""
        return Comes(self._hold_s, self._left, dict(self._stakes), frozenset(self._doubts))
