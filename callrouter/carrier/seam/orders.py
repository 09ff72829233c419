"""What the carrier is told to do with a room, and what it says to that."""

from dataclasses import dataclass
from enum import StrEnum

from callrouter.carrier.seam.commands import Apologise, HangUp


@dataclass(frozen=True)
class CallIn:
    """Place a leg that comes into the room when it is answered."""

    room: str
    label: str
    address: str
    """A number, or ``client:<name>``."""
    caller_id: str
    ring_timeout_s: int
    """What the carrier is told; it may ring ``Capabilities.timeout_buffer_s`` longer."""
    starts: bool
    call_token: str | None = None


@dataclass(frozen=True)
class BringIn:
    """Take a call that is live on the carrier into the room."""

    room: str
    label: str
    leg_sid: str
    starts: bool


@dataclass(frozen=True)
class PutOnHold:
    """Music for one leg (``on``), or back among the others."""

    room_sid: str
    label: str
    leg_sid: str
    on: bool


@dataclass(frozen=True)
class EndsRoom:
    """When this leg leaves, the room ends."""

    room_sid: str
    label: str
    leg_sid: str


@dataclass(frozen=True)
class Release:
    """Hang a leg up."""

    label: str
    leg_sid: str


@dataclass(frozen=True)
class Tell:
    """Take a leg out of the room and let it hear this."""

    label: str
    leg_sid: str
    command: Apologise | HangUp


Order = CallIn | BringIn | PutOnHold | EndsRoom | Release | Tell


class OrderResult(StrEnum):
    """What became of an order."""

    DONE = "done"
    GONE = "gone"
    """The leg or the room is not there."""
    REFUSED = "refused"
    """It will not be done however often it is asked."""
    UNKNOWN = "unknown"
    """Refused for load, failed or timed out: it may or may not have been done."""


@dataclass(frozen=True)
class Ordered:
    """What the carrier said to an order."""

    result: OrderResult
    leg_sid: str | None = None
    """The leg that it placed."""
    why: str | None = None


@dataclass(frozen=True)
class InRoom:
    """One leg that the carrier sees in a room."""

    leg_sid: str
    label: str
    held: bool


@dataclass(frozen=True)
class Room:
    """A room as the carrier sees it."""

    room_sid: str
    legs: tuple[InRoom, ...]
