"""The engine goes out in the middle of a warm transfer: its people go on from memory, and the books are true later."""

from callrouter.simulator.carrier import PhoneScript
from tests.flow.test_engine_trouble import cut_off
from tests.transfers.agents import ANNAS_PHONE, CALLER, FIRST, Anna, with_agent


@with_agent()
async def test_a_buyer_that_answers_while_the_engine_is_out_has_caller_and_agent_and_is_on_record(anna: Anna) -> None:
    anna.world.carrier.phone(FIRST, PhoneScript(ring_s=6.0, talk_s=3_600.0))
    await anna.opens()
    caller = anna.caller_on_line()
    await anna.does("bridge", {"caller_call_sid": caller.sid})
    await anna.waits_for("ringing")
    async with cut_off(anna.world.app.instance):
        await anna.passes(20)
    shown = await anna.waits_for("talking", timeout_s=30)
    assert [leg["state"] for leg in shown["legs"]] == ["in_room"] * 3
    await anna.does("complete")
    await anna.until(95)
    caller.hang_up()
    record = await anna.ends()
    assert (record["outcome"], record["qualified"]) == ("bridged", True)


@with_agent()
async def test_a_buyer_that_is_busy_while_the_engine_is_out_makes_room_for_the_next(anna: Anna) -> None:
    anna.world.carrier.phone(FIRST, PhoneScript(ring_s=3.0, result="busy"))
    await anna.opens()
    caller = anna.caller_on_line()
    await anna.does("bridge", {"caller_call_sid": caller.sid})
    await anna.waits_for("ringing")
    async with cut_off(anna.world.app.instance):
        await anna.passes(12)
        ringing = {leg.label for leg in anna.world.carrier.outbound}
        assert "buyer-2" in ringing
    shown = await anna.waits_for("talking", timeout_s=60)
    assert shown["offer"]["buyer"] == "contactability"
    caller.hang_up()
    anna.world.carrier.hang_up(ANNAS_PHONE)
    await anna.ends()


@with_agent()
async def test_everybody_leaves_while_the_engine_is_out_and_nobody_stays(anna: Anna) -> None:
    await anna.opens()
    caller = anna.caller_on_line()
    await anna.does("bridge", {"caller_call_sid": caller.sid})
    await anna.waits_for("talking")
    await anna.does("complete")
    await anna.passes(95)
    async with cut_off(anna.world.app.instance):
        caller.hang_up()
        await anna.passes(20)
        assert not any(leg.live for leg in anna.world.carrier.outbound)
    record = await anna.ends()
    assert (record["outcome"], record["qualified"]) == ("bridged", True)
    assert len(await anna.world.rows()) == 1


@with_agent()
async def test_a_dialled_in_caller_goes_on_while_the_engine_is_out(anna: Anna) -> None:
    anna.world.carrier.phone(FIRST, PhoneScript(ring_s=3.0, result="busy"))
    await anna.opens()
    call = anna.world.place("+18885550101", CALLER)
    await anna.waits_for("ringing")
    async with cut_off(anna.world.app.instance):
        await anna.passes(12)
        assert call.live
    await anna.passes(3)
    assert (await anna.sees())["offer"]["buyer"] == "contactability"
    await anna.passes(65)
    call.hang_up()
    record = await anna.ends()
    assert (record["outcome"], record["buyer"], record["qualified"]) == ("bridged", "contactability", True)
    await anna.passes(30)
    assert len(await anna.world.rows()) == 1
