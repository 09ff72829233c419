"""Which offer first, and how long to wait for more."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from callrouter.domain.offer import BuyerResult, Offer


class Policy(Protocol):
    """The choice among what is allowed. It never touches floors, windows or limits."""

    look_again_s: float | None
    """How often `keep_waiting` is asked while nothing arrives; ``None``: only when a result arrives."""

    def rank(self, offers: Sequence[Offer], now: float) -> tuple[Offer, ...]:
        """The offers that have not expired at ``now`` (epoch s), best first."""
        ...

    def keep_waiting(self, results: Mapping[str, BuyerResult], waiting_for: Collection[str], elapsed_s: float) -> bool:
        """Whether the auction stays open for the buyers that have not answered yet."""
        ...


class HighestPayout:
    """Takes the highest payout and waits for every buyer until the deadline."""

    look_again_s: float | None = None

    def rank(self, offers: Sequence[Offer], now: float) -> tuple[Offer, ...]:
        """By payout; of equal ones the shorter minimum duration, then the name."""
        alive = [offer for offer in offers if offer.expires_at > now]
        return tuple(sorted(alive, key=lambda offer: (-offer.payout, offer.min_duration_s, offer.buyer)))

    def keep_waiting(self, results: Mapping[str, BuyerResult], waiting_for: Collection[str], elapsed_s: float) -> bool:
        """As long as anybody may still answer."""
        return bool(waiting_for)
