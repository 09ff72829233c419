"""Carriers that report late, twice, in any order, or not at all: the same transfers end the same way."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from callrouter.simulator.carrier import CarrierFaults, PhoneScript
from tests.support.virtual_time import EPOCH, VirtualClock, run_virtual
from tests.support.waiting import wait_until
from tests.support.world import World, plan
from tests.transfers.agents import ANNAS_PHONE, FIRST, TOKENS, Anna, agent, deserted

FAULTS: dict[str, dict[str, object]] = {
    "reordered": {"reorder_status": True},
    "twice": {"duplicate_webhooks": True},
    "twice and reordered": {"duplicate_webhooks": True, "reorder_status": True},
    "half lost": {"lose_status_share": 0.5},
    "all lost": {"lose_status_share": 1.0},
    "pushes lost": {"push_lost_share": 0.4},
    "refused for load": {"rest_429_next": 3},
    "a call that is never placed": {"lose_creates": 1},
}


def under(
    test: Callable[[Anna], Awaitable[None]], fault: str, engine_socket: Path, tmp_path: Path, seed: int = 1
) -> None:
    """Run ``test`` with this fault from the bridge on."""

    async def whole(clock: VirtualClock) -> None:
        world = World(clock, engine_socket, tmp_path, seed, plan(), 1)
        world.further_settings = {"CALLROUTER_API_TOKENS": TOKENS}
        async with world, agent(world) as anna:
            await anna.opens()
            for name, value in FAULTS.get(fault, {}).items():
                assert hasattr(CarrierFaults(), name)
                setattr(world.carrier.faults, name, value)
            await test(anna)
            await deserted(world)
            assert len(await world.rows()) == 1

    run_virtual(whole, EPOCH)


@pytest.mark.parametrize("fault", FAULTS)
def test_caller_and_buyer_come_together_and_are_left_to_themselves(
    fault: str, engine_socket: Path, tmp_path: Path
) -> None:
    """Slower where nothing is reported, and never wrong."""

    async def transfer(anna: Anna) -> None:
        caller = anna.caller_on_line()
        await anna.does("bridge", {"caller_call_sid": caller.sid})
        await anna.waits_for("talking", timeout_s=180)
        await anna.does("complete")
        await anna.passes(100)
        assert caller.live, "the caller talks to the buyer"
        caller.hang_up()
        record = await anna.ends()
        assert record["outcome"] == "bridged"
        assert sum(a["result"] == "bridged" for a in record["attempts"]) == 1

    under(transfer, fault, engine_socket, tmp_path)


@pytest.mark.parametrize("fault", FAULTS)
def test_an_agent_whose_line_drops_costs_nobody_the_caller(fault: str, engine_socket: Path, tmp_path: Path) -> None:
    """The buyer's answer finds the caller, whatever was reported of the agent."""

    async def transfer(anna: Anna) -> None:
        anna.world.carrier.phone(FIRST, PhoneScript(ring_s=9.0, talk_s=3_600.0))
        caller = anna.caller_on_line()
        await anna.does("bridge", {"caller_call_sid": caller.sid})
        await anna.waits_for("ringing", "talking", timeout_s=180)
        with suppress(KeyError):  # the call that is never placed is hers
            anna.world.carrier.hang_up(ANNAS_PHONE)
        await anna.waits_for("talking", timeout_s=180)
        await anna.passes(95)
        assert caller.live, "the caller talks to the buyer"
        caller.hang_up()
        assert (await anna.ends())["outcome"] == "bridged"

    under(transfer, fault, engine_socket, tmp_path)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_caller_who_leaves_leaves_nobody_behind(fault: str, engine_socket: Path, tmp_path: Path) -> None:
    """Agent and buyer are let go, and the call has one outcome."""

    async def transfer(anna: Anna) -> None:
        caller = anna.caller_on_line()
        await anna.does("bridge", {"caller_call_sid": caller.sid})
        await anna.waits_for("talking", timeout_s=180)
        caller.hang_up()
        record = await anna.ends()
        assert record["outcome"] in ("bridged", "abandoned")

    under(transfer, fault, engine_socket, tmp_path)


def test_a_lost_order_to_take_the_caller_off_hold_costs_seconds_and_not_the_talk(
    engine_socket: Path, tmp_path: Path
) -> None:
    """The buyer has answered, and the caller would go on hearing music."""

    async def transfer(anna: Anna) -> None:
        caller = anna.caller_on_line()
        await anna.does("bridge", {"caller_call_sid": caller.sid})
        await anna.waits_for("ringing")
        await anna.passes(1)
        anna.world.carrier.faults.drop_next_pushes = 1
        await anna.waits_for("talking")
        began = anna.world.clock.now()
        await wait_until(lambda: caller.heard[-1].kind == "voice", 30)
        assert anna.world.clock.now() - began < 7
        await anna.does("complete")
        caller.hang_up()
        await anna.ends()

    under(transfer, "none", engine_socket, tmp_path)
