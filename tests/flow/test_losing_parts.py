"""An instance, the engine or the dialplan goes away while callers are on the line."""

import asyncio
from pathlib import Path

import pytest
import yaml

from callrouter.domain.clock import SystemClock
from callrouter.engine import embedded
from callrouter.simulator.carrier import PhoneScript
from tests.support.virtual_time import VirtualClock, run_virtual
from tests.support.waiting import wait_until
from tests.support.world import World, in_world, offers, refuses

FIRST, SECOND = "+12145550111", "+12145550112"


def killed(world: World, number: int) -> None:
    """What kill -9 leaves of an instance: nothing runs any more, and nobody said goodbye."""
    instance = world.served[number].app.instance
    tasks = (*instance.auctioneer._tasks.values(), *instance.conductor._under_way.values(), *instance._tasks)
    for task in tasks:
        task.cancel()
    instance.auctioneer.draining = True


@in_world(instances=2)
async def test_an_auction_whose_instance_died_is_taken_over_with_what_had_been_heard(world: World) -> None:
    """The other instance answers the next poll, asks only who had not answered, and dials."""
    world.lmal.answer, world.contactability.answer = offers("20", SECOND), offers("30", FIRST, latency_s=8)
    call = world.place(zip_digits="78701")
    await wait_until(lambda: any(s.kind == "prompt" and "hold" in s.detail for s in call.heard), 30)
    killed(world, 0)
    world.use_instance(1)
    await call.wait_ended()
    await world.settled()
    assert call.bridged
    assert len(world.lmal.requests) == 1, "it had answered before"
    assert len(world.contactability.requests) == 2
    record = await world.record(call)
    assert [e["event"] for e in record["events"]].count("auction_taken_over") == 1
    assert len(record["results"]) == 2


@in_world(instances=2)
async def test_an_instance_that_is_alive_keeps_its_auction(world: World) -> None:
    """Polls that reach another instance are answered with more hold audio; nobody is asked twice."""
    world.lmal.answer, world.contactability.answer = offers("20", SECOND), offers("30", FIRST, latency_s=8)
    call = world.place()
    await wait_until(lambda: any(s.kind == "prompt" and "hold" in s.detail for s in call.heard), 30)
    world.use_instance(1)
    await call.wait_ended()
    assert (len(world.contactability.requests), call.bridged) == (1, True)


@in_world(instances=2)
async def test_a_draining_instance_finishes_its_auctions_and_starts_none(world: World) -> None:
    """Live ones end where they are; a new caller is held, and the other instance runs that auction."""
    world.lmal.answer, world.contactability.answer = offers("20", SECOND), offers("30", FIRST, latency_s=6)
    first = world.place()
    await wait_until(lambda: world.contactability.requests, 30)
    draining = asyncio.create_task(world.served[0].app.instance.drain())
    second = world.place(from_="+15125550124")
    await wait_until(lambda: any("hold" in s.detail for s in second.heard), 30)
    assert (await world.served[0].app.instance.unready())[0] == "draining"
    await draining
    killed(world, 0)
    await world.served[0].app.instance.hearts.stop()
    world.use_instance(1)
    await first.wait_ended()
    await second.wait_ended()
    await world.settled()
    assert (first.bridged, second.bridged) == (True, True)


@in_world()
async def test_a_call_that_nobody_answered_is_found_and_called_back(world: World) -> None:
    """The service is away when the caller calls; the carrier's list of calls shows it afterwards."""
    await wait_until(lambda: world.app.instance.sweeper.last_round > 0, 60)
    hosts, world._hosts["https://calls.example.com"] = dict(world._hosts), "http://127.0.0.1:9"
    call = world.place()
    await call.wait_ended()
    assert call.heard[-1].kind == "apology", "the carrier's own words"
    world._hosts.update(hosts)
    await world.settled()
    await world.delivered()
    record = await world.record(call)
    assert (record["outcome"], len(world.dialler.leads)) == ("failed", 1)


@in_world()
async def test_a_broken_dialplan_is_refused_and_the_last_good_one_goes_on_serving(world: World) -> None:
    world.lmal.answer, world.contactability.answer = refuses(), offers("30", FIRST)
    file = world.folder / "dialplans" / "auto.yaml"
    file.write_text(file.read_text().replace("deadline_s: 10", "deadline_s: soon"))
    await wait_until(lambda: world.app.instance.plan_book.problems, 10)
    assert "auction.deadline_s" in str(world.app.instance.plan_book.problems[0])
    assert (await world.call()).bridged


