"""Agent, caller and buyer in one room: the warm transfer itself."""

from callrouter.simulator.carrier import PhoneScript
from tests.transfers.agents import ANNAS_PHONE, FIRST, PATIENT, SECOND, Anna, with_agent


@with_agent()
async def test_the_agent_sees_an_offer_bridges_and_leaves_and_the_call_qualifies(anna: Anna) -> None:
    shown = await anna.opens()
    assert (shown["state"], shown["offer"]["buyer"], shown["offer"]["payout"]) == ("offered", "letsmakealead", "40.00")
    assert shown["dial_in"]["number"] == "+18885550101"
    caller = anna.caller_on_line()
    await anna.does("bridge", {"caller_call_sid": caller.sid})
    talking = await anna.waits_for("talking")
    assert {leg["role"]: leg["state"] for leg in talking["legs"]} == {
        "agent": "in_room",
        "caller": "in_room",
        "buyer": "in_room",
    }
    await anna.does("complete")
    await anna.waits_for("handed_over")
    await anna.until(100)
    caller.hang_up()
    record = await anna.ends()
    assert (record["outcome"], record["buyer"], record["payout"], record["qualified"]) == (
        "bridged",
        "letsmakealead",
        "40.00",
        True,
    )
    assert record["bridged_s"] >= 90


@with_agent()
async def test_the_caller_hears_music_while_the_buyer_rings_and_voices_when_it_has_answered(anna: Anna) -> None:
    anna.world.carrier.phone(FIRST, PhoneScript(ring_s=8.0, talk_s=3_600.0))
    await anna.opens()
    caller = anna.caller_on_line()
    await anna.does("bridge", {"caller_call_sid": caller.sid})
    await anna.waits_for("talking")
    await anna.does("complete")
    await anna.until(20)
    caller.hang_up()
    await anna.ends()
    sounds = anna.room.by_label("caller-1")[0].heard
    heard = [sound.kind for sound in sounds if sound.length_s > 1.3]
    assert heard[0] == "hold"
    assert heard[-1] == "voice"
    assert set(heard) == {"hold", "voice"}


@with_agent()
async def test_no_number_is_in_a_rooms_name(anna: Anna) -> None:
    await anna.opens()
    await anna.does("bridge")
    await anna.waits_for("talking")
    assert anna.room.name.startswith("cr-")
    assert "512" not in anna.room.name
    await anna.does("next")
    await anna.cancels()
    await anna.ends()


@with_agent()
async def test_a_caller_merged_on_the_agents_line_stays_when_she_leaves_her_own_conference(anna: Anna) -> None:
    await anna.opens()
    await anna.does("bridge")
    talking = await anna.waits_for("talking")
    assert {leg["role"] for leg in talking["legs"]} == {"agent", "buyer"}
    await anna.does("complete")
    await anna.until(95)
    assert (await anna.sees())["state"] == "handed_over"
    anna.world.carrier.hang_up(ANNAS_PHONE)
    record = await anna.ends()
    assert (record["outcome"], record["qualified"]) == ("bridged", True)


@with_agent()
async def test_a_caller_can_be_called_into_the_room(anna: Anna) -> None:
    await anna.opens()
    await anna.does("bridge", {"caller": "call"})
    await anna.waits_for("talking")
    assert {leg.label for leg in anna.world.carrier.outbound} == {"agent-1", "caller-1", "buyer-1"}
    await anna.does("complete")
    await anna.until(10)
    anna.world.carrier.hang_up("+15125550123")
    assert (await anna.ends())["outcome"] == "bridged"


@with_agent()
async def test_an_agent_in_a_browser_is_called_by_its_name(anna: Anna) -> None:
    anna.world.carrier.phone("client:anna", PATIENT)
    await anna.opens(agent={"name": "Anna", "client": "anna"})
    await anna.does("bridge")
    await anna.waits_for("talking")
    assert anna.world.carrier.outbound[0].order.to == "client:anna"
    await anna.cancels()
    await anna.ends()


@with_agent()
async def test_an_agent_whose_call_is_on_the_carrier_already_is_brought_in(anna: Anna) -> None:
    live = anna.caller_on_line(ANNAS_PHONE)
    await anna.opens(agent={"name": "Anna", "phone": ANNAS_PHONE, "call_sid": live.sid})
    caller = anna.caller_on_line()
    await anna.does("bridge", {"caller_call_sid": caller.sid})
    await anna.waits_for("talking")
    assert [leg.label for leg in anna.world.carrier.outbound] == ["buyer-1"]
    await anna.does("complete")
    await anna.until(10)
    assert not live.live
    caller.hang_up()
    assert (await anna.ends())["outcome"] == "bridged"


