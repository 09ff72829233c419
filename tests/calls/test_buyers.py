"""Every buyer as operations see it, from a real ledger and the real engine."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from callrouter.calls.buyers import LATELY_CALLS, Buyers
from callrouter.dialplan import Plan
from callrouter.domain.clock import SystemClock, rfc3339
from callrouter.engine.client import Engine
from callrouter.ledger.database import sqlite_url
from callrouter.ledger.reads import Ledger
from callrouter.ledger.rows import Rows, row_of
from callrouter.ledger.upgrade import upgrade
from tests.buyers.exemplars import CATALOGUE

NOW = 1_795_200_000.0


class TurnedClock(SystemClock):
    """Shows the time that the test says."""

    at = NOW

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at


def loaded(*names: str) -> dict[str, Plan]:
    entry = {"adapter": "contactability", "mode": "calls_ping", "url": "https://x.test/"}
    buyers = {"a": {**entry, "credentials": {"token": "token-secret-1"}}, "b": {**entry, "enabled": False}}
    raw = {"numbers": {"inbound": ["+18885550100"]}, "buyers": buyers}
    return {name: Plan.model_validate({"plan": name, **raw}) for name in names}


def row(n: int, started_at: float, reason: str = "no_offer", padding: str = "") -> dict[str, Any]:
    result = {"buyer": "a", "reason": reason, "asked_at": rfc3339(started_at), "exchange": {"request": padding}}
    record = {"sid": f"CA{n}", "plan": "auto", "outcome": "unsold", "started_at": rfc3339(started_at)}
    return row_of(f"CA{n}", json.dumps({**record, "results": [result]}), 0)


class Desk:
    """Buyers over a ledger that counts how often it is read."""

    def __init__(self, engine: Engine, url: str, plans: dict[str, Plan]) -> None:
        self.clock = TurnedClock()
        self.ledger = Ledger(url, self.clock)
        self.plans = plans
        self.buyers = Buyers(engine, self.ledger, lambda: self.plans, CATALOGUE, self.clock)
        self.reads = 0
        find = self.ledger.find

        async def counted(**wanted: Any) -> Any:
            self.reads += 1
            return await find(**wanted)

        self.ledger.find = counted  # type: ignore[method-assign]

    async def lately(self, buyer: str = "a") -> dict[str, Any]:
        found = await self.buyers.one("auto", buyer)
        assert found is not None
        return dict(found["lately"])


@pytest.fixture
async def desk(engine: Engine, tmp_path: Path) -> AsyncIterator[Desk]:
    url = sqlite_url(tmp_path / "data")
    await upgrade(url)
    desk = Desk(engine, url, loaded("auto", "home"))
    yield desk
    await desk.ledger.close()


async def test_every_buyer_of_every_loaded_plan_is_there_and_of_no_other(desk: Desk) -> None:
    found = await desk.buyers.all()
    assert [(b["plan"], b["buyer"], b["enabled"]) for b in found] == [
        *(("auto", "a", True), ("auto", "b", False), ("home", "a", True), ("home", "b", False))
    ]
    desk.plans = loaded("home")
    assert {b["plan"] for b in await desk.buyers.all()} == {"home"}
    assert await desk.buyers.one("auto", "a") is None
    assert await desk.buyers.switch_off("auto", "a", "olga") is None
    assert "token-secret-1" not in str(found)


async def test_calls_of_the_last_hour_count_and_older_ones_do_not(desk: Desk) -> None:
    await desk.ledger.add(Rows(calls=[row(n, NOW - age) for n, age in enumerate((10, 3599, 3601, 90_000))]))
    lately = await desk.lately()
    assert (lately["asked"], lately["since"]) == (2, rfc3339(NOW - 3600))
    assert (await desk.lately("b"))["asked"] == 0


async def test_of_many_calls_the_newest_count_and_since_says_from_when_on(desk: Desk) -> None:
    await desk.ledger.add(Rows(calls=[row(n, NOW - 1 - n) for n in range(LATELY_CALLS + 70)]))
    lately = await desk.lately()
    assert (lately["asked"], lately["reasons"]) == (LATELY_CALLS, {"no_offer": LATELY_CALLS})
    assert lately["since"] == rfc3339(NOW - LATELY_CALLS)


async def test_the_ledger_is_read_once_in_ten_seconds_however_many_look(desk: Desk) -> None:
    await asyncio.gather(*(desk.buyers.all() for _ in range(20)))
    assert desk.reads == 1
    await desk.ledger.add(Rows(calls=[row(1, NOW)]))
    desk.clock.at += 9.9
    assert (await desk.lately())["asked"] == 0
    desk.clock.at += 0.1
    assert (await desk.lately())["asked"] == 1
    assert desk.reads == 2


async def test_a_switch_is_shown_at_once_whatever_is_kept(desk: Desk) -> None:
    assert (await desk.buyers.one("auto", "a") or {})["switched_off"] is None
    shown = await desk.buyers.switch_off("auto", "a", "olga", "why not")
    assert shown is not None
    assert shown["switched_off"] == {"at": rfc3339(NOW), "by": "olga", "why": "why not"}
    assert [b["switched_off"] is not None for b in await desk.buyers.all()] == [True, False, False, False]
    assert (await desk.buyers.switch_on("auto", "a", "olga") or {})["switched_off"] is None


@pytest.mark.real_time
async def test_reading_large_records_leaves_the_loop_to_the_callers(desk: Desk) -> None:
    """Five hundred records of 12 kB each: a webhook in between waits for one page of them, not for all."""
    await desk.ledger.add(Rows(calls=[row(n, NOW - 1 - n, padding="x" * 12_000) for n in range(LATELY_CALLS)]))
    longest = 0.0

    async def ticking() -> None:
        nonlocal longest
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0)
            longest = max(longest, time.perf_counter() - before)

    ticker = asyncio.create_task(ticking())
    began = time.perf_counter()
    assert (await desk.lately())["asked"] == LATELY_CALLS
    whole = time.perf_counter() - began
    ticker.cancel()
    assert longest < whole / 2, f"{longest:.3f} s of {whole:.3f} s at a stretch"
