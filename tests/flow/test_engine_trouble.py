"""The engine refuses, comes and goes, or one instance alone loses it: callers go on, and the books stay true."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from callrouter.carrier.seam import Leg
from callrouter.domain.call import CallState
from callrouter.engine import embedded
from callrouter.instance import Instance
from callrouter.simulator.carrier import HangUp, PhoneScript, SimulatedCall
from callrouter.simulator.partners import Answer
from tests.flow.test_losing_parts import killed
from tests.support.virtual_time import VirtualClock, run_virtual
from tests.support.waiting import wait_until
from tests.support.world import World, in_world, offers, plan, refuses

FIRST, SECOND = "+12145550111", "+12145550112"


def on_hold(call: SimulatedCall) -> Callable[[], bool]:
    return lambda: any(s.kind == "hold" or (s.kind == "prompt" and "hold" in s.detail) for s in call.heard)


def polls(world: World) -> int:
    return sum("/hold/" in webhook.url for webhook in world.carrier.webhooks)


async def one_more_poll(world: World) -> None:
    before = polls(world)
    await wait_until(lambda: polls(world) > before, 30)
    await asyncio.sleep(0.5)


@asynccontextmanager
async def cut_off(instance: Instance) -> AsyncIterator[None]:
    """This instance alone cannot reach the engine."""
    pool = instance.engine._redis.connection_pool
    path = pool.connection_kwargs["path"]

    async def lead_to(socket: str) -> None:
        pool.connection_kwargs["path"] = socket
        await pool.disconnect()
        for connection in filter(None, pool._available_connections):
            connection.path = socket  # type: ignore[attr-defined]

    await lead_to("/nowhere/engine.sock")
    try:
        yield
    finally:
        await lead_to(path)


def on_an_engine_of_its_own(test: Callable[[World, Path], Awaitable[None]]) -> Callable[[Path], None]:
    """Decorator: a world whose engine the test may stop, start and reconfigure; its folder is passed."""

    def run(tmp_path: Path) -> None:
        folder = tmp_path / "engine"
        socket = embedded.ensure_running(folder)

        async def whole(clock: VirtualClock) -> None:
            async with World(clock, socket, tmp_path) as world:
                await test(world, folder)

        try:
            run_virtual(whole)
        finally:
            embedded.stop(folder)

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


async def reconfigure(world: World, *command: str) -> None:
    client = world.app.instance.engine._redis
    with world.clock.busy():
        await client.execute_command(*command)  # type: ignore[no-untyped-call]


@on_an_engine_of_its_own
async def test_an_engine_that_takes_no_writes_is_as_good_as_out(world: World, folder: Path) -> None:
    """Failed over: a caller whose first dial is busy gets the next offer, a new one is promised a callback."""
    world.lmal.answer, world.contactability.answer = offers("20", SECOND), offers("30", FIRST)
    world.carrier.phone(FIRST, PhoneScript(result="busy", ring_s=4))
    known = world.place()
    await wait_until(lambda: known.dials, 30)
    await reconfigure(world, "REPLICAOF", "127.0.0.1", "1")
    new = world.place(from_="+15125550177")
    await new.wait_ended()
    await wait_until(lambda: len(known.dials) == 2, 30)
    await asyncio.sleep(5)
    await reconfigure(world, "REPLICAOF", "NO", "ONE")
    await known.wait_ended()
    await world.settled()
    await world.delivered()
    assert known.bridged
    assert any("call you back" in sound.detail for sound in new.heard)
    await asyncio.sleep(20)
    assert await world.app.instance.unready() == [], "the heart beats again"


@on_an_engine_of_its_own
async def test_what_was_decided_without_the_engine_comes_before_what_is_decided_with_it(
    world: World, folder: Path
) -> None:
    """The engine is back and a webhook comes before the sweeper's next round: the call is still bridged."""
    world.contactability.answer, world.lmal.answer = offers("30", FIRST, latency_s=5), refuses()
    world.carrier.phone(FIRST, PhoneScript(ring_s=2, talk_s=100))
    call = world.place()
    await wait_until(on_hold(call), 30)
    embedded.stop(folder)
    await wait_until(lambda: call.dials, 30)
    await asyncio.sleep(90)
    instance = world.app.instance
    next(task for task in instance._tasks if task.get_name() == "sweeper").cancel()
    embedded.ensure_running(folder)
    await call.wait_ended()
    instance._tasks.append(asyncio.create_task(instance.sweeper.run()))
    await world.settled()
    assert len(call.dials) == 1, "the push and the poll did not both dial"
    assert (await world.record(call))["outcome"] == "bridged"
    assert world.dialler.leads == []


@in_world(instances=2)
async def test_an_instance_that_saw_little_does_not_overwrite_one_that_saw_more(world: World) -> None:
    """B saw one poll; A brought the bridge; B has lost the engine just when the call ends there."""
    world.lmal.answer, world.contactability.answer = refuses(), offers("30", FIRST, latency_s=8)
    world.carrier.phone(FIRST, PhoneScript(talk_s=120, hangs_up="caller"))
    call = world.place()
    await wait_until(on_hold(call), 30)
    world.use_instance(1)
    await one_more_poll(world)
    world.use_instance(0)
    await wait_until(lambda: call.dials, 30)
    await asyncio.sleep(60)
    world.use_instance(1)
    async with cut_off(world.served[1].app.instance):
        await call.wait_ended()
        await asyncio.sleep(1)
    await world.settled()
    await world.delivered()
    record = await world.record(call)
    assert (record["outcome"], record["bridged_s"], world.dialler.leads) == ("bridged", 120, [])


