"""A warm transfer: an agent has the caller and hands them over, with the buyer on the line."""

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum

from callrouter.domain.offer import Offer
from callrouter.domain.values import Value


class Way(StrEnum):
    """How the buyer is reached."""

    BRIDGE = "bridge"
    """Agent, caller and buyer meet in a room on our carrier."""
    DIAL_IN = "dial_in"
    """The agent's dialler transferred the caller to one of our numbers, and we dial from there."""
    OWN_DIALLER = "own_dialler"
    """The agent dials the shown number, and tells us."""


class PartyRole(StrEnum):
    """Whose leg it is."""

    AGENT = "agent"
    CALLER = "caller"
    BUYER = "buyer"


class Agent(Value):
    """Who hands the caller over, and where they are reached."""

    name: str
    phone: str | None = None
    """E.164."""
    client: str | None = None
    """The name of a browser phone."""
    call_sid: str | None = None
    """A call of theirs that is on our carrier already."""

    @property
    def address(self) -> str | None:
        """What the carrier calls: a number, or ``client:<name>``."""
        return self.phone or (f"client:{self.client}" if self.client else None)


class Party(Value):
    """One leg that is, was, or is to be in the room. Times are epoch seconds."""

    role: PartyRole
    no: int
    """From 1 within the role; of a buyer the number of its attempt."""
    address: str = ""
    """What the carrier calls; empty for a call that it has already."""
    sid: str | None = None
    """The carrier's id of the leg."""
    ordered_at: float | None = None
    """When the carrier was last told to bring it in."""
    orders: int = 0
    """How often it was told."""
    ringing_at: float | None = None
    answered_at: float | None = None
    joined_at: float | None = None
    left_at: float | None = None
    why_left: str | None = None
    held: bool = False
    """Whether it hears music, as was last ordered, or as the carrier showed it since."""
    hold_ordered_at: float | None = None
    """When the carrier was last told to change that, until it says that it has."""
    seq: int = -1
    """The number of the last event of the room that told of it: earlier ones are late."""

    @property
    def label(self) -> str:
        """Its name in the room; no two living legs of a room share one."""
        return f"{self.role.value}-{self.no}"

    @property
    def there(self) -> bool:
        """Whether it is in the room."""
        return self.joined_at is not None and self.left_at is None

    @property
    def over(self) -> bool:
        """Whether nothing more is expected of it."""
        return self.left_at is not None


class FirstBid(Value):
    """What a buyer that caches its bids first offered: a repeated ping brings the same bid, not a new window."""

    buyer: str
    number: str
    payout: Decimal
    expires_at: float

    def is_of(self, offer: Offer) -> bool:
        """Whether the offer is this bid again."""
        return (self.buyer, self.number, self.payout) == (offer.buyer, offer.number, offer.payout)


class Transfer(Value):
    """The part of a call that only a warm transfer has."""

    agent: Agent
    opened_by: str
    """The name of the API token that opened it: whose it is."""
    pin: str
    """Typed on the keypad it names this transfer."""
    until: float
    """When it is given up if nobody closes it, epoch seconds."""
    way: Way | None = None
    line: str | None = None
    """Dial-in: the carrier's id of the leg on which the agent's dialler transferred the caller."""
    line_number: str | None = None
    """Whose number that leg shows."""
    caller_call_sid: str | None = None
    """A call of the caller's that is on our carrier already."""
    call_token: str | None = None
    """What lets a leg that we place show the caller's number."""
    merged: bool = False
    """Whether the caller is on the agent's own leg."""
    room: str | None = None
    """The room's name; it says nothing of anybody."""
    room_sid: str | None = None
    """The carrier's id of the room."""
    parties: tuple[Party, ...] = ()
    first_bids: tuple[FirstBid, ...] = ()
    passed_over: tuple[str, ...] = ()
    """Buyers whose offers the agent did not want."""
    completed_at: float | None = None
    """When the agent left caller and buyer to themselves."""

    def party(self, label: str) -> Party | None:
        """The leg of this label."""
        return next((party for party in self.parties if party.label == label), None)

    def latest(self, role: PartyRole) -> Party | None:
        """The last leg of this role."""
        return next((party for party in reversed(self.parties) if party.role is role), None)

    def present(self, role: PartyRole) -> Party | None:
        """The leg of this role that is in the room."""
        return next((party for party in self.parties if party.role is role and party.there), None)

    @property
    def legs(self) -> frozenset[str]:
        """The carrier's ids of the legs that are in it, or on their way in."""
        here = {party.sid for party in self.parties if not party.over}
        return frozenset(sid for sid in (*here, self.line) if sid is not None)

    @property
    def caller_party(self) -> Party | None:
        """The leg that the caller is on: their own, or the agent's when they are merged."""
        return self.latest(PartyRole.AGENT if self.merged else PartyRole.CALLER)

    def with_party(self, party: Party) -> "Transfer":
        """A copy in which this leg stands in the place of the one of its label, or at the end."""
        if self.party(party.label) is None:
            return self.model_copy(update={"parties": (*self.parties, party)})
        changed = tuple(party if known.label == party.label else known for known in self.parties)
        return self.model_copy(update={"parties": changed})

    def with_first_bids(self, offers: Iterable[Offer], caching: Iterable[str]) -> "Transfer":
        """A copy that knows when the bids of buyers that cache them first lapse."""
        cached = frozenset(caching)
        new = [
            FirstBid(buyer=offer.buyer, number=offer.number, payout=offer.payout, expires_at=offer.expires_at)
            for offer in offers
            if offer.buyer in cached and not any(bid.is_of(offer) for bid in self.first_bids)
        ]
        return self.model_copy(update={"first_bids": (*self.first_bids, *new)})

    def lives_until(self, offer: Offer) -> float:
        """When the offer lapses, epoch seconds: a cached bid keeps its first expiry."""
        first = next((bid.expires_at for bid in self.first_bids if bid.is_of(offer)), offer.expires_at)
        return min(offer.expires_at, first)
