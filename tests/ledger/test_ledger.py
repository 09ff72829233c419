"""The ledger on real databases of both kinds, and the real engine."""

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from callrouter.domain.clock import SystemClock
from callrouter.engine.client import Engine
from callrouter.ledger.database import ledger_url, open_database, sqlite_url
from callrouter.ledger.drainer import LedgerDrainer
from callrouter.ledger.reads import Ledger
from callrouter.ledger.rows import Rows, row_of
from callrouter.ledger.tables import metadata
from callrouter.ledger.upgrade import upgrade
from tests.support.waiting import wait_until

T0 = 1_795_200_000_000


def record(sid: str, **changes: Any) -> dict[str, Any]:
    """The record of a bridged call, as the API shows it."""
    return {
        "sid": sid,
        "plan": "auto",
        "kind": "inbound",
        "from": "+15125550142",
        "to": "+18885550100",
        "outcome": "bridged",
        "qualified": True,
        "buyer": "letsmakealead",
        "payout": "25.10",
        "min_duration_s": 90,
        "bridged_s": 118,
        "started_at": "2026-11-20T18:40:00.123Z",
        "ended_at": "2026-11-20T18:42:30.000Z",
        "events": [],
    } | changes


async def put(engine: Engine, sid: str, text: str | None = None) -> None:
    fields: dict[Any, Any] = {"sid": sid, "record": text or json.dumps(record(sid))}
    await engine.raw("xadd", lambda r: r.xadd(engine.keys.ledger, fields))


async def left(engine: Engine) -> int:
    return await engine.raw("xlen", lambda r: r.xlen(engine.keys.ledger))


def drainer(engine: Engine, ledger: Ledger, name: str = "a", **options: Any) -> LedgerDrainer:
    return LedgerDrainer(engine, ledger, SystemClock(), name, **options)


async def test_a_call_comes_back_exactly_as_it_was_recorded(ledger: Ledger) -> None:
    text = json.dumps(record("CA1"))
    assert await ledger.add(Rows(calls=[row_of("CA1", text, T0)])) == 1
    call = await ledger.get("CA1")
    assert call is not None
    assert (call.payout, call.qualified, call.bridged_s) == (Decimal("25.10"), True, 118)
    assert call.started_at == 1_795_200_000.123
    assert call.ended_at == 1_795_200_150.0
    assert call.record == record("CA1")
    assert await ledger.get("CA2") is None


async def test_a_call_recorded_twice_stays_as_it_was_first(ledger: Ledger) -> None:
    rows = [row_of("CA1", json.dumps(record("CA1", payout=p)), T0) for p in ("1.00", "2.00")]
    assert await ledger.add(Rows(calls=rows)) == 1
    assert await ledger.add(Rows(calls=rows[1:])) == 0
    call = await ledger.get("CA1")
    assert call is not None
    assert call.payout == Decimal("1.00")


async def test_find_filters_and_pages_newest_first(ledger: Ledger) -> None:
    rows = []
    for n in range(25):
        at = f"2026-11-20T18:{n // 2:02}:00Z"
        other = {"plan": "legal", "outcome": "unsold", "from": "+15125550199"} if n % 5 == 0 else {}
        rows.append(row_of(f"CA{n:02}", json.dumps(record(f"CA{n:02}", started_at=at, **other)), T0))
    await ledger.add(Rows(calls=rows))
    pages: list[str] = []
    before = None
    while page := await ledger.find(limit=7, before=before):
        pages += [call.sid for call in page]
        before = page[-1].sid
    assert pages == [f"CA{n:02}" for n in reversed(range(25))]
    assert [c.sid for c in await ledger.find(plan="legal", limit=2)] == ["CA20", "CA15"]
    assert len(await ledger.find(outcome="unsold")) == 5
    assert len(await ledger.find(phone="+15125550199", plan="auto")) == 0
    since = 1_795_197_600.0 + 60
    found = await ledger.find(since=since, until=since + 60)
    assert [c.sid for c in found] == ["CA03", "CA02"]


