"""Callers held for late offers while something goes wrong: nobody is forgotten, asked twice or double-booked."""

import asyncio
from dataclasses import replace
from decimal import Decimal

from callrouter.simulator.carrier import HangUp, PhoneScript
from callrouter.simulator.partners import Answer
from tests.flow.learning import FAST, SLOW, known_for, patience, silent, teach
from tests.flow.test_late_offers import BY_WORTH, FAST_PHONE, ONE_AT_A_TIME, SLOW_PHONE, two_buyers
from tests.flow.test_losing_parts import killed
from tests.support.waiting import wait_until
from tests.support.world import TWO_STEPS, World, in_world, offers, refuses

BID = Answer(latency_s=0.3, payout=Decimal(40), number=FAST_PHONE, min_duration_s=90)
TWO = {**BY_WORTH, "buyers": TWO_STEPS}


async def busy_and_slow(world: World, *, slow_s: float = 7) -> None:
    """The fast buyer is dialled first and is busy; the slow one may still answer."""
    two_buyers(world, slow_s=slow_s)
    world.carrier.phone(FAST_PHONE, PhoneScript(result="busy", ring_s=1))
    await teach(world, known_for(FAST, 20, 0.3), silent(SLOW, 60), patience(30))


async def events(world: World, sid: str) -> list[str]:
    found = (await world.app.instance.store.load(sid)).call
    return [event.event for event in found.timeline] if found else []


@in_world(TWO)
async def test_after_a_refused_post_the_caller_is_held_for_whoever_may_still_answer(world: World) -> None:
    two_buyers(world, slow_s=7)
    world.lmal.answer = lambda params: replace(BID, post_code="4000")
    await teach(world, known_for(FAST, 40, 0.3), silent(SLOW, 60), patience(30))
    call = await world.call()
    assert [dial.number for dial in call.dials] == [SLOW_PHONE]
    assert len(world.contactability.requests) == 1
    told = [event["event"] for event in (await world.record(call))["events"]]
    assert "auction_taken_over" not in told
    assert told.index("late_offers_awaited") < told.index("late_offer")


@in_world(TWO)
async def test_a_bid_that_was_taken_up_is_dialled_although_a_better_offer_came_meanwhile(world: World) -> None:
    two_buyers(world, slow_s=2)
    world.lmal.answer = lambda params: replace(BID, post_latency_s=3.0)
    await teach(world, known_for(FAST, 40, 0.3), silent(SLOW, 60), patience(30))
    call = await world.call()
    record = await world.record(call)
    assert [(post["buyer"], post["reason"]) for post in record["posts"]] == [(FAST, "offer")]
    assert [dial.number for dial in call.dials] == [FAST_PHONE]
    assert "late_offer" in [event["event"] for event in record["events"]]


@in_world(BY_WORTH, instances=2)
async def test_a_caller_whom_a_stopping_instance_holds_is_looked_after_by_the_next(world: World) -> None:
    await busy_and_slow(world)
    call = world.place()
    await wait_until(lambda: call.dials, timeout_s=60)
    draining = asyncio.create_task(world.served[0].app.instance.drain())
    await wait_until(lambda: call.dials[0].ended_at, timeout_s=60)
    await asyncio.sleep(0.5)
    world.use_instance(1)
    await call.wait_ended()
    await draining
    await world.settled()
    assert [dial.number for dial in call.dials] == [FAST_PHONE, SLOW_PHONE]
    assert len(world.contactability.requests) == 1, "who stops goes on listening"
    assert (await events(world, call.sid)).count("auction_taken_over") == 1


@in_world({**BY_WORTH, "buyers": ONE_AT_A_TIME}, instances=3)
async def test_a_late_offer_of_an_auction_that_is_past_leaves_the_seat_of_the_next_one(world: World) -> None:
    await busy_and_slow(world, slow_s=9)
    call = world.place()
    await wait_until(lambda: call.dials, timeout_s=60)
    world.use_instance(1)
    await wait_until(lambda: call.dials[0].ended_at, timeout_s=60)
    await asyncio.sleep(0.5)
    killed(world, 1)
    world.use_instance(2)
    await wait_until(lambda: len(world.contactability.requests) == 2, timeout_s=60)
    first = world.served[0].app.instance.auctioneer._bidding
    assert first.listeners, "it still hears the buyer whom it asked"
    await wait_until(lambda: not first.listeners, timeout_s=60)
    await asyncio.sleep(0.3)
    engine, keys = world.app.instance.engine, world.app.instance.store.keys
    assert len(call.dials) == 1
    assert await engine.sorted_count(keys.seats("auto", SLOW, "asked")) == 1, "it is asked again just now"
    await call.wait_ended()
    await world.settled()


ONE_SEAT = {**BY_WORTH, "buyers": ONE_AT_A_TIME}


@in_world(ONE_SEAT, instances=2)
async def test_a_caller_who_hangs_up_while_held_for_a_late_offer_leaves_nothing_behind(world: World) -> None:
    await busy_and_slow(world)
    call = world.place()
    await wait_until(lambda: call.dials, timeout_s=60)
    world.use_instance(1)
    await wait_until(lambda: call.dials[0].ended_at, timeout_s=60)
    await asyncio.sleep(1.5)
    await call.hang_up()
    await call.wait_ended()
    await world.settled()
    assert (await world.record(call))["outcome"] == "abandoned"
    await asyncio.sleep(12)
    engine, keys = world.app.instance.engine, world.app.instance.store.keys
    for part in ("asked", "dialled", "talking"):
        assert await engine.sorted_count(keys.seats("auto", SLOW, part)) == 0
    for served in world.served:
        assert not served.app.instance.auctioneer._bidding.listeners
        assert served.app.instance.auctioneer.live == 0
    assert world.metric("buyer_inflight", buyer=SLOW) == 0
