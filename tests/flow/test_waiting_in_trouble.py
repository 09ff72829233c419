"""Callers held for late offers while something goes wrong: nobody is forgotten, asked twice or double-booked."""

import asyncio
import itertools
from copy import deepcopy
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from callrouter.auction.auction import Auction
from callrouter.carrier.seam import CallArrived, Hold, HoldPolled
from callrouter.domain.offer import BuyerResult
from callrouter.engine import embedded
from callrouter.simulator.carrier import HangUp, PhoneScript
from callrouter.simulator.partners import Answer
from tests.flow.learning import FAST, SLOW, known_for, patience, silent, teach
from tests.flow.test_late_offers import BY_WORTH, FAST_PHONE, ONE_AT_A_TIME, SLOW_PHONE, two_buyers
from tests.flow.test_losing_parts import killed
from tests.support.virtual_time import VirtualClock, run_virtual
from tests.support.waiting import wait_until
from tests.support.world import BUYERS, CALLER, INBOUND, TWO_STEPS, World, in_world

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
    call.hang_up()
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


SHORT_LIVED = {**ONE_AT_A_TIME, SLOW: {**ONE_AT_A_TIME[SLOW], "offer_ttl_s": 10}}


@in_world({**BY_WORTH, "buyers": SHORT_LIVED})
async def test_an_offer_that_lives_too_shortly_to_be_rung_gives_its_seat_back(world: World) -> None:
    two_buyers(world, slow_s=0.2)
    await teach(world, known_for(FAST, 20, 0.3), known_for(SLOW, 60, 0.2), patience(120))
    call = world.place()
    await wait_until(lambda: call.dials, timeout_s=60)
    await asyncio.sleep(0.5)
    assert call.dials[0].number == FAST_PHONE
    engine, keys = world.app.instance.engine, world.app.instance.store.keys
    assert await engine.sorted_count(keys.seats("auto", SLOW, "asked")) == 0
    await call.wait_ended()
    await world.settled()


@in_world({**BY_WORTH, "buyers": {**BUYERS, "slowest": deepcopy(BUYERS[SLOW])}})
async def test_a_clock_that_is_set_forward_does_not_make_the_listener_spin(world: World) -> None:
    two_buyers(world, slow_s=6)
    latencies = itertools.cycle((4.0, 9.0))
    world.contactability.answer = lambda params: Answer(latency_s=next(latencies), payout=None, code="5000")
    await teach(world, known_for(FAST, 20, 0.3), silent(SLOW, 60), silent("slowest", 60), patience(30))
    call = world.place()
    await wait_until(lambda: call.dials, timeout_s=60)
    told, hear, heard = world.clock.now, Auction.hear, 0

    async def counted(auction: Auction, timeout_s: float) -> dict[str, BuyerResult]:
        nonlocal heard
        heard += 1
        assert heard < 100, "it hears without a pause"
        return await hear(auction, timeout_s)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Auction, "hear", counted)
        patch.setattr(world.clock, "now", lambda: told() + 8)
        await call.wait_ended()
        await world.settled()
    assert heard == 1, "the first answer ended the pause that was under way"


@in_world({**BY_WORTH, "buyers": ONE_AT_A_TIME})
async def test_a_caller_who_leaves_in_the_very_moment_of_the_dial_leaves_nobody_asking(world: World) -> None:
    await busy_and_slow(world)
    bidding = world.app.instance.auctioneer._bidding
    listen = bidding._listen

    def left_at_once(held: Any) -> None:
        listen(held)
        bidding.caller_left(held.call.sid)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bidding, "_listen", left_at_once)
        call = world.place(hang_up=HangUp("ringing", 0.1))
        await call.wait_ended()
        await world.settled()
    assert not bidding.listeners
    assert world.metric("buyer_inflight", buyer=SLOW) == 0


