"""Lines that drop during a warm transfer: nobody is lost, nobody is left alone, and each call ends once."""

from callrouter.simulator.carrier import PhoneScript
from tests.transfers.agents import ANNAS_PHONE, FIRST, SECOND, Anna, with_agent


@with_agent()
async def test_when_the_agents_line_drops_while_the_buyer_rings_caller_and_buyer_are_connected(anna: Anna) -> None:
    anna.world.carrier.phone(FIRST, PhoneScript(ring_s=8.0, talk_s=3_600.0))
    await anna.opens()
    caller = anna.caller_on_line()
    await anna.does("bridge", {"caller_call_sid": caller.sid})
    await anna.waits_for("ringing")
    anna.world.carrier.hang_up(ANNAS_PHONE)
    await anna.waits_for("talking", "handed_over")
    await anna.until(95)
    caller.hang_up()
    record = await anna.ends()
    assert (record["outcome"], record["buyer"], record["qualified"]) == ("bridged", "letsmakealead", True)
    assert anna.room.by_label("caller-1")[0].heard[-1].kind == "voice"


@with_agent()
async def test_when_the_agents_line_drops_before_the_dial_fails_the_caller_is_offered_on(anna: Anna) -> None:
    anna.world.carrier.phone(FIRST, PhoneScript(ring_s=6.0, result="busy"))
    await anna.opens()
    caller = anna.caller_on_line()
    await anna.does("bridge", {"caller_call_sid": caller.sid})
    await anna.waits_for("ringing")
    anna.world.carrier.hang_up(ANNAS_PHONE)
    await anna.waits_for("talking")
    await anna.until(61)
    caller.hang_up()
    record = await anna.ends()
    assert (record["buyer"], record["qualified"]) == ("contactability", True)


@with_agent()
async def test_a_caller_alone_whom_nobody_takes_hears_why_and_is_called_back(anna: Anna) -> None:
    anna.world.carrier.phone(FIRST, PhoneScript(ring_s=6.0, result="busy"))
    anna.world.carrier.phone(SECOND, PhoneScript(ring_s=3.0, result="busy"))
    await anna.opens()
    caller = anna.caller_on_line()
    await anna.does("bridge", {"caller_call_sid": caller.sid})
    await anna.waits_for("ringing")
    anna.world.carrier.hang_up(ANNAS_PHONE)
    record = await anna.ends()
    assert (record["outcome"], record["callback"]["id"] is not None) == ("unsold", True)
    await caller.wait_ended()
    assert [sound.kind for sound in caller.heard][-1] == "prompt"


@with_agent()
async def test_when_the_caller_hangs_up_while_the_buyer_rings_everybody_is_let_go(anna: Anna) -> None:
    anna.world.carrier.phone(FIRST, PhoneScript(ring_s=8.0))
    await anna.opens()
    caller = anna.caller_on_line()
    await anna.does("bridge", {"caller_call_sid": caller.sid})
    await anna.waits_for("ringing")
    caller.hang_up()
    record = await anna.ends()
    assert (record["outcome"], record["attempts"][0]["result"]) == ("abandoned", "caller_gone")
    assert record["callback"]["id"] is not None


@with_agent()
async def test_when_the_caller_hangs_up_in_the_talk_the_call_was_bridged(anna: Anna) -> None:
    await anna.opens()
    caller = anna.caller_on_line()
    await anna.does("bridge", {"caller_call_sid": caller.sid})
    await anna.waits_for("talking")
    await anna.until(30)
    caller.hang_up()
    record = await anna.ends()
    assert (record["outcome"], record["qualified"], 28 <= record["bridged_s"] <= 33) == ("bridged", False, True)


@with_agent()
async def test_a_buyer_that_drops_early_is_replaced(anna: Anna) -> None:
    anna.world.carrier.phone(FIRST, PhoneScript(ring_s=2.0, talk_s=2.0))
    await anna.opens()
    caller = anna.caller_on_line()
    await anna.does("bridge", {"caller_call_sid": caller.sid})
    await anna.waits_for("talking")
    await anna.waits_for("ringing", "asking")
    talking = await anna.waits_for("talking")
    assert [(a["buyer"], a["result"]) for a in talking["attempts"]] == [
        ("letsmakealead", "early_hangup"),
        ("contactability", None),
    ]
    await anna.does("complete")
    caller.hang_up()
    await anna.ends()


