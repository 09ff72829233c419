"""What the report says of warm transfers is what the metrics have counted, buyer by buyer."""

from decimal import Decimal

from callrouter.ledger.totals import Asked, Totals
from callrouter.simulator.carrier import PhoneScript
from tests.support.world import refuses
from tests.transfers.agents import FIRST, SECOND, Anna, with_agent
from tests.transfers.test_offers import caching

WHO = ("caller", "buyer", "agent", "unknown")


async def agreed(anna: Anna) -> Totals:
    """The report, after it has been held against the metrics."""
    world = anna.world
    await world.books()
    found = await world.app.instance.ledger.totals(Asked())
    for line in found.lines:
        near = {by: world.metric("near_misses_total", buyer=line.key, ended_by=by) for by in WHO}
        of = {name: world.metric(f"{name}_total", buyer=line.key) for name in ("offers_expired", "qualified_calls")}
        paid = Decimal(str(world.metric("expected_payout_dollars_total", buyer=line.key)))
        reported = {**dict.fromkeys(WHO, 0), **line.near_misses_by}
        assert (line.expired, line.qualified) == (of["offers_expired"], of["qualified_calls"]), line.key
        assert (line.expected, reported) == (paid, near), line.key
    return found


@with_agent()
async def test_offers_that_were_renewed_in_time_have_not_expired(anna: Anna) -> None:
    await anna.opens()
    await anna.passes(60)
    await anna.cancels()
    await anna.ends()
    total = (await agreed(anna)).total
    assert (total.offered > 6, total.expired, total.left) == (True, 0, Decimal(0)), "the agent kept the caller"


@with_agent()
async def test_offers_that_lapsed_in_the_agents_hand_have_expired_once_each(anna: Anna) -> None:
    await anna.opens()
    await anna.passes(20)
    anna.world.lmal.answer = anna.world.contactability.answer = refuses()
    await anna.waits_for("unsold", timeout_s=60)
    await anna.cancels()
    await anna.ends()
    total = (await agreed(anna)).total
    assert (total.offered, total.expired, total.left) == (4, 2, Decimal("40.00"))


@with_agent(caching())
async def test_a_cached_bid_that_lapsed_has_expired_although_a_buyer_took_the_caller(anna: Anna) -> None:
    await anna.opens()
    anna.world.lmal.answer = refuses()
    await anna.waits_for_offer("30.00")
    caller = anna.caller_on_line()
    await anna.does("bridge", {"caller_call_sid": caller.sid})
    await anna.waits_for("talking")
    await anna.does("complete")
    await anna.until(70)
    caller.hang_up()
    await anna.ends()
    total = (await agreed(anna)).total
    assert (total.expired, total.expected, total.left) == (1, Decimal("30.00"), Decimal("10.00"))


@with_agent()
async def test_callers_who_come_too_late_have_had_the_latest_offers_expire(anna: Anna) -> None:
    await anna.opens()
    await anna.passes(16)
    anna.world.lmal.answer = anna.world.contactability.answer = refuses()
    await anna.passes(26)
    await anna.transfers_in()
    await anna.ends()
    total = (await agreed(anna)).total
    assert (total.offered, total.expired, total.left) == (4, 2, Decimal("40.00"))


@with_agent()
async def test_an_offer_that_the_agent_passed_over_was_not_left(anna: Anna) -> None:
    await anna.opens()
    await anna.does("next")
    anna.world.carrier.phone(SECOND, PhoneScript(ring_s=1.0, result="busy"))
    anna.world.contactability.answer = anna.world.lmal.answer = refuses()
    await anna.passes(18)
    await anna.transfers_in()
    await anna.passes(40)
    await anna.ends()
    lines = {line.key: line for line in (await agreed(anna)).lines}
    assert (lines["letsmakealead"].expired, lines["letsmakealead"].left) == (0, Decimal(0))


@with_agent()
async def test_an_own_dial_just_short_of_the_minimum_is_a_near_miss_of_which_nobody_says_who_hung_up(
    anna: Anna,
) -> None:
    assert (await anna.opens())["offer"]["number"] == FIRST
    await anna.does("dialled")
    await anna.passes(90)
    await anna.does("dialled", {"result": "bridged", "talk_s": 85})
    await anna.ends()
    total = (await agreed(anna)).total
    assert (total.near_misses_by, total.qualified, total.bridged) == ({"unknown": 1}, 0, 1)
