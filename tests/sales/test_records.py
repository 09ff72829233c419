"""What became of a lead stands in its call's record, wherever both are at the moment."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from callrouter.calls.reading import Calls
from callrouter.calls.record import record
from callrouter.domain.clock import Clock
from callrouter.ledger.database import sqlite_url
from callrouter.ledger.drainer import LedgerDrainer
from callrouter.ledger.reads import Ledger
from callrouter.ledger.rows import Rows, row_of
from callrouter.ledger.upgrade import upgrade
from tests.sales.market import PHONE, Market, market
from tests.sales.partner import LeadPartner, listening
from tests.support.virtual_time import VirtualClock, virtual


class Reader:
    """The ledger of a market, and the calls as operations see them."""

    def __init__(self, here: Market, clock: Clock, url: str) -> None:
        self.here = here
        self.ledger = Ledger(url, clock)
        self.calls = Calls(here.store, self.ledger, here.outbox, {})
        self._drainer = LedgerDrainer(here.engine, self.ledger, clock, "tests")

    async def drain(self) -> None:
        """Move what is on its way; the calls with their real records."""
        await self._drainer.drain()

    async def file(self, sid: str) -> None:
        """Put the call's own record into the ledger."""
        call = (await self.here.store.load(sid)).call
        assert call is not None
        await self.ledger.add(Rows(calls=[row_of(sid, json.dumps(record(call, {})), 0)]))

    async def get(self, sid: str = "CA1") -> dict[str, Any]:
        found = await self.calls.get(sid)
        assert found is not None
        return found


@asynccontextmanager
async def reading(here: Market, clock: VirtualClock, folder: Path) -> AsyncIterator[Reader]:
    url = sqlite_url(folder / "data")
    await upgrade(url, clock)
    reader = Reader(here, clock, url)
    try:
        yield reader
    finally:
        await reader.ledger.close()


@virtual
async def test_a_sale_is_pending_then_over_then_in_the_ledger(
    clock: VirtualClock, engine_socket: Path, tmp_path: Path
) -> None:
    a = LeadPartner(price=12.5)
    async with (
        listening(a),
        market(clock, engine_socket, partners={"a": a}) as here,
        reading(here, clock, tmp_path) as reader,
    ):
        await here.unsold()
        await reader.file("CA1")
        assert (await reader.get())["sale"] == {"id": "sale-CA1", "state": "pending"}
        here.worker()
        await here.ended()
        assert (await reader.get())["sale"] == {"id": "sale-CA1", "state": "sold"}
        await reader.drain()
        sale = (await reader.get())["sale"]
        assert (sale["state"], sale["buyer"], sale["payout"], sale["lead_ref"]) == ("sold", "a", "12.50", "L1")
        assert [result["step"] for result in sale["results"]] == ["ping", "post"]
        listed = await reader.calls.find(plan="auto")
        assert [found["sale"] for found in listed if found.get("sale")] == [sale]


@virtual
async def test_the_callback_that_follows_an_unsold_lead_is_the_calls(
    clock: VirtualClock, engine_socket: Path, tmp_path: Path
) -> None:
    a = LeadPartner(pings=["refuse"])
    async with (
        listening(a),
        market(clock, engine_socket, partners={"a": a}) as here,
        reading(here, clock, tmp_path) as reader,
    ):
        await here.unsold(callback=True)
        await reader.file("CA1")
        here.worker()
        await here.ended()
        await reader.drain()
        found = await reader.get()
    assert found["callback"] == {"id": "cb-CA1", "due_at": None, "why": None}
    assert found["sale"]["callback"] == "cb-CA1"


@virtual
async def test_a_person_whose_lead_may_be_sold_is_called_back_for_each_call(
    clock: VirtualClock, engine_socket: Path, tmp_path: Path
) -> None:
    """An uncertain sale stands; a later call owes its callback at once, and its record says so."""
    a = LeadPartner(posts=["lost"])
    async with (
        listening(a),
        market(clock, engine_socket, partners={"a": a}, modes={"a": "unsafe"}) as here,
        reading(here, clock, tmp_path) as reader,
    ):
        await here.unsold()
        here.worker()
        assert (await here.ended())["state"] == "uncertain"
        assert await here.unsold("CA2", callback=True) == "sale-CA1"
        await reader.file("CA2")
        await reader.drain()
        found = await reader.get("CA2")
    assert (found["sale"]["id"], found["sale"]["state"]) == ("sale-CA1", "uncertain")
    assert found["callback"]["id"] == "cb-CA2"


@virtual
async def test_every_call_that_waited_for_a_sale_shows_the_callback_that_followed(
    clock: VirtualClock, engine_socket: Path, tmp_path: Path
) -> None:
    """Two calls of one person hang on one sale, and what is promised stood already, under a third call's name."""
    a = LeadPartner(pings=["refuse"])
    async with (
        listening(a),
        market(clock, engine_socket, partners={"a": a}) as here,
        reading(here, clock, tmp_path) as reader,
    ):
        await here.outbox.stand("cb-CA0", {"plan": "auto", "phone": PHONE, "zip": None}, 86_400)
        for sid in ("CA1", "CA2"):
            assert await here.unsold(sid, callback=True) == "sale-CA1"
            await reader.file(sid)
        here.worker()
        assert (await here.ended())["callback"] == "cb-CA0"
        await reader.drain()
        found = [(await reader.get(sid))["callback"] for sid in ("CA1", "CA2")]
        listed = {call["sid"]: call["callback"] for call in await reader.calls.find(plan="auto")}
    assert [callback["id"] for callback in found] == ["cb-CA0"] * 2
    assert {sid: callback["id"] for sid, callback in listed.items()} == {"CA1": "cb-CA0", "CA2": "cb-CA0"}
