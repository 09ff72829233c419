"""The simulated CallConnectLeads: what it wants, what it answers, what it has bought; and that our adapter gets on."""

import random
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal

import aiohttp
import pytest

from callrouter.auction.outbound import Outbound
from callrouter.buyers.base import Ask, BuyerRequest, BuyerResponse, Quote
from callrouter.buyers.loader import Catalogue
from callrouter.dialplan import BuyerEntry
from callrouter.domain.caller import Caller
from callrouter.domain.offer import Decline
from callrouter.domain.reasons import Reason
from callrouter.simulator.partners import Answer, SimulatedCallConnectLeads
from callrouter.simulator.partners.callconnectleads import REQUIRED
from tests.support.virtual_time import VirtualClock, virtual

PING = {
    "Key": "k1",
    "API_Action": "pingPostLead",
    "Mode": "ping",
    "TYPE": "7",
    "SRC": "test",
    "Zip": "60610",
    "Home_Improvement_Product": "Decks",
    "Score": "12",
}
PERSON = {
    "IP_Address": "75.2.92.149",
    "Landing_Page": "landing",
    "First_Name": "Joanna",
    "Last_Name": "Doeringer",
    "Address": "123 Main St.",
    "City": "Chicago",
    "Email": "joanna@example.com",
    "Home_Phone": "3125550191",
}
POST = {**PING, **PERSON, "Mode": "post", "Lead_ID": "874"}
FULL = {**PING, **PERSON, "Mode": "full"}
CALLER = Caller(
    phone="+13125550191",
    zip="60610",
    state="IL",
    first_name="Joanna",
    last_name="Doeringer",
    email="joanna@example.com",
    address="123 Main St. & Co",
    city="Chicago",
    ip="75.2.92.149",
    consent=True,
    fields={"Home_Improvement_Product": "Decks"},
)
ADAPTER = Catalogue.load().get("callconnectleads").two_step


@asynccontextmanager
async def partner(clock: VirtualClock) -> AsyncIterator[SimulatedCallConnectLeads]:
    """A started CallConnectLeads that answers at once."""
    here = SimulatedCallConnectLeads(clock=clock, rng=random.Random(1), key="k1", answer=lambda params: Answer(0))
    await here.start()
    try:
        yield here
    finally:
        await here.stop()


def parsed(body: bytes) -> ET.Element:
    """The reply as XML."""
    return ET.fromstring(body)  # noqa: S314 - the simulation's own


async def told(url: str, fields: Mapping[str, str], method: str = "POST") -> ET.Element:
    """The reply to a form, or to a GET."""
    how = {"params" if method == "GET" else "data": fields}
    async with aiohttp.ClientSession() as session, session.request(method, url, **how) as reply:  # type: ignore[arg-type]
        return parsed(await reply.read())


def said(reply: ET.Element) -> dict[str, str | None]:
    """The reply's elements."""
    return {child.tag: child.text for child in reply}


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_ping_is_matched_and_its_lead_is_bought_by_the_post(method: str) -> None:
    @virtual
    async def run(clock: VirtualClock) -> None:
        async with partner(clock) as here:
            ping = said(await told(here.url, {**PING, "Return_Best_Price": "1"}, method))
            assert ping == {"status": "Matched", "lead_id": "874", "price": "25.00"}
            assert here.sold == []
            assert said(await told(here.url, POST, method)) == {"status": "Matched", "lead_id": "874"}
            [lead] = here.sales_of("3125550191")
            assert (lead.lead_id, lead.mode, lead.payout) == ("874", "post", Decimal("25.00"))

    run()


@virtual
async def test_a_full_lead_is_bought_at_once(clock: VirtualClock) -> None:
    async with partner(clock) as here:
        assert said(await told(here.url, FULL)) == {"status": "Matched", "lead_id": "874"}
        assert [lead.mode for lead in here.sold] == ["full"]


@virtual
async def test_a_lead_that_is_posted_twice_is_bought_twice(clock: VirtualClock) -> None:
    async with partner(clock) as here:
        for fields in (PING, POST, POST):
            await told(here.url, fields)
        assert [lead.lead_id for lead in here.sales_of("3125550191")] == ["874", "874"]
        assert here.sales_of("3125550192") == []


