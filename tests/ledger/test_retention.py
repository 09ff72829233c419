"""Old calls lose their people and keep their money, on both databases."""

import asyncio
import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from callrouter.dialplan import Plan
from callrouter.domain.clock import SystemClock, rfc3339
from callrouter.engine.client import Engine
from callrouter.errors import LedgerUnavailable
from callrouter.ledger.database import open_database, sqlite_file, sqlite_url
from callrouter.ledger.drainer import LedgerDrainer
from callrouter.ledger.erasures import Erasures
from callrouter.ledger.number_hash import FILE, NumberHash
from callrouter.ledger.reads import Ledger
from callrouter.ledger.rows import Rows, sale_row_of
from callrouter.ledger.tables import metadata
from callrouter.ledger.totals import Asked, By
from callrouter.ledger.upgrade import upgrade
from callrouter.reconciling.matching import Numbers
from callrouter.reconciling.rows import Row
from callrouter.reconciling.statement import rows_at
from callrouter.reconciling.statement_map import map_at
from callrouter.retention import DAY_S, ROUND_BATCHES, Retention
from tests.ledger.test_ledger import record
from tests.support.virtual_time import EPOCH, VirtualClock, virtual
from tests.support.world import plan as plan_text

PHONE, OTHER = "+15125550142", "+12145550188"
KEY = "the-key-of-the-numbers-in-the-tests"
T0 = 1_795_200_000_000
BEGAN = 1_795_200_000.123
"""When the calls of `record` began."""
EXCHANGE = {"request": "POST zip=78701", "status": 200, "response": "ok"}


def hashes(folder: Path) -> NumberHash:
    return NumberHash(KEY, folder)


def told(sid: str, **changes: Any) -> dict[str, str]:
    """One call on its way to the ledger, with what a buyer was sent."""
    results = [{"auction": 1, "buyer": "letsmakealead", "reason": "offer", "detail": None, "exchange": EXCHANGE}]
    dial = {"no": 1, "buyer": "letsmakealead", "result": "bridged", "decided_at": "2026-11-20T18:40:05Z"}
    dial |= {"qualified": True, "expected_payout": "25.10"}
    whole = record(sid, expected_payout="25.10", results=results, attempts=[dial], **changes)
    return {"sid": sid, "record": json.dumps(whole)}


def sale(sid: str) -> Mapping[str, Any]:
    results = [{"buyer": "acme", "step": "post", "reason": "offer", "payout": "9.00", "exchange": EXCHANGE}]
    made = {"id": f"sale-{sid}", "sid": sid, "plan": "auto", "state": "sold", "payout": "9.00", "results": results}
    return sale_row_of(f"sale-{sid}", json.dumps(made | {"at_ms": T0, "lead_ref": f"their {PHONE}"}), 0)


def read_rows(text: str, folder: Path) -> list[Row]:
    """The rows of a statement in CSV."""
    file = folder / "statement.csv"
    file.write_text(text)
    return [row for row in rows_at(file, map_at(None)) if isinstance(row, Row)]


def rows_of(*entries: Mapping[str, str]) -> Rows:
    rows = Rows()
    for entry in entries:
        rows.take(entry, f"{T0}-0")
    return rows


async def everything(url: str) -> str:
    """All that is in every table."""
    database = open_database(url)
    async with database.connect() as connection:
        found = [(await connection.execute(select(table))).all() for table in metadata.sorted_tables]
    await database.dispose()
    return str(found)


@pytest.fixture
async def kept(ledger_url_of_test: str, tmp_path: Path) -> Any:
    """A ledger that has its hashes."""
    ledger = Ledger(ledger_url_of_test, SystemClock(), hashes(tmp_path))
    yield ledger
    await ledger.close()


async def test_a_retired_call_has_a_hash_no_exchange_and_all_its_money(kept: Ledger, ledger_url_of_test: str) -> None:
    await kept.add(rows_of(told("CA1"), told("CA2", **{"from": None}), told("CA3", **{"from": OTHER})))
    await kept.add(Rows(sales=[dict(sale("CA1"))]))
    asked = Asked(by=By.PLAN)
    before = await kept.totals(asked)
    assert await kept.retire("auto", BEGAN) == 0  # none began before
    assert await kept.retire("auto", BEGAN + 1) == 3
    assert await kept.retire("auto", BEGAN + 1) == 0
    assert await kept.totals(asked) == before
    assert before.total.expected == 3 * Decimal("25.10")
    assert kept.hashes is not None
    (call,) = await kept.find(phone=PHONE)
    assert (call.sid, call.from_number, call.record["from"]) == ("CA1", kept.hashes(PHONE), kept.hashes(PHONE))
    assert (call.record["erased"], call.record["payout"], call.expected) == (True, "25.10", call.payout)
    withheld = await kept.get("CA2")
    assert withheld is not None
    assert (withheld.from_number, withheld.record["from"]) == (None, None)
    text = await everything(ledger_url_of_test)
    assert [word for word in (PHONE[2:], OTHER[2:], "POST zip", "'ok'") if word in text] == []
    (of_sale,) = (await kept.sales(["sale-CA1"])).values()
    assert (of_sale["payout"], of_sale["lead_ref"], of_sale["results"][0]["exchange"]) == (
        "9.00",
        "their [number]",
        None,
    )


