"""Where the ledger is, and a connection to it."""

import asyncio
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import aiosqlite
from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

_ASYNC_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
}
CONNECT_S = 5.0
"""How long a server may take to let us in, and how long anybody waits for a connection of the pool."""
STATEMENT_S = 30.0
"""What takes longer is given up, on the server too: nothing waits for ever for a server that has gone."""
POOL = 5
POOL_OVERFLOW = 5
"""At most ten connections an instance: PostgreSQL's own default lets a hundred in, for all instances together."""
_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000", "secure_delete=ON")
"""Readers never wait for the writer; a commit is on the disk; writers of other processes are waited for; what is taken
out of a row is overwritten in the file."""


def sqlite_url(data_dir: Path) -> str:
    """The default ledger, a file in the data folder (which is made if it is missing)."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)  # callers' data: nobody else's business
    return f"sqlite+aiosqlite:///{(data_dir / 'ledger.db').resolve()}"


def ledger_url(database_url: str | None, data_dir: Path) -> str:
    """``CALLROUTER_DATABASE_URL`` with the asynchronous driver of its dialect, or the default."""
    if not database_url:
        return sqlite_url(data_dir)
    scheme, _, rest = database_url.partition("://")
    return f"{_ASYNC_DRIVERS.get(scheme, scheme)}://{rest}"


def open_database(url: str, statement_s: float | None = STATEMENT_S) -> AsyncEngine:
    """A pool of connections; dispose of it in the end. Connects when first used.

    ``statement_s`` is PostgreSQL's; ``None`` lets statements take their time.
    """
    # Parameters are hidden: errors are logged, and these are callers' numbers and records.
    if url.startswith("postgresql+asyncpg://"):
        return create_async_engine(
            "postgresql+asyncpg://",
            async_creator=partial(_connect, "postgresql" + url.removeprefix("postgresql+asyncpg"), statement_s),
            pool_pre_ping=True,  # one round trip; without it the first statement after a restart fails
            pool_size=POOL,
            max_overflow=POOL_OVERFLOW,
            pool_timeout=CONNECT_S,
            hide_parameters=True,
        )
    if not url.startswith("sqlite"):
        return create_async_engine(url, hide_parameters=True)
    database = create_async_engine(url, hide_parameters=True, connect_args={"async_creator_fn": _open_file})
    event.listen(database.sync_engine, "connect", _set_pragmas)
    return database


async def _open_file(*arguments: Any, **options: Any) -> aiosqlite.Connection:
    """Whoever waits may leave meanwhile, and the loop end. The connection has a thread, which answers to the loop: it
    ends first."""
    opening = asyncio.ensure_future(_opened(*arguments, **options))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        with suppress(Exception):
            await (await opening).close()
        raise


async def _opened(*arguments: Any, **options: Any) -> aiosqlite.Connection:
    connection = aiosqlite.connect(*arguments, **options)
    connection._thread.daemon = True  # as the dialect has it: it holds up no end of the process
    try:
        return await connection
    except Exception:
        await asyncio.to_thread(connection._thread.join)
        raise


async def _connect(url: str, statement_s: float | None) -> Any:
    """The driver reads the URL itself, as every PostgreSQL program does: ``?sslmode=require`` and the like."""
    import asyncpg

    name = {"application_name": "callrouter"}
    return await asyncpg.connect(url, timeout=CONNECT_S, command_timeout=statement_s, server_settings=name)


def sqlite_file(url: str) -> Path | None:
    """The file of an SQLite URL; ``None`` for other databases and for one in memory."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        return None
    return Path(parsed.database)


def _set_pragmas(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
