"""Ledgers that were filled before the report was: their calls count in it as they happened, on both databases."""

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, inspect

from callrouter.domain.clock import SystemClock
from callrouter.errors import CallrouterError
from callrouter.ledger.database import open_database, sqlite_url
from callrouter.ledger.reads import Ledger
from callrouter.ledger.rows import Rows
from callrouter.ledger.tables import metadata
from callrouter.ledger.totals import Asked, Line
from callrouter.ledger.upgrade import upgrade

T0 = 1_795_200_000_000


def at(second: float) -> str:
    return f"2026-11-20T18:{40 + int(second // 60):02}:{second % 60:06.3f}Z"


def result(buyer: str, payout: str, received: float, auction: int = 1, number: str | None = "+12145550111") -> Any:
    """A result with an offer, as records have always had it."""
    terms = {"number": number, "payout": payout, "min_duration_s": 60, "min_duration_stated": True}
    times = {"received_at": at(received), "expires_at": at(received + 30), "provider": None}
    asked = {"asked_at": at(received - 0.3), "elapsed_s": 0.3}
    return {"auction": auction, "buyer": buyer, "reason": "offer", **asked, "offer": {**terms, **times}}


def dial(no: int, buyer: str, payout: str, decided: float, age_s: float, **further: Any) -> Any:
    """A dial as records had it then: how old its offer was, and not when that came."""
    times = {"decided_at": at(decided), "offer_age_s": age_s, "expires_at": at(decided - age_s + 30)}
    return {"no": no, "buyer": buyer, "number": "+12145550111", "payout": payout, **times, **further}


def record(sid: str, **further: Any) -> dict[str, Any]:
    base = {"sid": sid, "plan": "auto", "kind": "inbound", "from": "+15125550142", "posts": [], "attempts": []}
    return {**base, "started_at": at(0), "ended_at": at(110), "events": [], **further}


SOLD = {"outcome": "bridged", "buyer": "b", "payout": "20.00", "qualified": True, "bridged_s": 61, "min_duration_s": 60}
CALLS = (
    record(
        "CA1",
        **SOLD,
        results=[result("a", "30.00", 1.5), result("b", "20.00", 1.2)],
        attempts=[
            dial(1, "a", "30.00", 1.5004, 0.0, result="no_answer", bridged_s=None),
            dial(2, "b", "20.00", 22.777, 21.576, result="bridged", ended_by="buyer", bridged_s=61),
        ],
    ),
    record(
        "CA2",
        outcome="unsold",
        results=[result("a", "30.00", 1.5), result("b", "20.00", 1.2)],
        attempts=[dial(1, "a", "30.00", 1.5, 0.0, result="busy", bridged_s=None)],
    ),
    record(
        "CA3",
        outcome="unsold",
        results=[result("b", "25.00", 1.2, number=None)],
        posts=[{"no": 1, "buyer": "b", "reason": "offer", "sent_at": at(1.25), "bid_age_s": 0.05}],
        attempts=[dial(1, "b", "25.00", 1.75, 0.0, result="failed", bridged_s=None)],
    ),
)


