"""What this instance has sold, kept in the engine: counters that go on where they were after a ``kill -9``.

Qualified calls and their payouts are counted by the script that ends the call, all or nothing, in a hash of the
instance's own. An instance that is started again under the same name goes on with it, so that each counter only grows,
and the sum over all instances is what the ledger says, to the cent.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from callrouter.engine.client import Engine
from callrouter.errors import EngineUnavailable

log = logging.getLogger("callrouter.metrics")

READ_WITHIN_S = 1.0
"""An engine that hangs costs a scrape no more: two that come at once would be given up, and nobody saw the trouble."""


class Books(Collector):
    """Two metrics of the instance of this ``name``; `refresh` before they are read."""

    def __init__(self, registry: CollectorRegistry, name: str) -> None:
        self.name = name
        """Under which they are kept."""
        self._kept: Mapping[str, str] = {}
        self._unread = True
        self._unknown = False
        """Whether it was tried to read them, and never yet done: then nothing is said, for zero would be a lie."""
        self._one_by_one = asyncio.Lock()
        self._buyers: set[str] = set()
        registry.register(self)

    def preload(self, buyers: Iterable[str]) -> None:
        """Have a series of each of these buyers, from zero."""
        self._buyers.update(buyers)

    async def refresh(self, engine: Engine) -> None:
        """Read what is kept; while the engine is out, what was read last stands.

        One at a time: an earlier answer that arrives later would have the counters go back.
        """
        try:
            async with asyncio.timeout(READ_WITHIN_S), self._one_by_one:
                self._kept = await engine.hash(engine.keys.books(self.name))
                self._unread = self._unknown = False
        except (EngineUnavailable, TimeoutError):
            self._unknown = self._unread
            log.debug("books not refreshed")

    def collect(self) -> Iterable[CounterMetricFamily]:
        """For the registry."""
        calls = CounterMetricFamily("callrouter_qualified_calls", "Bridged for the minimum duration.", labels=["buyer"])
        dollars = CounterMetricFamily(
            "callrouter_expected_payout_dollars", "Payouts of qualified calls.", labels=["buyer"]
        )
        for buyer in () if self._unknown else sorted(self._buyers):
            calls.add_metric([buyer], int(self._kept.get(f"calls {buyer}", 0)))
            dollars.add_metric([buyer], int(self._kept.get(f"cents {buyer}", 0)) / 100)
        return [calls, dollars]

    def describe(self) -> Iterable[CounterMetricFamily]:
        """For the registry."""
        return self.collect()
