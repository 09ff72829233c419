"""What became of one delivery attempt. Every value can be a metric label."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from callrouter.callbacks.outbox import Ack


class DeliveryOutcome(StrEnum):
    """The result of one attempt of one job."""

    DELIVERED = "delivered"
    EXISTING = "existing"
    """Delivered; the dialler already knew the person."""
    ALREADY_SCHEDULED = "already_scheduled"
    """Delivered; a call to the person already stood at the dialler."""
    CANCELLED = "cancelled"
    NOTHING_TO_CANCEL = "nothing_to_cancel"
    TEST_OK = "test_ok"
    """The dialler only checked the format: nothing is saved."""
    PERMANENT = "permanent"
    """Trying again cannot help: a dead letter."""
    TRANSIENT = "transient"
    """It is tried again."""

    CONTINUED = "continued"
    """A step of several went well: the next is due now."""
    ENDED = "ended"
    """The last step of several: how it ended is in the job's own record."""

    DEAD = "dead"
    """Given up, because its deadline came first."""
    WITHDRAWN = "withdrawn"
    """The person was bridged while it was under way: it is not tried again, and taken back at the dialler."""
    LATE = "late"
    """The worker no longer held the job when it was done with it."""


COMPLETE = frozenset(
    {
        DeliveryOutcome.DELIVERED,
        DeliveryOutcome.EXISTING,
        DeliveryOutcome.ALREADY_SCHEDULED,
        DeliveryOutcome.CANCELLED,
        DeliveryOutcome.NOTHING_TO_CANCEL,
    }
)
"""Outcomes after which the job is done."""


@dataclass(frozen=True)
class Delivery:
    """What a handler tells the worker. ``detail`` holds no personal data."""

    outcome: DeliveryOutcome
    detail: str = ""
    stands_until: float = 0.0
    """Of a delivered callback: when the person is called, epoch seconds. Until then it stands."""
    punctuality_s: float | None = None
    """Seconds from the first lawful moment after the one wished for to the call back."""
    settle: "Callable[[], Awaitable[Ack]] | None" = None
    """Tells the outbox, where ``outcome`` alone does not say enough. Called again while the engine does not answer:
    twice must be as good as once."""
