"""What the carrier tells us. Every event has an ``event_id`` that is equal when the carrier repeats it."""

from dataclasses import dataclass
from enum import StrEnum


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


class LeftWhy(StrEnum):
    """Why a leg is not in its room any more."""

    HUNG_UP = "hung_up"
    ROOM_ENDED = "room_ended"
    """Somebody else's leaving ended the room."""
    LET_GO = "let_go"
    """We took it out."""
    NOT_REACHED = "not_reached"
    """It never came."""
    OTHER = "other"


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
    why: LeftWhy | None = None
    """Why it left."""
    leg_status: LegStatus | None = None
    """How its leg stood when it left."""

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


CallerEvent = CallArrived | PinEntered | ZipEntered | HoldPolled | DialEnded | LeftRoom | AnswerFailed
"""Events whose answer the caller hears."""
Report = LegChanged | CallerStatus | RoomChanged | PartyChanged
"""Events that are only reported."""
