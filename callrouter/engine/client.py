"""The one way to the engine: Lua scripts and a few plain reads, with real timeouts and one error type."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any, TypeVar

import redis.asyncio as redis
from redis.asyncio.connection import BlockingConnectionPool, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    ClusterDownError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.exceptions import TimeoutError as RedisTimeout

from callrouter.domain.clock import Clock
from callrouter.engine.keys import Keys
from callrouter.errors import EngineUnavailable

T = TypeVar("T")

COMMAND_TIMEOUT_S = 1.5
CONNECTIONS = 64
_GROUP_ANSWERS = ("NOGROUP", "BUSYGROUP")
"""Answers about a stream's group that whoever asked expects: no failure of the engine."""


_REFUSING = (ReadOnlyError, OutOfMemoryError, ClusterDownError)
_REFUSING_TEXT = ("MISCONF", "NOREPLICAS", "BUSY ")
"""Answers of an engine that takes no writes now (failed over, full, its disk full): as good as out."""


class Script:
    """A Lua file of ``engine/scripts`` with the shared preludes (``_*.lua``) in front."""

    def __init__(self, name: str) -> None:
        folder = resources.files("callrouter.engine") / "scripts"
        preludes = sorted(f.name for f in folder.iterdir() if f.name.startswith("_") and f.name.endswith(".lua"))
        self.name = name
        self.text = "\n".join((folder / file).read_text() for file in (*preludes, f"{name}.lua"))
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


@cache
def script(name: str) -> Script:
    """The script of this name, read once."""
    return Script(name)


