"""An auction's surroundings with everything real: engine, HTTP, shipped buyers."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from callrouter.auction.deps import Deps
from callrouter.auction.limits import Limits
from callrouter.auction.outbound import Outbound
from callrouter.buyers.loader import Catalogue
from callrouter.domain.clock import Clock
from callrouter.domain.offer import BuyerResult
from callrouter.engine.keys import Keys
from tests.buyers.exemplars import CATALOGUE
from tests.support.engine import open_engine


@dataclass
class Counting:
    """An observer that keeps what it was told."""

    asked: list[str] = field(default_factory=list)
    results: list[BuyerResult] = field(default_factory=list)

    def on_asked(self, buyer: str) -> None:
        self.asked.append(buyer)

    def on_result(self, result: BuyerResult) -> None:
        self.results.append(result)


@dataclass(frozen=True)
class Setting:
    """`Deps` and what it told its observer."""

    deps: Deps
    seen: Counting


@asynccontextmanager
async def setting(
    clock: Clock,
    socket: Path,
    *,
    catalogue: Catalogue = CATALOGUE,
    own_numbers: Collection[str] = ("+18885550100",),
    keys: Keys | None = None,
) -> AsyncIterator[Setting]:
    """Open it, and close it with all that it holds."""
    engine = open_engine(socket, clock, keys)
    seen, outbound, limits = Counting(), Outbound(), Limits(engine)
    try:
        yield Setting(Deps(clock, outbound, limits, catalogue, own_numbers, seen), seen)
    finally:
        await outbound.close()
        await limits.drain()
        await engine.close()
