"""A buyer that names its number only when its bid is taken up: the post commits it, so it is spent with care."""

from dataclasses import replace
from decimal import Decimal

from callrouter.simulator.carrier import HangUp, PhoneScript
from callrouter.simulator.partners import Answer
from tests.flow.test_losing_parts import killed
from tests.support.waiting import wait_until
from tests.support.world import TWO_STEPS, World, in_world, offers, plan, refuses

BIDDER, OTHER = "+12145550112", "+12145550111"
BID = Answer(latency_s=0.3, payout=Decimal(40), number=BIDDER, min_duration_s=90)
TWO = plan(buyers=TWO_STEPS)


def bids(world: World, **changes: object) -> None:
    """Let's Make A Lead bids most, in two steps; Contactability offers less, in one."""
    answer = replace(BID, **changes)  # type: ignore[arg-type]
    world.lmal.answer = lambda params: answer
    world.contactability.answer = offers("30", OTHER)


@in_world(TWO)
async def test_the_best_bid_is_taken_up_and_the_number_that_it_names_is_dialled(world: World) -> None:
    bids(world)
    call = await world.call()
    assert [(d.number, d.bridged) for d in call.dials] == [(BIDDER, True)]
    record = await world.record(call)
    assert (record["buyer"], record["payout"], record["qualified"]) == ("letsmakealead", "40.00", True)
    (post,) = record["posts"]
    assert (post["buyer"], post["reason"], post["offer"]["number"]) == ("letsmakealead", "offer", BIDDER)
    assert len(world.lmal.commits) == 1
    assert world.metric("buyer_posts_total", buyer="letsmakealead", reason="offer") == 1


@in_world(TWO)
async def test_a_bid_that_is_not_the_best_is_never_posted(world: World) -> None:
    bids(world, payout=Decimal(20))
    record = await world.record(await world.call())
    assert (record["buyer"], record["posts"], world.lmal.commits) == ("contactability", [], [])


@in_world(TWO)
async def test_the_window_starts_at_the_posts_reply(world: World) -> None:
    """The ping answered long ago: the number lives its own 30 seconds, and may ring its full time."""
    bids(world, post_latency_s=3.0)
    world.contactability.answer = offers("30", OTHER, latency_s=9.5)
    record = await world.record(await world.call())
    (attempt,) = record["attempts"]
    assert (attempt["number"], attempt["ring_timeout_s"]) == (BIDDER, 20)
    assert attempt["offer_age_s"] < 0.5
    assert record["posts"][0]["bid_age_s"] > 9


@in_world(TWO)
async def test_a_refused_post_falls_to_the_next_offer_while_the_caller_holds(world: World) -> None:
    bids(world, post_code="4000")
    call = await world.call()
    record = await world.record(call)
    assert [d.number for d in call.dials] == [OTHER]
    assert [(p["buyer"], p["reason"]) for p in record["posts"]] == [("letsmakealead", "no_offer_capped")]
    assert record["buyer"] == "contactability"


@in_world(TWO)
async def test_a_post_that_is_not_answered_in_time_falls_to_the_next_offer(world: World) -> None:
    bids(world, post_fault="timeout")
    call = await world.call()
    record = await world.record(call)
    assert [p["reason"] for p in record["posts"]] == ["error_timeout"]
    assert (record["buyer"], [d.number for d in call.dials]) == ("contactability", [OTHER])
    assert 5.0 <= record["posts"][0]["elapsed_s"] < 5.5, "auction.post_s"


@in_world(TWO)
async def test_a_forbidden_number_in_a_posts_reply_is_not_dialled(world: World) -> None:
    bids(world, post_fault="forbidden_number")
    call = await world.call()
    assert [d.number for d in call.dials] == [OTHER]
    assert (await world.record(call))["posts"][0]["reason"] == "rejected_bad_target"


@in_world(TWO)
async def test_a_call_whose_only_bid_is_refused_is_unsold_and_called_back(world: World) -> None:
    bids(world, post_code="4000")
    world.contactability.answer = refuses()
    record = await world.record(await world.call())
    assert record["outcome"] == "unsold"
    assert record["callback"]["id"] is not None


@in_world(TWO)
async def test_after_a_busy_number_the_next_bid_is_posted_only_then(world: World) -> None:
    bids(world, payout=Decimal(20))
    world.carrier.phone(OTHER, PhoneScript(result="busy", ring_s=1))
    call = await world.call()
    assert [d.number for d in call.dials] == [OTHER, BIDDER]
    (commit,) = world.lmal.commits
    assert commit.at > (call.dials[0].ended_at or 0)


@in_world(plan(buyers=TWO_STEPS, auction={"post_s": 10}))
async def test_a_caller_who_leaves_during_the_post_is_called_back_and_the_post_is_on_record(world: World) -> None:
    bids(world, post_latency_s=9.0)
    call = world.place(hang_up=HangUp("on_hold", 0.1))
    await call.wait_ended()
    await world.settled()
    record = await world.record(call)
    assert (record["outcome"], record["attempts"]) == ("abandoned", [])
    assert [(p["buyer"], p["reason"]) for p in record["posts"]] == [("letsmakealead", "no_offer_caller_gone")]


@in_world(TWO, instances=2)
async def test_a_post_whose_instance_died_is_not_sent_again(world: World) -> None:
    """The buyer may have committed already: whoever takes over dials the next offer."""
    bids(world, post_latency_s=4.5)
    call = world.place()
    await wait_until(lambda: len(world.lmal.requests) == 2, 60)
    killed(world, 0)
    world.use_instance(1)
    await call.wait_ended()
    await world.settled()
    assert [d.number for d in call.dials] == [OTHER]
    assert len(world.lmal.requests) == 2, "one ping, one post"
    assert (await world.record(call))["posts"][0]["reason"] == "error_unreachable"


@in_world(TWO)
async def test_a_caller_hears_no_silence_while_a_post_is_under_way(world: World) -> None:
    bids(world, post_latency_s=4.0)
    call = await world.call()
    assert call.bridged
    assert call.longest_silence_s() <= 2.5


CAPPED = {
    **TWO_STEPS,
    "letsmakealead": {
        **TWO_STEPS["letsmakealead"],
        "params": {**TWO_STEPS["letsmakealead"]["params"], "price_tag": 1},
        "guards": {"caps": [{"of": "dollars", "per": "ever", "most": 45}]},
    },
}


@in_world(plan(buyers=CAPPED))
async def test_a_post_that_pays_more_than_its_bid_must_fit_the_dollar_cap_as_well(world: World) -> None:
    """The bid had room; what the post names has not, and is not dialled."""
    bids(world, post_payout=Decimal(50))
    record = await world.record(await world.call())
    assert [(p["buyer"], p["reason"]) for p in record["posts"]] == [("letsmakealead", "rejected_over_cap")]
    assert record["buyer"] == "contactability"
