"""Keeps the gauges of what is in the engine up to date: the same on every instance."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass

import redis.asyncio as redis

from callrouter.auction.standing import Listed, Standing, standings
from callrouter.buyers.loader import Catalogue
from callrouter.dialplan import Plan
from callrouter.domain.call import Call
from callrouter.domain.clock import Clock
from callrouter.engine.client import Engine
from callrouter.engine.keys import JOB_DONE_TTL_S
from callrouter.errors import EngineUnavailable
from callrouter.metrics import TRANSFER_STATES, Metrics
from callrouter.transfers.showing import state_of

EVERY_S = 2.0
LATE_S = 60.0
"""A delivery to the dialler that is due for longer than this is late."""
LOOKED_AT = 1_000
"""So many jobs, and open transfers of a plan, are looked at one by one; with more the gauges show too few."""
_AT_ONCE = 20
"""Transfers that are read before callers are served again."""

log = logging.getLogger("callrouter")


@dataclass(frozen=True)
class _Waiting:
    """What ``gauges.lua`` found."""

    live: int
    waiting: int
    due: int
    dead: int
    deliveries_due: int
    deliveries_late: int
    ledger: int
    transfers: Sequence[str]


class Gauges:
    """``plans`` gives the loaded plans, by name; ``broken`` the number of dialplan files that are refused."""

    def __init__(
        self,
        metrics: Metrics,
        engine: Engine,
        catalogue: Catalogue,
        clock: Clock,
        plans: Callable[[], Mapping[str, Plan]],
        broken: Callable[[], int],
    ) -> None:
        self._metrics = metrics
        self._engine = engine
        self._catalogue = catalogue
        self._clock = clock
        self._plans = plans
        self._broken = broken
        self._buyers: frozenset[str] = frozenset()
        """Those that had gauges in the last round."""

    async def run(self) -> None:
        """Refresh every two seconds until cancelled; an engine that is out leaves the last values."""
        while True:
            self._metrics.dialplans_broken.set(self._broken())
            try:
                await self.refresh()
            except EngineUnavailable:
                log.debug("gauges not refreshed")
            except Exception:
                log.exception("gauges failed")
            await asyncio.sleep(EVERY_S)

    async def refresh(self) -> None:
        """One round: two round trips, and one for every 20 open transfers. Raises `EngineUnavailable`."""
        plans = self._plans()
        found = await self._look(plans)
        metrics = self._metrics
        metrics.calls_live.set(found.live)
        metrics.callbacks_due.set(found.deliveries_due)
        metrics.callbacks_late.set(found.deliveries_late)
        metrics.ledger_waiting.set(found.ledger)
        for state, jobs in (("waiting", found.waiting), ("due", found.due), ("dead", found.dead)):
            metrics.outbox_jobs.labels(state).set(jobs)
        await self._buyers_stand(plans)
        states = Counter([state async for state in self._states(found.transfers)])
        for state in TRANSFER_STATES:
            metrics.transfers_open.labels(state).set(states[state])

    async def _look(self, plans: Mapping[str, Plan]) -> _Waiting:
        keys = self._engine.keys
        names = [keys.live, keys.outbox_due, keys.outbox_dead, keys.ledger]
        names += [keys.transfers_open(plan) for plan in plans]
        late_ms, kept_ms = int(LATE_S * 1000), JOB_DONE_TTL_S * 1000
        args: list[str | int] = [self._engine.time_arg(), keys.job(""), late_ms, kept_ms, LOOKED_AT]
        return _Waiting(*await self._engine.run("gauges", names, args, again=True))

    async def _buyers_stand(self, plans: Mapping[str, Plan]) -> None:
        listed = [Listed(plan.plan, name, entry) for plan in plans.values() for name, entry in plan.buyers.items()]
        now, metrics = self._clock.now(), self._metrics
        stand = await standings(self._engine, self._catalogue, listed, now)
        of: dict[str, list[Standing]] = {name: [] for name in self._buyers}
        for one, standing in zip(listed, stand, strict=True):
            of.setdefault(one.buyer, []).append(standing)
        for name, places in of.items():
            metrics.buyer_breaker_open.labels(name).set(max((_breaker(one, now) for one in places), default=0.0))
            metrics.buyer_limit_used.labels(name).set(max((_used(one) for one in places), default=0.0))
            metrics.buyer_switched_off.labels(name).set(any(one.switched_off is not None for one in places))
        self._buyers = frozenset(one.buyer for one in listed)

    async def _states(self, sids: Sequence[str]) -> AsyncIterator[str]:
        """Where each of these transfers stands."""
        for start in range(0, len(sids), _AT_ONCE):
            for doc in await self._documents(sids[start : start + _AT_ONCE]):
                call = Call.model_validate_json(doc) if doc else None
                if call is not None and call.transfer is not None:
                    yield state_of(call, call.transfer).value

    async def _documents(self, sids: Sequence[str]) -> list[str | None]:
        async def read(client: redis.Redis) -> list[str | None]:
            pipe = client.pipeline(transaction=False)
            for sid in sids:
                pipe.hget(self._engine.keys.call(sid), "doc")
            return list(await pipe.execute())

        return await self._engine.raw("hget", read, again=True)


def _breaker(standing: Standing, now: float) -> float:
    """1 while the buyer is left out; 0.5 when the next caller is its probe."""
    health = standing.health
    if not health.unhealthy:
        return 0.0
    return 0.5 if health.next_probe_at is not None and health.next_probe_at <= now else 1.0


def _used(standing: Standing) -> float:
    return max((min(1.0, used / limit.calls) for limit, used in standing.windows), default=0.0)
