"""One call: its state, its auctions, the dials that were tried, and how it ended."""

from decimal import Decimal
from enum import StrEnum
from typing import Literal

from callrouter.domain.caller import Caller
from callrouter.domain.decision import Decision
from callrouter.domain.offer import Offer
from callrouter.domain.transfer import Transfer
from callrouter.domain.values import Value


class CallKind(StrEnum):
    """How the caller reached us."""

    INBOUND = "inbound"
    """The caller dialled one of our numbers: the buyers' ``transfer_type`` 1."""
    TRANSFER = "transfer"
    """An agent transferred the caller, or hands them over: ``transfer_type`` 2."""

    @property
    def transfer_type(self) -> int:
        """The number that buyers know it by."""
        return 1 if self is CallKind.INBOUND else 2


class CallState(StrEnum):
    """Where a call stands. The allowed moves are the table in ``calls/states.py``."""

    INTAKE = "intake"
    AUCTION = "auction"
    OPEN = "open"
    """A warm transfer whose agent still talks: with offers in hand, or without."""
    DIALLING = "dialling"
    BRIDGED = "bridged"
    ENDED = "ended"


class Outcome(StrEnum):
    """How a call ended; every ended call has exactly one."""

    BRIDGED = "bridged"
    UNSOLD = "unsold"
    ABANDONED = "abandoned"
    """The caller hung up before the bridge, or the agent kept them."""
    REFUSED = "refused"
    """Not a number of any plan."""
    FAILED = "failed"
    """Our own failure."""


class AttemptResult(StrEnum):
    """How a dial of a buyer ended."""

    BRIDGED = "bridged"
    EARLY_HANGUP = "early_hangup"
    """The buyer hung up within ``bridge.early_hangup_s``, and before it would have to pay."""
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    FAILED = "failed"
    CALLER_GONE = "caller_gone"
    """The caller hung up while it rang: says nothing of the buyer."""
    CALLED_OFF = "called_off"
    """The agent called it off."""


class Attempt(Value):
    """One dial of one offer. Times are epoch seconds, durations whole seconds as the carrier reports them."""

    no: int
    """From 1; the attempt's id in every URL."""
    offer: Offer
    decided_at: float
    ring_timeout_s: int
    caller_id: str
    claimed_until: float | None = None
    """Until when a push of this dial is under way, and a poll must not answer it as well."""
    leg_sid: str | None = None
    initiated_at: float | None = None
    ringing_at: float | None = None
    answered_at: float | None = None
    ended_at: float | None = None
    leg_ended_at: float | None = None
    """When the leg's own status callback said that it is over."""
    leg_s: int | None = None
    """Seconds since the answer, from the leg's own status callback."""
    action_at: float | None = None
    """When the dial's action came."""
    action_s: int | None = None
    """Seconds since the answer, as the dial's action says; ``None`` where it does not."""
    bridged_s: int | None = None
    """Seconds talked by whoever says so first: action, leg, or our clock."""
    result: AttemptResult | None = None
    ended_by: Literal["caller", "buyer", "agent"] | None = None
    """Who ended the talk, where the carrier's reports say so."""

    @property
    def live(self) -> bool:
        """Whether this dial may still be ringing or talking."""
        return self.result is None

    def pays_after(self, talk_s: int) -> bool:
        """Whether a talk of so many seconds reaches the minimum that the buyer has stated."""
        return 0 < self.offer.min_duration_s <= talk_s

    @property
    def talk_s(self) -> int:
        """Bridged seconds: the leg's own report is the more robust of the two: the dial's is missing in some cases."""
        return self.leg_s if self.leg_s is not None else self.bridged_s or 0


class AwaitedBuyer(Value):
    """A buyer that has been asked and has not answered. Times are epoch seconds."""

    buyer: str
    asked_at: float
    until: float


class AuctionRun(Value):
    """One auction of a call, and which instance runs it."""

    no: int
    started_at: float
    deadline_at: float
    owner: str
    """The instance that runs it; when its heart stops another may take the auction over."""
    excluded: tuple[str, ...] = ()
    """Buyers that just failed this caller."""
    closed_at: float | None = None
    """When the first decision to dial, or to give up, was made."""
    offers: int = 0
    """How many were in hand then."""
    awaited: tuple[AwaitedBuyer, ...] = ()
    """Whose answers may still come: late offers are as good as any."""