async def test_a_sale_that_ends_after_its_call_was_retired_has_no_person_either(
    kept: Ledger, ledger_url_of_test: str
) -> None:
    await kept.add(rows_of(told("CA1")))
    await kept.retire("auto", BEGAN + 1)
    await kept.add(Rows(sales=[dict(sale("CA1"))]))
    assert "POST zip" not in await everything(ledger_url_of_test)
    await kept.add(rows_of(told("CA2")))
    await kept.add(Rows(sales=[dict(sale("CA2"))]))
    assert "POST zip" in (await everything(ledger_url_of_test))  # a young call keeps it


async def test_instances_that_retire_at_once_share_the_work_and_a_drainer_goes_on(
    kept: Ledger, ledger_url_of_test: str, tmp_path: Path
) -> None:
    await kept.add(rows_of(*(told(f"CA{n:04}") for n in range(700))))
    other = Ledger(ledger_url_of_test, SystemClock(), hashes(tmp_path))

    async def retire(ledger: Ledger) -> None:
        while await ledger.retire("auto", BEGAN + 1, limit=50):
            pass

    async def drain() -> None:
        for n in range(20):
            later = {"from": OTHER, "started_at": "2026-11-20T18:41:00Z"}
            assert await kept.add(rows_of(told(f"CB{n}", **later))) == 1

    await asyncio.gather(retire(kept), retire(other), drain())
    await retire(kept)
    text = await everything(ledger_url_of_test)
    assert (PHONE[2:] in text, text.count(f"'{OTHER}'")) == (False, 20)
    assert len(await other.find(phone=PHONE, limit=1000)) == 700
    await other.close()


async def test_who_asks_is_erased_from_retired_calls_too_and_gets_no_hash_back(kept: Ledger, tmp_path: Path) -> None:
    await kept.add(rows_of(told("CA1"), told("CA2", started_at="2026-11-20T19:00:00Z"), told("CA3", **{"from": OTHER})))
    await kept.retire("auto", BEGAN + 1, limit=1)
    assert len(await kept.find(phone=PHONE)) == 2
    assert await kept.erase(PHONE) == 2
    assert await kept.erase(PHONE) == 0
    await kept.retire("auto", BEGAN + DAY_S)
    assert await kept.find(phone=PHONE) == []
    for sid in ("CA1", "CA2"):
        call = await kept.get(sid)
        assert call is not None
        assert (call.from_number, call.record["from"], call.record["erased"]) == (None, None, True)
    assert len(await kept.find(phone=OTHER)) == 1


async def test_who_is_erased_while_their_calls_are_being_retired_gets_no_hash(
    ledger_url_of_test: str, tmp_path: Path
) -> None:
    """Where a row is not locked while it is read."""
    file = sqlite_file(ledger_url_of_test)
    if file is None:
        return  # PostgreSQL locks the row

    class ErasedMeanwhile(NumberHash):
        def __call__(self, phone: str) -> str:
            with closing(sqlite3.connect(str(file))) as another, another:
                another.execute("UPDATE calls SET from_number = NULL, erased_ms = 1")
            return super().__call__(phone)

    ledger = Ledger(ledger_url_of_test, SystemClock(), ErasedMeanwhile(KEY, tmp_path))
    await ledger.add(rows_of(told("CA1")))
    await ledger.retire("auto", BEGAN + 1)
    call = await ledger.get("CA1")
    await ledger.close()
    assert call is not None
    assert call.from_number is None


async def test_a_call_that_was_on_its_way_when_its_person_was_erased_comes_without_them(
    engine: Engine, kept: Ledger, ledger_url_of_test: str
) -> None:
    assert kept.hashes is not None

    async def comes(entry: Mapping[str, str]) -> None:
        fields: dict[Any, Any] = dict(entry)
        await engine.raw("xadd", lambda r: r.xadd(engine.keys.ledger, fields))

    drainer = LedgerDrainer(engine, kept, SystemClock(), "a")
    await comes(told("CA1"))
    await comes(told("CA2", **{"from": OTHER}))
    await comes(told("CA3", started_at="2026-11-20T18:50:00Z"))
    await Erasures(engine, kept.hashes).note(PHONE, BEGAN + 60)
    await kept.erase(PHONE)
    await drainer.drain()
    found = {sid: await kept.get(sid) for sid in ("CA1", "CA2", "CA3")}
    # CA3 began after they had asked: it is another matter between us.
    assert {sid: call and call.from_number for sid, call in found.items()} == {"CA1": None, "CA2": OTHER, "CA3": PHONE}
    keys = await engine.raw("keys", lambda r: r.keys(engine.keys.prefix.replace("{", "[{]") + "*"))
    assert [key for key in keys if PHONE[2:] in key] == []
    await kept.add(Rows(sales=[dict(sale("CA1"))]))
    assert "POST zip=78701" not in str(await kept.sales(["sale-CA1"]))