async def test_the_migrations_make_the_tables_that_the_code_knows(empty_url_of_test: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    url = empty_url_of_test
    await asyncio.gather(upgrade(url), upgrade(url), upgrade(url))
    database = open_database(url)
    async with database.connect() as connection:
        differences = await connection.run_sync(lambda c: compare_metadata(MigrationContext.configure(c), metadata))
    await database.dispose()
    assert differences == []


async def test_a_file_is_safe_against_a_power_cut_and_its_readers_do_not_wait(tmp_path: Path) -> None:
    database = open_database(sqlite_url(tmp_path))
    async with database.connect() as connection:
        mode = (await connection.exec_driver_sql("PRAGMA journal_mode")).scalar_one()
        synchronous = (await connection.exec_driver_sql("PRAGMA synchronous")).scalar_one()
    await database.dispose()
    assert (mode, synchronous) == ("wal", 2)


def test_a_database_url_gets_the_asynchronous_driver(tmp_path: Path) -> None:
    assert (tmp_path / "data").exists() is False
    sqlite_url(tmp_path / "data")
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    assert ledger_url("postgresql://u:p@h/d", tmp_path) == "postgresql+asyncpg://u:p@h/d"
    assert ledger_url("sqlite:////x/y.db", tmp_path) == "sqlite+aiosqlite:////x/y.db"
    assert ledger_url(None, tmp_path) == sqlite_url(tmp_path)


async def test_finished_calls_move_from_the_stream_to_the_ledger(engine: Engine, ledger: Ledger) -> None:
    for n in range(1200):
        await put(engine, f"CA{n}")
    worker = drainer(engine, ledger)
    worker.start()
    await put(engine, "CA-late")
    worker.notify()
    await worker.stop()
    assert await left(engine) == 0
    assert len(await ledger.find(limit=5000)) == 1201
    groups = await engine.raw("xinfo", lambda r: r.xinfo_consumers(engine.keys.ledger, "ledger"))
    assert groups == []


async def test_a_crash_between_commit_and_acknowledgement_records_each_call_once(
    engine: Engine, ledger: Ledger
) -> None:
    class Crash(BaseException):
        pass

    class CrashesAfterCommit(Ledger):
        async def add(self, rows: Rows) -> int:
            await ledger.add(rows)
            raise Crash

    for n in range(3):
        await put(engine, f"CA{n}")
    doomed = CrashesAfterCommit("sqlite+aiosqlite://", SystemClock())
    with pytest.raises(Crash):
        await drainer(engine, doomed, "dead").drain()
    await doomed.close()
    assert await left(engine) == 3
    await put(engine, "CA3")

    survivor = drainer(engine, ledger, "alive", claim_idle_s=0.0)
    assert await survivor.drain() == 3
    assert await survivor.drain() == 1
    assert await survivor.drain() == 0
    assert sorted(c.sid for c in await ledger.find()) == ["CA0", "CA1", "CA2", "CA3"]
    assert await left(engine) == 0


async def test_a_restart_under_the_same_name_takes_up_its_own_unfinished_entries(
    engine: Engine, ledger: Ledger
) -> None:
    await put(engine, "CA1")
    broken = Ledger("sqlite+aiosqlite:////nonexistent/folder/x.db", SystemClock())
    first = drainer(engine, broken)
    with pytest.raises(Exception, match="unable to open"):
        await first.drain()
    await broken.close()
    assert await drainer(engine, ledger).drain() == 1
    assert await ledger.get("CA1") is not None


async def test_a_database_that_is_out_is_survived_and_counted(engine: Engine, empty_url_of_test: str) -> None:
    url = empty_url_of_test
    errors: list[str] = []
    ledger = Ledger(url, SystemClock())  # without tables yet
    worker = drainer(engine, ledger, on_error=errors.append)
    await put(engine, "CA1")
    worker.start()
    await wait_until(lambda: errors)
    await upgrade(url)
    await worker.stop()
    assert set(errors) == {"ledger_write"}
    assert await ledger.get("CA1") is not None
    await ledger.close()


async def test_an_emptied_engine_is_survived(engine: Engine, ledger: Ledger) -> None:
    worker = drainer(engine, ledger)
    assert await worker.drain() == 0
    await engine.delete(engine.keys.ledger)
    await put(engine, "CA1")
    assert await worker.drain() == 1


async def test_two_instances_share_one_stream(engine: Engine, ledger: Ledger) -> None:
    for n in range(1100):
        await put(engine, f"CA{n}")
    moved = await asyncio.gather(drainer(engine, ledger, "a").drain(), drainer(engine, ledger, "b").drain())
    assert sum(moved) == 1000
    assert len(await ledger.find(limit=5000)) == 1000


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        "[]",
        json.dumps({"min_duration_s": 10**30, "bridged_s": float("inf"), "payout": "NaN", "outcome": 7}),
        json.dumps({"plan": "\ud800\0", "started_at": "yesterday", "payout": "1e99"}),
    ],
)
async def test_a_record_that_cannot_be_read_is_kept_and_holds_nothing_up(
    engine: Engine, ledger: Ledger, text: str
) -> None:
    await put(engine, "CA-bad", text)
    await put(engine, "CA-good")
    assert await drainer(engine, ledger).drain() == 2
    bad = await ledger.get("CA-bad")
    assert bad is not None
    assert bad.outcome == "unreadable"
    assert await ledger.get("CA-good") is not None


