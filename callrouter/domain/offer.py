"""What buyers answer: an offer, or a decline with its reason."""

from decimal import Decimal

from callrouter.domain.reasons import OFFER, Family, Reason
from callrouter.domain.values import Value


class Offer(Value):
    """A checked offer: dialling ``number`` before ``expires_at`` pays ``payout`` after ``min_duration_s``.

    One that ``awaits_post`` is a bid: the buyer names its number when we post, and that commits it and us.
    """

    buyer: str
    number: str = ""
    """E.164, checked to be one that we may dial; empty while the offer awaits its post."""
    payout: Decimal
    min_duration_s: int = 0
    min_duration_stated: bool = True
    """``False`` when the buyer named no minimum duration and 0 stands for that."""
    received_at: float
    """When its reply had arrived, epoch seconds: the window starts here."""
    expires_at: float
    buyer_ref: str | None = None
    provider: str | None = None
    token: str | None = None
    """What the buyer's post must bring back from its ping."""
    kept: str | None = None
    """What the adapter wants back at the post."""

    @property
    def awaits_post(self) -> bool:
        """Whether the number is still to be asked for."""
        return not self.number

    def age_s(self, now: float) -> float:
        """Seconds since the reply arrived."""
        return now - self.received_at


class Decline(Value):
    """Why there is no offer. ``buyer_code`` is the buyer's own code; ``detail`` holds no personal data."""

    reason: Reason
    buyer_code: str | None = None
    detail: str | None = None


class Exchange(Value):
    """What went over the wire, secrets masked, for the call's record."""

    request: str
    status: int | None = None
    response: str | None = None


class BuyerResult(Value):
    """The one result of one buyer in one auction."""

    buyer: str
    offer: Offer | None = None
    decline: Decline | None = None
    elapsed_s: float = 0.0
    asked_at: float | None = None
    """When the request went out, epoch seconds; ``None`` when the buyer was not called."""
    exchange: Exchange | None = None

    @property
    def label(self) -> str:
        """``offer`` or the reason: a metric label and the API's ``reason``."""
        return OFFER if self.decline is None else self.decline.reason.value

    @property
    def family(self) -> Family:
        """Who must act."""
        return Family.OFFER if self.decline is None else self.decline.reason.family
