"""What agents and their software see of a warm transfer, and what they ask for. The API's and the console's models."""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, StringConstraints, WithJsonSchema

from callrouter.domain.call import Outcome
from callrouter.domain.caller import Caller
from callrouter.domain.clock import rfc3339
from callrouter.domain.money import dollars
from callrouter.domain.transfer import PartyRole, Way

Money = Annotated[Decimal, PlainSerializer(dollars, return_type=str)]
"""Dollars, a string with two decimals in JSON."""
Moment = Annotated[
    float,
    PlainSerializer(rfc3339, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]
"""Epoch seconds here, RFC 3339 UTC in JSON."""


class Shown(BaseModel):
    """The base of what is shown: docstrings of fields are their descriptions in the OpenAPI document."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class TransferState(StrEnum):
    """Where a transfer stands, in an agent's words."""

    ASKING = "asking"
    """Buyers are being asked."""
    OFFERED = "offered"
    """An offer is in hand."""
    UNSOLD = "unsold"
    """Nobody wants the caller at this moment."""
    CONNECTING = "connecting"
    """Agent, and caller, are being brought together."""
    RINGING = "ringing"
    """The buyer's phone rings."""
    TALKING = "talking"
    """The buyer has answered."""
    HANDED_OVER = "handed_over"
    """Caller and buyer are by themselves."""
    ENDED = "ended"


class TransferAction(StrEnum):
    """What an agent can do at this moment."""

    BRIDGE = "bridge"
    NEXT = "next"
    COMPLETE = "complete"
    CANCEL = "cancel"
    DIALLED = "dialled"


class LegState(StrEnum):
    """Where one leg of a transfer is."""

    CALLING = "calling"
    RINGING = "ringing"
    JOINING = "joining"
    """Answered, and not in the room yet."""
    IN_ROOM = "in_room"
    ON_HOLD = "on_hold"
    """In the room, hearing music."""
    LEFT = "left"
    FAILED = "failed"
    """It never came."""


class OfferShown(Shown):
    """The best offer in hand."""

    buyer: str
    number: str | None
    """What to dial; null when this buyer names it only once its offer is taken up."""
    payout: Money | None
    """Null for roles that the plan does not show it to."""
    min_duration_s: int
    expires_at: Moment
    expires_in_s: float
    others: int
    """How many further offers are in hand."""


class DialInShown(Shown):
    """Where the agent's dialler may transfer the caller instead, and the pin that names this transfer."""

    number: str
    pin: str


class LegShown(Shown):
    """One leg."""

    role: PartyRole
    state: LegState
    since: Moment | None
    detail: str | None


class TryShown(Shown):
    """One dial of a buyer."""

    no: int
    buyer: str
    result: str | None
    """``bridged``, ``busy``, ``no_answer``, …; null while it rings or talks."""
    talk_s: int | None


class TransferShown(Shown):
    """A warm transfer."""

    id: str
    plan: str
    state: TransferState
    way: Way | None
    """How the buyer is reached, once that is chosen."""
    offer: OfferShown | None
    renewing: bool
    """Whether buyers are being asked anew at this moment, the offer in hand standing."""
    dial_in: DialInShown | None
    caller: Caller
    agent: str
    """The agent's name."""
    legs: tuple[LegShown, ...]
    attempts: tuple[TryShown, ...]
    reasons: Mapping[str, str]
    """Of the last auction: each buyer's result, ``offer`` or the reason."""
    can: tuple[TransferAction, ...]
    started_at: Moment
    open_until: Moment
    talking_since: Moment | None
    """When the buyer that is on the line answered."""
    talk_s: float | None
    """How long the buyer has been on the line, or was."""
    min_duration_s: int | None
    """Of the buyer that is, or was, on the line."""
    completed_at: Moment | None
    ended_at: Moment | None
    outcome: Outcome | None
    qualified: bool | None
    callback_at: Moment | None
    """When the person is called back, if that is owed."""


class AgentWanted(BaseModel):
    """Who hands over."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
    phone: Annotated[str, StringConstraints(max_length=40)] | None = None
    """Where the agent is called for a bridge: a North American number."""
    client: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")] | None = None
    """The name of the agent's browser phone, instead of a number."""
    call_sid: Annotated[str, StringConstraints(pattern=r"^CA[0-9a-f]{32}$")] | None = None
    """A call of the agent's that is on our carrier already; ``phone`` or ``client`` says whom it is with."""


class BridgeWanted(BaseModel):
    """How agent and caller come into the room. Each key stands in for what the transfer was opened with."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    agent: AgentWanted | None = None
    caller: Literal["merged", "call", "live"] | None = None
    """``merged``: on the agent's own leg. ``call``: their phone is called. ``live``: ``caller_call_sid`` is brought in.
    Left out: ``live`` where a ``caller_call_sid`` is known, else ``merged``."""
    caller_call_sid: Annotated[str, StringConstraints(pattern=r"^CA[0-9a-f]{32}$")] | None = None


class DialledWanted(BaseModel):
    """What the agent's own dialler did. Without ``result``: it dials now; later, what came of it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    result: Literal["bridged", "busy", "no_answer", "failed"] | None = None
    talk_s: Annotated[int, Field(ge=0, le=14_400)] | None = None
    """How long caller and buyer talked, in seconds; with ``bridged``."""