class Acceptance(Value):
    """One post: the buyer of a bid is told that we take it, and names its number. It commits both sides."""

    no: int
    """From 1."""
    offer: Offer
    """The bid."""
    started_at: float
    ended_at: float | None = None
    result: str | None = None
    """``offer``, or the reason why there is no number; ``None`` while the buyer is being asked."""
    detail: str | None = None


class TimelineEvent(Value):
    """One line of the call's record."""

    at: float
    event: str
    detail: str | None = None


class Call(Value):
    """The whole state of one call, as the engine stores it."""

    sid: str
    """The carrier's id of the caller's leg: an opaque string."""
    plan: str
    kind: CallKind
    to: str
    caller: Caller
    state: CallState = CallState.INTAKE
    started_at: float
    gone_at: float | None = None
    """When the caller's leg was reported ended while a dial was open, whose own report is awaited."""
    carrier_zip: str | None = None
    call_token: str | None = None
    """What the carrier takes as leave to show the caller's number on a leg that we place."""
    zip_tries: int = 0
    auction: AuctionRun | None = None
    offers: tuple[Offer, ...] = ()
    """Offers in hand and not dialled yet, best first."""
    decisions: tuple[Decision, ...] = ()
    """What was decided of dialling and waiting, in order, with the reasons."""
    acceptances: tuple[Acceptance, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    outcome: Outcome | None = None
    ended_at: float | None = None
    qualified: bool | None = None
    buyer: str | None = None
    payout: Decimal | None = None
    min_duration_s: int | None = None
    bridged_s: int | None = None
    callback: str | None = None
    """Id of the callback that this call owes, or why none is owed (``none: …``)."""
    sale: str | None = None
    """Id of the sale of this person's lead, or why none is tried (``none: …``)."""
    callback_at: float | None = None
    """When the person is to be called back."""
    transfer: Transfer | None = None
    """What only a warm transfer has; the call's ``sid`` is then an id of ours."""
    timeline: tuple[TimelineEvent, ...] = ()

    @property
    def line(self) -> str | None:
        """The carrier's id of the leg that hears our commands; ``None`` while a warm transfer has no such leg."""
        return self.sid if self.transfer is None else self.transfer.line

    @property
    def renewing(self) -> bool:
        """Whether offers in hand are being asked for anew."""
        return self.state is CallState.OPEN and self.auction is not None and self.auction.closed_at is None

    @property
    def answered(self) -> bool:
        """Whether the caller's leg has been answered: by a question, by hold audio, or by an earlier dial."""
        return self.zip_tries > 0 or bool(self.attempts) or self.transfer is not None

    @property
    def waiting(self) -> bool:
        """Whether a late offer is waited for, although its auction has been decided once: what was dialled failed."""
        closed = self.auction is not None and self.auction.closed_at is not None
        return self.state is CallState.AUCTION and closed and self.accepting is None

    @property
    def accepting(self) -> Acceptance | None:
        """The post that is under way."""
        latest = self.acceptances[-1] if self.acceptances else None
        return latest if latest and latest.result is None and self.state is CallState.AUCTION else None

    @property
    def attempt(self) -> Attempt | None:
        """The latest dial."""
        return self.attempts[-1] if self.attempts else None

    def replaced(self, **changes: object) -> "Call":
        """A copy with these fields changed."""
        return self.model_copy(update=changes)

    def noted(self, at: float, event: str, detail: str | None = None) -> "Call":
        """A copy with one more line in its timeline."""
        return self.replaced(timeline=(*self.timeline, TimelineEvent(at=at, event=event, detail=detail)))

    def with_attempt(self, attempt: Attempt) -> "Call":
        """A copy in which this attempt replaces the one of the same number."""
        return self.replaced(attempts=tuple(attempt if a.no == attempt.no else a for a in self.attempts))