class Engine:
    """A connection to the engine.

    Commands are not retried by the client library: redis-py's own retry re-sends what may have been done already
    (a timed-out INCR counted twice). `run` sends a script again once after a broken connection only when told that
    doing it twice does no harm.
    """

    def __init__(self, pool: redis.ConnectionPool, clock: Clock, keys: Keys | None = None) -> None:
        self._redis: redis.Redis = redis.Redis(connection_pool=pool)
        self._clock = clock
        self.keys = keys or Keys()
        self.on_error: Callable[[str], None] = lambda operation: None
        """Called with the operation's name at each failure; the app counts there."""
        self.on_timed: Callable[[str, float], None] | None = None
        """Called with the operation's name and how long its answer, or its failure, took, in seconds."""

    @classmethod
    def at_url(cls, url: str, clock: Clock, keys: Keys | None = None, client_name: str = "callrouter") -> "Engine":
        """An engine given by ``CALLROUTER_REDIS_URL``."""
        pool = BlockingConnectionPool.from_url(url, **_pool_options(client_name))
        return cls(pool, clock, keys)

    @classmethod
    def at_socket(cls, path: str, clock: Clock, keys: Keys | None = None, client_name: str = "callrouter") -> "Engine":
        """The embedded engine behind its unix socket."""
        pool = BlockingConnectionPool(
            connection_class=UnixDomainSocketConnection, path=path, **_pool_options(client_name)
        )
        return cls(pool, clock, keys)

    def time_arg(self) -> int:
        """The time to pass to a script: see `Clock.engine_ms`."""
        return self._clock.engine_ms()

    async def run(
        self, name: str, keys: Sequence[str], args: Sequence[str | int | float], *, again: bool = False
    ) -> Any:
        """Run a script; ``again`` allows sending it a second time after a broken connection (it must be idempotent).

        Raises `EngineUnavailable`.
        """
        lua = script(name)

        async def once() -> Any:
            try:
                return await self._redis.evalsha(lua.sha, len(keys), *keys, *args)
            except NoScriptError:
                return await self._redis.eval(lua.text, len(keys), *keys, *args)

        return await self._guarded(name, once, again=again)

    async def get(self, key: str) -> str | None:
        """GET. Raises `EngineUnavailable`, as do all that follow."""
        found: str | None = await self._guarded("get", lambda: self._redis.get(key), again=True)
        return found

    async def set(self, key: str, value: str, ttl_s: int) -> None:
        """SET with a time to live."""
        await self._guarded("set", lambda: self._redis.set(key, value, ex=ttl_s), again=True)

    async def delete(self, key: str) -> bool:
        """DEL; whether there was anything."""
        return bool(await self._guarded("delete", lambda: self._redis.delete(key), again=True))

    async def hash(self, key: str) -> Mapping[str, str]:
        """HGETALL."""
        found: Mapping[str, str] = await self._guarded("hgetall", lambda: self._redis.hgetall(key), again=True)
        return found

    async def hash_fields(self, key: str, *fields: str) -> list[str | None]:
        """HMGET."""
        found: list[str | None] = await self._guarded("hmget", lambda: self._redis.hmget(key, list(fields)), again=True)
        return found

    async def sorted_range(self, key: str, low: float | str, high: float | str, count: int) -> list[str]:
        """ZRANGEBYSCORE, at most ``count``."""
        found: list[str] = await self._guarded(
            "zrange", lambda: self._redis.zrangebyscore(key, low, high, start=0, num=count), again=True
        )
        return found

    async def sorted_newest(self, key: str, count: int) -> list[str]:
        """The ``count`` members of the highest scores, highest first."""
        found: list[str] = await self._guarded(
            "zrevrange", lambda: self._redis.zrevrange(key, 0, count - 1), again=True
        )
        return found

    async def sorted_count(self, key: str, low: float | str = "-inf", high: float | str = "+inf") -> int:
        """ZCOUNT."""
        found: int = await self._guarded("zcount", lambda: self._redis.zcount(key, low, high), again=True)
        return found

    async def ping(self) -> None:
        """Whether the engine answers."""
        await self._guarded("ping", self._redis.ping, again=False)

    async def raw(self, operation: str, call: Callable[[redis.Redis], Awaitable[T]], *, again: bool = False) -> T:
        """Any other command, under the same guard."""
        result: T = await self._guarded(operation, lambda: call(self._redis), again=again)
        return result

    async def close(self) -> None:
        """Close every connection."""
        await self._redis.aclose()
        await self._redis.connection_pool.disconnect()

    async def _guarded(self, operation: str, call: Callable[[], Awaitable[Any]], *, again: bool) -> Any:
        timed = self.on_timed
        if timed is None:
            return await self._tried(operation, call, again=again)
        started = self._clock.monotonic()
        try:
            return await self._tried(operation, call, again=again)
        finally:
            timed(operation, self._clock.monotonic() - started)

    async def _tried(self, operation: str, call: Callable[[], Awaitable[Any]], *, again: bool) -> Any:
        with self._clock.busy():
            for last in (not again, True):
                try:
                    return await call()
                except ResponseError as error:
                    if _refuses(error):
                        self.on_error(operation)
                        # A pool that stays on a demoted primary would be refused for ever.
                        await self._redis.connection_pool.disconnect(inuse_connections=False)
                        raise EngineUnavailable(f"{operation}: {type(error).__name__}") from error
                    if not str(error).startswith(_GROUP_ANSWERS):
                        self.on_error(operation)
                    raise
                except (RedisError, OSError) as error:
                    if last or isinstance(error, RedisTimeout | TimeoutError):  # the caller has no second wait
                        self.on_error(operation)
                        raise EngineUnavailable(f"{operation}: {type(error).__name__}") from error
        raise AssertionError("unreachable")


def _refuses(error: ResponseError) -> bool:
    return isinstance(error, _REFUSING) or any(code in str(error) for code in _REFUSING_TEXT)


def _pool_options(client_name: str) -> dict[str, Any]:
    return {
        "max_connections": CONNECTIONS,
        "timeout": COMMAND_TIMEOUT_S,
        "socket_timeout": COMMAND_TIMEOUT_S,
        "socket_connect_timeout": COMMAND_TIMEOUT_S,
        "retry": Retry(NoBackoff(), 0),
        "decode_responses": True,
        "client_name": client_name,
    }