def test_a_late_offer_that_comes_while_the_engine_is_out_is_dialled_from_memory(tmp_path: Path) -> None:
    folder = tmp_path / "engine"
    socket = embedded.ensure_running(folder)

    async def whole(clock: VirtualClock) -> None:
        async with World(clock, socket, tmp_path, dialplan=BY_WORTH) as world:
            await busy_and_slow(world)
            call = world.place()
            await wait_until(lambda: call.dials and call.dials[0].ended_at, timeout_s=60)
            await asyncio.sleep(1)
            embedded.stop(folder)
            await wait_until(lambda: len(call.dials) == 2, timeout_s=60)
            embedded.ensure_running(folder)
            await call.wait_ended()
            await world.settled()
            assert [dial.number for dial in call.dials] == [FAST_PHONE, SLOW_PHONE]
            record = await world.record(call)
            assert (record["outcome"], record["buyer"]) == ("bridged", SLOW)
            assert len(world.contactability.requests) == 1

    try:
        run_virtual(whole)
    finally:
        embedded.stop(folder)


@in_world(BY_WORTH, instances=2)
async def test_polls_that_reach_another_instance_leave_the_watch_where_it_is(world: World) -> None:
    """Also several at once: nobody takes over, and nobody is asked twice."""
    await busy_and_slow(world, slow_s=9)
    call = world.place()
    await wait_until(lambda: call.dials and call.dials[0].ended_at, timeout_s=60)
    await asyncio.sleep(0.5)
    other, arrival = world.served[1].app.instance, CallArrived(call.sid, CALLER, INBOUND, None)
    polls = [HoldPolled(call.sid, 1, segment) for segment in range(4)]
    said = await asyncio.gather(*(other.flow.answer(poll, arrival, world.clock.now()) for poll in polls))
    assert {type(answer.command) for answer in said} == {Hold}
    await call.wait_ended()
    await world.settled()
    assert [dial.number for dial in call.dials] == [FAST_PHONE, SLOW_PHONE]
    assert "auction_taken_over" not in await events(world, call.sid)
    assert len(world.contactability.requests) == 1


@in_world(BY_WORTH, instances=2)
async def test_two_polls_that_find_the_watcher_dead_take_the_call_over_once(world: World) -> None:
    await busy_and_slow(world, slow_s=9)
    call = world.place()
    await wait_until(lambda: call.dials and call.dials[0].ended_at, timeout_s=60)
    await asyncio.sleep(0.3)
    killed(world, 0)
    await world.served[0].app.instance.hearts.stop()
    await asyncio.sleep(1)
    other, arrival = world.served[1].app.instance, CallArrived(call.sid, CALLER, INBOUND, None)
    polls = [HoldPolled(call.sid, 1, segment) for segment in range(2)]
    await asyncio.gather(*(other.flow.answer(poll, arrival, world.clock.now()) for poll in polls))
    world.use_instance(1)
    told = await events(world, call.sid)
    assert (told.count("auction_taken_over"), told.count("auction_started")) == (1, 2)
    await call.wait_ended()
    await world.settled()
    assert len(world.contactability.requests) == 2, "whom the dead had asked is asked once more"


@in_world(BY_WORTH)
async def test_a_buyer_that_leaves_the_plan_while_it_is_waited_for_does_no_harm(world: World) -> None:
    await busy_and_slow(world)
    call = world.place()
    await wait_until(lambda: call.dials and call.dials[0].ended_at, timeout_s=60)
    file = world.folder / "dialplans" / "auto.yaml"
    written = yaml.safe_load(file.read_text())
    del written["buyers"][SLOW]
    file.write_text(yaml.safe_dump(written))
    await wait_until(lambda: SLOW not in world.app.instance.plans["auto"].buyers, timeout_s=30)
    await call.wait_ended()
    await world.settled()
    record = await world.record(call)
    assert record["outcome"] in ("bridged", "unsold")
    assert world.app.instance.auctioneer.live == 0


@in_world(BY_WORTH)
async def test_a_plan_that_is_deleted_while_a_late_offer_is_waited_for_does_no_harm(world: World) -> None:
    await busy_and_slow(world)
    call = world.place()
    await wait_until(lambda: call.dials and call.dials[0].ended_at, timeout_s=60)
    (world.folder / "dialplans" / "auto.yaml").unlink()
    await call.wait_ended()
    await world.settled()
    assert [dial.number for dial in call.dials] == [FAST_PHONE, SLOW_PHONE]
