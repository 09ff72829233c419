"""``calls show`` of two-step calls and of calls whose lead was sold, as real records give it."""

from dataclasses import replace
from decimal import Decimal

from callrouter.commands.call_page import call_page
from callrouter.simulator.partners import Answer
from tests.flow.test_lead_sale import SELLING, SELLING_ONLY, known, pays, unsold
from tests.flow.test_two_steps import OTHER, TWO, bids
from tests.support.world import World, in_world


def rows(page: str, title: str) -> list[list[str]]:
    """The words of each line under a title, without the line of heads."""
    _, _, rest = page.partition(f"{title}\n")
    lines = rest.partition("\n\n")[0].splitlines()
    return [line.split() for line in lines[1:]]


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
