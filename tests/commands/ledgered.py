"""A ledger of some calls in a data folder, for the commands that look back."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

from callrouter.domain.clock import SystemClock
from callrouter.ledger.database import sqlite_url
from callrouter.ledger.reads import Ledger
from callrouter.ledger.upgrade import upgrade
from tests.ledger.month import Record, rows_of


def ledger_of(folder: Path, records: Iterable[Record]) -> dict[str, str]:
    """Make it; the environment in which commands find it."""
    asyncio.run(_make(sqlite_url(folder), records))
    return {"CALLROUTER_DATA_DIR": str(folder)}


async def _make(url: str, records: Iterable[Record]) -> None:
    await upgrade(url)
    ledger = Ledger(url, SystemClock())
    await ledger.add(rows_of(records))
    await ledger.close()