async def test_a_statement_is_still_matched_by_number_when_the_ledger_only_has_the_hash(
    kept: Ledger, tmp_path: Path
) -> None:
    await kept.add(rows_of(told("CA1"), told("CA2", **{"from": OTHER})))
    await kept.retire("auto", BEGAN + 1)
    sold = [one async for one in kept.sold("letsmakealead", BEGAN - 86_400, BEGAN + 86_400)]
    assert kept.hashes is not None
    assert {one.caller for one in sold} == {kept.hashes(PHONE), kept.hashes(OTHER)}
    (row,) = read_rows(f"caller,at,payout\n{PHONE},2026-11-20T18:40:05Z,25.10\n", tmp_path)
    (place,) = Numbers([row.caller], sold, kept.hashes).places[PHONE]
    assert sold[place].caller == kept.hashes(PHONE)


@virtual
async def test_each_plan_keeps_people_as_long_as_it_says_and_one_that_is_gone_90_days(
    clock: VirtualClock, tmp_path: Path
) -> None:
    url = sqlite_url(tmp_path)
    await upgrade(url, clock)
    ledger = Ledger(url, clock, hashes(tmp_path))
    ages = (0.5, 2, 60, 89, 91, 400)
    entries: list[Mapping[str, str]] = []
    for name in ("short", "long", "gone", ""):
        for age in ages:
            began = clock.now() - age * DAY_S
            entries.append(told(f"CA-{name}-{age}", plan=name, started_at=rfc3339(began)))
    entries.append({"sid": "CA-broken", "record": f'{{"from": "{PHONE}'})
    rows = rows_of(*entries[:-1])
    rows.take(entries[-1], f"{round((clock.now() - 200 * DAY_S) * 1000)}-0")
    await ledger.add(rows)
    plans = {name: Plan.model_validate(whole(name, days)) for name, days in (("short", 1), ("long", 365))}
    retention = Retention(ledger, lambda: plans, clock)
    assert await retention.round()
    found = await ledger.find(limit=100)
    young = {call.sid for call in found if call.from_number == PHONE}
    assert young == {
        "CA-short-0.5",
        *(f"CA-long-{age}" for age in ages if age < 365),
        *(f"CA-{name}-{age}" for age in ages if age < 90 for name in ("gone", "")),
    }
    broken = await ledger.get("CA-broken")
    assert broken is not None
    assert broken.record == {"erased": True}
    await ledger.close()


def whole(name: str, days: int) -> dict[str, Any]:
    """A plan that keeps people for so long."""
    buyers = {"acme": {"adapter": "acme", "mode": "ping", "url": "https://acme.example"}}
    return {**plan_text(), "plan": name, "buyers": buyers, "unsold": {}, "retention_days": days}


@virtual
async def test_a_backlog_is_taken_in_slices_and_the_rest_follows_soon(clock: VirtualClock, tmp_path: Path) -> None:
    class Counted(Ledger):
        """As one with very many calls."""

        left = ROUND_BATCHES * 500 + 100
        asked: Sequence[float] = ()

        async def plan_with_people(self, after: str | None = None) -> str | None:
            return "auto" if after is None and self.left else None

        async def retire(self, plan: str, before: float, limit: int = 500) -> int:
            assert before == clock.now() - 90 * DAY_S
            self.asked = (*self.asked, clock.now() - EPOCH)
            done = min(limit, self.left)
            self.left -= done
            return done

    ledger = Counted(f"sqlite+aiosqlite:///{tmp_path}/none.db", clock, hashes(tmp_path))
    loop = asyncio.create_task(Retention(ledger, dict, clock).run())
    await asyncio.sleep(200)
    loop.cancel()
    await ledger.close()
    assert (ledger.left, len(ledger.asked), ledger.asked[0]) == (0, ROUND_BATCHES + 1, 60)
    pauses = [round(b - a, 3) for a, b in zip(ledger.asked, ledger.asked[1:], strict=False)]
    assert set(pauses[:-1]) == {0.2}
    assert 60 <= pauses[-1] <= 61


@virtual
async def test_a_ledger_that_is_out_or_a_lost_key_is_counted_and_tried_again(
    clock: VirtualClock, tmp_path: Path
) -> None:
    failed: list[str] = []
    ledger = Ledger(f"sqlite+aiosqlite:///{tmp_path}/nowhere/x.db", clock, hashes(tmp_path))
    loop = asyncio.create_task(Retention(ledger, dict, clock, failed.append).run())
    await asyncio.sleep(3_700)
    loop.cancel()
    await ledger.close()
    assert failed == ["ledger_write"] * 2
    (tmp_path / FILE).write_text("x")
    with pytest.raises(LedgerUnavailable):
        await Ledger("sqlite+aiosqlite://", clock, NumberHash(None, tmp_path)).find(phone=PHONE)