@in_world(plan(auction={"deadline_s": 20}), instances=2)
async def test_an_instance_without_the_engine_holds_a_caller_whose_auction_runs_elsewhere(world: World) -> None:
    world.lmal.answer, world.contactability.answer = refuses(), offers("30", FIRST, latency_s=15)
    call = world.place()
    await wait_until(on_hold(call), 30)
    world.use_instance(1)
    await one_more_poll(world)
    async with cut_off(world.served[1].app.instance):
        await one_more_poll(world)
    world.use_instance(0)
    await call.wait_ended()
    await world.settled()
    assert ((await world.record(call))["outcome"], world.dialler.leads) == ("bridged", [])


@in_world()
async def test_a_call_whose_plan_was_renamed_goes_on_under_the_plan_that_has_its_number(world: World) -> None:
    """The file is renamed to another plan and the service restarted during a call."""
    world.lmal.answer, world.contactability.answer = refuses(), offers("30", FIRST, latency_s=6)
    call = world.place(hang_up=HangUp("on_hold", 20))
    await wait_until(on_hold(call), 30)
    killed(world, 0)
    file = world.folder / "dialplans" / "auto.yaml"
    file.write_text(file.read_text().replace("plan: auto", "plan: auto2"))
    world.served.append(await world._serve(1))
    world.use_instance(1)
    await call.wait_ended()
    await asyncio.sleep(60)
    store = world.served[1].app.instance.store
    stored = (await store.load(call.sid)).call
    assert stored is not None
    assert (stored.state, await store.live_sids()) == (CallState.ENDED, [])


@in_world()
async def test_a_call_whose_number_no_plan_has_any_more_is_closed_and_says_why(world: World) -> None:
    world.lmal.answer, world.contactability.answer = refuses(), refuses(latency_s=9)
    call = world.place(hang_up=HangUp("on_hold", 20))
    await wait_until(on_hold(call), 30)
    killed(world, 0)
    file = world.folder / "dialplans" / "auto.yaml"
    other = file.read_text().replace("plan: auto", "plan: other").replace("5550100", "5550150")
    file.write_text(other.replace("5550101", "5550151"))
    world.served.append(await world._serve(1))
    world.use_instance(1)
    await call.wait_ended()
    await asyncio.sleep(60)
    stored = (await world.served[1].app.instance.store.load(call.sid)).call
    assert stored is not None
    assert (stored.state, stored.callback) == (CallState.ENDED, "none: no plan has this number any more")


@in_world(instances=2)
async def test_a_caller_who_arrives_at_a_draining_instance_is_sold_by_another(world: World) -> None:
    """The drain takes long; the new caller's auction is nobody's, so that the next poll's instance runs it."""
    slow, quick = offers("30", FIRST, latency_s=9), offers("30", FIRST, latency_s=1)
    answers = iter([slow, quick, quick])
    world.lmal.answer = refuses()

    def decide(params: Mapping[str, str]) -> Answer:
        return next(answers)(params)

    world.contactability.answer = decide
    first = world.place()
    await wait_until(lambda: world.contactability.requests, 30)
    draining = asyncio.create_task(world.served[0].app.instance.drain())
    second = world.place(from_="+15125550124")
    await wait_until(on_hold(second), 30)
    world.use_instance(1)
    await second.wait_ended()
    await first.wait_ended()
    await draining
    assert (first.bridged, second.bridged) == (True, True)


@in_world()
async def test_one_call_that_cannot_be_looked_up_starves_no_other(world: World) -> None:
    """The carrier knows nothing but errors of one call; the others of the same round are settled."""
    world.carrier.faults.lose_status_share = 1.0
    for n in range(4):
        world.place(from_=f"+1512555012{n}", hang_up=HangUp("asked", 0.5))
    await asyncio.sleep(1)
    instance = world.app.instance
    (bad, *_) = await instance.store.live_sids()
    carrier = instance.sweeper._carrier
    ask = carrier.look_up

    async def look_up(sid: str) -> Leg | None:
        if sid == bad:
            raise ValueError("a reply that nobody foresaw")
        return await ask(sid)

    carrier.look_up = look_up  # type: ignore[method-assign]
    await asyncio.sleep(120)
    left = await instance.store.live_sids()
    carrier.look_up = ask  # type: ignore[method-assign]
    assert left == [bad]
    await world.settled()


@in_world()
async def test_a_bridge_whose_length_the_dial_does_not_tell_is_no_early_hang_up(world: World) -> None:
    """`DialCallDuration` may be missing: the leg's own report, or our clock, tells that they talked."""
    world.contactability.answer, world.lmal.answer = offers("30", FIRST), offers("20", SECOND)
    world.carrier.faults.drop_params = frozenset({"DialCallDuration"})
    call = await world.call()
    record = await world.record(call)
    assert [attempt["result"] for attempt in record["attempts"]] == ["bridged"]
    assert record["bridged_s"] == 120


@in_world()
async def test_an_unknown_dial_status_costs_the_caller_nothing(world: World) -> None:
    world.contactability.answer, world.lmal.answer = offers("30", FIRST), offers("20", SECOND)
    world.carrier.phone(FIRST, PhoneScript(result="busy", ring_s=1))
    world.carrier.faults.rename_dial_status = {"busy": "rejected"}
    call = await world.call()
    assert [dial.number for dial in call.dials] == [FIRST, SECOND]
    assert call.bridged
