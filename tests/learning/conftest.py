"""The log in a real engine, and the archive on both databases."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from callrouter.engine.client import Engine
from callrouter.ledger.database import sqlite_url
from callrouter.ledger.reads import Ledger
from callrouter.ledger.upgrade import upgrade
from tests.learning.given import Learning, MovedClock
from tests.ledger.conftest import ledger, ledger_url_of_test, migrated_sqlite
from tests.support.engine import open_engine

__all__ = ["ledger", "ledger_url_of_test", "migrated_sqlite"]


@pytest.fixture
def moved() -> MovedClock:
    """The clock of a deployment."""
    return MovedClock()


@pytest.fixture
async def engine(engine_socket: Path, moved: MovedClock) -> AsyncIterator[Engine]:
    """A connection with keys of its own, on that clock."""
    engine = open_engine(engine_socket, moved)
    yield engine
    await engine.close()


@pytest.fixture
def learning(engine: Engine, ledger: Ledger, moved: MovedClock) -> Learning:
    """All of it, on both kinds of ledger."""
    return Learning(engine, ledger.lessons, moved)


@pytest.fixture
async def on_sqlite(engine: Engine, moved: MovedClock, tmp_path: Path) -> AsyncIterator[Learning]:
    """All of it, on a file: for what does not depend on the database."""
    await upgrade(sqlite_url(tmp_path / "own"))
    kept = Ledger(sqlite_url(tmp_path / "own"), moved)
    yield Learning(engine, kept.lessons, moved)
    await kept.close()
