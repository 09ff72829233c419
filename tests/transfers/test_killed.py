"""kill -9 of the instance that has a warm transfer, at every step of it: another one goes on, and nobody is lost."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from callrouter.simulator.carrier import PhoneScript, SimulatedCall
from tests.flow.test_losing_parts import killed
from tests.support.virtual_time import EPOCH, VirtualClock, run_virtual
from tests.support.world import World, plan
from tests.transfers.agents import ANNAS_PHONE, FIRST, SECOND, TOKENS, Anna, agent, deserted

STEPS = ("offered", "renewing", "agent called", "buyer ordered", "ringing", "failed", "talking", "handed over", "over")


def in_two_instances(test: Callable[[Anna], Awaitable[None]], engine_socket: Path, tmp_path: Path) -> None:
    """Run ``test`` with two instances; webhooks go to the first until it is killed."""

    async def whole(clock: VirtualClock) -> None:
        world = World(clock, engine_socket, tmp_path, 1, plan(), 2)
        world.further_settings = {"CALLROUTER_API_TOKENS": TOKENS}
        async with world, agent(world) as anna:
            await test(anna)
            await deserted(world)

    run_virtual(whole, EPOCH)


def dies(anna: Anna) -> None:
    """The first instance is killed; from now on the carrier and the agent reach the second."""
    killed(anna.world, 0)
    anna.world.use_instance(1)


async def until_ordered(anna: Anna, number: str) -> None:
    """The instance dies in the moment in which it has ordered this number to be called."""
    while not [r for r in anna.world.carrier.rest_log if r.params.get("To") == number]:
        await anna.passes(0.02)


@pytest.mark.parametrize("step", STEPS)
def test_a_transfer_survives_its_instance(step: str, engine_socket: Path, tmp_path: Path) -> None:
    """Whatever the step, caller and buyer come together, the call is recorded once, and the room is left by all."""

    async def transfer(anna: Anna) -> None:
        carrier = anna.world.carrier
        carrier.phone(FIRST, PhoneScript(ring_s=6.0, result="busy" if step == "failed" else "answer", talk_s=3_600.0))
        carrier.phone(ANNAS_PHONE, PhoneScript(ring_s=5.0, talk_s=3_600.0))
        await anna.opens()
        caller = anna.caller_on_line()
        await _until_bridged(anna, caller, step)
        await anna.waits_for("talking")
        if step == "talking":
            dies(anna)
        await anna.does("complete")
        if step == "handed over":
            dies(anna)
        await anna.until(62)
        if step == "over":
            dies(anna)
        caller.hang_up()
        record = await anna.ends()
        expected = ("contactability", True) if step == "failed" else ("letsmakealead", False)
        assert (record["outcome"], record["buyer"], record["qualified"]) == ("bridged", *expected)
        assert [a["buyer"] for a in record["attempts"]].count(expected[0]) == 1
        assert len(await anna.world.rows()) == 1
        assert len({leg.label for leg in carrier.outbound}) == len(carrier.outbound)  # nobody was called twice

    in_two_instances(transfer, engine_socket, tmp_path)


async def _until_bridged(anna: Anna, caller: SimulatedCall, step: str) -> None:
    """Up to the buyer's answer, with the death at its step."""
    if step == "offered":
        dies(anna)
        await anna.passes(20)
    if step == "renewing":
        await anna.waits_while_offered(14)
        dies(anna)
        await anna.passes(15)
    await anna.does("bridge", {"caller_call_sid": caller.sid})
    if step == "agent called":
        await until_ordered(anna, ANNAS_PHONE)
        dies(anna)
    if step == "buyer ordered":
        await until_ordered(anna, FIRST)
        dies(anna)
    if step in ("ringing", "failed"):
        await anna.waits_for("ringing")
        dies(anna)


def test_an_auction_whose_instance_dies_under_the_agents_request_is_finished(
    engine_socket: Path, tmp_path: Path
) -> None:
    """The agent's own request is lost with the instance; her list has the transfer, and soon its offer."""

    async def transfer(anna: Anna) -> None:
        import asyncio

        request = asyncio.create_task(anna.opens())
        await anna.passes(0.15)
        dies(anna)
        request.cancel()
        await asyncio.gather(request, return_exceptions=True)
        anna.id = await anna.first_of_hers()
        shown = await anna.waits_for("offered")
        assert shown["offer"]["buyer"] == "letsmakealead"
        await anna.cancels()
        await anna.ends()

    in_two_instances(transfer, engine_socket, tmp_path)


def test_orders_that_were_stored_and_not_carried_out_are_made_up_for(engine_socket: Path, tmp_path: Path) -> None:
    """The instance dies between the step and its orders: whoever looks next finds whom nobody called."""

    async def transfer(anna: Anna) -> None:
        await anna.opens()
        caller = anna.caller_on_line()
        orders = anna.world.app.instance.flow.on_orders
        conductor = orders.__self__  # type: ignore[attr-defined]
        anna.world.app.instance._after_step.carry_out = lambda call, orders: None
        await anna.does("bridge", {"caller_call_sid": caller.sid})
        assert not anna.world.carrier.outbound
        dies(anna)
        del conductor
        await anna.waits_for("talking")
        await anna.does("complete")
        caller.hang_up()
        assert (await anna.ends())["outcome"] == "bridged"

    in_two_instances(transfer, engine_socket, tmp_path)


def test_who_should_have_been_let_go_is_let_go_by_another(engine_socket: Path, tmp_path: Path) -> None:
    """The instance dies with the end stored and nobody hung up: the room does not stay."""

    async def transfer(anna: Anna) -> None:
        anna.world.carrier.phone(SECOND, PhoneScript(ring_s=2.0, result="busy"))
        await anna.opens()
        caller = anna.caller_on_line()
        await anna.does("bridge", {"caller_call_sid": caller.sid})
        await anna.waits_for("talking")
        await anna.passes(10)
        anna.world.app.instance._after_step.carry_out = lambda call, orders: None
        anna.world.carrier.hang_up(ANNAS_PHONE)
        await anna.passes(2)
        anna.world.carrier.hang_up(FIRST)
        await anna.passes(1)
        dies(anna)
        record = await anna.ends()
        assert (record["outcome"], record["buyer"]) == ("bridged", "letsmakealead")
        await caller.wait_ended()

    in_two_instances(transfer, engine_socket, tmp_path)