@in_world()
async def test_a_changed_dialplan_is_taken_up_without_a_restart(world: World) -> None:
    world.lmal.answer, world.contactability.answer = refuses(), offers("30", FIRST)
    file = world.folder / "dialplans" / "auto.yaml"
    changed = yaml.safe_load(file.read_text())
    changed["auction"]["floor"] = 31
    file.write_text(yaml.safe_dump(changed))
    await wait_until(lambda: world.app.instance.plans["auto"].auction.floor == 31, 10)
    record = await world.record(await world.call())
    assert record["outcome"] == "unsold"
    assert {r["reason"] for r in record["results"]} == {"no_offer_coverage", "rejected_below_floor"}


def test_with_the_engine_out_known_calls_go_on_and_new_ones_are_promised_a_callback(tmp_path: Path) -> None:
    """Decided calls are dialled on from memory; the rest is on disk until the engine is back."""
    engine_folder = tmp_path / "engine"
    socket = embedded.ensure_running(engine_folder)

    async def whole(clock: VirtualClock) -> None:
        async with World(clock, socket, tmp_path) as world:
            world.contactability.answer, world.lmal.answer = offers("30", FIRST), offers("20", SECOND)
            world.carrier.phone(FIRST, PhoneScript(result="busy", ring_s=4))
            known = world.place()
            await wait_until(lambda: known.dials, 30)
            embedded.stop(engine_folder)
            new = world.place(from_="+15125550177")
            await new.wait_ended()
            assert any("call you back" in s.detail for s in new.heard)
            await wait_until(lambda: len(known.dials) == 2, 30)
            assert world.metric("engine_errors_total", operation="hmget") > 0
            embedded.ensure_running(engine_folder)
            await known.wait_ended()
            await world.settled()
            await world.delivered()
            assert known.bridged
            assert (await world.record(known))["outcome"] == "bridged"
            assert (await world.record(new))["outcome"] == "failed"
            assert [lead.mobile[-10:] for lead in world.dialler.leads] == ["5125550177"]

    try:
        run_virtual(whole)
    finally:
        embedded.stop(engine_folder)


@in_world()
async def test_a_ledger_that_hangs_is_warned_of_at_once_and_keeps_the_instance_ready(world: World) -> None:
    import aiohttp

    async def hangs() -> None:
        await asyncio.Event().wait()

    world.app.instance.ledger.check = hangs  # type: ignore[method-assign]
    asked_at = world.clock.monotonic()
    async with aiohttp.ClientSession() as session, session.get(f"{world.base_url}/readyz") as response:
        body = await response.json()
        assert (response.status, body["reasons"]) == (200, [])
    assert body["warnings"] == ["the ledger does not answer: no answer in time; check CALLROUTER_DATA_DIR"]
    assert world.clock.monotonic() - asked_at < 2


@pytest.mark.real_time
async def test_ready_says_why_not_and_healthy_says_yes(engine_socket: Path, tmp_path: Path) -> None:
    import aiohttp

    async with World(SystemClock(), engine_socket, tmp_path) as world, aiohttp.ClientSession() as session:
        async with session.get(f"{world.served[0].url}/healthz") as response:
            assert response.status == 200
        async with session.get(f"{world.served[0].url}/readyz") as response:
            assert (response.status, (await response.json())["reasons"]) == (200, [])
        await world.app.instance.drain()
        async with session.get(f"{world.served[0].url}/readyz") as response:
            assert (response.status, (await response.json())["reasons"]) == (503, ["draining"])


@in_world()
async def test_a_dial_of_which_nothing_was_heard_is_looked_up_before_it_is_dialled_again(world: World) -> None:
    """Every report is lost, and so is the dial's own end: the carrier asks the fallback, and knows how it ended."""
    world.carrier.faults.lose_status_share = 1.0
    world.contactability.answer, world.lmal.answer = offers("30", FIRST), offers("20", SECOND)
    world.carrier.phone(FIRST, PhoneScript(ring_s=3, result="busy"))
    call = world.place()
    await wait_until(lambda: call.dials, 60)
    world._hosts["https://calls.example.com"] = "http://127.0.0.1:9"
    await wait_until(lambda: sum(w.kind == "action" and bool(w.error) for w in world.carrier.webhooks) >= 3, 60)
    world.use_instance(0)
    await call.wait_ended()
    await world.settled()
    assert [dial.number for dial in call.dials] == [FIRST, SECOND]
