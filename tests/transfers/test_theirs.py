"""Whose calls an agent may bring into a room, and whom she may have called."""

from pathlib import Path

import aiohttp
import pytest

from tests.console.test_agent import PHONE, Screen
from tests.support.world import INBOUND
from tests.transfers.agents import ANNAS_PHONE, BEN_TOKEN, CALLER, TRANSFER, Anna, with_agent

BENS_PHONE = "+15125550178"


@with_agent()
async def test_a_leg_in_another_agents_room_is_not_brought_into_ones_own(anna: Anna) -> None:
    await anna.opens()
    caller = anna.caller_on_line()
    await anna.does("bridge", {"caller_call_sid": caller.sid})
    await anna.waits_for("talking")
    agents_leg = next(leg for leg in anna.world.carrier.outbound if leg.label == "agent-1")
    async with aiohttp.ClientSession() as session:
        ben = Anna(anna.world, session, BEN_TOKEN)
        await ben.opens(agent={"name": "Ben", "phone": BENS_PHONE})
        status, problem = await ben.ask("POST", f"/transfers/{ben.id}/bridge", {"caller_call_sid": caller.sid})
        assert (status, "another transfer" in problem["detail"]) == (409, True)
        hers = {"agent": {"name": "Ben", "phone": ANNAS_PHONE, "call_sid": agents_leg.sid}}
        status, problem = await ben.ask("POST", f"/transfers/{ben.id}/bridge", hers)
        assert (status, "another transfer" in problem["detail"]) == (409, True)
        assert (await anna.sees())["state"] == "talking"
        await ben.cancels()
    caller.hang_up()
    assert (await anna.ends())["outcome"] == "bridged"


@with_agent()
async def test_the_leg_of_a_dial_in_is_not_brought_into_a_room(anna: Anna) -> None:
    await anna.opens()
    line = anna.world.place(TRANSFER, CALLER)
    await anna.waits_for("ringing", "talking", "handed_over")
    taken = anna.id
    await anna.opens()
    status, problem = await anna.ask("POST", f"/transfers/{anna.id}/bridge", {"caller_call_sid": line.sid})
    assert (status, "another transfer" in problem["detail"]) == (409, True)
    await anna.cancels()
    anna.id = taken
    line.hang_up()
    await anna.ends()


@with_agent()
async def test_a_caller_who_waits_for_a_buyer_of_their_own_is_left_where_they_are(anna: Anna) -> None:
    waiting = anna.world.place(INBOUND, CALLER)
    await anna.opens()
    status, problem = await anna.ask("POST", f"/transfers/{anna.id}/bridge", {"caller_call_sid": waiting.sid})
    assert (status, "put through" in problem["detail"]) == (409, True)
    await anna.cancels()
    waiting.hang_up()
    await anna.world.settled()


@with_agent()
async def test_a_leg_of_a_transfer_that_is_over_may_be_brought_in_again(anna: Anna) -> None:
    live = anna.caller_on_line(ANNAS_PHONE)
    agent = {"name": "Anna", "phone": ANNAS_PHONE, "call_sid": live.sid}
    for _ in range(2):
        await anna.opens(agent=agent)
        caller = anna.caller_on_line()
        await anna.does("bridge", {"caller_call_sid": caller.sid})
        await anna.waits_for("talking")
        await anna.cancels()
        caller.hang_up()
        await anna.ends()
        assert live.live
    live.hang_up()


@pytest.mark.parametrize("number", [INBOUND, TRANSFER])
def test_a_number_of_ours_is_nobodys_who_calls(number: str, engine_socket: Path, tmp_path: Path) -> None:
    @with_agent()
    async def run(anna: Anna) -> None:
        body = {"plan": "auto", "caller": {"phone": number, "zip": "78701"}, "agent": {"name": "Anna"}}
        status, problem = await anna.ask("POST", "/transfers", body)
        assert (status, "one of our own numbers" in problem["detail"]) == (409, True)
        assert await anna.ask("GET", "/transfers") == (200, {"transfers": []})

    run(engine_socket, tmp_path)


@with_agent()
async def test_the_callers_number_is_not_the_agents(anna: Anna) -> None:
    agent = {"name": "Anna", "phone": CALLER}
    body = {"plan": "auto", "caller": {"phone": CALLER, "zip": "78701"}, "agent": agent}
    status, problem = await anna.ask("POST", "/transfers", body)
    assert (status, "the caller's own number" in problem["detail"]) == (409, True)
    await anna.opens()
    status, problem = await anna.ask("POST", f"/transfers/{anna.id}/bridge", {"agent": agent})
    assert (status, "the caller's own number" in problem["detail"]) == (409, True)
    await anna.cancels()


@with_agent()
async def test_an_agents_call_is_worth_nothing_without_whom_it_is_with(anna: Anna) -> None:
    live = anna.caller_on_line(ANNAS_PHONE)
    agent = {"name": "Anna", "call_sid": live.sid}
    body = {"plan": "auto", "caller": {"phone": CALLER, "zip": "78701"}, "agent": agent}
    status, problem = await anna.ask("POST", "/transfers", body)
    assert (status, "give agent.phone or agent.client" in problem["detail"]) == (409, True)
    await anna.opens()
    for wrong in ({**agent, "phone": BENS_PHONE}, {**agent, "client": "anna"}):
        status, problem = await anna.ask("POST", f"/transfers/{anna.id}/bridge", {"agent": wrong})
        assert (status, "with another number" in problem["detail"]) == (409, True)
    live.hang_up()
    status, problem = await anna.ask("POST", f"/transfers/{anna.id}/bridge", {"agent": {**agent, "phone": ANNAS_PHONE}})
    assert (status, "not live on our carrier" in problem["detail"]) == (409, True)
    await anna.cancels()


@with_agent()
async def test_a_number_of_ours_is_not_the_agents_on_the_console_either(anna: Anna) -> None:
    async with aiohttp.ClientSession() as session:
        screen = Screen(anna.world, session)
        await screen.signs_in()
        status, text, _ = await screen.asks("POST", "/console/transfer", {**PHONE, "agent_phone": TRANSFER})
    assert (status, "one of our own numbers" in text) == (409, True)
    assert await anna.ask("GET", "/transfers") == (200, {"transfers": []})
