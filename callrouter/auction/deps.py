"""What an auction needs from around it."""

from collections.abc import Container
from dataclasses import dataclass
from typing import Protocol

from callrouter.auction.limits import Limits
from callrouter.auction.outbound import Outbound
from callrouter.buyers.loader import Catalogue
from callrouter.domain.clock import Clock
from callrouter.domain.offer import BuyerResult


class Observer(Protocol):
    """Who counts. Called on the event loop; must not block or raise."""

    def on_asked(self, buyer: str) -> None:
        """A request goes out to this buyer; its result follows, with ``asked_at`` set."""
        ...

    def on_result(self, result: BuyerResult) -> None:
        """The one result of a buyer in an auction, asked or not."""
        ...


@dataclass(frozen=True)
class Deps:
    """Passed as one value to everything in the auction."""

    clock: Clock
    outbound: Outbound
    limits: Limits
    catalogue: Catalogue
    own_numbers: Container[str]
    """Every number of every loaded plan: never a target."""
    observer: Observer
