"""Brings the ledger's tables to the shape that this version needs."""

import asyncio
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from callrouter.domain.clock import Clock
from callrouter.errors import CallrouterError
from callrouter.ledger.database import open_database, sqlite_file

_LOCK_ID = 7_255_768
"""Any number, the same in every instance: PostgreSQL's advisory lock while migrations run."""


async def upgrade(url: str, clock: Clock | None = None) -> None:
    """Run the migrations that are missing, all or none. Instances that start together wait for each other.

    Raises `CallrouterError` when a newer release has made the tables, and SQLAlchemy's errors.
    """
    with clock.busy() if clock else nullcontext():
        await _upgrade(url)


async def _upgrade(url: str) -> None:
    file = sqlite_file(url)
    with _locked(await asyncio.to_thread(_lock, file) if file else None):
        database = open_database(url, statement_s=None)
        try:
            async with database.begin() as connection:
                if database.dialect.name == "postgresql":
                    await connection.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": _LOCK_ID})
                else:
                    # SQLite's driver begins none for what changes tables: one that dies half-way would stay so.
                    await connection.execute(text("BEGIN IMMEDIATE"))
                await connection.run_sync(_run)
        finally:
            await database.dispose()


def _run(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", "callrouter:ledger/migrations")
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if newer := set(MigrationContext.configure(connection).get_current_heads()) - known:
        made = ", ".join(sorted(newer))
        raise CallrouterError(f"the ledger's tables are those of a newer release ({made}); run that one")
    command.upgrade(config, "head")


def _lock(file: Path) -> int:
    """An exclusive lock beside the file; waits for it."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(file.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX)
    return handle


@contextmanager
def _locked(handle: int | None) -> Iterator[None]:
    """Gives the lock back at the end."""
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)
