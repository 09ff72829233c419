"""Leads sold to Contactability by the shipped template, against another buyer that bids: modes, prices, faults."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from callrouter.simulator.partners import Answer
from tests.flow.test_lead_sale import PERSON, known, pays
from tests.support.world import CALLER, World, in_world, plan, refuses, two_lead_buyers

THEIRS, OTHER = "contactability-leads", "callconnectleads"
PAYS = Answer(latency_s=0.5, payout=Decimal("20.00"))
LOST = replace(PAYS, post_fault="reset")
LEAST_S, OUTAGE_S = 300.0, 330.0


def selling(mode: str, **params: str) -> dict[str, Any]:
    """Both lead buyers; nobody is called back when one of them buys."""
    return plan(buyers=two_lead_buyers(mode, **params), unsold={"sell_lead": [OTHER, THEIRS], "after_sale": "none"})


def buys_leads(world: World, *answers: Answer) -> None:
    """Contactability refuses calls, and answers requests about leads with these in turn, the last for ever."""
    left: Iterator[Answer] = iter(answers)
    no_call, now = refuses(), answers[0]

    def decide(params: Mapping[str, str]) -> Answer:
        nonlocal now
        if "call" not in params:
            return no_call(params)
        now = next(left, now)
        return now

    world.contactability.answer = decide


async def sold(world: World) -> dict[str, Any]:
    """Nobody wants the call; its sale, once that is over."""
    world.lmal.answer = refuses()
    call = await world.call()
    await world.delivered(1_500)
    await world.settled()
    sale: dict[str, Any] = (await world.record(call))["sale"]
    return sale


def leads_of(world: World) -> list[str]:
    """Which calls about leads Contactability got, in order."""
    return [found.params["call"] for found in world.contactability.requests if "call" in found.params]


@in_world(selling("ping_post"))
async def test_the_better_bid_is_taken_and_its_xml_differs_from_the_pinged_one_by_the_person_only(world: World) -> None:
    await known(world)
    pays(world, "18.50")
    buys_leads(world, PAYS)
    sale = await sold(world)
    assert (sale["state"], sale["buyer"], sale["payout"]) == ("sold", THEIRS, "20.00")
    (lead,) = world.contactability.sold
    assert (lead.call, lead.phone, sale["lead_ref"]) == ("/post", CALLER[2:], lead.lead_id)
    ping = next(found.params["xml"] for found in world.contactability.requests if found.params.get("call") == "/ping")
    personal = [str(PERSON[name]) for name in ("first_name", "last_name", "email", "address", "ip")] + [CALLER[2:]]
    assert [value for value in personal if f">{value}<" in ping] == []
    assert [value for value in personal if f">{value}<" not in lead.xml] == []
    blank = lead.xml
    for value in personal:
        blank = blank.replace(f">{value}<", "><")
    assert blank == ping
    assert [found.params["Mode"] for found in world.leads.requests] == ["ping"]
    assert world.dialler.standing() == []


@in_world(selling("ping_post"))
async def test_the_other_buyers_better_bid_is_taken_first(world: World) -> None:
    await known(world)
    pays(world, "21.00")
    buys_leads(world, PAYS)
    assert (await sold(world))["buyer"] == OTHER
    assert leads_of(world) == ["/ping"]
    assert (len(world.leads.sold), world.contactability.sold) == (1, [])


@in_world(selling("ping_post"))
async def test_a_refused_post_falls_to_the_other_buyer(world: World) -> None:
    await known(world)
    pays(world, "18.50")
    buys_leads(world, PAYS, replace(PAYS, post_code="Bad Request"))
    assert (await sold(world))["buyer"] == OTHER
    assert leads_of(world) == ["/ping", "/post"]
    assert (len(world.leads.sold), world.contactability.sold) == (1, [])


@in_world(selling("ping_post"))
async def test_a_person_whom_they_have_already_falls_to_the_other_buyer(world: World) -> None:
    """Duplicate to the first post: they have not bought this lead from us."""
    await known(world)
    pays(world, "18.50")
    buys_leads(world, PAYS)
    world.contactability.desk.known.add(CALLER[2:])
    sale = await sold(world)
    assert (sale["state"], sale["buyer"]) == ("sold", OTHER)
    assert [r["reason"] for r in sale["results"] if (r["buyer"], r["step"]) == (THEIRS, "post")] == [
        "no_offer_duplicate"
    ]
    assert (len(world.leads.sold), world.contactability.sold) == (1, [])


@in_world(selling("ping_post"))
async def test_duplicate_to_a_repeated_post_means_that_the_first_was_taken(world: World) -> None:
    await known(world)
    pays(world, "18.50")
    buys_leads(world, PAYS, LOST, PAYS)
    sale = await sold(world)
    assert (sale["state"], sale["buyer"], sale["payout"]) == ("sold", THEIRS, "20.00")
    assert leads_of(world) == ["/ping", "/post", "/post"]
    posts = [found.params["xml"] for found in world.contactability.requests if found.params.get("call") == "/post"]
    assert posts[0] == posts[1]
    assert (len(world.contactability.sold), world.leads.sold) == (1, [])
    assert world.dialler.standing() == []


@in_world(selling("ping_post"))
async def test_a_ping_id_that_they_call_too_old_is_asked_for_anew(world: World) -> None:
    await known(world)
    pays(world, "18.50")
    buys_leads(world, PAYS, replace(PAYS, post_code="Timeout"), PAYS)
    assert (await sold(world))["buyer"] == THEIRS
    assert leads_of(world) == ["/ping", "/post", "/ping", "/post"]
    assert (len(world.contactability.sold), world.leads.sold) == (1, [])


@in_world(selling("ping_post"))
async def test_a_ping_id_that_lapsed_while_nothing_could_be_posted_is_asked_for_anew(world: World) -> None:
    """The instance stops after the ping; another one comes up when the five minutes are over."""
    await known(world)
    pays(world, "18.50")
    buys_leads(world, PAYS)
    bids, first = world.contactability.answer, world.app.instance.worker
    stopped: list[asyncio.Task[None]] = []

    def stop_at_ping(params: Mapping[str, str]) -> Answer:
        if params.get("call") == "/ping" and not stopped:
            stopped.append(asyncio.create_task(first.stop()))
        return bids(params)

    world.contactability.answer = stop_at_ping
    world.lmal.answer = refuses()
    call = await world.call()
    await asyncio.sleep(OUTAGE_S)
    assert leads_of(world) == ["/ping"]
    world.served.append(await world._serve(1))
    await world.delivered(600)
    await world.settled()
    assert leads_of(world) == ["/ping", "/ping", "/post"]
    pinged, again, posted = (found.at for found in world.contactability.requests if "call" in found.params)
    assert again - pinged > LEAST_S > posted - again
    assert (await world.record(call))["sale"]["buyer"] == THEIRS
    assert len(world.contactability.sold) == 1


@in_world(selling("legs"))
async def test_the_legs_that_were_bid_for_are_sold_together(world: World) -> None:
    await known(world)
    pays(world, "16.00")
    buys_leads(world, PAYS)
    sale = await sold(world)
    assert (sale["buyer"], sale["payout"]) == (THEIRS, "16.50")
    (lead,) = world.contactability.sold
    assert (lead.call, len(lead.legs), lead.payout) == ("/post/legs", 2, Decimal("16.50"))


@in_world(selling("legs", legs="best"))
async def test_of_legs_the_best_alone_may_be_too_little(world: World) -> None:
    await known(world)
    pays(world, "16.00")
    buys_leads(world, PAYS)
    assert (await sold(world))["buyer"] == OTHER
    assert leads_of(world) == ["/ping/legs"]


@in_world(selling("legs"))
async def test_legs_whose_answer_was_lost_are_sold_once(world: World) -> None:
    await known(world)
    pays(world, None)
    buys_leads(world, PAYS, LOST, PAYS)
    sale = await sold(world)
    assert (sale["state"], sale["payout"]) == ("sold", "16.50")
    assert leads_of(world) == ["/ping/legs", "/post/legs", "/post/legs"]
    assert len(world.contactability.sold) == 1


@in_world(selling("direct_post"))
async def test_who_is_sold_to_without_a_bid_comes_after_who_bids(world: World) -> None:
    await known(world)
    pays(world, "1.00")
    buys_leads(world, PAYS)
    assert (await sold(world))["buyer"] == OTHER
    assert leads_of(world) == []


@in_world(selling("direct_post"))
async def test_a_direct_post_whose_answer_was_lost_is_sold_once(world: World) -> None:
    await known(world)
    pays(world, None)
    buys_leads(world, replace(PAYS, fault="reset"), PAYS)
    sale = await sold(world)
    assert (sale["state"], sale["buyer"], sale["payout_stated"]) == ("sold", THEIRS, False)
    assert leads_of(world) == ["/direct_post", "/direct_post"]
    (lead,) = world.contactability.sold
    assert (lead.call, lead.phone) == ("/direct_post", CALLER[2:])
