"""What the carrier is told to do with one call."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True)
class AskZip:
    """Ask for the zip, by keypad or speech."""

    try_no: int


@dataclass(frozen=True)
class Hold:
    """Play hold audio for one finite segment, then poll us again."""

    auction_no: int
    segment: int
    short: bool = False
    """One short segment: a push is under way."""


@dataclass(frozen=True)
class BridgeTo:
    """Ring ``number`` and connect the caller when it answers."""

    attempt_no: int
    number: str
    ring_timeout_s: int
    """What the carrier is told; it may ring ``Capabilities.timeout_buffer_s`` longer."""
    caller_id: str


@dataclass(frozen=True)
class AskPin:
    """Ask for a transfer's pin, or the caller's zip, by keypad."""

    try_no: int


@dataclass(frozen=True)
class EnterRoom:
    """Take the call into a room; music until it starts."""

    room: str
    label: str
    starts: bool
    """Whether the room may start with this leg: not with the caller's alone."""


class Farewell(StrEnum):
    """Why the caller is let go with spoken words."""

    UNSOLD_CALLBACK = "unsold_callback"
    """Nobody can take the call; we promise to call back."""
    UNSOLD = "unsold"
    """Nobody can take the call, and no callback is possible."""
    FAILED_CALLBACK = "failed_callback"
    FAILED = "failed"
    REFUSED = "refused"


@dataclass(frozen=True)
class Apologise:
    """Say why, then hang up."""

    why: Farewell


@dataclass(frozen=True)
class HangUp:
    """The call is over; end it if it still stands."""


Command = AskZip | AskPin | Hold | BridgeTo | EnterRoom | Apologise | HangUp
