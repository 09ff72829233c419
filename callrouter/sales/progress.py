"""How far the sale of one lead is, and what comes next. Pure.

What has been done is stored before the next step begins, so that any worker can go on from there.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from callrouter.buyers.base import Quote
from callrouter.domain.reasons import OFFER, Reason
from callrouter.domain.values import Value

MAX_PINGS = 10
"""How often one buyer is pinged for one lead: its bid may lapse before it is taken."""
MAX_WAITS = 8
"""How often one buyer is waited for that only we keep from being asked, a minute or two in all: then it does not get
the lead."""
BID_MARGIN_S = 0.5
"""A bid with less time left than this is not posted any more."""


class SaleOutcome(StrEnum):
    """How a sale ended."""

    SOLD = "sold"
    UNSOLD = "unsold"
    UNCERTAIN = "uncertain"
    """A buyer's answer to the post was lost, and cannot be asked for again: nobody else gets the lead."""
    CONNECTED = "connected"
    """The person was connected to a buyer meanwhile: there is nothing to sell any more."""
    DEAD = "dead"
    """Its deadline came first."""
    CANCELLED = "cancelled"
    """By an operator."""


class Bid(Value):
    """A price that a buyer has named for the lead."""

    buyer: str
    quote: Quote
    expires_at: float
    """Epoch seconds."""


class Posting(Value):
    """A post that may have reached the buyer, and whose answer is not known."""

    buyer: str
    quote: Quote | None = None
    """What it takes up; ``None`` where the buyer names no price beforehand."""
    to: str = ""
    """Who got it, see `asking.recipient`: by now the plan's name may mean somebody else."""


class SaleProgress(Value):
    """Everything that has been done."""

    bids: tuple[Bid, ...] = ()
    pings: Mapping[str, int] = {}
    """How often each buyer was pinged."""
    waits: Mapping[str, int] = {}
    """How often each buyer was waited for: we were over its rate limit, or could not keep its guards."""
    tried: tuple[str, ...] = ()
    """Buyers that are through: they do not get this lead."""
    posting: Posting | None = None
    results: tuple[Mapping[str, Any], ...] = ()
    """For the record, in order: what each buyer answered to each step, without personal data."""

    @classmethod
    def read(cls, progress: str, results: str) -> "SaleProgress":
        """As `stored` and `shown` wrote it; empty texts are a sale that has not begun."""
        found = json.loads(progress) if progress else {}
        return cls.model_validate({**found, "results": json.loads(results) if results else []})

    @property
    def stored(self) -> str:
        """All but the results."""
        return self.model_dump_json(exclude={"results"})

    @property
    def shown(self) -> str:
        """The results."""
        return json.dumps(self.results, separators=(",", ":"))

    def replaced(self, **changes: object) -> "SaleProgress":
        """This with some fields changed."""
        return self.model_copy(update=changes)

    def noted(self, result: Mapping[str, Any]) -> "SaleProgress":
        """This with one more result."""
        return self.replaced(results=(*self.results, result))

    def through(self, buyer: str) -> "SaleProgress":
        """This without the buyer, whatever it had bid: it does not get the lead."""
        left = tuple(bid for bid in self.bids if bid.buyer != buyer)
        return self.replaced(tried=(*self.tried, buyer), bids=left, posting=None)

    def lapsed(self, buyer: str) -> "SaleProgress":
        """This without the buyer's bid, which it can be asked for anew."""
        return self.replaced(bids=tuple(bid for bid in self.bids if bid.buyer != buyer), posting=None)

    def pinged(self, buyer: str, bid: Bid | None) -> "SaleProgress":
        """This after one more ping, with what the buyer bid."""
        left = tuple(held for held in self.bids if held.buyer != buyer)
        pings = {**self.pings, buyer: self.pings.get(buyer, 0) + 1}
        return self.replaced(bids=(*left, bid) if bid else left, pings=pings)


def waited(progress: SaleProgress, buyer: str) -> SaleProgress | None:
    """The progress after one more wait for this buyer; ``None`` when that was enough."""
    waits = progress.waits.get(buyer, 0)
    return progress.replaced(waits={**progress.waits, buyer: waits + 1}) if waits < MAX_WAITS else None


def tally(progress: SaleProgress, sold_to: str | None) -> Mapping[str, str]:
    """What a sale that is over came to with each buyer: one of `SALE_RESULTS`."""
    last = {str(result["buyer"]): str(result["reason"]) for result in progress.results}
    came = {buyer: "outbid" if reason == OFFER else Reason(reason).family.value for buyer, reason in last.items()}
    if progress.posting is not None:
        came[progress.posting.buyer] = "uncertain"
    return came if sold_to is None else {**came, sold_to: "sold"}


@dataclass(frozen=True)
class PingThem:
    """Ask these buyers for their price, all at once."""

    buyers: tuple[str, ...]


@dataclass(frozen=True)
class PostTo:
    """Sell to this buyer, at this price if it has named one."""

    buyer: str
    quote: Quote | None


def next_move(progress: SaleProgress, sellers: Mapping[str, bool], now: float) -> PingThem | PostTo | None:
    """What to do next; ``None``: everybody was tried.

    ``sellers`` are the plan's lead buyers in its order, and whether each can be pinged. Bids come first, the best
    price before the others; then those that name no price, in the plan's order. Equal bids are taken in the plan's
    order, too.
    """
    left = [buyer for buyer in sellers if buyer not in progress.tried]
    live = {bid.buyer: bid for bid in progress.bids if bid.expires_at - now > BID_MARGIN_S}
    unknown = [buyer for buyer in left if sellers[buyer] and buyer not in live]
    askable = tuple(buyer for buyer in unknown if progress.pings.get(buyer, 0) < MAX_PINGS)
    if askable:
        return PingThem(askable)
    bids = [live[buyer] for buyer in left if buyer in live]
    if bids:
        best = max(bids, key=lambda bid: bid.quote.payout)
        return PostTo(best.buyer, best.quote)
    unpriced = [buyer for buyer in left if not sellers[buyer]]
    return PostTo(unpriced[0], None) if unpriced else None
