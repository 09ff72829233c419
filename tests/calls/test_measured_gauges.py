"""Gauges of what waits in the engine and of how buyers stand, the same on every instance, and how late the loop is."""

import asyncio
import time

import pytest

from callrouter.auction.limits import MIN_SAMPLES, Limits
from callrouter.domain.clock import SystemClock
from callrouter.domain.reasons import Reason
from callrouter.engine.client import Engine
from callrouter.errors import EngineUnavailable
from callrouter.gauges import EVERY_S
from callrouter.loop_lag import EVERY_S as LAG_EVERY_S
from callrouter.loop_lag import watch_lag
from callrouter.metrics import ENGINE_OPERATIONS, Metrics
from tests.support.waiting import wait_until
from tests.support.world import World, in_world, offers, plan, refuses

FIRST = "+12145550111"


async def becomes(world: World, name: str, value: float, timeout_s: float = 3 * EVERY_S, **labels: str) -> None:
    """The gauge of every instance comes to this value."""

    def values() -> list[float | None]:
        registries = [served.app.instance.metrics.registry for served in world.served]
        return [registry.get_sample_value(f"callrouter_{name}", labels) for registry in registries]

    try:
        await wait_until(lambda: all(seen == value for seen in values()), timeout_s, every_s=0.5)
    except TimeoutError:
        raise AssertionError(f"{name} {labels} is {values()}, not {value}") from None


@in_world(instances=2)
async def test_a_dialler_that_is_out_makes_late_callbacks_though_each_try_sets_a_new_time(world: World) -> None:
    world.contactability.answer, world.lmal.answer = refuses(), refuses()
    await world.dialler.refuse()
    await world.call()
    await becomes(world, "callbacks_late", 0)
    await becomes(world, "callbacks_late", 1, timeout_s=70)
    assert world.metric("outbox_jobs", state="waiting") + world.metric("outbox_jobs", state="due") == 1
    await world.dialler.accept()
    await becomes(world, "callbacks_late", 0, timeout_s=90)
    assert [world.metric("outbox_jobs", state=state) for state in ("waiting", "due", "dead")] == [0, 0, 0]


@in_world()
async def test_a_delivery_that_was_given_up_is_a_dead_job(world: World) -> None:
    world.contactability.answer, world.lmal.answer = refuses(), refuses()
    world.dialler.fail_next = ["400"]
    await world.call()
    await becomes(world, "outbox_jobs", 1, state="dead")
    assert world.metric("callbacks_late") == 0


@in_world()
async def test_finished_calls_wait_for_a_ledger_that_is_not_drained(world: World) -> None:
    world.contactability.answer, world.lmal.answer = refuses(), refuses()
    instance = world.app.instance
    await instance.drainer.stop()
    call = world.place()
    await call.wait_ended()
    await becomes(world, "ledger_waiting", 1)
    await instance.drainer.drain()
    await becomes(world, "ledger_waiting", 0)


@in_world()
async def test_live_calls_and_auctions_are_counted_while_they_last(world: World) -> None:
    world.contactability.answer, world.lmal.answer = offers("30", FIRST, latency_s=8), refuses()
    call = world.place()
    await wait_until(lambda: world.metric("auctions_live") == 1, timeout_s=30, every_s=0.1)
    await becomes(world, "calls_live", 1)
    await call.wait_ended()
    assert world.metric("auctions_live") == 0
    await world.settled()
    await becomes(world, "calls_live", 0)


@in_world(instances=2)
async def test_a_buyer_whose_replies_fail_opens_its_breaker_is_probed_and_comes_back(world: World) -> None:
    instance = world.app.instance
    entry = instance.plans["auto"].buyers["contactability"]
    sheet, account = instance.catalogue.get(entry.adapter).sheet, instance.catalogue.account("contactability", entry)
    limits = Limits(instance.engine)

    async def replies(reason: Reason | None) -> None:
        for _ in range(MIN_SAMPLES + 2):
            limits.note(entry.adapter, sheet, account, reason, 1.0)
            await limits.drain()

    await replies(Reason.ERROR_HTTP_STATUS)
    await becomes(world, "buyer_breaker_open", 1, buyer="contactability")
    assert world.metric("buyer_breaker_open", buyer="letsmakealead") == 0
    await becomes(world, "buyer_breaker_open", 0.5, timeout_s=10, buyer="contactability")
    await replies(None)
    await becomes(world, "buyer_breaker_open", 0, buyer="contactability")


@in_world(plan(intake={"zip": "caller_id"}))
async def test_the_fullest_window_of_a_buyer_is_shown_and_empties(world: World) -> None:
    world.contactability.answer, world.lmal.answer = refuses(), refuses()
    for n in range(3):
        world.place(from_=f"+1512555{300 + n:04d}", from_zip="78701")
    await world.settled()
    await becomes(world, "buyer_limit_used_ratio", 3 / 300, buyer="contactability")
    await becomes(world, "buyer_limit_used_ratio", 3 / 10_000, timeout_s=70, buyer="contactability")
    assert world.metric("buyer_limit_used_ratio", buyer="letsmakealead") == 0


@in_world(instances=2)
async def test_a_buyer_that_was_switched_off_shows_it_on_every_instance(world: World) -> None:
    await becomes(world, "buyer_switched_off", 0, buyer="contactability")
    await world.app.instance.buyers.switch_off("auto", "contactability", "tests")
    await becomes(world, "buyer_switched_off", 1, buyer="contactability")
    assert world.metric("buyer_switched_off", buyer="letsmakealead") == 0
    await world.app.instance.buyers.switch_on("auto", "contactability", "tests")
    await becomes(world, "buyer_switched_off", 0, buyer="contactability")


@in_world()
async def test_an_instance_that_stops_says_so(world: World) -> None:
    assert world.metric("draining") == 0
    await world.app.instance.drain()
    assert world.metric("draining") == 1


@in_world()
async def test_every_command_of_a_call_is_timed_under_a_name_that_is_known(world: World) -> None:
    def count(name: str) -> float:
        return world.metric("engine_seconds_count", operation=name)

    before = count("commit")
    await world.call()
    assert count("commit") >= before + 4
    assert min(count(name) for name in ("gauges", "buyers_look", "hmget", "job_claim", "admit")) > 0


async def test_a_failed_command_is_timed_too_and_an_engine_without_a_listener_tells_nobody(engine: Engine) -> None:
    told: list[tuple[str, float]] = []
    await engine.get("x")
    engine.on_timed = lambda operation, seconds: told.append((operation, seconds))
    await engine.get("x")
    with pytest.raises(EngineUnavailable):
        await engine.raw("zadd", _broken)
    assert [operation for operation, _ in told] == ["get", "zadd"]
    assert all(0 < seconds < 1 for _, seconds in told)


async def _broken(client: object) -> None:
    raise ConnectionError


def test_an_operation_without_a_name_of_its_own_is_timed_as_another() -> None:
    metrics = Metrics()
    metrics.engine_took("xautoclaim", 0.2)
    assert "xautoclaim" not in ENGINE_OPERATIONS
    assert metrics.registry.get_sample_value("callrouter_engine_seconds_sum", {"operation": "other"}) == 0.2


async def test_a_blocked_loop_shows_as_lag() -> None:
    late: list[float] = []
    watching = asyncio.create_task(watch_lag(SystemClock(), late.append))
    await asyncio.sleep(0)
    time.sleep(LAG_EVERY_S + 0.2)  # noqa: ASYNC251 - the blocking is what is to be seen
    await wait_until(lambda: late)
    watching.cancel()
    assert 0.19 < late[0] < 2
