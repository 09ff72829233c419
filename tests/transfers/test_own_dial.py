"""The agent dials the shown number herself: what she says of it is kept, however long they talked."""

from callrouter.simulator.carrier import PhoneScript
from tests.support.world import plan
from tests.transfers.agents import FIRST, Anna, with_agent


@with_agent()
async def test_a_long_talk_of_an_own_dial_is_kept_with_its_result(anna: Anna) -> None:
    await anna.opens()
    await anna.passes(400)
    await anna.does("dialled")
    await anna.passes(500)
    await anna.does("dialled", {"result": "bridged", "talk_s": 480})
    record = await anna.ends()
    assert (record["outcome"], record["qualified"], record["bridged_s"]) == ("bridged", True, 480)


@with_agent()
async def test_a_result_that_comes_after_the_end_is_refused_and_not_swallowed(anna: Anna) -> None:
    await anna.opens()
    await anna.does("dialled")
    await anna.cancels()
    status, _ = await anna.ask("POST", f"/transfers/{anna.id}/dialled", {"result": "bridged", "talk_s": 95})
    assert status == 409
    await anna.ends()


@with_agent(plan(bridge={"max_attempts": 1}))
async def test_nobody_is_asked_for_a_caller_who_may_be_rung_nowhere_any_more(anna: Anna) -> None:
    anna.world.carrier.phone(FIRST, PhoneScript(ring_s=2.0, result="busy"))
    await anna.opens()
    await anna.does("bridge")
    await anna.waits_for("unsold")
    asked = len(anna.world.contactability.requests)
    status, _ = await anna.ask("POST", f"/transfers/{anna.id}/next", {})
    assert (status, len(anna.world.contactability.requests)) == (409, asked)
    await anna.cancels()
    anna.world.carrier.hang_up("+15125550177")
    await anna.ends()


@with_agent()
async def test_a_talk_longer_than_the_time_since_the_dial_is_refused(anna: Anna) -> None:
    await anna.opens()
    await anna.does("dialled")
    await anna.passes(30)
    status, refusal = await anna.ask("POST", f"/transfers/{anna.id}/dialled", {"result": "bridged", "talk_s": 90})
    assert (status, "cannot have talked that long" in refusal["detail"]) == (409, True)
    await anna.does("dialled", {"result": "bridged", "talk_s": 28})
    assert (await anna.ends())["bridged_s"] == 28
