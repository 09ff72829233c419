"""A caller who left while an offer was in hand: the record says why they were held."""

import asyncio

from callrouter.simulator.carrier import HangUp
from tests.flow.learning import FAST, SLOW, known_for, patience, teach
from tests.support.waiting import wait_until
from tests.support.world import World, in_world, offers, plan


@in_world(plan(auction={"policy": "expected_value"}))
async def test_it_is_told_why_a_caller_was_held_who_left_on_hold(world: World) -> None:
    world.lmal.answer = offers("20", "+12145550112", latency_s=0.3)
    world.contactability.answer = offers("60", "+12145550111", latency_s=8)
    await teach(world, known_for(FAST, 20, 0.3), known_for(SLOW, 60, 8), patience(300))
    record = await world.record(await world.call(hang_up=HangUp("on_hold", 2.0)))
    assert record["outcome"] == "abandoned"
    assert [one["because"] for one in record["decisions"]][:2] == ["no_offer_yet", "worth_waiting"]


@in_world(plan(auction={"policy": "expected_value"}))
async def test_who_takes_the_auction_over_knows_why_the_caller_was_held(world: World) -> None:
    world.lmal.answer = offers("20", "+12145550112", latency_s=0.3)
    world.contactability.answer = offers("60", "+12145550111", latency_s=6)
    await teach(world, known_for(FAST, 20, 0.3), known_for(SLOW, 60, 6), patience(300))
    call = world.place()
    await wait_until(lambda: world.app.instance.auctioneer.running(call.sid), timeout_s=30)
    await asyncio.sleep(1)
    world.app.instance.auctioneer.caller_left(call.sid)  # as when its instance dies
    await call.wait_ended()
    await world.settled()
    waits = [one for one in (await world.record(call))["decisions"] if one["choice"] == "wait"]
    events = [event["event"] for event in (await world.record(call))["events"]]
    assert "auction_taken_over" in events
    assert [one["after"] for one in waits].count("start") == 2, "that of the first owner, and that of the second"