def sale(sale_id: str = "sale-CA1", **changes: Any) -> dict[str, Any]:
    """What the engine writes of a sale that is over."""
    return {
        "id": sale_id,
        "sid": "CA1",
        "plan": "auto",
        "state": "sold",
        "why": None,
        "buyer": "leads",
        "payout": "12.50",
        "payout_stated": True,
        "lead_ref": "L-7",
        "callback": None,
        "at_ms": T0 + 123,
        "results": [],
    } | changes


async def put_sale(engine: Engine, text: str, sale_id: str = "sale-CA1") -> None:
    fields: dict[Any, Any] = {"sale": sale_id, "record": text}
    await engine.raw("xadd", lambda r: r.xadd(engine.keys.ledger, fields))


async def test_sales_and_calls_of_one_stream_go_to_their_own_tables(engine: Engine, ledger: Ledger) -> None:
    await put(engine, "CA1")
    await put_sale(engine, json.dumps(sale()))
    assert await drainer(engine, ledger).drain() == 2
    assert await left(engine) == 0
    assert [call.sid for call in await ledger.find()] == ["CA1"]
    kept = (await ledger.sales(["sale-CA1", "sale-CA2"]))["sale-CA1"]
    assert kept == {name: value for name, value in sale().items() if name != "at_ms"} | {
        "at": "2026-11-20T18:40:00.123Z"
    }


async def test_a_sale_drained_twice_stays_as_it_was_first(engine: Engine, ledger: Ledger) -> None:
    for buyer in ("first", "second"):
        await put_sale(engine, json.dumps(sale(buyer=buyer)))
        await drainer(engine, ledger).drain()
    assert (await ledger.sales(["sale-CA1"]))["sale-CA1"]["buyer"] == "first"


@pytest.mark.parametrize("text", ["", "[]", '{"at_ms": true}', '{"at_ms": 1e300}', '{"sid": 5, "payout": "NaN"}', "{"])
async def test_no_record_of_a_sale_can_hold_up_the_others(engine: Engine, ledger: Ledger, text: str) -> None:
    await put_sale(engine, text, "sale-bad")
    await put_sale(engine, json.dumps(sale()))
    await drainer(engine, ledger).drain()
    assert set(await ledger.sales(["sale-CA1", "sale-bad"])) == {"sale-CA1", "sale-bad"}
    assert await left(engine) == 0
