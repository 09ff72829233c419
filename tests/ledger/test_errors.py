"""What the ledger's errors say: they end in logs."""

import threading
from pathlib import Path

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import SQLAlchemyError

from callrouter.domain.clock import SystemClock
from callrouter.errors import LedgerUnavailable
from callrouter.ledger.database import open_database
from callrouter.ledger.reads import Ledger
from callrouter.ledger.tables import calls
from tests.support.waiting import wait_until


async def test_a_database_that_is_out_is_one_error_whatever_people_ask_for(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite+aiosqlite:///{tmp_path}/nowhere/ledger.db", SystemClock())
    for ask in (ledger.get("CA1"), ledger.find(), ledger.sales(["x"]), ledger.erase("+15125550123")):
        with pytest.raises(LedgerUnavailable):
            await ask
    await ledger.close()
    # A connection that did not open leaves its driver's thread a moment behind, which must not outlive this loop.
    await wait_until(lambda: not any("_connection_worker_thread" in thread.name for thread in threading.enumerate()))


async def test_an_error_of_the_database_names_no_caller(tmp_path: Path) -> None:
    database = open_database(f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}")
    row = {"sid": "CA1", "from_number": "+15125550123", "record": "a zip of 78701"}
    async with database.connect() as connection:
        with pytest.raises(SQLAlchemyError) as raised:
            await connection.execute(insert(calls).values(row))
    await database.dispose()
    assert "no such table" in str(raised.value)
    assert "5550123" not in str(raised.value)
    assert "78701" not in str(raised.value)
