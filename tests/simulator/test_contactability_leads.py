"""The simulated Contactability that buys leads, alone and with what the product really sends it."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal

import aiohttp
import pytest

from callrouter.buyers.base import Account, Ask, BuyerRequest, BuyerResponse, Quote
from callrouter.buyers.loader import Catalogue
from callrouter.dialplan import BuyerEntry
from callrouter.domain.caller import Caller
from callrouter.domain.offer import Decline
from callrouter.domain.reasons import Reason
from callrouter.simulator.partners import Ad, Answer, LeadLeg, SimulatedContactability
from tests.buyers.exemplars import CATALOGUE, HOME
from tests.support.virtual_time import VirtualClock, virtual

AUTO = (HOME / "contactability" / "auto-lead.xml.j2").read_text()
CALLER = Caller(
    phone="+15125550123", zip="78701", state="TX", city="Austin", first_name="Ann", last_name="O'Neil & <Co>",
    email="ann@example.com", consent=True, fields={"Vehicle1Year": 2014},
)  # fmt: skip
ASK = Ask(sid="CA1", transfer_type=1, caller=CALLER)
PING = "<L><Token>t1</Token><Zip>78701</Zip><Phone></Phone></L>"
POST = "<L><Token>t1</Token><Zip>78701</Zip><Phone>5125550123</Phone></L>"


class Seller:
    """Sends what the product's adapter builds to a simulated partner, and reads the reply with it."""

    def __init__(self, partner: SimulatedContactability, session: aiohttp.ClientSession) -> None:
        self.partner, self.session = partner, session
        self.adapter = CATALOGUE.get("contactability").two_step

    def account(self, mode: str, template: str = AUTO, **params: str) -> Account:
        entry = BuyerEntry.model_validate(
            {"adapter": "contactability", "mode": mode, "url": self.partner.base_url, "template": "a.xml.j2",
             "credentials": {"token": "t1"}, "params": {"lead_type": "auto", **params}}
        ).with_template(template)  # fmt: skip
        assert CATALOGUE.check_entry(entry, "plan") == []
        return CATALOGUE.account("c", entry)

    async def ping(self, account: Account, ask: Ask = ASK) -> Quote | Decline:
        """A bid, with what was kept for the post."""
        request = self.adapter.build_request(ask, account, 5_000)
        assert isinstance(request, BuyerRequest)
        quote = self.adapter.parse_response(ask, account, await self.sent(request))
        return replace(quote, kept=request.kept) if isinstance(quote, Quote) else quote

    async def post(self, account: Account, quote: Quote | Decline | None, ask: Ask = ASK) -> Quote | Decline:
        """What came of taking it up."""
        assert not isinstance(quote, Decline)
        request = self.adapter.build_accept(ask, account, quote, 5_000)
        assert isinstance(request, BuyerRequest)
        return self.adapter.parse_accept(ask, account, quote, await self.sent(request))

    async def sent(self, request: BuyerRequest) -> BuyerResponse:
        """One request over real HTTP."""
        async with self.session.request(
            request.method, request.url, params=dict(request.query), data=request.body, headers=request.headers
        ) as reply:
            return BuyerResponse(reply.status, await reply.read(), reply.content_type)

    async def form(self, call: str, **fields: str) -> tuple[int, str]:
        """A form of our own making."""
        async with self.session.post(self.partner.base_url + call, data=fields) as reply:
            return reply.status, await reply.text()


@asynccontextmanager
async def seller(clock: VirtualClock) -> AsyncIterator[Seller]:
    """A started partner without limits to speak of, and who sells to it."""
    partner = SimulatedContactability(
        clock=clock, rng=random.Random(1), token="t1", limits=((1.0, 1_000),), answer=lambda params: Answer(0.1)
    )
    await partner.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield Seller(partner, session)
    finally:
        await partner.stop()


def reason(verdict: Quote | Decline) -> Reason | None:
    return verdict.reason if isinstance(verdict, Decline) else None


