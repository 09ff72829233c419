"""The real engine for tests: one server for the whole run, a key prefix of its own for each test."""

import itertools
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis.asyncio as redis

from callrouter.domain.clock import Clock, SystemClock
from callrouter.engine import embedded
from callrouter.engine.client import Engine
from callrouter.engine.keys import PERMANENT, PERMANENT_UNDER, Keys

_counter = itertools.count(1)


def fresh_keys() -> Keys:
    """A key prefix that no other test uses."""
    return Keys(prefix=f"{{test-{os.getpid()}-{next(_counter)}}}")


def open_engine(socket: Path, clock: Clock | None = None, keys: Keys | None = None) -> Engine:
    """A connection to the test server; close it in the test."""
    return Engine.at_socket(str(socket), clock or SystemClock(), keys or fresh_keys(), client_name="callrouter-test")


async def keys_without_end(socket: Path, clock: Clock, keys: Keys) -> list[str]:
    """Keys under this prefix that live for ever without being listed as permanent."""
    engine = open_engine(socket, clock, keys)

    async def scan(client: redis.Redis) -> list[str]:
        names = [name async for name in client.scan_iter(match=f"{keys.prefix}:*", count=1_000)]
        endless = [name for name in names if await client.ttl(name) == -1]
        # A job that waits to be delivered stays until it is.
        jobs = [name for name in endless if name.startswith(keys.job(""))]
        waiting = {name for name in jobs if await client.hget(name, "state") == "pending"}
        return [name for name in endless if name not in waiting]

    try:
        found = [name.removeprefix(f"{keys.prefix}:") for name in await engine.raw("scan", scan)]
    finally:
        await engine.close()
    return sorted(name for name in found if name not in PERMANENT and not name.startswith(PERMANENT_UNDER))


@pytest.fixture(scope="session")
def engine_socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The unix socket of a real embedded engine."""
    folder = tmp_path_factory.mktemp("engine")
    yield embedded.ensure_running(folder)
    embedded.stop(folder)


@pytest.fixture
async def engine(engine_socket: Path) -> AsyncIterator[Engine]:
    """A connection with keys of its own, on the system's clock."""
    engine = open_engine(engine_socket)
    yield engine
    await engine.close()
