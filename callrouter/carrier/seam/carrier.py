"""What a carrier can be asked."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from callrouter.carrier.seam.commands import Command
from callrouter.carrier.seam.events import LegStatus
from callrouter.carrier.seam.orders import Order, Ordered, Room


@dataclass(frozen=True)
class Capabilities:
    """What differs between carriers and matters to the flow."""

    timeout_buffer_s: int = 5
    """How much longer than told the carrier rings."""
    min_ring_s: int = 5
    place_s: float = 1.0
    """How much later than a dial a leg that we place may start: carriers start so many a second."""


class PushResult(StrEnum):
    """What became of a push to a live call."""

    DONE = "done"
    NOT_LIVE = "not_live"
    """The carrier says that the call is not in progress: gone, or not answered yet."""
    UNKNOWN = "unknown"
    """Refused for load, failed or timed out: it may or may not have been applied. Leave it to the poll."""


@dataclass(frozen=True)
class Leg:
    """What the carrier says of one leg."""

    sid: str
    to: str
    status: LegStatus
    duration_s: int
    from_raw: str = ""
    started_at: float | None = None
    """Epoch seconds."""


class Carrier(Protocol):
    """What the call flow may ask of a carrier. Every method has its own real timeout."""

    capabilities: Capabilities

    async def push(self, line: str, plan: str, command: Command, sid: str = "") -> PushResult:
        """Replace what the live leg ``line`` is doing. Never raises.

        ``sid`` is the call's id where that is not the leg's.
        """
        ...

    async def carry_out(self, order: Order, sid: str, plan: str) -> Ordered:
        """Do something with the room of the call ``sid``. Never raises."""
        ...

    async def room(self, name: str) -> Room | None:
        """The live room of this name, or ``None``. Raises `CarrierUnavailable`."""
        ...

    async def look_up(self, sid: str) -> Leg | None:
        """The leg of this id, or ``None`` when the carrier does not know it. Raises `CarrierUnavailable`."""
        ...

    async def legs_of(self, sid: str) -> tuple[Leg, ...]:
        """The legs that were dialled for this caller, oldest first. Raises `CarrierUnavailable`."""
        ...

    async def recent_calls(self, since: float) -> tuple[Leg, ...]:
        """Calls that came in after ``since`` (epoch s), to any number. Raises `CarrierUnavailable`."""
        ...