@with_agent()
async def test_a_buyer_that_drops_early_behind_an_agent_who_left_is_replaced_too(anna: Anna) -> None:
    anna.world.carrier.phone(FIRST, PhoneScript(ring_s=2.0, talk_s=3.0))
    await anna.opens()
    caller = anna.caller_on_line()
    await anna.does("bridge", {"caller_call_sid": caller.sid})
    await anna.waits_for("talking")
    await anna.does("complete")
    await anna.waits_for("ringing", "asking")
    await anna.waits_for("handed_over")
    assert caller.live
    await anna.until(61)
    caller.hang_up()
    record = await anna.ends()
    assert (record["buyer"], record["qualified"]) == ("contactability", True)


@with_agent()
async def test_a_buyer_that_hangs_up_after_the_talk_ends_the_call_and_the_room(anna: Anna) -> None:
    anna.world.carrier.phone(FIRST, PhoneScript(ring_s=2.0, talk_s=95.0))
    await anna.opens()
    caller = anna.caller_on_line()
    await anna.does("bridge", {"caller_call_sid": caller.sid})
    await anna.waits_for("talking")
    await anna.until(10)
    await anna.does("complete")
    record = await anna.ends()
    assert (record["outcome"], record["qualified"]) == ("bridged", True)
    await caller.wait_ended()


@with_agent()
async def test_an_agent_whose_phone_is_not_picked_up_may_try_another_way(anna: Anna) -> None:
    anna.world.carrier.phone(ANNAS_PHONE, PhoneScript(ring_s=3.0, result="busy"))
    await anna.opens()
    await anna.does("bridge")
    shown = await anna.waits_for("offered")
    assert shown["way"] is None
    assert "bridge" in shown["can"]
    await anna.does("dialled")
    await anna.passes(97)
    await anna.does("dialled", {"result": "bridged", "talk_s": 95})
    record = await anna.ends()
    assert (record["outcome"], record["bridged_s"], record["qualified"]) == ("bridged", 95, True)


@with_agent()
async def test_a_caller_whose_agents_phone_is_not_picked_up_is_offered_on(anna: Anna) -> None:
    anna.world.carrier.phone(ANNAS_PHONE, PhoneScript(ring_s=4.0, result="no_answer"))
    await anna.opens()
    caller = anna.caller_on_line()
    await anna.does("bridge", {"caller_call_sid": caller.sid})
    await anna.waits_for("talking")
    await anna.until(10)
    caller.hang_up()
    assert (await anna.ends())["outcome"] == "bridged"


@with_agent()
async def test_the_record_says_who_hung_up(anna: Anna) -> None:
    anna.world.carrier.phone(FIRST, PhoneScript(ring_s=2.0, talk_s=70.0))
    for by in ("buyer", "caller"):
        await anna.opens(phone=f"+1512555010{len(by)}")
        caller = anna.caller_on_line(f"+1512555010{len(by)}")
        await anna.does("bridge", {"caller_call_sid": caller.sid})
        await anna.waits_for("talking")
        await anna.until(10)
        await anna.does("complete")
        if by == "caller":
            caller.hang_up()
        record = await anna.ends()
        assert record["attempts"][-1]["ended_by"] == by


@with_agent()
async def test_a_room_that_the_buyer_ends_is_not_entered_again(anna: Anna) -> None:
    anna.world.carrier.faults.reorder_status = True
    anna.world.carrier.phone(FIRST, PhoneScript(ring_s=2.0, talk_s=95.0))
    await anna.opens()
    caller = anna.caller_on_line()
    await anna.does("bridge", {"caller_call_sid": caller.sid})
    await anna.waits_for("talking")
    await anna.until(10)
    await anna.does("complete")
    record = await anna.ends()
    assert "party_back" not in [event["event"] for event in record["events"]]
    assert (record["qualified"], record["attempts"][-1]["ended_by"]) == (True, "buyer")
    assert len(anna.world.carrier.rooms) == 1
