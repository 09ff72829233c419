"""The ledger's tests run on both databases.

A test that asks for ``ledger: Ledger``, or for ``ledger_url_of_test: str``, runs twice: on a fresh SQLite file and on
a fresh database of a real PostgreSQL, both with the tables that the migrations make. Other packages' tests do so too
when their ``conftest.py`` imports these fixtures by name.
"""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from callrouter.domain.clock import SystemClock
from callrouter.ledger.database import sqlite_url
from callrouter.ledger.reads import Ledger
from callrouter.ledger.upgrade import upgrade
from tests.support.postgres import PostgresServer

DATABASES = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the ledger's tables, to be copied."""
    folder = tmp_path_factory.mktemp("migrated")
    asyncio.run(upgrade(sqlite_url(folder)))
    return folder


@pytest.fixture(params=DATABASES)
def ledger_url_of_test(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a ledger that has its tables and no rows; once for each kind of database."""
    if request.param == "sqlite":
        folder: Path = request.getfixturevalue("migrated_sqlite")
        shutil.copytree(folder, tmp_path / "data")
        yield sqlite_url(tmp_path / "data")
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    with server.database() as name:
        yield server.url(name)


@pytest.fixture(params=DATABASES)
def empty_url_of_test(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without any table; once for each kind."""
    if request.param == "sqlite":
        yield sqlite_url(tmp_path / "empty")  # makes the folder
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    with server.database("template1") as name:
        yield server.url(name)


@pytest.fixture
async def ledger(ledger_url_of_test: str) -> AsyncIterator[Ledger]:
    """An empty ledger, on each kind of database."""
    ledger = Ledger(ledger_url_of_test, SystemClock())
    yield ledger
    await ledger.close()


@pytest.fixture
def unanswered_port() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen(1)
        yield mute.getsockname()[1]
