"""What the command reads from its options and from the ledger."""

import argparse
import asyncio
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from callrouter.commands.reconcile import run
from callrouter.domain.clock import SystemClock, rfc3339
from callrouter.ledger.database import sqlite_url
from callrouter.ledger.reads import Ledger
from callrouter.ledger.sold import Sold
from tests.commands.ledgered import ledger_of
from tests.ledger.month import sold

AT = datetime(2026, 10, 6, 23, 30, tzinfo=ZoneInfo("America/Chicago")).timestamp()


def _of(folder: Path) -> list[Sold]:
    async def read() -> list[Sold]:
        ledger = Ledger(sqlite_url(folder), SystemClock())
        found = [one async for one in ledger.sold("acme", AT - 9e5, AT + 9e5)]
        await ledger.close()
        return found

    return asyncio.run(read())


def test_the_last_day_asked_for_is_in_it_by_their_clock(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    environ = ledger_of(tmp_path / "data", [sold(1, "acme", 120, at=AT)])
    (tmp_path / "map.yaml").write_text(
        "columns: {caller: caller, at: at, payout: payout}\ntime_zone: America/Chicago\n"
    )  # fmt: skip
    (tmp_path / "s.csv").write_text("caller,at,payout\n+15125550123,2026-10-06 23:30:05,20.00\n")
    asked = {"since": "2026-10-05", "until": "2026-10-06", "map": str(tmp_path / "map.yaml"), "buyer": "acme"}
    shown = {"full_numbers": False, "json": True, "csv": False, "all": False, "statement": str(tmp_path / "s.csv")}
    assert run(argparse.Namespace(**asked, **shown), environ) == 0
    said = capsys.readouterr().out
    assert '"matched": 1' in said
    assert '"to": "2026-10-07T05:00:00.000Z"' in said


def test_the_dial_is_when_the_carrier_says_and_its_timer_of_whichever_source_there_is(tmp_path: Path) -> None:
    record = sold(1, "acme", 120, at=AT)
    attempt = record["attempts"][0]
    attempt["initiated_at"] = rfc3339(AT + 3)
    attempt["timers"] = {**attempt["timers"], "dial": {"leg": None, "action": 127}}
    ledger_of(tmp_path / "data", [record])
    (one,) = _of(tmp_path / "data")
    assert (one.dialled_at, one.dial_s, one.answer_s) == (AT + 3, 127, 120)
