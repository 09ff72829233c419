"""The simulated buyers: formats, checks, limits and faults."""

import asyncio
import json
import random
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal

import aiohttp
import pytest

from callrouter.simulator.partners import Answer, Fault, Leg, SimulatedContactability, SimulatedLmal
from callrouter.simulator.partners.faults import DRIP_EVERY_S, ELSEWHERE, FORBIDDEN_NUMBER, OVERSIZE_BYTES
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
QUERY = {"token": "t1", "zip": "78701", "phone": "5125550123"}


@asynccontextmanager
async def lmal(clock: VirtualClock) -> AsyncIterator[tuple[SimulatedLmal, aiohttp.ClientSession]]:
    """A started Let's Make A Lead and a client."""
    partner = SimulatedLmal(clock=clock, rng=random.Random(1), partnerid="p1", key="k1")
    await partner.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield partner, session
    finally:
        await partner.stop()


@asynccontextmanager
async def contactability(
    clock: VirtualClock, jitter_s: float = 0.0
) -> AsyncIterator[tuple[SimulatedContactability, aiohttp.ClientSession]]:
    """A started Contactability and a client."""
    partner = SimulatedContactability(clock=clock, rng=random.Random(1), token="t1", jitter_s=jitter_s)
    await partner.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield partner, session
    finally:
        await partner.stop()


async def sent(session: aiohttp.ClientSession, url: str, fields: Mapping[str, str], how: str) -> tuple[int, bytes]:
    """Status and body of one request, as form, json or get."""
    if how == "get":
        request = session.get(url, params=fields)
    else:
        request = session.post(url, json=fields) if how == "json" else session.post(url, data=fields)
    async with request as reply:
        return reply.status, await reply.read()


@pytest.mark.parametrize("how", ["form", "json", "get"])
def test_lmal_takes_every_method_and_remembers_what_it_offered(how: str) -> None:
    @virtual
    async def run(clock: VirtualClock) -> None:
        async with lmal(clock) as (partner, session):
            partner.answer = lambda params: Answer(0.4, Decimal("31.50"), "+12145550111", 60)
            began = clock.now()
            status, body = await sent(session, partner.url, FIELDS, how)
            assert (status, json.loads(body)) == (
                200,
                {"status": "Accepted", "price": "31.50", "PhoneNumber": "2145550111", "duration": "60"},
            )
            [offer] = partner.offered("+12145550111")
            assert (offer.payout, offer.params["zipcode"]) == (Decimal("31.50"), "78701")
            assert offer.at == pytest.approx(began + 0.4, abs=1e-3)
            assert (partner.requests[0].answered, len(partner.requests)) == ("offer", 1)

    run()


@virtual
async def test_lmal_answers_xml_when_asked(clock: VirtualClock) -> None:
    async with lmal(clock) as (partner, session):
        _, body = await sent(session, partner.url, FIELDS | {"resptype": "XML"}, "form")
        reply = ET.fromstring(body)  # noqa: S314
        assert (reply.findtext("status"), reply.findtext("PhoneNumber")) == ("Accepted", "8005550111")


@pytest.mark.parametrize(
    ("change", "code"),
    [({"key": "wrong"}, "2000"), ({"zipcode": "787"}, "9000"), ({"transfer_type": ""}, "9000")],
)
def test_lmal_refuses_what_its_document_refuses(change: dict[str, str], code: str) -> None:
    @virtual
    async def run(clock: VirtualClock) -> None:
        async with lmal(clock) as (partner, session):
            status, body = await sent(session, partner.url, FIELDS | change, "form")
            assert (status, json.loads(body)["errorCode"], partner.offers) == (200, code, [])

    run()


@virtual
async def test_a_scripted_code_refuses(clock: VirtualClock) -> None:
    async with lmal(clock) as (partner, session):
        partner.answer = lambda params: Answer(code="4000")
        _, body = await sent(session, partner.url, FIELDS, "form")
        assert json.loads(body) == {
            "status": "Rejected",
            "errorCode": "4000",
            "reason": "Daily Cap reached",
        }


@pytest.mark.parametrize(
    ("fault", "status", "marker"),
    [
        ("oversize", 200, b"Accepted"),
        ("garbage", 200, b"\xff\xfe"),
        ("wrong_content_type", 200, b"Accepted"),
        ("redirect", 302, b""),
        ("entity_bomb", 200, b"<!ENTITY"),
        ("absurd_money", 200, b"99999999"),
        ("forbidden_number", 200, b"9005550100"),
        ("5xx", 503, b""),
        ("429", 429, b""),
    ],
)
def test_a_faulty_reply_is_faulty_in_the_way_it_says(fault: Fault, status: int, marker: bytes) -> None:
    @virtual
    async def run(clock: VirtualClock) -> None:
        async with lmal(clock) as (partner, session):
            partner.answer = lambda params: Answer(fault=fault)
            async with session.post(partner.url, data=FIELDS, allow_redirects=False) as reply:
                body = await reply.read()
                assert (reply.status, marker in body) == (status, True)
                assert (len(body) > OVERSIZE_BYTES) == (fault == "oversize")
                assert (reply.content_type == "image/png") == (fault == "wrong_content_type")
                assert (reply.headers.get("Location") == ELSEWHERE) == (fault == "redirect")
            assert partner.requests[0].answered == fault

    run()


