"""People who asked to be erased lately, in the engine: their calls that come to the ledger later lose them, too."""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, cast

import redis.asyncio as redis

from callrouter.engine.client import Engine
from callrouter.engine.keys import ERASED_TTL_S
from callrouter.ledger.number_hash import NumberHash


class Erasures:
    """Kept by the number's hash. Every method raises `EngineUnavailable`, and `LedgerUnavailable` for the key."""

    def __init__(self, engine: Engine, hashes: NumberHash) -> None:
        self._engine = engine
        self._hashes = hashes

    async def note(self, phone: str, now: float) -> None:
        """A person asked at ``now``, epoch seconds: calls that began before are theirs no more."""
        await self._engine.set(self._engine.keys.erased(self._hashes(phone)), str(round(now * 1000)), ERASED_TTL_S)

    async def among(self, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        """The ids of those rows of ``calls`` that began before their person was erased."""
        numbers = {row["from_number"] for row in rows if row["from_number"]}
        hashed = {number: self._hashes.if_known(number) for number in numbers}
        keys = {number: self._engine.keys.erased(value) for number, value in hashed.items() if value}
        if not keys:
            return []

        async def read(client: redis.Redis) -> list[str | None]:
            return await cast(Awaitable[list[str | None]], client.mget(list(keys.values())))

        found = await self._engine.raw("mget", read, again=True)
        until_ms = {number: int(at) for number, at in zip(keys, found, strict=True) if at}
        return [row["sid"] for row in rows if row["started_ms"] <= until_ms.get(row["from_number"], -1)]
