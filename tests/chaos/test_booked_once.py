"""The end of a qualified call is booked once: however often it is said, whoever says it, whenever it gets through."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from callrouter.books import Books
from callrouter.calls.charges import booked
from callrouter.calls.record import record
from callrouter.calls.spool import Spool
from callrouter.calls.store import CallStore, Commit
from callrouter.domain.call import Attempt, AttemptResult, Call, CallKind, CallState, Outcome
from callrouter.domain.caller import Caller
from callrouter.domain.clock import SystemClock
from callrouter.domain.offer import Offer
from callrouter.engine import embedded
from callrouter.engine.client import Engine
from callrouter.errors import EngineUnavailable
from callrouter.simulator.carrier import PhoneScript
from tests.flow.test_engine_trouble import on_an_engine_of_its_own
from tests.support.engine import fresh_keys
from tests.support.waiting import wait_until
from tests.support.world import World, offers

BUYER, NUMBER = "letsmakealead", "+12145550112"
BOOK = "tests:1"
DOLLARS = "callrouter_expected_payout_dollars_total"
ONCE = {f"cents {BUYER}": "2507", f"calls {BUYER}": "1"}

_sids = (f"CA{no:032x}" for no in itertools.count(1))


def talking() -> Call:
    """A call in which caller and buyer talk."""
    offer = Offer(buyer=BUYER, payout=Decimal("25.07"), number=NUMBER, min_duration_s=90, received_at=1, expires_at=31)
    dial = Attempt(no=1, offer=offer, decided_at=2, ring_timeout_s=20, caller_id="+15125550123", answered_at=5)
    return Call(
        sid=next(_sids),
        plan="auto",
        kind=CallKind.INBOUND,
        to="+18885550100",
        caller=Caller(phone="+15125550123"),
        started_at=0,
        state=CallState.BRIDGED,
        attempts=(dial,),
    )


def ending(call: Call, event_id: str) -> Commit:
    """The step that ends it: they have talked for long enough."""
    dial = call.attempts[0].model_copy(update={"result": AttemptResult.BRIDGED, "ended_at": 105, "bridged_s": 100})
    ended = call.replaced(
        state=CallState.ENDED,
        outcome=Outcome.BRIDGED,
        ended_at=105.0,
        attempts=(dial,),
        buyer=BUYER,
        payout=dial.offer.payout,
        min_duration_s=90,
        bridged_s=100,
        qualified=True,
    )
    return Commit(ended, event_id, look_at=0, record=record(ended, {}), booked=booked(call, ended))


async def begun(engine: Engine) -> tuple[CallStore, Call]:
    """A call that is stored as talking, in version 1."""
    store, call = CallStore(engine, BOOK), talking()
    assert (await store.commit(Commit(call, "arrived", look_at=10), 0)).kind == "ok"
    return store, call


async def entries(engine: Engine) -> int:
    """How many records wait for the ledger."""
    return int(await engine.raw("ledger", lambda r: r.xlen(engine.keys.ledger)))


@pytest.mark.parametrize("first", ["dial:1", ""])
async def test_no_second_report_of_the_end_books_it_again(engine: Engine, first: str) -> None:
    """Not the same one, not another one, not one without an id (a lapse, a failure), not a replay from the spool."""
    store, call = await begun(engine)
    assert (await store.commit(ending(call, first), 1)).kind == "ok"
    for event_id, version in itertools.product(("dial:1", "leg:1:completed", "lost", ""), (1, 2, None)):
        said = await store.commit(ending(call, event_id), version)
        assert said.kind == ("repeat" if event_id and event_id == first else "closed")
    assert await engine.hash(engine.keys.books(BOOK)) == ONCE
    assert await entries(engine) == 1


async def test_two_ends_at_the_same_moment_are_one(engine: Engine) -> None:
    """From two instances, each with a book of its own, and none with an id by which they could know each other."""
    store, call = await begun(engine)
    other = CallStore(engine, "tests:2")
    said = await asyncio.gather(*(s.commit(ending(call, ""), 1) for s in (store, other) * 5))
    assert sorted({answer.kind for answer in said}) == ["closed", "ok"]
    kept = [await engine.hash(engine.keys.books(name)) for name in (BOOK, "tests:2")]
    assert sorted(kept, key=len) == [{}, ONCE]
    assert await entries(engine) == 1


async def test_a_step_whose_answer_was_lost_is_not_booked_again(engine_socket: Path, tmp_path: Path) -> None:
    async with losing_answers(engine_socket, tmp_path) as (engine, wire):
        store, call = await begun(engine)
        wire.loses_next = True
        assert (await store.commit(ending(call, "dial:1"), 1)).kind == "repeat", "sent again, and known"
        assert wire.lost == 1
        assert await engine.hash(engine.keys.books(BOOK)) == ONCE
        assert await entries(engine) == 1


async def test_a_step_without_an_id_whose_answer_was_lost_is_found_done(engine_socket: Path, tmp_path: Path) -> None:
    """It is not sent again by itself: whoever wanted it says so, and finds the call closed."""
    async with losing_answers(engine_socket, tmp_path) as (engine, wire):
        store, call = await begun(engine)
        wire.loses_next = True
        with pytest.raises(EngineUnavailable):
            await store.commit(ending(call, ""), 1)
        assert (await store.commit(ending(call, ""), 1)).kind == "closed"
        assert (await store.commit(ending(call, ""), None)).kind == "closed", "nor by the spool"
        assert await engine.hash(engine.keys.books(BOOK)) == ONCE
        assert await entries(engine) == 1


class Wire:
    """Between a client and the engine: it can lose the answer to a script that has run."""

    def __init__(self, engine_socket: Path) -> None:
        self._engine_socket = engine_socket
        self.loses_next = False
        self.lost = 0

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client's connection."""
        with suppress(OSError):
            from_engine, to_engine = await asyncio.open_unix_connection(self._engine_socket)
            answers = asyncio.create_task(self._answers(from_engine, writer))
            while data := await reader.read(65_536):
                to_engine.write(data)
            answers.cancel()
            to_engine.close()
        writer.close()

    async def _answers(self, from_engine: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await from_engine.read(65_536):
            if self.loses_next:
                self.loses_next, self.lost = False, self.lost + 1
                writer.close()
                return
            writer.write(data)


@asynccontextmanager
async def losing_answers(engine_socket: Path, folder: Path) -> AsyncIterator[tuple[Engine, Wire]]:
    """An engine behind such a wire."""
    wire = Wire(engine_socket)
    server = await asyncio.start_unix_server(wire.connected, folder / "wire.sock")
    engine = Engine.at_socket(str(folder / "wire.sock"), SystemClock(), fresh_keys())
    try:
        yield engine, wire
    finally:
        await engine.close()
        server.close()


async def test_an_instance_that_could_never_read_its_book_does_not_say_zero(engine: Engine, tmp_path: Path) -> None:
    """Started while the engine is out: a zero would be a reset for Prometheus, and the whole book counted again."""
    store, call = await begun(engine)
    await store.commit(ending(call, "dial:1"), 1)
    registry = CollectorRegistry()
    books = Books(registry, BOOK)
    books.preload([BUYER])
    nowhere = Engine.at_socket(str(tmp_path / "nowhere.sock"), SystemClock(), engine.keys)
    said = []
    for reached in (nowhere, engine, nowhere):
        await books.refresh(reached)
        said.append(registry.get_sample_value(DOLLARS, {"buyer": BUYER}))
    assert said == [None, 25.07, 25.07]


@on_an_engine_of_its_own
async def test_an_end_that_waited_in_the_spool_is_booked_once_when_the_engine_is_back(
    world: World, folder: Path
) -> None:
    """Every webhook is sent twice, too; and meanwhile the metric stands where it was."""
    world.carrier.faults.duplicate_webhooks = True
    world.lmal.answer = offers("25.07", NUMBER)
    world.carrier.phone(NUMBER, PhoneScript(ring_s=2, talk_s=100))
    await world.call()
    await world.books()
    assert world.metric("expected_payout_dollars_total", buyer=BUYER) == 25.07
    second = world.place(from_="+15125550144")
    await wait_until(lambda: second.bridged, 60)
    await asyncio.sleep(60)
    embedded.stop(folder)
    await second.wait_ended()
    await world.books()
    assert world.metric("expected_payout_dollars_total", buyer=BUYER) == 25.07, "not zero, not yet more"
    assert list((world.folder / "data" / "spool").glob("*.json"))
    embedded.ensure_running(folder)
    await world.settled()
    await world.books()
    assert world.metric("expected_payout_dollars_total", buyer=BUYER) == 50.14
    assert world.metric("qualified_calls_total", buyer=BUYER) == 2
    assert sum(row.payout or 0 for row in await world.rows() if row.qualified) == Decimal("50.14")
    assert not list((world.folder / "data" / "spool").glob("*.json"))


async def test_an_end_in_the_spool_that_another_instance_found_first_is_not_booked_again(
    engine: Engine, tmp_path: Path
) -> None:
    """Whoever heard it had lost the engine; the other one asked the carrier; then the first is back."""
    store, call = await begun(engine)
    spool = Spool(tmp_path / "spool")
    spool.keep(ending(call, "dial:1"), 1, now=105.0)
    assert (await CallStore(engine, "tests:2").commit(ending(call, "lost"), 1)).kind == "ok"
    assert await spool.replay(store) == 1
    assert [await engine.hash(engine.keys.books(name)) for name in (BOOK, "tests:2")] == [{}, ONCE]
    assert await entries(engine) == 1
    assert spool.waiting() == []


async def test_a_spool_whose_owner_died_before_it_tidied_up_is_booked_once(engine: Engine, tmp_path: Path) -> None:
    """Killed after the commit and before the file was removed: whoever starts there finds it again."""
    store, call = await begun(engine)
    Spool(tmp_path / "spool").keep(ending(call, "dial:1"), 1, now=105.0)
    (file,) = Spool(tmp_path / "spool").waiting()
    text = file.read_text()
    for _ in range(3):
        file.write_text(text)
        assert await Spool(tmp_path / "spool").replay(store) == 1
    assert await engine.hash(engine.keys.books(BOOK)) == ONCE
    assert await entries(engine) == 1