@pytest.mark.parametrize(("fault", "error"), [("reset", aiohttp.ClientOSError), ("refused", aiohttp.ClientError)])
def test_a_dropped_connection_has_no_reply(fault: Fault, error: type[Exception]) -> None:
    @virtual
    async def run(clock: VirtualClock) -> None:
        async with lmal(clock) as (partner, session):
            partner.answer = lambda params: Answer(fault=fault)
            with pytest.raises(error):
                await sent(session, partner.url, FIELDS, "form")

    run()


@virtual
async def test_a_refusing_partner_refuses_connections_until_it_accepts_again(clock: VirtualClock) -> None:
    async with lmal(clock) as (partner, session):
        url = partner.url
        await partner.refuse()
        with pytest.raises(aiohttp.ClientConnectorError):
            await sent(session, url, FIELDS, "form")
        await partner.accept()
        assert (await sent(session, url, FIELDS, "form"))[0] == 200


@virtual
async def test_a_dripping_reply_takes_as_long_as_it_has_bytes(clock: VirtualClock) -> None:
    async with lmal(clock) as (partner, session):
        partner.answer = lambda params: Answer(0, fault="slow_drip")
        began = clock.now()
        _, body = await sent(session, partner.url, FIELDS, "form")
        assert clock.now() - began == pytest.approx((len(body) - 1) * DRIP_EVERY_S, abs=0.1)


@virtual
async def test_a_timeout_outlasts_every_budget(clock: VirtualClock) -> None:
    async with lmal(clock) as (partner, session):
        partner.answer = lambda params: Answer(fault="timeout")
        with pytest.raises(TimeoutError):
            async with session.post(partner.url, data=FIELDS, timeout=aiohttp.ClientTimeout(total=30)):
                pass


@virtual
async def test_a_forbidden_number_is_remembered_as_offered(clock: VirtualClock) -> None:
    async with lmal(clock) as (partner, session):
        partner.answer = lambda params: Answer(fault="forbidden_number")
        await sent(session, partner.url, FIELDS, "form")
        assert len(partner.offered(FORBIDDEN_NUMBER)) == 1


@virtual
async def test_contactability_answers_a_leg_or_a_list_of_legs(clock: VirtualClock) -> None:
    async with contactability(clock) as (partner, session):
        one = json.loads((await sent(session, partner.url, QUERY, "get"))[1])
        partner.legs = (Leg("30.00", "+12145550112", "Other"),)
        many = json.loads((await sent(session, partner.url, QUERY, "get"))[1])
        assert (one["payout"], one["transfer_number"], one["duration"]) == ("25.00", "+18005550111", 90)
        assert [leg["payout"] for leg in many["legs"]] == ["25.00", "30.00"]


@virtual
async def test_contactability_without_an_offer_pays_zero(clock: VirtualClock) -> None:
    async with contactability(clock) as (partner, session):
        partner.answer = lambda params: Answer(payout=None)
        status, body = await sent(session, partner.url, QUERY, "get")
        assert (status, json.loads(body)["payout"], partner.offers) == (200, "0.00", [])


@pytest.mark.parametrize(
    ("fields", "how", "status"), [({"token": "x"}, "get", 401), ({}, "get", 401), (QUERY, "form", 405)]
)
def test_contactability_wants_its_token_and_get(fields: dict[str, str], how: str, status: int) -> None:
    @virtual
    async def run(clock: VirtualClock) -> None:
        async with contactability(clock) as (partner, session):
            assert (await sent(session, partner.url, fields, how))[0] == status

    run()


@pytest.mark.parametrize(
    ("gaps", "statuses"),
    [
        ([0, 0, 0, 0, 0, 0], [200, 200, 200, 200, 200, 429]),
        ([0, 0, 0, 0, 0, 1.01], [200] * 6),
        ([0, 0.9, 0, 0, 0, 0.2], [200] * 6),
        ([0, 0.9, 0, 0, 0, 0.2, 0], [200] * 6 + [429]),
    ],
)
def test_contactability_limits_any_one_second(gaps: list[float], statuses: list[int]) -> None:
    @virtual
    async def run(clock: VirtualClock) -> None:
        async with contactability(clock) as (partner, session):
            partner.answer = lambda params: Answer(0)
            seen = []
            for gap in gaps:
                await asyncio.sleep(gap)
                seen.append((await sent(session, partner.url, QUERY, "get"))[0])
            assert (seen, partner.violations) == (statuses, statuses.count(429))

    run()


@virtual
async def test_every_window_is_watched_not_only_the_shortest(clock: VirtualClock) -> None:
    partner = SimulatedContactability(
        clock=clock, rng=random.Random(1), token="t1", limits=((1.0, 5), (10.0, 8)), answer=lambda params: Answer(0)
    )
    await partner.start()
    try:
        async with aiohttp.ClientSession() as session:
            seen = []
            for gap in (0, 0, 0, 0, 2, 0, 0, 0, 7.9, 0.2):
                await asyncio.sleep(gap)
                seen.append((await sent(session, partner.url, QUERY, "get"))[0])
        assert seen == [200] * 8 + [429, 200]
    finally:
        await partner.stop()
