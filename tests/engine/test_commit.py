"""The one script that moves a call: whole or not at all, once, and closed for good."""

from typing import Any

from callrouter.calls.closing import CALLBACK_ID
from callrouter.calls.setting import CallbackWanted
from callrouter.calls.store import CallStore, Commit
from callrouter.domain.call import Call, CallKind, CallState, Outcome
from callrouter.domain.caller import Caller
from callrouter.engine.client import Engine

PHONE = "+15125550123"


def a_call(sid: str = "CA1", **changes: Any) -> Call:
    caller = Caller(phone=PHONE, zip="78701")
    call = Call(sid=sid, plan="auto", kind=CallKind.INBOUND, to="+18885550100", caller=caller, started_at=1.0)
    return call.replaced(**changes)


def closing(sid: str = "CA1", event: str = "end") -> Commit:
    wanted = CallbackWanted(f"cb-{sid}", 4_000_000_000.0, 4_000_086_400.0, {"plan": "auto", "phone": PHONE})
    ended = a_call(sid, state=CallState.ENDED, outcome=Outcome.UNSOLD, callback=CALLBACK_ID)
    return Commit(ended, event, 0, record={"sid": sid, "callback": {"id": CALLBACK_ID}}, callback=wanted)


async def ledger_entries(engine: Engine) -> list[dict[str, str]]:
    entries: Any = await engine.raw("xrange", lambda r: r.xrange(engine.keys.ledger))
    return [fields for _, fields in entries]


async def test_a_commit_is_stored_with_its_version_and_event(engine: Engine) -> None:
    store = CallStore(engine)
    done = await store.commit(Commit(a_call(), "arrived", 5_000_000_000.0), 0)
    stored = await store.load("CA1", "arrived")
    assert (done.kind, done.version, stored.version, stored.seen) == ("ok", 1, 1, True)
    assert stored.call == a_call()
    assert await store.live_sids() == ["CA1"]


async def test_an_event_is_applied_once(engine: Engine) -> None:
    store = CallStore(engine)
    await store.commit(Commit(a_call(), "arrived", 9e9), 0)
    again = await store.commit(Commit(a_call(zip_tries=5), "arrived", 9e9), 1)
    stored = await store.load("CA1")
    assert (again.kind, stored.version) == ("repeat", 1)


async def test_a_call_that_moved_on_is_returned_instead_of_overwritten(engine: Engine) -> None:
    store = CallStore(engine)
    await store.commit(Commit(a_call(), "arrived", 9e9), 0)
    await store.commit(Commit(a_call(zip_tries=1), "zip:1", 9e9), 1)
    late = await store.commit(Commit(a_call(zip_tries=7), "zip:2", 9e9), 1)
    assert (late.kind, late.version, late.current and late.current.zip_tries) == ("conflict", 2, 1)


async def test_a_close_enqueues_callback_and_record_in_the_same_step(engine: Engine) -> None:
    store = CallStore(engine)
    await store.commit(Commit(a_call(), "arrived", 9e9), 0)
    done = await store.commit(closing(), 1)
    assert done.callback_id == "cb-CA1"
    (entry,) = await ledger_entries(engine)
    assert entry == {"sid": "CA1", "record": '{"sid":"CA1","callback":{"id":"cb-CA1"}}'}
    stored = await store.load("CA1")
    assert stored.call is not None
    assert stored.call.callback == "cb-CA1"
    assert await store.live_sids() == []
    assert await engine.sorted_count(engine.keys.outbox_due) == 1


async def test_a_call_closes_once_even_for_the_spool(engine: Engine) -> None:
    """A replay that nobody versioned meets a call that another instance has closed."""
    store = CallStore(engine)
    await store.commit(Commit(a_call(), "arrived", 9e9), 0)
    await store.commit(closing(), 1)
    assert (await store.commit(closing(event="another"), None)).kind == "closed"
    assert (await store.commit(closing(event="third"), 2)).kind == "closed"
    assert len(await ledger_entries(engine)) == 1
    assert await engine.sorted_count(engine.keys.outbox_due) == 1


async def test_the_spool_writes_over_what_the_engine_last_knew(engine: Engine) -> None:
    store = CallStore(engine)
    await store.commit(Commit(a_call(), "arrived", 9e9), 0)
    assert (await store.commit(Commit(a_call(zip_tries=2), "zip:2", 9e9), None)).kind == "ok"


async def test_a_second_call_of_the_person_names_the_callback_that_stands(engine: Engine) -> None:
    store = CallStore(engine)
    for sid in ("CA1", "CA2"):
        await store.commit(Commit(a_call(sid), "arrived", 9e9), 0)
        assert (await store.commit(closing(sid), 1)).callback_id == "cb-CA1"
    assert [entry["record"].count("cb-CA1") for entry in await ledger_entries(engine)] == [1, 1]


async def test_a_bridged_person_is_not_called_back(engine: Engine) -> None:
    store = CallStore(engine)
    await store.commit(Commit(a_call("CA1"), "arrived", 9e9), 0)
    await store.commit(closing("CA1"), 1)
    await store.commit(Commit(a_call("CA2"), "arrived", 9e9, withdraws_callback=True), 0)
    assert await engine.sorted_count(engine.keys.outbox_due) == 0
