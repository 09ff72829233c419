"""Between the call flow and any carrier: events in, commands out, and what a carrier can be asked.

No carrier's own names (TwiML verbs, parameters) pass this line.
Every event has an ``event_id`` that is equal when the carrier repeats it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

# --- events: what the carrier tells us -------------------------------------------------------------------


@dataclass(frozen=True)
class CallArrived:
    """A call reached one of our numbers."""

    sid: str
    from_raw: str
    """As the carrier sent it: E.164, or anything that a caller id can be."""
    to: str
    carrier_zip: str | None = None
    forwarded_from: str | None = None
    """Whose call was forwarded to us, as the carrier sent it."""
    call_token: str | None = None
    """Leave to show the caller's number on a leg that we place."""

    @property
    def event_id(self) -> str:
        return "arrived"


@dataclass(frozen=True)
class PinEntered:
    """Whoever was transferred to us keyed a transfer's pin, the caller's zip, or nothing."""

    sid: str
    try_no: int
    digits: str | None = None

    @property
    def event_id(self) -> str:
        return f"pin:{self.try_no}"


@dataclass(frozen=True)
class ZipEntered:
    """The caller keyed or spoke something, or nothing, when asked for the zip the ``try_no``-th time."""

    sid: str
    try_no: int
    digits: str | None = None
    speech: str | None = None

    @property
    def event_id(self) -> str:
        return f"zip:{self.try_no}"


@dataclass(frozen=True)
class HoldPolled:
    """The caller heard hold segment ``segment`` of auction ``auction_no`` to its end and is still there."""

    sid: str
    auction_no: int
    segment: int


class DialStatus(StrEnum):
    """How the carrier says that a dial ended."""

    COMPLETED = "completed"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    FAILED = "failed"
    CANCELED = "canceled"


@dataclass(frozen=True)
class DialEnded:
    """The dial of one attempt is over and the carrier asks what next."""

    sid: str
    attempt_no: int
    status: DialStatus
    bridged: bool | None
    """Whether caller and buyer were connected; ``None`` when the carrier did not say."""
    bridged_s: int | None
    caller_there: bool
    leg_sid: str | None = None

    @property
    def event_id(self) -> str:
        return f"dial:{self.attempt_no}"


class LegStatus(StrEnum):
    """Progress of a leg."""

    INITIATED = "initiated"
    RINGING = "ringing"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def final(self) -> bool:
        """Whether nothing can follow."""
        return self not in (LegStatus.INITIATED, LegStatus.RINGING, LegStatus.IN_PROGRESS)


@dataclass(frozen=True)
class LegChanged:
    """The buyer's leg of one attempt moved on. Unordered and repeated, as carriers send them."""

    sid: str
    attempt_no: int
    leg_sid: str
    status: LegStatus
    leg_s: int | None = None

    @property
    def event_id(self) -> str:
        return f"leg:{self.attempt_no}:{self.leg_sid}:{self.status.value}"


@dataclass(frozen=True)
class CallerStatus:
    """The caller's own leg moved on."""

    sid: str
    status: LegStatus

    @property
    def event_id(self) -> str:
        return f"caller:{self.status.value}"


class RoomEvent(StrEnum):
    """What happened in a room."""

    JOINED = "joined"
    LEFT = "left"
    HELD = "held"
    UNHELD = "unheld"
    ENDED = "ended"


@dataclass(frozen=True)
class RoomChanged:
    """A room's own report. Unordered, repeated and sometimes lost; ``seq`` orders those of one room."""

    sid: str
    room_sid: str
    seq: int
    what: RoomEvent
    leg_sid: str = ""
    """Whose leg; empty when the room ended."""
    label: str = ""
    why: str | None = None
    """Why it left, in the carrier's words."""

    @property
    def event_id(self) -> str:
        return f"room:{self.room_sid}:{self.seq}:{self.what.value}"


@dataclass(frozen=True)
class PartyChanged:
    """A leg that we placed into a room moved on."""

    sid: str
    label: str
    leg_sid: str
    status: LegStatus
    leg_s: int | None = None

    @property
    def event_id(self) -> str:
        return f"party:{self.label}:{self.leg_sid}:{self.status.value}"


@dataclass(frozen=True)
class LeftRoom:
    """A call that was brought into a room is out of it, and the carrier asks what next."""

    sid: str
    label: str
    leg_sid: str
    there: bool
    """Whether somebody is still on that leg."""

    @property
    def event_id(self) -> str:
        return f"out:{self.label}:{self.leg_sid}"


@dataclass(frozen=True)
class AnswerFailed:
    """The carrier could not get or use our last answer and asks the fallback."""

    sid: str
    from_raw: str
    to: str
    error_code: str
    carrier_zip: str | None = None


# --- commands: what the carrier is told -------------------------------------------------------------------


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
CallerEvent = CallArrived | PinEntered | ZipEntered | HoldPolled | DialEnded | LeftRoom | AnswerFailed
"""Events whose answer the caller hears."""
Report = LegChanged | CallerStatus | RoomChanged | PartyChanged
"""Events that are only reported."""


# --- orders: what the carrier is told to do with a room -----------------------------------------------------


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


# --- what a carrier can be asked --------------------------------------------------------------------------


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
    room_sid: str | None = None
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
        """The caller's leg, or ``None`` when the carrier does not know it. Raises `CarrierUnavailable`."""
        ...

    async def legs_of(self, sid: str) -> tuple[Leg, ...]:
        """The legs that were dialled for this caller, oldest first. Raises `CarrierUnavailable`."""
        ...

    async def recent_calls(self, since: float) -> tuple[Leg, ...]:
        """Calls that came in after ``since`` (epoch s), to any number. Raises `CarrierUnavailable`."""
        ...