@with_agent()
async def test_when_the_buyer_does_not_answer_the_next_one_is_rung_and_the_agent_stays(anna: Anna) -> None:
    anna.world.carrier.phone(FIRST, PhoneScript(ring_s=60.0, result="no_answer"))
    await anna.opens()
    caller = anna.caller_on_line()
    await anna.does("bridge", {"caller_call_sid": caller.sid})
    talking = await anna.waits_for("talking")
    assert [(a["buyer"], a["result"]) for a in talking["attempts"]] == [
        ("letsmakealead", "no_answer"),
        ("contactability", None),
    ]
    assert next(leg["state"] for leg in talking["legs"] if leg["role"] == "agent") == "in_room"
    await anna.does("complete")
    await anna.until(65)
    caller.hang_up()
    record = await anna.ends()
    assert (record["outcome"], record["buyer"], record["qualified"]) == ("bridged", "contactability", True)


@with_agent()
async def test_when_two_buyers_fail_the_agent_has_the_caller_back_and_decides(anna: Anna) -> None:
    anna.world.carrier.phone(FIRST, PhoneScript(ring_s=3.0, result="busy"))
    anna.world.carrier.phone(SECOND, PhoneScript(ring_s=4.0, result="failed"))
    await anna.opens()
    caller = anna.caller_on_line()
    await anna.does("bridge", {"caller_call_sid": caller.sid})
    unsold = await anna.waits_for("unsold")
    assert {leg["role"]: leg["state"] for leg in unsold["legs"]} == {
        "agent": "in_room",
        "caller": "in_room",
        "buyer": "failed",
    }
    assert unsold["can"] == ["next", "cancel"]
    await anna.cancels()
    record = await anna.ends()
    assert (record["outcome"], record["callback"]["why"]) == ("abandoned", "the agent kept the caller")
    assert caller.live  # the two of them talk on, until one hangs up
    caller.hang_up()


@with_agent()
async def test_the_agent_may_pass_over_a_buyer_that_rings(anna: Anna) -> None:
    anna.world.carrier.phone(FIRST, PhoneScript(ring_s=25.0))
    await anna.opens()
    caller = anna.caller_on_line()
    await anna.does("bridge", {"caller_call_sid": caller.sid})
    await anna.waits_for("ringing")
    await anna.does("next")
    talking = await anna.waits_for("talking")
    assert [(a["buyer"], a["result"]) for a in talking["attempts"]] == [
        ("letsmakealead", "called_off"),
        ("contactability", None),
    ]
    await anna.does("complete")
    caller.hang_up()
    assert (await anna.ends())["buyer"] == "contactability"


@with_agent()
async def test_cancelling_lets_the_buyer_go_and_gives_the_caller_back(anna: Anna) -> None:
    anna.world.carrier.phone(FIRST, PhoneScript(ring_s=15.0))
    await anna.opens()
    caller = anna.caller_on_line()
    await anna.does("bridge", {"caller_call_sid": caller.sid})
    await anna.waits_for("ringing")
    await anna.cancels()
    record = await anna.ends()
    assert record["outcome"] == "abandoned"
    await anna.passes(3)
    assert not any(leg.live for leg in anna.world.carrier.outbound if leg.label == "buyer-1")
    room = anna.room
    assert room.ended_at is None
    anna.world.carrier.hang_up(ANNAS_PHONE)


@with_agent()
async def test_a_bridge_that_is_asked_for_twice_is_made_once(anna: Anna) -> None:
    await anna.opens()
    caller = anna.caller_on_line()
    await anna.does("bridge", {"caller_call_sid": caller.sid})
    await anna.does("bridge", {"caller_call_sid": caller.sid})
    await anna.waits_for("talking")
    assert [leg.label for leg in anna.world.carrier.outbound] == ["agent-1", "buyer-1"]
    await anna.does("complete")
    caller.hang_up()
    await anna.ends()


@with_agent()
async def test_what_an_agent_does_with_a_transfer_that_is_over_is_refused_in_words(anna: Anna) -> None:
    await anna.opens()
    await anna.cancels()
    await anna.ends()
    for act in ("bridge", "next", "complete", "dialled"):
        status, refusal = await anna.ask("POST", f"/transfers/{anna.id}/{act}", {})
        assert (status, refusal["detail"]) == (409, "this transfer has ended; open a new one"), act
    assert (await anna.cancels())["outcome"] == "abandoned"
