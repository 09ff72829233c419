"""A buyer is switched off while people call: it is not asked, its result says why, and the others take the calls."""

import asyncio
from collections.abc import Mapping
from typing import Any

from callrouter.simulator.carrier import PhoneScript
from callrouter.simulator.partners import Answer
from tests.flow.test_lead_sale import SELLING_ONLY, known, pays, unsold
from tests.flow.test_two_steps import BIDDER, OTHER, TWO, bids
from tests.support.waiting import wait_until
from tests.support.world import CALLER, World, in_world, offers, refuses

FIRST, SECOND = "+12145550111", "+12145550112"


def both_offer(world: World) -> None:
    world.contactability.answer, world.lmal.answer = offers("30", FIRST), offers("20", SECOND)


def result_of(record: Mapping[str, Any], buyer: str) -> Mapping[str, Any]:
    (found,) = [result for result in record["results"] if result["buyer"] == buyer]
    return dict(found)


async def off(world: World, buyer: str, instance: int = 0) -> None:
    book = world.served[instance].app.instance.buyers
    shown = await book.switch_off("auto", buyer, "olga", "numbers do not answer")
    assert shown is not None
    assert shown["switched_off"]["by"] == "olga"


@in_world()
async def test_a_buyer_that_is_off_is_not_asked_and_the_other_wins(world: World) -> None:
    both_offer(world)
    await off(world, "contactability")
    record = await world.record(await world.call())
    assert (record["outcome"], record["buyer"]) == ("bridged", "letsmakealead")
    result = result_of(record, "contactability")
    assert (result["reason"], result["asked_at"], result["exchange"]) == ("not_called_switched_off", None, None)
    assert world.contactability.requests == []
    counted = {"buyer": "contactability", "reason": "not_called_switched_off"}
    assert world.metric("buyer_results_total", **counted) == 1
    await world.app.instance.buyers.switch_on("auto", "contactability", "olga")
    record = await world.record(await world.call())
    assert (record["buyer"], len(world.contactability.requests)) == ("contactability", 1)
    assert world.metric("buyer_results_total", **counted) == 1


@in_world(instances=2)
async def test_it_is_off_at_once_on_every_instance_and_after_a_restart(world: World) -> None:
    both_offer(world)
    await off(world, "contactability", instance=0)
    world.use_instance(1)
    assert (await world.record(await world.call()))["buyer"] == "letsmakealead"
    world.served.append(await world._serve(2))
    world.use_instance(2)
    assert (await world.record(await world.call()))["buyer"] == "letsmakealead", "one that has started since"
    assert world.contactability.requests == []
    await world.served[1].app.instance.buyers.switch_on("auto", "contactability", "otto")
    assert (await world.record(await world.call()))["buyer"] == "contactability"


@in_world(TWO)
async def test_a_standing_bid_is_not_taken_up_once_its_buyer_is_off(world: World) -> None:
    bids(world)
    world.contactability.answer = offers("30", OTHER, latency_s=5)
    call = world.place(from_=CALLER)
    await wait_until(lambda: world.lmal.requests, 60)
    await asyncio.sleep(1)
    await off(world, "letsmakealead")
    await call.wait_ended()
    await world.settled()
    record = await world.record(call)
    assert result_of(record, "letsmakealead")["reason"] == "offer", "its bid was there before"
    assert [(post["buyer"], post["reason"]) for post in record["posts"]] == [
        ("letsmakealead", "not_called_switched_off")
    ]
    assert world.lmal.commits == []
    assert (record["buyer"], [d.number for d in call.dials]) == ("contactability", [OTHER])
    assert world.metric("buyer_posts_total", buyer="letsmakealead", reason="not_called_switched_off") == 1
    assert BIDDER not in str(record)


@in_world()
async def test_an_offer_in_hand_is_still_dialled(world: World) -> None:
    """The buyer has named its number and price: the offer binds it."""
    world.contactability.answer, world.lmal.answer = offers("30", FIRST), offers("20", SECOND, latency_s=5)
    call = world.place(from_=CALLER)
    await wait_until(lambda: world.contactability.requests, 60)
    await asyncio.sleep(1)
    await off(world, "contactability")
    await call.wait_ended()
    await world.settled()
    assert [d.number for d in call.dials] == [FIRST]


@in_world()
async def test_with_every_buyer_off_the_caller_is_promised_a_callback(world: World) -> None:
    both_offer(world)
    for buyer in ("contactability", "letsmakealead"):
        await off(world, buyer)
    record = await world.record(await world.call())
    assert (record["outcome"], record["attempts"]) == ("unsold", [])
    assert record["callback"]["id"] is not None


@in_world(SELLING_ONLY)
async def test_a_lead_is_not_sold_to_a_buyer_that_is_off_and_is_when_it_is_on(world: World) -> None:
    await known(world)
    pays(world, "18.50")
    await off(world, "callconnectleads")
    record = await unsold(world)
    assert (record["sale"]["state"], world.leads.requests) == ("unsold", [])
    assert [result["reason"] for result in record["sale"]["results"]] == ["not_called_switched_off"]
    assert world.metric("sales_total", buyer="callconnectleads", result="not_called") == 1
    book = world.app.instance.buyers
    await book.switch_on("auto", "callconnectleads", "olga")
    assert (await unsold(world))["sale"]["state"] == "sold"
    await asyncio.sleep(10)
    found = await book.one("auto", "callconnectleads")
    assert found is not None
    assert (found["buys"], found["payout"]) == ("leads", {"highest": "18.50", "average": "18.50"})
    assert found["lately"]["reasons"] == {"not_called_switched_off": 1, "offer": 1}
    assert (found["lately"]["asked"], found["lately"]["offers"], found["lately"]["dials"]) == (1, 1, 0)


@in_world()
async def test_what_finished_calls_say_is_told_and_kept_for_ten_seconds(world: World) -> None:
    both_offer(world)
    world.carrier.phone(FIRST, PhoneScript(result="busy", ring_s=1))
    await world.call()
    book = world.app.instance.buyers

    async def lately(buyer: str) -> Mapping[str, Any]:
        found = await book.one("auto", buyer)
        assert found is not None
        return {**found["lately"], **found["payout"]}

    first = await lately("contactability")
    assert {key: first[key] for key in ("asked", "offers", "offer_rate", "dials", "answered", "answer_rate")} == {
        "asked": 1,
        "offers": 1,
        "offer_rate": 1.0,
        "dials": 1,
        "answered": 0,
        "answer_rate": 0.0,
    }
    assert (first["highest"], first["average"], first["reasons"]) == ("30.00", "30.00", {"offer": 1})
    assert (await lately("letsmakealead"))["answer_rate"] == 1.0
    world.lmal.answer, world.contactability.answer = (lambda params: Answer(body=b"?!")), refuses()
    call = await world.call(from_="+15125550166")
    await asyncio.sleep(10)
    later = await lately("letsmakealead")
    assert (later["asked"], later["offers"], later["offer_rate"]) == (2, 1, 0.5)
    (error,) = later["last_errors"]
    assert (error["sid"], error["reason"]) == (call.sid, "error_bad_response")
