"""What a warm transfer uses up of its buyers' caps and seats, however long its offers stand."""

from tests.support.world import BUYERS, plan
from tests.transfers.agents import Anna, with_agent

ONE_CALL = {"concurrency": 1, "caps": [{"of": "connects", "per": "day", "most": 2}]}
GUARDED = plan(buyers={**BUYERS, "letsmakealead": {**BUYERS["letsmakealead"], "guards": ONE_CALL}})


async def wanted_by(anna: Anna, phone: str) -> str:
    """Which buyer another caller is offered to, who then hangs up; her own transfer stays hers."""
    mine, anna.id = anna.id, ""
    shown = await anna.opens(phone)
    await anna.cancels()
    await anna.ends()
    anna.id = mine
    return str(shown["offer"]["buyer"])


@with_agent(GUARDED)
async def test_an_offer_that_is_renewed_for_minutes_keeps_one_seat_and_frees_it_when_cancelled(anna: Anna) -> None:
    await anna.opens()
    for number in range(6):
        await anna.passes(13)
        assert await wanted_by(anna, f"+1512555020{number}") == "contactability"
    await anna.cancels()
    await anna.ends()
    assert await wanted_by(anna, "+15125550210") == "letsmakealead"


@with_agent(GUARDED)
async def test_an_offer_that_is_passed_over_frees_its_seat_at_once(anna: Anna) -> None:
    await anna.opens()
    await anna.does("next")
    assert await wanted_by(anna, "+15125550210") == "letsmakealead"
    await anna.passes(30)
    assert await wanted_by(anna, "+15125550211") == "letsmakealead"
    await anna.cancels()
    await anna.ends()


@with_agent(GUARDED)
async def test_a_buyer_that_is_called_off_counts_one_connect_and_is_free_for_the_next_caller(anna: Anna) -> None:
    for caller in ("+15125550123", "+15125550124"):
        await anna.opens(caller)
        line = anna.caller_on_line(caller)
        await anna.does("bridge", {"caller_call_sid": line.sid})
        shown = await anna.waits_for("talking")
        assert shown["offer"]["buyer"] == "letsmakealead"
        assert await wanted_by(anna, "+15125550210") == "contactability"
        await anna.passes(10)
        await anna.does("next")
        await anna.waits_for("talking")
        await anna.cancels()
        await anna.ends()
        anna.world.carrier.hang_up("+15125550177")
        line.hang_up()
    assert await wanted_by(anna, "+15125550211") == "contactability"  # two connects are the day's


@with_agent(GUARDED)
async def test_an_own_dial_holds_the_seat_until_its_result(anna: Anna) -> None:
    await anna.opens()
    await anna.does("dialled")
    assert await wanted_by(anna, "+15125550210") == "contactability"
    await anna.passes(100)
    assert await wanted_by(anna, "+15125550211") == "contactability"
    await anna.does("dialled", {"result": "busy"})
    assert await wanted_by(anna, "+15125550212") == "letsmakealead"
    await anna.cancels()
    await anna.ends()