@pytest.mark.parametrize("parameter", ["xml", "body"])
def test_a_lead_is_pinged_and_posted_once(parameter: str) -> None:
    @virtual
    async def run(clock: VirtualClock) -> None:
        async with seller(clock) as here:
            account = here.account("ping_post", xml_parameter=parameter)
            bid = await here.ping(account)
            assert isinstance(bid, Quote)
            assert (bid.payout, here.partner.sold) == (Decimal("25.00"), [])
            pinged = here.partner.requests[0].params["xml"]
            assert [v for v in ("5125550123", "Ann", "O'Neil", "ann@example.com") if v in pinged] == []
            sale = await here.post(account, bid)
            assert isinstance(sale, Quote)
            [sold] = here.partner.sales_of("5125550123")
            assert (sale.buyer_ref, sale.payout, sold.call) == (sold.lead_id, Decimal("25.00"), "/post")
            assert "<LastName>O&#39;Neil &amp; &lt;Co&gt;</LastName>" in sold.xml
            assert reason(await here.post(account, bid)) is Reason.NO_OFFER_DUPLICATE
            assert len(here.partner.sold) == 1

    run()


@pytest.mark.parametrize(("waited_s", "outcome"), [(299, None), (301, Reason.NO_OFFER_EXPIRED)])
def test_a_bid_lives_five_minutes(waited_s: float, outcome: Reason | None) -> None:
    @virtual
    async def run(clock: VirtualClock) -> None:
        async with seller(clock) as here:
            account = here.account("ping_post")
            bid = await here.ping(account)
            await asyncio.sleep(waited_s)
            assert reason(await here.post(account, bid)) is outcome

    run()


@virtual
async def test_a_changed_template_does_not_change_the_lead_between_the_steps(clock: VirtualClock) -> None:
    async with seller(clock) as here:
        bid = await here.ping(here.account("ping_post"))
        other = here.account("ping_post", AUTO.replace("CurrentInsurer>", "Insurer>"))
        assert reason(await here.post(other, bid)) is None
        fresh = await here.ping(other, replace(ASK, caller=CALLER.updated(phone="+15125550124")))
        assert isinstance(fresh, Quote)
        assert fresh.kept is not None
        assert "<Insurer>" in fresh.kept


@virtual
async def test_another_lead_than_the_pinged_one_is_refused(clock: VirtualClock) -> None:
    async with seller(clock) as here:
        _, text = await here.form("/ping", xml=PING)
        ping_id = text.partition("<PingID>")[2].partition("<")[0]
        for other in (
            POST.replace("78701", "78702"),
            POST.replace("<L>", "<L a='1'>"),
            POST.replace("</L>", "<X/></L>"),
        ):
            assert (await here.form("/post", xml=other, ping_id=ping_id))[0] == 400
        assert (await here.form("/post", xml=PING, ping_id=ping_id))[0] == 400, "without contact information"
        assert (await here.form("/post", xml=POST, ping_id=ping_id))[0] == 200


@pytest.mark.parametrize("mode", ["direct_post", "data_post"])
def test_a_lead_is_sold_without_a_ping_and_known_from_then_on(mode: str) -> None:
    @virtual
    async def run(clock: VirtualClock) -> None:
        async with seller(clock) as here:
            account = here.account(mode)
            assert reason(await here.post(account, None)) is None
            assert reason(await here.post(account, None)) is Reason.NO_OFFER_DUPLICATE
            assert [sale.call for sale in here.partner.sold] == [f"/{mode}"]

    run()


@pytest.mark.parametrize(("which", "payout"), [("all", Decimal("16.50")), ("best", Decimal("9.50"))])
def test_the_chosen_legs_are_sold_for_their_sum(which: str, payout: Decimal) -> None:
    @virtual
    async def run(clock: VirtualClock) -> None:
        async with seller(clock) as here:
            account = here.account("legs", legs=which)
            bid = await here.ping(account)
            assert isinstance(bid, Quote)
            assert bid.payout == payout
            sale = await here.post(account, bid)
            assert isinstance(sale, Quote)
            assert (sale.payout, sale.details) == (payout, {})
            assert len(here.partner.sold[0].legs) == (2 if which == "all" else 1)

    run()


@virtual
async def test_legs_that_were_not_bid_for_are_refused(clock: VirtualClock) -> None:
    async with seller(clock) as here:
        here.partner.desk.legs = (LeadLeg("Acme", Decimal(5)),)
        account = here.account("legs")
        bid = await here.ping(account)
        assert isinstance(bid, Quote)
        forged = replace(bid, token=json.dumps({**json.loads(bid.token or ""), "legs": ["other"]}))
        assert reason(await here.post(account, forged)) is Reason.ERROR_OTHER
        assert here.partner.sold == []


