"""What warm transfers say in metrics: each step once, each end once, and how many are open."""

import asyncio

from callrouter.simulator.carrier import PhoneScript
from tests.support.waiting import wait_until
from tests.support.world import World, offers, refuses
from tests.transfers.agents import ANNAS_PHONE, FIRST, SECOND, Anna, with_agent

RESULTS = ("offered", "unsold", "bridged", "cancelled")
STATES = ("asking", "offered", "unsold", "connecting", "ringing", "talking", "handed_over")


def steps(world: World) -> dict[str, float]:
    return {step: world.metric("transfer_step_seconds_count", step=step) for step in ("offer", "answer", "introduce")}


def results(world: World) -> dict[str, float]:
    return {name: count for name in RESULTS if (count := world.metric("transfers_total", result=name))}


def open_now(world: World) -> dict[str, float]:
    return {state: count for state in STATES if (count := world.metric("transfers_open", state=state))}


async def shows(world: World, **expected: float) -> None:
    await wait_until(lambda: open_now(world) == expected, timeout_s=10, every_s=0.5)


@with_agent()
async def test_each_step_of_a_transfer_is_timed_once_and_the_gauge_follows_it(anna: Anna) -> None:
    world = anna.world
    await anna.opens()
    assert (steps(world), results(world)) == ({"offer": 1, "answer": 0, "introduce": 0}, {"offered": 1})
    assert 0.2 < world.metric("transfer_step_seconds_sum", step="offer") < 3
    await shows(world, offered=1)
    caller = anna.caller_on_line()
    world.carrier.phone(FIRST, PhoneScript(ring_s=6.0, talk_s=3_600.0))
    await anna.does("bridge", {"caller_call_sid": caller.sid})
    await anna.waits_for("ringing")
    await shows(world, ringing=1)
    await anna.waits_for("talking")
    assert steps(world) == {"offer": 1, "answer": 1, "introduce": 0}
    assert 6 < world.metric("transfer_step_seconds_sum", step="answer") < 20
    await shows(world, talking=1)
    await anna.passes(10)
    await anna.does("complete")
    assert steps(world) == {"offer": 1, "answer": 1, "introduce": 1}
    assert 10 < world.metric("transfer_step_seconds_sum", step="introduce") < 20
    await shows(world, handed_over=1)
    await anna.until(100)
    caller.hang_up()
    await anna.ends()
    await shows(world)
    assert steps(world) == {"offer": 1, "answer": 1, "introduce": 1}
    assert results(world) == {"offered": 1, "bridged": 1}
    assert world.metric("answer_seconds_count", buyer="letsmakealead") == 1
    assert world.metric("talk_seconds_count", buyer="letsmakealead") == 1


@with_agent()
async def test_an_agent_who_hangs_up_has_left_as_well(anna: Anna) -> None:
    world = anna.world
    await anna.opens()
    caller = anna.caller_on_line()
    await anna.does("bridge", {"caller_call_sid": caller.sid})
    await anna.waits_for("talking")
    await anna.passes(5)
    world.carrier.hang_up(ANNAS_PHONE)
    await wait_until(lambda: steps(world)["introduce"] == 1, timeout_s=10, every_s=0.1)
    assert 5 < world.metric("transfer_step_seconds_sum", step="introduce") < 12
    caller.hang_up()
    await anna.ends()
    assert steps(world)["introduce"] == 1


@with_agent()
async def test_a_second_buyer_after_one_that_left_is_no_second_answer_to_the_bridge(anna: Anna) -> None:
    world = anna.world
    await anna.opens()
    caller = anna.caller_on_line()
    world.carrier.phone(FIRST, PhoneScript(ring_s=1.0, talk_s=3.0))
    await anna.does("bridge", {"caller_call_sid": caller.sid})
    await wait_until(
        lambda: world.metric("answer_seconds_count", buyer="contactability") == 1, timeout_s=60, every_s=0.5
    )
    assert steps(world)["answer"] == 1
    assert world.metric("answer_seconds_count", buyer="letsmakealead") == 1
    await anna.waits_for("talking")
    await anna.cancels()
    caller.hang_up()


@with_agent()
async def test_a_transfer_that_is_given_up_while_buyers_are_asked_was_never_offered(anna: Anna) -> None:
    world = anna.world
    world.lmal.answer = offers("40.00", FIRST, latency_s=8)
    world.contactability.answer = offers("30.00", SECOND, latency_s=8)
    opening = asyncio.create_task(anna.opens())
    await shows(world, asking=1)
    anna.id = await anna.first_of_hers()
    await anna.cancels()
    await opening
    await anna.ends()
    assert (results(world), steps(world)["offer"]) == ({"cancelled": 1}, 0)


@with_agent()
async def test_a_transfer_that_nobody_wants_is_unsold_once(anna: Anna) -> None:
    world = anna.world
    world.lmal.answer, world.contactability.answer = refuses(), refuses()
    await anna.opens()
    await anna.ends()
    assert (results(world), steps(world)["offer"]) == ({"unsold": 1}, 1)
    assert world.metric("unsold_total", plan="auto", reason="no_offer") == 1
