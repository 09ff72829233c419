"""What a transition is given, and what it gives back."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from callrouter.auction.known import Believed
from callrouter.beliefs.beliefs import Beliefs
from callrouter.carrier.seam import Capabilities, Command, Order
from callrouter.dialplan import Plan
from callrouter.domain.call import Call


@dataclass(frozen=True)
class Setting:
    """Everything a transition may know besides the call and the event."""

    plan: Plan
    now: float
    """Epoch seconds."""
    received_at: float
    """When the first byte of the webhook came: budgets start here."""
    instance: str
    carrier: Capabilities
    beliefs: Believed = field(default_factory=Beliefs)
    """What is believed of buyers and callers now."""


@dataclass(frozen=True)
class CallbackWanted:
    """A callback that a call owes: it is enqueued in the same step that closes the call."""

    id: str
    due_at: float
    """When the person is to be called, epoch seconds."""
    deadline_at: float
    """After this it is given up, epoch seconds."""
    payload: Mapping[str, object]


@dataclass(frozen=True)
class SaleWanted:
    """A lead to be sold because its call was not: enqueued in the same step that closes the call."""

    id: str
    deadline_at: float
    """After this it is given up, epoch seconds."""
    payload: Mapping[str, object]
    callback: CallbackWanted | None = None
    """Promised only if the lead is not sold, in the step that ends the sale."""


@dataclass(frozen=True)
class Step:
    """One transition: the call after it, what the carrier is told, and what must follow, all or nothing."""

    call: Call
    command: Command | None
    """``None`` answers a status report: nothing to say."""
    runs_auction: bool = False
    orders: tuple[Order, ...] = ()
    """What the carrier is told to do with the call's room."""
    callback: CallbackWanted | None = None
    sale: SaleWanted | None = None
    withdraws_callback: bool = False
    """The person talks to a buyer: a callback that still stands is cancelled."""
    expired: tuple[str, ...] = ()
    """Buyers whose offers lapsed undialled."""
