"""``calls show`` of two-step calls, of calls whose lead was sold and of warm transfers, as real records give it."""

from dataclasses import replace
from decimal import Decimal

from callrouter.commands.call_page import call_page
from callrouter.simulator.partners import Answer
from tests.flow.test_lead_sale import SELLING, SELLING_ONLY, known, pays, unsold
from tests.flow.test_two_steps import OTHER, TWO, bids
from tests.support.world import World, in_world
from tests.transfers.agents import Anna, with_agent


def rows(page: str, title: str) -> list[list[str]]:
    """The words of each line under a title, without the line of heads; the timeline has none."""
    _, _, rest = page.partition(f"{title}\n")
    lines = rest.partition("\n\n")[0].splitlines()
    return [line.split() for line in lines[0 if title.startswith("timeline") else 1 :]]


def head(page: str, name: str) -> str:
    return next(line.removeprefix(name).strip() for line in page.splitlines() if line.startswith(f"{name} "))


@in_world(TWO)
async def test_a_refused_post_is_told_with_the_buyers_own_words(world: World) -> None:
    bids(world, post_code="4000")
    page = call_page(await world.record(await world.call()))
    (post,) = rows(page, "posts (bids taken up)")
    assert post[:3] == ["1", "letsmakealead", "no_offer_capped"]
    assert post[-3:] == ["Daily", "Cap", "reached"]
    assert [row[1] for row in rows(page, "dials")] == ["contactability"]
    assert OTHER in page


@in_world(SELLING_ONLY)
async def test_a_sold_lead_is_told_with_every_step_and_why_nobody_is_called_back(world: World) -> None:
    await known(world)
    pays(world, "18.50")
    page = call_page(await unsold(world))
    assert head(page, "callback") == "none: the lead was sold"
    assert "sold to callconnectleads, $18.50, their 874" in head(page, "sale")
    steps = [row[:3] for row in rows(page, "sale of the lead")]
    assert steps == [["ping", "callconnectleads", "offer"], ["post", "callconnectleads", "offer"]]


@in_world(SELLING_ONLY)
async def test_a_lead_that_nobody_bought_is_told_with_the_reasons_and_the_callback_that_follows(world: World) -> None:
    await known(world)
    pays(world, None)
    record = await unsold(world)
    page = call_page(record)
    assert head(page, "callback") == f"{record['callback']['id']}, promised when the sale ended"
    assert head(page, "sale").endswith(": unsold")
    assert [row[:3] for row in rows(page, "sale of the lead")] == [["ping", "callconnectleads", "no_offer"]]


@in_world(SELLING)
async def test_what_a_lead_lacked_is_on_the_page(world: World) -> None:
    await known(world, email=None)
    pays(world, "18.50")
    page = call_page(await unsold(world))
    assert "email is not known" in page


@in_world(SELLING_ONLY)
async def test_a_sale_whose_answer_was_lost_is_told_as_uncertain_and_never_as_sold(world: World) -> None:
    await known(world)
    answer = Answer(latency_s=0.2, payout=Decimal("18.50"))
    world.leads.answer = lambda params: replace(answer, fault="reset") if params["Mode"] == "post" else answer
    page = call_page(await unsold(world))
    assert "uncertain, whether callconnectleads bought it" in head(page, "sale")
    assert "None" not in page
    assert [row[2] for row in rows(page, "sale of the lead")] == ["offer", "error_unreachable"]


@with_agent()
async def test_a_transfers_page_tells_its_way_its_legs_and_each_step_in_words(anna: Anna) -> None:
    await anna.opens()
    caller = anna.caller_on_line()
    await anna.does("bridge", {"caller_call_sid": caller.sid})
    await anna.waits_for("talking")
    await anna.does("complete")
    await anna.until(100)
    caller.hang_up()
    page = call_page(await anna.ends())
    assert head(page, "agent") == "Anna"
    assert head(page, "way") == "bridge: agent, caller and buyer in one room"
    legs = rows(page, "legs of the room (seconds since arrival)")
    assert [row[:2] for row in legs] == [["agent", "1"], ["caller", "1"], ["buyer", "1"]]
    timeline = [(row[1], " ".join(row[2:])) for row in rows(page, "timeline (seconds since arrival)")]
    assert ("party_joined", "the buyer of dial 1 is in the room") in timeline
    assert ("handed_over", "the agent leaves caller and buyer to themselves") in timeline
    assert timeline[-1] == ("ended", "over: bridged")


@with_agent()
async def test_a_transfer_that_no_buyer_was_dialled_for_says_that_no_way_was_chosen(anna: Anna) -> None:
    await anna.opens()
    await anna.cancels()
    page = call_page(await anna.ends())
    assert head(page, "way") == "none was chosen"
    assert head(page, "callback") == "none: the agent kept the caller"
    assert "legs of the room" not in page
