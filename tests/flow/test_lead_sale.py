"""An unsold call of a person who consented: the lead is sold over HTTP, and the person called back as the plan says."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import aiohttp

from callrouter.simulator.partners import Answer
from tests.support.waiting import wait_until
from tests.support.world import CALLER, LEADS, OPS_TOKEN, World, in_world, offers, plan, refuses

PERSON: Mapping[str, Any] = {
    "zip": "33139",
    "first_name": "Ann",
    "last_name": "Lee",
    "email": "ann@example.com",
    "address": "1210 Ocean Drive",
    "city": "Miami",
    "ip": "10.0.0.1",
    "consent": True,
}
SELLING = plan(buyers=LEADS, unsold={"sell_lead": ["callconnectleads"]})
SELLING_ONLY = plan(buyers=LEADS, unsold={"sell_lead": ["callconnectleads"], "after_sale": "none"})


async def known(world: World, **changes: object) -> None:
    """A web form has told us of the person before they call."""
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {OPS_TOKEN}"}) as session:
        url = f"{world.served[0].url}/api/v1/callers/{CALLER}"
        async with session.put(url, json={**PERSON, **changes}) as response:
            assert response.status in (200, 201), await response.text()


async def unsold(world: World) -> dict[str, Any]:
    """Nobody wants the call; the record when everything that follows from it is over."""
    world.lmal.answer = world.contactability.answer = refuses()
    call = await world.call()
    await world.delivered(1_000)
    await world.settled()
    return await world.record(call)


def pays(world: World, payout: str | None) -> None:
    answer = Answer(latency_s=0.5, payout=Decimal(payout) if payout else None)
    world.leads.answer = lambda params: answer


@in_world(SELLING)
async def test_the_lead_of_an_unsold_call_is_sold_once_and_the_person_called_back(world: World) -> None:
    await known(world)
    pays(world, "18.50")
    record = await unsold(world)
    (lead,) = world.leads.sold
    assert (lead.params["First_Name"], lead.params["Home_Phone"]) == ("Ann", CALLER[2:])
    sale = record["sale"]
    assert (sale["state"], sale["buyer"], sale["payout"]) == ("sold", "callconnectleads", "18.50")
    assert sale["lead_ref"] == lead.lead_id
    assert len(world.dialler.standing()) == 1
    assert world.metric("sales_total", buyer="callconnectleads", result="sold") == 1


@in_world(SELLING)
async def test_the_ping_says_nothing_of_who_the_person_is(world: World) -> None:
    await known(world)
    pays(world, "18.50")
    await unsold(world)
    ping = world.leads.requests[0].params
    assert ping["Mode"] == "ping"
    personal = [value for key, value in PERSON.items() if key not in ("zip", "city", "consent")]
    assert [value for value in (*personal, CALLER[2:]) if value in str(dict(ping))] == []


@in_world(SELLING)
async def test_without_consent_nobody_is_asked(world: World) -> None:
    await known(world, consent=False)
    record = await unsold(world)
    assert world.leads.requests == []
    assert record["sale"] == {"id": None, "state": "none", "why": "the person has not consented"}
    assert len(world.dialler.standing()) == 1


@in_world(SELLING_ONLY)
async def test_after_sale_none_a_sold_person_is_not_called_back(world: World) -> None:
    await known(world)
    pays(world, "18.50")
    record = await unsold(world)
    assert record["sale"]["state"] == "sold"
    assert world.dialler.standing() == []


@in_world(SELLING_ONLY)
async def test_after_sale_none_a_person_whose_lead_nobody_buys_is_called_back(world: World) -> None:
    await known(world)
    pays(world, None)
    record = await unsold(world)
    assert record["sale"]["state"] == "unsold"
    assert [result["reason"] for result in record["sale"]["results"]] == ["no_offer"]
    assert record["callback"]["id"] is not None
    assert len(world.dialler.standing()) == 1


@in_world(SELLING)
async def test_a_lead_that_lacks_what_the_buyer_requires_is_not_sold_and_says_what_is_missing(world: World) -> None:
    await known(world, email=None)
    pays(world, "18.50")
    record = await unsold(world)
    assert world.leads.sold == []
    assert record["sale"]["state"] == "unsold"
    assert "email" in str(record["sale"]["results"])
    assert world.leads.requests == [], "it is not asked for a price that could not be taken"


@in_world(SELLING)
async def test_two_unsold_calls_of_one_person_are_one_lead(world: World) -> None:
    await known(world)
    pays(world, "18.50")
    first, second = await unsold(world), await unsold(world)
    assert len(world.leads.sold) == 1
    assert first["sale"]["id"] == second["sale"]["id"]


@in_world(SELLING)
async def test_a_bridged_call_sells_no_lead(world: World) -> None:
    await known(world)
    world.lmal.answer = offers("20", "+12145550112")
    world.contactability.answer = refuses()
    call = await world.call()
    await world.delivered()
    assert (await world.record(call))["sale"] is None
    assert world.leads.requests == []


@in_world(SELLING)
async def test_a_lead_whose_only_buyer_refuses_connections_is_unsold_and_the_person_called_back(world: World) -> None:
    await known(world)
    pays(world, "18.50")
    await world.leads.refuse()
    record = await unsold(world)
    sale = record["sale"]
    assert (sale["state"], [r["reason"] for r in sale["results"]]) == ("unsold", ["error_unreachable"])
    assert len(world.dialler.standing()) == 1


@in_world(SELLING_ONLY)
async def test_a_post_whose_answer_is_lost_is_uncertain_never_repeated_and_the_person_called_back(world: World) -> None:
    """Nothing in their document says that a second post is recognised."""
    await known(world)
    answer = Answer(latency_s=0.2, payout=Decimal("18.50"))
    lost = replace(answer, fault="reset")
    world.leads.answer = lambda params: lost if params["Mode"] == "post" else answer
    record = await unsold(world)
    assert record["sale"]["state"] == "uncertain"
    assert [r.params["Mode"] for r in world.leads.requests] == ["ping", "post"]
    assert len(world.leads.sold) == 1
    assert len(world.dialler.standing()) == 1


@in_world(SELLING)
async def test_who_buys_leads_takes_no_part_in_auctions(world: World) -> None:
    """It is no buyer of calls that was left out: the record does not name it, and no auction is held for it alone."""
    await known(world)
    record = await unsold(world)
    assert {result["buyer"] for result in record["results"]} == {"letsmakealead", "contactability"}


@in_world(SELLING)
async def test_a_person_who_talks_to_a_buyer_meanwhile_is_not_sold(world: World) -> None:
    """They called again at once, and a buyer took that call: there is nothing to sell any more."""
    await known(world)
    world.leads.answer = lambda params: Answer(latency_s=8.0, payout=Decimal("18.50"))
    world.lmal.answer = world.contactability.answer = refuses()
    first = world.place()
    await first.wait_ended()
    world.contactability.answer = offers("30", "+12145550111")
    second = world.place()
    await second.wait_ended()
    await world.settled()
    await world.delivered(1_000)
    assert second.bridged
    assert world.leads.sold == []
    assert (await world.record(first))["sale"]["state"] == "connected"


@in_world(SELLING)
async def test_a_missed_call_of_a_known_person_is_for_sale_as_well(world: World) -> None:
    """Nobody here could answer; the carrier's list shows the call, and the web form had told us who calls."""
    await known(world)
    pays(world, "18.50")
    await wait_until(lambda: world.app.instance.sweeper.last_round > 0, 60)
    hosts = dict(world._hosts)
    world._hosts["https://calls.example.com"] = "http://127.0.0.1:9"
    call = world.place()
    await call.wait_ended()
    world._hosts.update(hosts)
    await world.settled()
    await world.delivered(1_000)
    record = await world.record(call)
    assert (record["outcome"], record["sale"]["state"], len(world.leads.sold)) == ("failed", "sold", 1)
