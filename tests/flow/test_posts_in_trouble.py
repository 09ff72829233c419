"""A post is due or under way while an instance stops, the engine or the caller goes, or the plan changes."""

import asyncio
import copy
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from callrouter.engine import embedded
from callrouter.simulator.carrier import HangUp, PhoneScript
from callrouter.simulator.partners import Answer
from tests.flow.test_engine_trouble import cut_off
from tests.flow.test_two_steps import BIDDER, OTHER, TWO, bids
from tests.support.virtual_time import VirtualClock, run_virtual
from tests.support.waiting import wait_until
from tests.support.world import TWO_STEPS, World, in_world, offers, plan, refuses

PATIENT = plan(buyers=TWO_STEPS, auction={"post_s": 15})
THIRD = "+12145550113"
THREE = plan(
    buyers={**TWO_STEPS, "third": {**copy.deepcopy(TWO_STEPS["contactability"]), "params": {"lead_type": "third"}}}
)


@in_world(PATIENT, instances=2)
async def test_a_draining_instance_ends_its_post_whoever_is_polled(world: World) -> None:
    bids(world, post_latency_s=9.0)
    call = world.place()
    await wait_until(lambda: len(world.lmal.requests) == 1, 60)
    draining = asyncio.create_task(world.served[0].app.instance.drain())
    await wait_until(lambda: len(world.lmal.requests) == 2, 60)
    world.use_instance(1)
    await call.wait_ended()
    await draining
    await world.settled()
    record = await world.record(call)
    assert [d.number for d in call.dials] == [BIDDER]
    assert [p["reason"] for p in record["posts"]] == ["offer"]
    assert "auction_taken_over" not in [e["event"] for e in record["events"]]


@in_world(TWO, instances=2)
async def test_a_post_that_a_draining_instance_leaves_to_others_is_sent_by_them(world: World) -> None:
    bids(world, payout=Decimal(20))
    world.carrier.phone(OTHER, PhoneScript(result="busy", ring_s=4))
    call = world.place()
    await wait_until(lambda: call.dials, 60)
    draining = asyncio.create_task(world.served[0].app.instance.drain())
    await wait_until(lambda: call.dials[0].ended_at, 60)
    await asyncio.sleep(1)
    assert len(world.lmal.requests) == 1, "the first instance has heard of the busy phone, and posts nothing"
    world.use_instance(1)
    await call.wait_ended()
    await draining
    await world.settled()
    record = await world.record(call)
    assert [d.number for d in call.dials] == [OTHER, BIDDER]
    assert [p["reason"] for p in record["posts"]] == ["offer"]
    assert [e["event"] for e in record["events"]].count("post_sent") == 1
    assert len(world.lmal.requests) == 2, "one ping, one post"


@in_world(THREE, instances=2)
async def test_the_auction_that_follows_a_refused_post_is_run_at_once_whoever_is_polled(world: World) -> None:
    world.carrier.phone(OTHER, PhoneScript(result="busy", ring_s=1))
    bids(world, payout=Decimal(20), post_latency_s=3.0, post_code="4000")
    asked: list[Mapping[str, str]] = []

    def answer(params: Mapping[str, str]) -> Answer:
        if params.get("lead_type") != "third":
            return offers("30", OTHER)(params)
        asked.append(params)
        return (refuses() if len(asked) == 1 else offers("10", THIRD))(params)

    world.contactability.answer = answer
    call = world.place()
    await wait_until(lambda: len(world.lmal.requests) == 2, 60)
    world.use_instance(1)
    await call.wait_ended()
    await world.settled()
    record = await world.record(call)
    assert [d.number for d in call.dials] == [OTHER, THIRD]
    assert "auction_taken_over" not in [e["event"] for e in record["events"]]
    assert world.metric("auctions_total", plan="auto", outcome="sold") == 2
    for buyer in ("letsmakealead", "contactability", "third"):
        assert world.metric("buyer_inflight", buyer=buyer) == 0


@in_world(PATIENT, instances=2)
async def test_an_instance_without_the_engine_holds_a_caller_for_whom_another_posts(world: World) -> None:
    bids(world, post_latency_s=14.5)
    call = world.place()
    await wait_until(lambda: len(world.lmal.requests) == 2, 60)
    world.use_instance(1)
    before = len(world.carrier.webhooks)
    await wait_until(lambda: len(world.carrier.webhooks) > before, 60)
    await asyncio.sleep(0.5)
    async with cut_off(world.served[1].app.instance):
        await wait_until(lambda: call.dials, 60)
        world.use_instance(0)
    await call.wait_ended()
    await world.settled()
    assert [d.number for d in call.dials] == [BIDDER]
    assert (await world.record(call))["outcome"] == "bridged"


def test_a_post_whose_engine_goes_out_is_dialled_from_memory_and_on_record_afterwards(tmp_path: Path) -> None:
    folder = tmp_path / "engine"
    socket = embedded.ensure_running(folder)

    async def whole(clock: VirtualClock) -> None:
        async with World(clock, socket, tmp_path, dialplan=TWO) as world:
            bids(world, post_latency_s=3.0)
            call = world.place()
            await wait_until(lambda: len(world.lmal.requests) == 2, 60)
            embedded.stop(folder)
            await wait_until(lambda: call.dials, 60)
            embedded.ensure_running(folder)
            await call.wait_ended()
            await world.settled()
            record = await world.record(call)
            assert [d.number for d in call.dials] == [BIDDER]
            assert (record["outcome"], record["buyer"]) == ("bridged", "letsmakealead")
            assert [(p["buyer"], p["reason"]) for p in record["posts"]] == [("letsmakealead", "offer")]
            assert len(world.lmal.commits) == 1

    try:
        run_virtual(whole)
    finally:
        embedded.stop(folder)


@pytest.mark.parametrize("how", ["removed", "disabled"])
def test_a_bid_of_a_buyer_that_was_taken_out_meanwhile_is_not_taken_up(
    how: str, engine_socket: Path, tmp_path: Path
) -> None:
    @in_world(TWO)
    async def taken_out(world: World) -> None:
        bids(world, payout=Decimal(20))
        world.carrier.phone(OTHER, PhoneScript(result="busy", ring_s=8))
        call = world.place()
        await wait_until(lambda: call.dials, 60)
        file = world.folder / "dialplans" / "auto.yaml"
        changed = yaml.safe_load(file.read_text())
        if how == "removed":
            del changed["buyers"]["letsmakealead"]
        else:
            changed["buyers"]["letsmakealead"]["enabled"] = False
        file.write_text(yaml.safe_dump(changed))
        await call.wait_ended()
        await world.settled()
        record = await world.record(call)
        assert [p["reason"] for p in record["posts"]] == ["not_called_disabled"]
        assert (record["outcome"], len(world.lmal.requests)) == ("unsold", 1)

    taken_out(engine_socket, tmp_path)


@in_world(PATIENT)
async def test_a_post_that_the_caller_did_not_wait_for_is_counted(world: World) -> None:
    bids(world, post_latency_s=9.0)
    await world.call(hang_up=HangUp("on_hold", 0.1))
    assert world.metric("buyer_posts_total", buyer="letsmakealead", reason="no_offer_caller_gone") == 1