@pytest.mark.parametrize(("mode", "name"), [(mode, name) for mode, names in REQUIRED.items() for name in names])
def test_a_missing_required_value_is_named(mode: str, name: str) -> None:
    @virtual
    async def run(clock: VirtualClock) -> None:
        async with partner(clock) as here:
            fields = {**POST, "Mode": mode} | {name: ""}
            text = "Invalid value Mode" if name == "Mode" else f"Required value {name} is missing"
            assert said(await told(here.url, fields)) == {"status": "Error", "error": text}
            assert (here.sold, here.requests[0].answered) == ([], "bad_request")

    run()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"Key": "k2"}, "Invalid Key"),
        ({"Lead_ID": "875"}, "Invalid value Lead_ID"),
        ({"Zip": "6061"}, "Invalid value Zip"),
        ({"Home_Phone": "+13125550191"}, "Invalid value Home_Phone"),
        ({"TYPE": "8"}, "Invalid value API_Action"),
        ({"Match_With_Partner_Hashes": "email:md5:abc"}, "Invalid value Selected_Partner_Hash"),
    ],
)
def test_a_post_that_is_wrong_is_an_error(change: dict[str, str], text: str) -> None:
    @virtual
    async def run(clock: VirtualClock) -> None:
        async with partner(clock) as here:
            await told(here.url, PING)
            assert said(await told(here.url, POST | change)) == {"status": "Error", "error": text}
            assert here.sold == []

    run()


@virtual
async def test_an_unmatched_lead_cannot_be_posted(clock: VirtualClock) -> None:
    async with partner(clock) as here:
        here.answer = lambda params: Answer(0, payout=None)
        assert said(await told(here.url, PING)) == {"status": "Unmatched", "lead_id": "874"}
        assert said(await told(here.url, POST))["error"] == "Invalid value Lead_ID"
        assert said(await told(here.url, FULL))["status"] == "Unmatched"
        assert here.sold == []


@virtual
async def test_each_step_can_be_answered_on_its_own(clock: VirtualClock) -> None:
    async with partner(clock) as here:
        here.answer = lambda params: Answer(0, code="No more today" if params["Mode"] == "post" else None)
        assert said(await told(here.url, PING))["status"] == "Matched"
        assert said(await told(here.url, POST)) == {"status": "Error", "error": "No more today"}
        assert (here.sold, [seen.answered for seen in here.requests]) == ([], ["offer", "refused"])


@pytest.mark.parametrize(("fault", "bought"), [("reset", 1), ("garbage", 1), ("5xx", 0), ("refused", 0)])
def test_an_answer_that_is_lost_does_not_undo_the_sale(fault: str, bought: int) -> None:
    @virtual
    async def run(clock: VirtualClock) -> None:
        async with partner(clock) as here:
            await told(here.url, PING)
            here.answer = lambda params: Answer(0, fault=fault)  # type: ignore[arg-type]
            with pytest.raises((aiohttp.ClientError, ET.ParseError)):
                await told(here.url, POST)
            assert (len(here.sold), here.requests[-1].answered) == (bought, fault)

    run()


@virtual
async def test_a_cost_overrides_the_price_of_what_is_posted(clock: VirtualClock) -> None:
    async with partner(clock) as here:
        await told(here.url, {**PING, "Cost": "2.55"})
        await told(here.url, {**POST, "Cost": "99"})
        assert [lead.payout for lead in here.sold] == [Decimal("2.55")]


@virtual
async def test_hashes_and_matches_come_back_when_they_are_asked_for(clock: VirtualClock) -> None:
    async with partner(clock) as here:
        asked = {"Return_Hash_Type": "sha1", "Return_Hash_Value_Type": "company", "Allowed_Times_Sold": "2"}
        reply = await told(here.url, PING | asked)
        hashes = reply.findall("hashes/hash")
        assert [dict(found.attrib) for found in hashes] == [{"ValueType": "company", "HashType": "sha1"}] * 2
        assert [len(found.text or "") for found in hashes] == [40, 40]
        assert reply.findtext("matches") == "2"


@virtual
async def test_xml_has_a_door_of_its_own_and_fields_their_places(clock: VirtualClock) -> None:
    async with partner(clock) as here:
        data = "".join(f"<{name}>{PING[name]}</{name}>" for name in ("SRC", "Home_Improvement_Product", "Score"))
        top = "".join(f"<{name}>{PING[name]}</{name}>" for name in ("Key", "API_Action", "Mode", "TYPE"))
        zipcode = "<Zip>60610</Zip>"
        bodies = {
            f"<Request>{top}<Data>{data}{zipcode}</Data></Request>": "Matched",
            f"<Request>{top}{zipcode}<Data>{data}</Data></Request>": "Error",
            f"<request>{top}<Data>{data}{zipcode}</Data></request>": "Error",
            f"<Request>{top}<Data>": "Error",
        }
        async with aiohttp.ClientSession() as session:
            for body, status in bodies.items():
                async with session.post(here.xml_url, data=body.encode()) as reply:
                    assert parsed(await reply.read()).findtext("status") == status, body
            async with session.get(here.xml_url, params=PING) as reply:
                assert parsed(await reply.read()).findtext("error") == "Invalid request"


