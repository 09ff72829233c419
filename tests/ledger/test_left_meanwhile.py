"""Whoever asked the ledger goes away before it has answered: a page is closed, a service stops."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from callrouter.domain.clock import SystemClock
from callrouter.errors import LedgerUnavailable
from callrouter.ledger.database import sqlite_url
from callrouter.ledger.exporting import Dataset, Slice
from callrouter.ledger.reads import Ledger
from callrouter.ledger.totals import Asked
from callrouter.ledger.upgrade import upgrade


async def counts(ledger: Ledger) -> None:
    await ledger.totals(Asked())


async def exports(ledger: Ledger) -> None:
    async for _ in ledger.exported(Slice(Dataset.CALLS)):
        pass


async def erases(ledger: Ledger) -> None:
    await ledger.erase("+15125550123")


@pytest.fixture
def said_by_threads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What threads raised that nobody caught."""
    said: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda raised: said.append(repr(raised.exc_value)))
    return said


def still_running(before: set[threading.Thread]) -> list[threading.Thread]:
    """The threads that are new, after they had time to end."""
    new = set(threading.enumerate()) - before
    for thread in new:
        thread.join(2)
    return [thread for thread in new if thread.is_alive()]


@pytest.mark.parametrize("asks", [counts, exports, erases])
def test_a_connection_that_nobody_waits_for_is_closed_before_the_loop_ends(
    tmp_path: Path, said_by_threads: list[str], asks: Callable[[Ledger], Awaitable[None]]
) -> None:
    url = sqlite_url(tmp_path)
    asyncio.run(upgrade(url))
    before = set(threading.enumerate())

    async def leaves(after_turns: int) -> None:
        ledger = Ledger(url, SystemClock())
        asking = asyncio.ensure_future(asks(ledger))
        for _ in range(after_turns):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await ledger.close()

    for turns in range(120):
        asyncio.run(leaves(turns))
    assert (still_running(before), said_by_threads) == ([], [])


def test_a_file_that_cannot_be_opened_leaves_no_thread(tmp_path: Path, said_by_threads: list[str]) -> None:
    before = set(threading.enumerate())

    async def fails() -> None:
        ledger = Ledger(f"sqlite+aiosqlite:///{tmp_path / 'no' / 'folder' / 'x.db'}", SystemClock())
        with pytest.raises(LedgerUnavailable):
            await ledger.totals(Asked())
        await ledger.close()

    for _ in range(20):
        asyncio.run(fails())
    assert (still_running(before), said_by_threads) == ([], [])
