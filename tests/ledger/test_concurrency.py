"""Several writers at one ledger: nobody is lost, nobody is written twice, nobody waits for ever."""

import asyncio
import json
from typing import Any

from callrouter.domain.clock import SystemClock
from callrouter.engine.client import Engine
from callrouter.ledger.reads import Ledger
from callrouter.ledger.rows import Rows, row_of
from tests.ledger.test_ledger import T0, drainer, left, put, record

PHONE = "+15125550142"


def rows(sids: Any) -> list[dict[str, Any]]:
    return [row_of(sid, json.dumps(record(sid)), T0) for sid in sids]


async def test_the_same_calls_in_another_order_by_two_writers_at_once(ledger_url_of_test: str) -> None:
    """An entry is taken over from a drainer that is only slow: then both write it, and neither may fail for it."""
    one, other = (Ledger(ledger_url_of_test, SystemClock()) for _ in range(2))
    for turn in range(10):
        batch = rows(f"CA{turn:02}{n:03}" for n in range(400))
        added = await asyncio.gather(one.add(Rows(calls=batch)), other.add(Rows(calls=batch[::-1])))
        assert sum(added) == 400
    assert len(await one.find(limit=5_000)) == 4_000
    await one.close()
    await other.close()


async def test_drainers_of_several_instances_move_each_call_once(engine: Engine, ledger_url_of_test: str) -> None:
    ledgers = [Ledger(ledger_url_of_test, SystemClock()) for _ in range(3)]
    workers = [drainer(engine, ledger, str(n), claim_idle_s=0.0) for n, ledger in enumerate(ledgers)]
    for n in range(1_500):
        await put(engine, f"CA{n % 1_300}")  # some ended twice: a repeat of the closing step
    for worker in workers:
        worker.start()
    for worker in workers:
        await worker.stop()
    assert await left(engine) == 0
    assert len(await ledgers[0].find(limit=5_000)) == 1_300
    for ledger in ledgers:
        await ledger.close()


async def test_a_person_is_erased_while_calls_are_drained(engine: Engine, ledger_url_of_test: str) -> None:
    one, other = (Ledger(ledger_url_of_test, SystemClock()) for _ in range(2))
    for n in range(600):
        await put(engine, f"CA{n}")
    worker = drainer(engine, one)
    worker.start()
    while await left(engine) or await one.find(phone=PHONE):
        await asyncio.gather(one.erase(PHONE), other.erase(PHONE))
    await worker.stop()
    kept = await one.find(limit=1_000)
    assert len(kept) == 600
    assert all(call.record["from"] is None and call.record["erased"] for call in kept)
    await one.close()
    await other.close()
