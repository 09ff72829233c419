"""Where the ledger is, and a connection to it."""

from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

_ASYNC_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
}
_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000")
"""Readers never wait for the writer; a commit is on the disk; writers of other processes are waited for."""


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


def open_database(url: str) -> AsyncEngine:
    """A pool of connections; dispose of it in the end. Connects when first used."""
    # Parameters are hidden: errors are logged, and these are callers' numbers and records.
    database = create_async_engine(url, pool_pre_ping=not url.startswith("sqlite"), hide_parameters=True)
    if database.dialect.name == "sqlite":
        event.listen(database.sync_engine, "connect", _set_pragmas)
    return database


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