async def stepped(url: str, revision: str, *, down: bool = False) -> None:
    def run(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", "callrouter:ledger/migrations")
        config.attributes["connection"] = connection
        (command.downgrade if down else command.upgrade)(config, revision)

    database = open_database(url)
    async with database.begin() as connection:
        await connection.run_sync(run)
    await database.dispose()


async def filled(url: str, *records: dict[str, Any]) -> None:
    """A ledger as it was then."""
    await stepped(url, "0002")
    database = open_database(url)
    insert = (
        "INSERT INTO calls (sid, plan, kind, from_number, outcome, qualified, buyer, started_ms, record)"
        " VALUES ('{sid}', 'auto', 'inbound', '+15125550142', '{outcome}', {qualified}, '{buyer}', {started},"
        " '{record}')"
    )
    async with database.begin() as connection:
        for one in records:
            values = {"sid": one["sid"], "outcome": one["outcome"], "buyer": one.get("buyer", "")}
            values |= {"qualified": "true" if one.get("qualified") else "NULL", "record": json.dumps(one)}
            await connection.exec_driver_sql(insert.format(started=T0, **values))
    await database.dispose()


async def counted(url: str) -> dict[str, Line]:
    ledger = Ledger(url, SystemClock())
    found = await ledger.totals(Asked())
    await ledger.close()
    return {line.key: line for line in (*found.lines, found.total)}


async def test_calls_of_before_are_counted_as_they_happened(empty_url_of_test: str) -> None:
    await filled(empty_url_of_test, *CALLS)
    await upgrade(empty_url_of_test)
    lines = await counted(empty_url_of_test)
    assert {key: (line.won, line.dialled, line.expired, line.left) for key, line in lines.items()} == {
        "a": (2, 2, 0, Decimal(0)),
        "b": (1, 2, 1, Decimal("20.00")),
        "total": (3, 4, 1, Decimal("20.00")),
    }
    assert (lines["b"].qualified, lines["b"].expected, lines["total"].calls) == (1, Decimal("20.00"), 3)


async def test_a_dial_of_before_has_its_offers_terms(empty_url_of_test: str) -> None:
    await filled(empty_url_of_test, *CALLS)
    await upgrade(empty_url_of_test)
    ledger = Ledger(empty_url_of_test, SystemClock())
    sold = {(one.sid, one.dial_no): one.min_duration_s async for one in ledger.sold("a", 0, 2**33)}
    await ledger.close()
    assert sold == {("CA1", 1): 60, ("CA2", 1): 60}


async def test_an_upgrade_that_dies_half_way_is_made_again(
    empty_url_of_test: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(empty_url_of_test, *CALLS)
    with monkeypatch.context() as patched:

        def dies(*args: object) -> None:
            raise KeyError("the machine went down")

        patched.setattr(Rows, "take", dies)
        with pytest.raises(KeyError, match="went down"):
            await upgrade(empty_url_of_test)
    await upgrade(empty_url_of_test)
    assert (await counted(empty_url_of_test))["total"].dialled == 4


async def test_a_downgrade_leaves_the_calls_and_can_be_taken_back(empty_url_of_test: str) -> None:
    await filled(empty_url_of_test, *CALLS)
    await upgrade(empty_url_of_test)
    before = await counted(empty_url_of_test)
    await stepped(empty_url_of_test, "0002", down=True)
    database = open_database(empty_url_of_test)
    async with database.connect() as connection:
        tables = set(await connection.run_sync(lambda c: inspect(c).get_table_names()))
    await database.dispose()
    assert tables & set(metadata.tables) == {"calls", "sales"}
    await upgrade(empty_url_of_test)
    assert await counted(empty_url_of_test) == before


async def test_a_ledger_of_a_newer_release_is_left_alone_and_that_is_said(empty_url_of_test: str) -> None:
    """As by an instance that dies and comes back while the others are upgraded, or after a release is taken back."""
    await filled(empty_url_of_test, *CALLS)
    await upgrade(empty_url_of_test)
    before = await counted(empty_url_of_test)
    database = open_database(empty_url_of_test)
    async with database.begin() as connection:
        await connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(CallrouterError, match=r"of a newer release \(9999\); run that one"):
        await upgrade(empty_url_of_test)
    async with database.connect() as connection:
        assert (await connection.exec_driver_sql("SELECT version_num FROM alembic_version")).scalar() == "9999"
    await database.dispose()
    assert await counted(empty_url_of_test) == before


async def test_records_that_nobody_can_read_do_not_stop_an_upgrade(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    odd = record("CA4", outcome="unsold", results=[None, {"buyer": 3, "offer": []}], attempts=[None, {"no": "x"}])
    deep = "[" * 100_000
    await filled(url, odd, {**odd, "sid": "CA5", "attempts": [{"buyer": "a", "decided_at": 7, "offer_age_s": "y"}]})
    database = open_database(url)
    async with database.begin() as connection:
        await connection.exec_driver_sql(f"UPDATE calls SET record = '{deep}' WHERE sid = 'CA4'")  # noqa: S608
    await database.dispose()
    await asyncio.wait_for(upgrade(url), 20)
    assert (await counted(url))["total"].calls == 2
