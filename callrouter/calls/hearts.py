"""Which instances are alive: each beats once a second, and one that has not for `DEAD_AFTER_S` is dead."""

import asyncio
import logging

from callrouter.domain.clock import Clock
from callrouter.engine.client import Engine
from callrouter.errors import EngineUnavailable

BEAT_S = 1.0
DEAD_AFTER_S = 3.0
_FRESH_S = 0.5

log = logging.getLogger("callrouter.calls")


class Hearts:
    """This instance's heartbeat, and what it knows of the others."""

    def __init__(self, engine: Engine, clock: Clock, instance: str) -> None:
        self._engine = engine
        self._clock = clock
        self._instance = instance
        self._alive: frozenset[str] = frozenset()
        self._asked_at = float("-inf")
        self.last_beat = float("-inf")
        """When the engine last took our beat, on the monotonic clock."""

    async def alive(self, instance: str) -> bool:
        """Whether that instance still beats. Raises `EngineUnavailable`."""
        if instance == self._instance:
            return True
        if self._clock.monotonic() - self._asked_at > _FRESH_S:
            await self._ask("")
        return instance in self._alive

    async def beat(self) -> None:
        """One beat. Raises `EngineUnavailable`."""
        await self._ask(self._instance)
        self.last_beat = self._clock.monotonic()

    async def run(self) -> None:
        """Beat until cancelled; an engine that is out is tried again at the next beat."""
        while True:
            try:
                await self.beat()
            except EngineUnavailable:
                log.warning("heartbeat not taken", extra={"remedy": "check the engine"})
            except Exception:
                log.exception("heartbeat failed")  # a heart that stops is never started again
            await asyncio.sleep(BEAT_S)

    async def stop(self) -> None:
        """Leave at once, so that others take our auctions over without waiting."""
        try:
            await self._engine.raw("hdel", lambda r: r.hdel(self._engine.keys.instances, self._instance))
        except EngineUnavailable:
            return

    async def _ask(self, beating: str) -> None:
        args: list[str | int | float] = [self._engine.time_arg(), beating, int(DEAD_AFTER_S * 1000)]
        flat = await self._engine.run("beat", [self._engine.keys.instances], args, again=True)
        self._alive = frozenset(flat[::2])
        self._asked_at = self._clock.monotonic()
