"""The switch of each buyer, which operations turn: durable in the engine, and read with every ask.

It holds for one buyer of one plan, at once on every instance and until it is turned again; the dialplan stays as it is.
Nothing goes out to a buyer that is off: no ask, no post that would take up its bid, no sale of a lead, and no repeat of
a post whose answer was lost. What it has offered before, with a number, may still be dialled: the offer is in hand, and
it binds the buyer.
"""

import json
import logging
from dataclasses import dataclass

import redis.asyncio as redis

from callrouter.domain.clock import Clock
from callrouter.engine.client import Engine

log = logging.getLogger("callrouter.auction")


@dataclass(frozen=True)
class SwitchedOff:
    """Since when a buyer is off (epoch s), who did it, and why, if they said so."""

    at: float
    by: str
    why: str | None = None

    @property
    def stored(self) -> str:
        """As the engine keeps it."""
        return json.dumps({"off_at": round(self.at, 3), "by": self.by, "why": self.why})

    @classmethod
    def read(cls, stored: str) -> "SwitchedOff":
        """What `stored` wrote. One that cannot be read still means off."""
        try:
            found = json.loads(stored)
            return cls(float(found["off_at"]), str(found["by"]), found.get("why"))
        except (ValueError, TypeError, KeyError, AttributeError):
            return cls(0.0, "unknown")


def switch_field(plan: str, buyer: str) -> str:
    """Where a buyer's switch stands in the hash; names have no spaces."""
    return f"{plan} {buyer}"


class Switches:
    """Turns switches. Raises `EngineUnavailable`: then nothing was turned for certain, and again does no harm."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    async def off(self, plan: str, buyer: str, by: str, why: str | None = None) -> None:
        """Switch a buyer off. ``why`` is kept for operations to read, and not logged. One that is off keeps its time
        and has the new name and reason."""
        key, field = self._engine.keys.switches, switch_field(plan, buyer)
        (before,) = await self._engine.hash_fields(key, field)
        at = SwitchedOff.read(before).at if before else self._clock.now()
        stored = SwitchedOff(at, by, why).stored

        async def put(client: redis.Redis) -> object:
            return await client.hset(key, field, stored)

        await self._engine.raw("hset", put, again=True)
        log.info("buyer switched off", extra={"plan": plan, "buyer": buyer, "by": by})

    async def on(self, plan: str, buyer: str, by: str) -> None:
        """Switch a buyer on again; one that is on stays so."""
        key, field = self._engine.keys.switches, switch_field(plan, buyer)

        async def drop(client: redis.Redis) -> object:
            return await client.hdel(key, field)

        await self._engine.raw("hdel", drop, again=True)
        log.info("buyer switched on", extra={"plan": plan, "buyer": buyer, "by": by})