async def exchanged(request: BuyerRequest | Decline) -> BuyerResponse:
    """The reply to what the adapter built."""
    assert isinstance(request, BuyerRequest), request
    outbound = Outbound()
    reply = await outbound.send(request, 2, 65_536)
    await outbound.close()
    assert isinstance(reply, BuyerResponse), reply
    return reply


def entry(here: SimulatedCallConnectLeads, mode: str, method: str, **params: str) -> BuyerEntry:
    """The plan's entry for this partner."""
    constants = {"SRC": "test", "Landing_Page": "landing", "Score": "12", "Return_Best_Price": "1", **params}
    return BuyerEntry.model_validate(
        {
            "adapter": "callconnectleads",
            "mode": mode,
            "method": method,
            "xml_url" if method == "xml" else "url": here.xml_url if method == "xml" else here.url,
            "credentials": {"Key": "k1"},
            "params": constants,
        }
    )


@pytest.mark.parametrize("method", ["form", "get", "xml"])
def test_our_adapter_sells_it_a_lead_by_ping_and_post(method: str) -> None:
    @virtual
    async def run(clock: VirtualClock) -> None:
        async with partner(clock) as here:
            account = Catalogue.load().account("c", entry(here, "ping_post", method))
            ask = Ask("CA1", 1, CALLER)
            bid = ADAPTER.parse_response(ask, account, await exchanged(ADAPTER.build_request(ask, account, 5_000)))
            assert isinstance(bid, Quote), bid
            assert (bid.payout, bid.token, bid.number) == (Decimal("25.00"), "874", None)
            assert here.requests[0].params.keys().isdisjoint({"First_Name", "Email", "Home_Phone", "IP_Address"})
            reply = await exchanged(ADAPTER.build_accept(ask, account, bid, 5_000))
            sold = ADAPTER.parse_accept(ask, account, bid, reply)
            assert isinstance(sold, Quote), sold
            assert (sold.payout, sold.payout_stated, sold.buyer_ref) == (Decimal("25.00"), True, "874")
            [lead] = here.sales_of("3125550191")
            assert lead.params["Address"] == "123 Main St. & Co"

    run()


@pytest.mark.parametrize("method", ["form", "get", "xml"])
def test_our_adapter_sells_it_a_full_lead(method: str) -> None:
    @virtual
    async def run(clock: VirtualClock) -> None:
        async with partner(clock) as here:
            account = Catalogue.load().account("c", entry(here, "full", method))
            ask = Ask("CA1", 1, CALLER)
            sold = ADAPTER.parse_accept(
                ask, account, None, await exchanged(ADAPTER.build_accept(ask, account, None, 5_000))
            )
            assert isinstance(sold, Quote), sold
            assert (sold.payout, sold.buyer_ref, len(here.sold)) == (Decimal("25.00"), "874", 1)

    run()


@virtual
async def test_our_adapter_selects_the_hashes_that_came_back(clock: VirtualClock) -> None:
    async with partner(clock) as here:
        params = {
            "Return_Hash_Type": "md5",
            "Return_Hash_Value_Type": "company",
            "Match_With_Partner_Hashes": "returned",
            "Matches": "phone:plain:8005550100",
        }
        account = Catalogue.load().account("c", entry(here, "ping_post", "xml", **params))
        ask = Ask("CA1", 1, CALLER)
        bid = ADAPTER.parse_response(ask, account, await exchanged(ADAPTER.build_request(ask, account, 5_000)))
        assert isinstance(bid, Quote), bid
        assert isinstance(ADAPTER.build_accept(ask, account, bid, 5_000), BuyerRequest)
        await exchanged(ADAPTER.build_accept(ask, account, bid, 5_000))
        [lead] = here.sold
        selected = lead.params["Match_With_Partner_Hashes"].split(";")
        assert [entry.split(":")[:2] for entry in selected] == [["company", "md5"]] * 2
        assert lead.params["Matches"] == "phone:plain:8005550100"


@virtual
async def test_our_adapter_understands_its_refusals(clock: VirtualClock) -> None:
    async with partner(clock) as here:
        account = Catalogue.load().account("c", entry(here, "ping_post", "form"))
        ask = Ask("CA1", 1, CALLER)
        reasons = []
        for answer in (Answer(0, payout=None), Answer(0, code="Invalid Key"), Answer(0, fault="absurd_money")):
            here.answer = lambda params, answer=answer: answer  # type: ignore[misc]
            verdict = ADAPTER.parse_response(ask, account, await exchanged(ADAPTER.build_request(ask, account, 5_000)))
            assert isinstance(verdict, Decline)
            reasons.append(verdict.reason)
        assert reasons == [Reason.NO_OFFER, Reason.ERROR_AUTH, Reason.ERROR_BAD_RESPONSE]