@virtual
async def test_a_partner_that_does_not_want_a_lead_bids_nothing(clock: VirtualClock) -> None:
    async with seller(clock) as here:
        here.partner.answer = lambda params: Answer(0, payout=None)
        for mode in ("ping_post", "legs", "clicks"):
            assert reason(await here.ping(here.account(mode))) is Reason.NO_OFFER
        assert reason(await here.post(here.account("direct_post"), None)) is Reason.NO_OFFER


@pytest.mark.parametrize("form", ["default", "xml", "json"])
def test_ads_come_in_three_forms(form: str) -> None:
    @virtual
    async def run(clock: VirtualClock) -> None:
        async with seller(clock) as here:
            here.partner.ads = (
                Ad("One", "https://ads.example/1", "1.00"),
                Ad("Two & Co", "https://ads.example/2", "2.00"),
            )
            ads = await here.ping(here.account("clicks", format=form))
            assert isinstance(ads, Quote)
            assert ([ad["title"] for ad in ads.ads], ads.payout) == (["Two & Co", "One"], Decimal("2.00"))

    run()


@pytest.mark.parametrize(
    "call", ["/ping", "/post", "/direct_post", "/data_post", "/ping/legs", "/post/legs", "/clicks"]
)
def test_every_call_wants_post_and_the_token(call: str) -> None:
    @virtual
    async def run(clock: VirtualClock) -> None:
        async with seller(clock) as here:
            assert (await here.form(call, xml=POST.replace("t1", "t2")))[0] == 401
            assert (await here.form(call))[0] == 401
            async with here.session.get(here.partner.base_url + call) as reply:
                assert reply.status == 405

    run()


@pytest.mark.parametrize(
    ("count", "carriers", "status"),
    [
        ("1", "<C>A</C>", 200),
        ("2", "<C>A</C>", 200),
        ("1", "<C>A</C><C>B</C>", 400),
        ("0", "", 400),
        ("x", "<C>A</C>", 400),
    ],
)
def test_distribution_directives_must_add_up(count: str, carriers: str, status: int) -> None:
    @virtual
    async def run(clock: VirtualClock) -> None:
        async with seller(clock) as here:
            directives = f"<DistributionCount>{count}</DistributionCount><Excludes>{carriers}</Excludes>"
            xml = PING.replace("<Zip>", f"<DistributionDirectives>{directives}</DistributionDirectives><Zip>")
            assert (await here.form("/ping", xml=xml))[0] == status

    run()


@virtual
async def test_a_sale_whose_answer_is_lost_is_a_sale(clock: VirtualClock) -> None:
    async with seller(clock) as here:
        account = here.account("ping_post")
        bid = await here.ping(account)
        here.partner.answer = lambda params: Answer(0, post_latency_s=0, post_fault="reset")
        with pytest.raises(aiohttp.ClientError):
            await here.post(account, bid)
        assert len(here.partner.sold) == 1
        here.partner.answer = lambda params: Answer(0)
        assert reason(await here.post(account, bid)) is Reason.NO_OFFER_DUPLICATE
        assert len(here.partner.sold) == 1


@virtual
async def test_posts_can_be_scripted(clock: VirtualClock) -> None:
    async with seller(clock) as here:
        account = here.account("ping_post")
        bid = await here.ping(account)
        here.partner.answer = lambda params: Answer(post_code="Timeout" if params["call"] == "/post" else None)
        assert reason(await here.post(account, bid)) is Reason.NO_OFFER_EXPIRED
        here.partner.answer = lambda params: Answer(post_payout=Decimal("11.00"))
        sale = await here.post(account, bid)
        assert isinstance(sale, Quote)
        assert (sale.payout, sale.details) == (Decimal("11.00"), {"bid": "25.00"})


@virtual
async def test_the_limits_count_all_endpoints_together(clock: VirtualClock) -> None:
    partner = SimulatedContactability(clock=clock, rng=random.Random(1), token="t1", answer=lambda params: Answer(0))
    await partner.start()
    try:
        async with aiohttp.ClientSession() as session:
            here = Seller(partner, session)
            calls = ("/ping", "/ping/legs", "/direct_post", "/clicks", "/data_post", "/ping")
            statuses = [(await here.form(call, xml=POST, token="t1"))[0] for call in calls]
        assert (statuses.index(429), partner.violations) == (5, 1)
    finally:
        await partner.stop()


def test_the_catalogue_knows_how_long_a_bid_lives() -> None:
    modes = Catalogue.load().get("contactability").sheet.modes
    assert {name: mode.bid_ttl_s for name, mode in modes.items() if mode.bid_ttl_s} == {"ping_post": 300, "legs": 300}
