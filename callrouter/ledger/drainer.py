"""Moves finished calls, and sales that are over, from the engine's stream into the ledger, in batches, each once.

An entry is acknowledged and deleted only after the commit, and what is in the ledger already is passed over: an
instance may die at any point.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

import redis.asyncio as redis
from redis.exceptions import ResponseError

from callrouter.domain.clock import Clock
from callrouter.engine.client import Engine
from callrouter.errors import EngineUnavailable
from callrouter.ledger.erasures import Erasures
from callrouter.ledger.reads import Ledger
from callrouter.ledger.rows import Rows
from callrouter.ledger.trouble import in_words

log = logging.getLogger("callrouter.ledger")

GROUP = "ledger"
BATCH = 500
POLL_S = 1.0
CLAIM_IDLE_S = 30.0
"""After this an entry that another instance took and did not finish is taken over."""
_CLAIM_EVERY_S = 10.0
_MAX_BACKOFF_S = 10.0

Entry = tuple[str, Mapping[str, str]]


class LedgerDrainer:
    """Runs until stopped. Each instance has one, under a ``consumer`` name of its own."""

    def __init__(
        self,
        engine: Engine,
        ledger: Ledger,
        clock: Clock,
        consumer: str,
        on_error: Callable[[str], None] = lambda operation: None,
        *,
        claim_idle_s: float = CLAIM_IDLE_S,
    ) -> None:
        self._engine = engine
        self._ledger = ledger
        self._erasures = Erasures(engine, ledger.hashes) if ledger.hashes else None
        self._clock = clock
        self._consumer = consumer
        self._on_error = on_error
        self._claim_idle_s = claim_idle_s
        self._wake = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self._stopping = False
        self._own_first = True
        """Whether entries that we took and did not finish come first: at the start, and after a failure."""
        self._claim_at = 0.0

    def start(self) -> None:
        """Begin to drain, in a task of its own."""
        self._loop = asyncio.create_task(self._work(), name="ledger drainer")

    def notify(self) -> None:
        """A call has ended on this instance: look now."""
        self._wake.set()

    async def stop(self) -> None:
        """Drain what is there, once more, and end; what fails now is left for the next instance."""
        self._stopping = True
        self._wake.set()
        if self._loop is not None:
            await self._loop
        try:
            while await self.drain():
                pass
            await self._leave()
        except Exception as error:  # noqa: BLE001 - the instance ends all the same
            self._failed(error)

    async def drain(self) -> int:
        """Move one batch; how many entries it had. Raises `EngineUnavailable` and SQLAlchemy's errors."""
        entries = await self._next()
        if not entries:
            return 0
        rows = Rows()
        for entry_id, fields in entries:
            if fields:
                rows.take(fields, entry_id)
        try:
            await self._ledger.add(rows)
            await self._take_out_erased(rows)
        except BaseException:
            self._own_first = True
            raise
        await self._forget([entry_id for entry_id, _ in entries])
        return len(entries)

    async def _take_out_erased(self, rows: Rows) -> None:
        """Only now: who is erased while we write is seen by one of the two."""
        if self._erasures is not None and (sids := await self._erasures.among(rows.calls)):
            await self._ledger.erase_calls(sids)

    async def _work(self) -> None:
        failures = 0
        while not self._stopping:
            self._wake.clear()
            try:
                moved = await self.drain()
                failures = 0
                pause_s = 0.0 if moved else POLL_S
            except Exception as error:  # noqa: BLE001 - whatever went wrong, the calls are still to be moved
                failures += 1
                self._failed(error)
                pause_s = min(POLL_S * 2.0**failures / 2, _MAX_BACKOFF_S)
            if pause_s > 0:
                await self._pause(pause_s, until_notified=failures == 0)

    def _failed(self, error: Exception) -> None:
        operation = "ledger_read" if isinstance(error, EngineUnavailable | ResponseError) else "ledger_write"
        fields = {"operation": operation, "error": type(error).__name__, "why": in_words(error)}
        log.warning("ledger not drained", extra=fields)
        self._on_error(operation)

    async def _pause(self, pause_s: float, *, until_notified: bool) -> None:
        """Notifications do not cut a backoff short; a stop does."""
        ends = self._clock.monotonic() + pause_s
        while (left := ends - self._clock.monotonic()) > 0 and not self._stopping:
            try:
                async with asyncio.timeout(left):
                    await self._wake.wait()
            except TimeoutError:
                return
            if until_notified:
                return
            self._wake.clear()

    async def _next(self) -> Sequence[Entry]:
        """Our own unfinished entries, then those of the vanished, then new ones."""
        if self._own_first:
            if own := await self._read("0"):
                return own
            self._own_first = False
        if self._clock.monotonic() >= self._claim_at:
            if taken := await self._take_over():
                return taken
            self._claim_at = self._clock.monotonic() + _CLAIM_EVERY_S
        return await self._read(">")

    async def _read(self, start: str) -> Sequence[Entry]:
        stream = self._engine.keys.ledger

        async def read(client: redis.Redis) -> Any:
            return await cast(Awaitable[Any], client.xreadgroup(GROUP, self._consumer, {stream: start}, count=BATCH))

        found = await self._in_group("xreadgroup", read)
        return _entries(found[0][1]) if found else []

    async def _take_over(self) -> Sequence[Entry]:
        stream, idle_ms = self._engine.keys.ledger, round(self._claim_idle_s * 1000)

        async def claim(client: redis.Redis) -> Any:
            return await cast(
                Awaitable[Any], client.xautoclaim(stream, GROUP, self._consumer, idle_ms, "0-0", count=BATCH)
            )

        return _entries((await self._in_group("xautoclaim", claim))[1])

    async def _in_group(self, operation: str, call: Callable[[redis.Redis], Awaitable[Any]]) -> Any:
        """Make the consumer group when it is missing: on a new engine, or one that was emptied."""
        try:
            return await self._engine.raw(operation, call)
        except EngineUnavailable:
            # The answer may be lost, with entries that are ours now.
            self._own_first = True
            raise
        except ResponseError as error:
            if not str(error).startswith("NOGROUP"):
                raise
        await self._make_group()
        return await self._engine.raw(operation, call)

    async def _make_group(self) -> None:
        async def make(client: redis.Redis) -> Any:
            return await cast(
                Awaitable[Any], client.xgroup_create(self._engine.keys.ledger, GROUP, id="0", mkstream=True)
            )

        try:
            await self._engine.raw("xgroup_create", make)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    async def _forget(self, ids: Sequence[str]) -> None:
        stream = self._engine.keys.ledger

        async def both(client: redis.Redis) -> Any:
            async with client.pipeline(transaction=True) as pipe:
                pipe.xack(stream, GROUP, *ids)
                pipe.xdel(stream, *ids)
                return await pipe.execute()

        try:
            await self._engine.raw("xack", both, again=True)
        except BaseException:
            self._own_first = True
            raise

    async def _leave(self) -> None:
        """Take our name off the group; nothing of ours is unfinished when this is called."""
        stream = self._engine.keys.ledger

        async def leave(client: redis.Redis) -> Any:
            return await cast(Awaitable[Any], client.xgroup_delconsumer(stream, GROUP, self._consumer))

        await self._engine.raw("xgroup_delconsumer", leave)


def _entries(raw: Any) -> Sequence[Entry]:
    """Entries that were deleted meanwhile come without fields: they only need to be forgotten."""
    return [(entry_id, fields or {}) for entry_id, fields in raw if entry_id]
