"""A buyer that pays after very few seconds, and hangs up soon after them: it has the caller, and pays."""

from decimal import Decimal

from callrouter.ledger.totals import Asked
from callrouter.simulator.carrier import PhoneScript
from tests.support.world import World, in_world, offers
from tests.transfers.agents import FIRST, SECOND, Anna, with_agent

PAYING = "+12145550111"
OTHER = "+12145550112"


@in_world()
async def test_a_hang_up_after_the_minimum_is_a_sale_however_early_it_is(world: World) -> None:
    world.contactability.answer = offers("30", PAYING, min_duration_s=3)
    world.lmal.answer = offers("20", OTHER, min_duration_s=90)
    world.carrier.phone(PAYING, PhoneScript(ring_s=1, talk_s=4))
    call = await world.call()
    record = await world.record(call)
    assert [(a["buyer"], a["result"]) for a in record["attempts"]] == [("contactability", "bridged")]
    assert (record["qualified"], record["payout"], record["margin_s"]) == (True, "30.00", 1)
    total = (await world.app.instance.ledger.totals(Asked())).total
    assert (total.qualified, total.expected) == (1, Decimal("30.00"))


@in_world()
async def test_without_a_minimum_or_before_it_an_early_hang_up_has_the_caller_offered_on(world: World) -> None:
    for minimum_s, talk_s in ((None, 4), (4, 3)):
        world.contactability.answer = offers("30", PAYING, min_duration_s=minimum_s)
        world.lmal.answer = offers("20", OTHER, min_duration_s=90)
        world.carrier.phone(PAYING, PhoneScript(ring_s=1, talk_s=talk_s))
        call = await world.call(from_=f"+1512555014{talk_s}")
        record = await world.record(call)
        assert [a["result"] for a in record["attempts"]] == ["early_hangup", "bridged"]


@with_agent()
async def test_in_a_room_a_hang_up_after_the_minimum_is_a_sale_however_early_it_is(anna: Anna) -> None:
    anna.world.lmal.answer = offers("40.00", FIRST, min_duration_s=2)
    anna.world.contactability.answer = offers("30.00", SECOND, min_duration_s=60)
    anna.world.carrier.phone(FIRST, PhoneScript(ring_s=1.0, talk_s=4.0))
    await anna.opens()
    caller = anna.caller_on_line()
    await anna.does("bridge", {"caller_call_sid": caller.sid})
    record = await anna.ends()
    assert [(a["buyer"], a["result"]) for a in record["attempts"]] == [("letsmakealead", "bridged")]
    assert (record["qualified"], record["payout"]) == (True, "40.00")
    caller.hang_up()
