"""What is known of a call when a decision about it is made."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from callrouter.domain.decision import Rules


class Believed(Protocol):
    """What the policy asks of beliefs; `callrouter.beliefs.Beliefs` answers it."""

    version: int

    def answers(self, buyer: str) -> float:
        """The chance that this buyer's phone is picked up."""
        ...

    def talks(self, buyer: str, vertical: str, min_s: float, now: float) -> float:
        """The chance that a talk lasts so many seconds; ``now`` is epoch seconds."""
        ...

    def ring_s(self, buyer: str) -> float:
        """How long its phone rings until it is picked up."""
        ...

    def failing_s(self, buyer: str) -> float:
        """How long a dial takes that fails."""
        ...

    def offers_within(self, buyer: str, silent_s: float, later_s: Sequence[float]) -> list[float]:
        """The chance that a buyer silent for so long offers by each of these moments, in seconds since the ask."""
        ...

    def dialled(self, buyer: str) -> bool:
        """Whether anything is known of its phone; else it is valued like anybody."""
        ...

    def heard(self, buyer: str) -> bool:
        """Whether anything is known of its replies."""
        ...

    def typical_offers(self, buyer: str) -> Sequence[tuple[float, int]]:
        """Payouts (dollars) and minimum durations (s) that it may offer, each as likely."""
        ...

    def leave_per_s(self, vertical: str, hearing: str) -> float:
        """The share of callers that leave in a second of ``hold`` or ``ring``."""
        ...


LAPSES_S = 0.5
"""A dial is decided so long before its offer can be dialled no more, at the latest."""


@dataclass(frozen=True, slots=True)
class InHand:
    """An offer that can be dialled until ``dial_by`` (epoch s)."""

    buyer: str
    payout: Decimal
    min_s: int
    dial_by: float

    @property
    def lapses_at(self) -> float:
        """When it is dialled at the latest, if it is to be dialled at all."""
        return self.dial_by - LAPSES_S


@dataclass(frozen=True, slots=True)
class Asked:
    """A buyer that may still answer, ``until`` its time is up (epoch s)."""

    buyer: str
    asked_at: float
    until: float


@dataclass(frozen=True, slots=True)
class Known:
    """A call, as far as the choice is concerned. Times are epoch seconds."""

    sid: str
    vertical: str
    since: float
    """When its auction began."""
    deadline_at: float
    """No reply is waited for beyond this."""
    tries_left: int
    in_hand: tuple[InHand, ...]
    awaited: tuple[Asked, ...]
    rules: Rules

    @property
    def wait_until(self) -> float:
        """Until when the caller may be kept waiting with an offer in hand."""
        longest = self.rules.max_wait_s
        return self.deadline_at if longest is None else min(self.deadline_at, self.since + longest)
