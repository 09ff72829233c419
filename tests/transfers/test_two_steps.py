"""A buyer that names its number only when its bid is taken up, in a warm transfer."""

from decimal import Decimal
from typing import Any

from callrouter.simulator.partners import Answer
from callrouter.simulator.partners.answers import Decide
from tests.support.world import TWO_STEPS, plan
from tests.transfers.agents import CALLER, FIRST, Anna, with_agent

BIDS = plan(buyers=TWO_STEPS)


def posts(anna: Anna) -> int:
    """How often a bid was taken up."""
    return len(anna.world.lmal.commits)


def at_the_post(**faults: Any) -> Decide:
    """A bid whose post goes another way."""
    answer = Answer(latency_s=0.3, payout=Decimal("40.00"), number=FIRST, min_duration_s=90, **faults)
    return lambda params: answer


@with_agent(BIDS)
async def test_a_bid_is_shown_without_a_number_renewed_and_taken_up_once_by_the_bridge(anna: Anna) -> None:
    shown = await anna.opens()
    assert (shown["offer"]["buyer"], shown["offer"]["number"]) == ("letsmakealead", None)
    assert "dialled" not in shown["can"]
    await anna.passes(40)
    assert posts(anna) == 0
    caller = anna.caller_on_line()
    await anna.does("bridge", {"caller_call_sid": caller.sid})
    await anna.waits_for("talking")
    assert posts(anna) == 1
    await anna.does("complete")
    await anna.until(95)
    caller.hang_up()
    record = await anna.ends()
    assert (record["buyer"], record["qualified"], len(record["attempts"])) == ("letsmakealead", True, 1)


@with_agent(BIDS)
async def test_a_bid_is_taken_up_for_a_caller_who_dials_in(anna: Anna) -> None:
    await anna.opens()
    await anna.passes(20)
    call = anna.world.place("+18885550101", CALLER)
    await anna.waits_for("talking")
    assert posts(anna) == 1
    await anna.passes(5)
    call.hang_up()
    record = await anna.ends()
    assert (record["outcome"], record["buyer"]) == ("bridged", "letsmakealead"), (record["attempts"], record["events"])


@with_agent(BIDS)
async def test_a_post_that_is_refused_while_the_agent_waits_brings_the_next_buyer(anna: Anna) -> None:
    anna.world.lmal.answer = at_the_post(post_code="5000")
    assert (await anna.opens())["offer"]["buyer"] == "letsmakealead"
    caller = anna.caller_on_line()
    await anna.does("bridge", {"caller_call_sid": caller.sid})
    shown = await anna.waits_for("talking")
    assert shown["offer"]["buyer"] == "contactability"
    await anna.does("complete")
    await anna.until(65)
    caller.hang_up()
    record = await anna.ends()
    assert (record["buyer"], record["qualified"]) == ("contactability", True)


@with_agent(BIDS)
async def test_a_bid_that_is_cancelled_is_never_taken_up(anna: Anna) -> None:
    await anna.opens()
    await anna.passes(14)
    await anna.cancels()
    await anna.ends()
    await anna.passes(30)
    assert posts(anna) == 0


@with_agent(BIDS)
async def test_an_agent_who_leaves_during_the_post_leaves_no_buyer_alone(anna: Anna) -> None:
    anna.world.lmal.answer = at_the_post(post_latency_s=3.0)
    await anna.opens()
    await anna.does("bridge")
    await anna.waits_for("asking")
    anna.world.carrier.hang_up("+15125550177")
    record = await anna.ends()
    assert record["outcome"] == "abandoned"
    assert not any((leg.label or "").startswith("buyer") for leg in anna.world.carrier.outbound)
