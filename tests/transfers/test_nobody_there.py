"""Legs that were not picked up, in any order: nobody waits in a room for nothing, and nobody is given up too soon."""

from callrouter.simulator.carrier import PhoneScript
from tests.transfers.agents import ANNAS_PHONE, CALLER, PATIENT, Anna, with_agent


@with_agent()
async def test_a_caller_who_picks_up_after_the_agent_declined_is_offered_on_at_once(anna: Anna) -> None:
    anna.world.carrier.phone(ANNAS_PHONE, PhoneScript(result="busy", ring_s=1.0))
    anna.world.carrier.phone(CALLER, PhoneScript(ring_s=6.0, talk_s=3_600.0))
    await anna.opens()
    await anna.does("bridge", {"caller": "call"})
    began = anna.world.clock.now()
    await anna.waits_for("talking")
    assert anna.world.clock.now() - began < 13
    anna.world.carrier.hang_up(CALLER)
    await anna.ends()


@with_agent()
async def test_an_agent_who_is_not_reached_after_a_dial_of_their_own_keeps_the_transfer(anna: Anna) -> None:
    anna.world.carrier.phone(ANNAS_PHONE, PhoneScript(result="busy", ring_s=1.0))
    await anna.opens()
    await anna.does("dialled")
    await anna.does("dialled", {"result": "no_answer"})
    await anna.does("bridge")
    await anna.passes(8)
    shown = await anna.sees()
    assert (shown["state"], shown["way"], shown["outcome"]) == ("offered", None, None)
    anna.world.carrier.phone(ANNAS_PHONE, PATIENT)
    await anna.does("bridge")
    await anna.waits_for("talking")
    await anna.cancels()
    await anna.ends()


@with_agent()
async def test_no_buyer_is_rung_for_a_caller_whose_phone_is_not_picked_up(anna: Anna) -> None:
    anna.world.carrier.phone(CALLER, PhoneScript(ring_s=4.0, result="no_answer"), PATIENT)
    await anna.opens()
    await anna.does("bridge", {"caller": "call"})
    await anna.waits_for("connecting")
    shown = await anna.waits_for("offered")
    assert shown["way"] is None
    assert [leg.label for leg in anna.world.carrier.outbound] == ["agent-1", "caller-1"]
    await anna.does("bridge", {"caller": "call"})
    await anna.waits_for("talking")
    assert [leg.label for leg in anna.world.carrier.outbound][2:] == ["agent-2", "caller-2", "buyer-1"]
    await anna.cancels()
    await anna.ends()
    anna.world.carrier.hang_up(CALLER)
