"""The simulated Let's Make A Lead's ping and post, and the product's own format against it."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal

import aiohttp
import pytest
from pydantic import SecretStr

from callrouter.buyers.base import Account, Ask, BuyerRequest, BuyerResponse, Quote
from callrouter.domain.caller import Caller
from callrouter.domain.offer import Decline
from callrouter.simulator.partners import Answer, SimulatedLmal
from tests.buyers.exemplars import CATALOGUE
from tests.support.virtual_time import VirtualClock, virtual

FIELDS = {
    "partnerid": "p1",
    "key": "k1",
    "numcategory": "12003",
    "subid": "ivr",
    "transfer_type": "1",
    "zipcode": "78701",
    "resptype": "JSON",
}
TEST_MODE = {"key": "test_mode", "subid": "match"}
KNOWN = CATALOGUE.get("letsmakealead")


@asynccontextmanager
async def lmal(clock: VirtualClock) -> AsyncIterator[tuple[SimulatedLmal, aiohttp.ClientSession]]:
    """A started partner, whose answers take no time, and a client."""
    partner = SimulatedLmal(clock=clock, rng=random.Random(1), partnerid="p1", key="k1")
    partner.answer = lambda params: Answer(0, post_latency_s=0)
    await partner.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield partner, session
    finally:
        await partner.stop()


async def told(session: aiohttp.ClientSession, url: str, fields: Mapping[str, str] = FIELDS) -> dict[str, str]:
    """The JSON of a reply."""
    async with session.post(url, data=fields) as reply:
        doc: dict[str, str] = json.loads(await reply.read())
        return doc


async def a_token(session: aiohttp.ClientSession, partner: SimulatedLmal) -> dict[str, str]:
    """The fields of a post that takes a new bid."""
    return FIELDS | {"token": (await told(session, partner.ping_url))["token"]}


@virtual
async def test_a_ping_gives_a_price_and_a_token_and_no_number(clock: VirtualClock) -> None:
    async with lmal(clock) as (partner, session):
        reply = await told(session, partner.ping_url)
        token = reply.pop("token")
        assert reply == {"status": "Accepted", "price": "25.00", "duration": "90"}
        assert [bid.token for bid in partner.bids] == [token]
        assert (partner.offers, partner.commits) == ([], [])


@virtual
async def test_the_post_of_a_token_gives_the_number_once(clock: VirtualClock) -> None:
    async with lmal(clock) as (partner, session):
        post = await a_token(session, partner)
        assert await told(session, partner.post_url, post) == {"status": "Accepted", "PhoneNumber": "8005550111"}
        again = await told(session, partner.post_url, post)
        assert (again["status"], again["errorCode"]) == ("Rejected", "9001")
        [commit] = partner.commits
        assert (commit.token, commit.number, commit.payout) == (post["token"], "+18005550111", Decimal("25.00"))
        assert len(partner.offered("+18005550111")) == 1


@virtual
async def test_of_two_posts_at_once_one_takes_the_bid(clock: VirtualClock) -> None:
    async with lmal(clock) as (partner, session):
        partner.answer = lambda params: Answer(0, post_latency_s=1)
        post = await a_token(session, partner)
        replies = await asyncio.gather(*(told(session, partner.post_url, post) for _ in range(2)))
        assert sorted(reply["status"] for reply in replies) == ["Accepted", "Rejected"]
        assert len(partner.commits) == 1


@pytest.mark.parametrize(("age_s", "status"), [(29, "Accepted"), (31, "Rejected")])
def test_a_token_lives_thirty_seconds(age_s: float, status: str) -> None:
    @virtual
    async def run(clock: VirtualClock) -> None:
        async with lmal(clock) as (partner, session):
            post = await a_token(session, partner)
            await asyncio.sleep(age_s)
            assert (await told(session, partner.post_url, post))["status"] == status

    run()


@pytest.mark.parametrize(
    ("change", "code"),
    [({"key": "x"}, "2000"), ({"zipcode": ""}, "9000"), ({"token": ""}, "9000"), ({"token": "guessed"}, "9001")],
)
def test_a_post_is_refused_for_what_it_lacks(change: dict[str, str], code: str) -> None:
    @virtual
    async def run(clock: VirtualClock) -> None:
        async with lmal(clock) as (partner, session):
            reply = await told(session, partner.post_url, await a_token(session, partner) | change)
            assert (reply["errorCode"], partner.commits) == (code, [])

    run()


@virtual
async def test_an_answer_scripts_the_post_as_well(clock: VirtualClock) -> None:
    async with lmal(clock) as (partner, session):
        partner.answer = lambda params: Answer(0, post_code="4000", post_latency_s=2)
        began = clock.now()
        reply = await told(session, partner.post_url, await a_token(session, partner))
        assert reply == {"status": "Rejected", "errorCode": "4000", "reason": "Daily Cap reached"}
        assert clock.now() - began == pytest.approx(2, abs=0.01)
        partner.answer = lambda params: Answer(0, post_payout=Decimal("24.00"))
        priced = await told(session, partner.post_url, await a_token(session, partner) | {"price_tag": "1"})
        assert (priced["price"], priced["duration"]) == ("24.00", "90")


@virtual
async def test_a_post_whose_reply_is_lost_has_committed_all_the_same(clock: VirtualClock) -> None:
    async with lmal(clock) as (partner, session):
        partner.answer = lambda params: Answer(0, post_fault="reset")
        post = await a_token(session, partner)
        with pytest.raises(aiohttp.ClientError):
            await told(session, partner.post_url, post)
        assert [commit.token for commit in partner.commits] == [post["token"]]


@virtual
async def test_a_refused_ping_gives_no_token(clock: VirtualClock) -> None:
    async with lmal(clock) as (partner, session):
        partner.answer = lambda params: Answer(0, code="6000")
        assert (await told(session, partner.ping_url))["errorCode"] == "6000"
        partner.answer = lambda params: Answer(0, payout=None)
        assert (await told(session, partner.ping_url))["errorCode"] == "5000"
        assert partner.bids == []


@virtual
async def test_the_test_mode_answers_and_sells_nothing(clock: VirtualClock) -> None:
    async with lmal(clock) as (partner, session):
        fields = FIELDS | TEST_MODE
        one_step = await told(session, partner.url, fields)
        ping = await told(session, partner.ping_url, fields)
        post = await told(session, partner.post_url, fields | {"token": ping["token"]})
        assert [reply["status"] for reply in (one_step, ping, post)] == ["Accepted"] * 3
        assert one_step["PhoneNumber"] == post["PhoneNumber"]
        unmatched = await told(session, partner.url, fields | {"subid": "ivr"})
        assert (unmatched["status"], unmatched["errorCode"]) == ("Rejected", "5000")
        assert (partner.offers, partner.bids, partner.commits) == ([], [], [])


@pytest.mark.parametrize("resptype", ["JSON", "XML", "", "text"])
@pytest.mark.parametrize("method", ["form", "json", "get"])
@pytest.mark.parametrize("mode", ["one_step", "ping_post"])
def test_the_product_gets_a_number_in_every_mode_method_and_format(mode: str, method: str, resptype: str) -> None:
    @virtual
    async def run(clock: VirtualClock) -> None:
        async with lmal(clock) as (partner, session):
            partner.default_format = "text" if resptype == "text" else "xml"
            asked_for = "" if resptype == "text" else resptype
            account, ask = _account(partner, mode, method, asked_for), Ask("CA1", 1, Caller(zip="78701"))
            request = KNOWN.adapter.build_request(ask, account, 1000)
            quote = KNOWN.adapter.parse_response(ask, account, await _sent(session, request))
            assert isinstance(quote, Quote)
            if mode == "ping_post":
                assert (quote.number, quote.payout, quote.token) == (None, Decimal("25.00"), partner.bids[0].token)
                post = KNOWN.two_step.build_accept(ask, account, quote, 1000)
                taken = KNOWN.two_step.parse_accept(ask, account, quote, await _sent(session, post))
                refused = KNOWN.two_step.parse_accept(ask, account, quote, await _sent(session, post))
                assert isinstance(refused, Decline)
                assert (refused.reason, refused.buyer_code) == ("error_other", "9001")
                assert isinstance(taken, Quote)
                quote = taken
            assert (quote.number, quote.payout, quote.min_duration_s) == ("8005550111", Decimal("25.00"), 90)
            assert [offer.params.get("resptype", "") for offer in partner.offers] == [asked_for]

    run()


def _account(partner: SimulatedLmal, mode: str, method: str, resptype: str) -> Account:
    return Account(
        buyer="lmal",
        mode=mode,
        url=partner.url if mode == "one_step" else "",
        method=method,
        credentials={"partnerid": SecretStr("p1"), "key": SecretStr("k1")},
        params={"numcategory": "12003", "subid": "ivr", "resptype": resptype},
        other_urls={} if mode == "one_step" else {"ping_url": partner.ping_url, "post_url": partner.post_url},
    )


async def _sent(session: aiohttp.ClientSession, request: BuyerRequest | Decline) -> BuyerResponse:
    assert isinstance(request, BuyerRequest)
    async with session.request(
        request.method, request.url, params=request.query, headers=request.headers, data=request.body
    ) as reply:
        return BuyerResponse(reply.status, await reply.read(), reply.content_type)
