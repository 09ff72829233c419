"""One buyer's guards, what its record shows, and an adapter that fails."""

from contextlib import AsyncExitStack
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlencode

import pytest
from pydantic import SecretStr

from callrouter.auction.budget import Budget
from callrouter.auction.exchange import MAX_CHARS, Masker
from callrouter.auction.runner import run_buyer
from callrouter.buyers.base import Account, Ask, BuyerRequest, BuyerResponse, Quote
from callrouter.buyers.loader import Buyer, Catalogue
from callrouter.domain.caller import Caller
from callrouter.domain.offer import Decline
from tests.auctions.scenes import ask, plan, replies
from tests.buyers.exemplars import CATALOGUE
from tests.support.virtual_time import VirtualClock, virtual
from tests.wire.partner import partner
from tests.wire.setting import setting

PERSON = Caller(
    phone="+15125550123",
    zip="78701",
    first_name="Zoë",
    last_name="O'Neil & Sons",
    email="zoe+a@example.com",
    address="1 Main St",
    city="Austin",
    ip="10.1.2.3",
    fields={"comment": "call my lawyer", "driver1": 1, "telephone2": 5125550177},
)
ACCOUNT = Account("b", "m", "http://x.test/", credentials={"key": SecretStr("s3cr+t/ä"), "id": SecretStr("XY")})


def test_nothing_secret_or_personal_is_left_in_a_record() -> None:
    masker = Masker(Ask("CA1", 1, PERSON), ACCOUNT)
    private = [
        "Zoë", "O'Neil & Sons", "zoe+a@example.com", "1 Main St", "10.1.2.3", "call my lawyer", "5125550177",
        "s3cr+t/ä", "XY", "5125550123", "+15125550123", "(512) 555-0123", "0123",
    ]  # fmt: skip
    shapes = [
        urlencode({str(n): value for n, value in enumerate(private)}),
        Ask("CA1", 1, PERSON).caller.model_dump_json(),
        " | ".join(private),
        "<a>" + "</a><a>".join(v.replace("&", "&amp;").replace("'", "&apos;") for v in private) + "</a>",
        "ZO\u00cb, ZOE+A@EXAMPLE.COM",
    ]
    for text in shapes:
        shown = masker.text(text)
        for word in ("Zo", "Neil", "zoe", "Main", "10.1", "lawyer", "0177", "s3cr", "XY", "0123", "ZO", "EXAMPLE"):
            assert word not in shown, (word, shown)


def test_what_is_not_private_stays_readable() -> None:
    masker = Masker(Ask("CA1", 1, PERSON), ACCOUNT)
    text = "zipcode=78701&driver1=1&EXYZ=1&price=25.00&PhoneNumber=8885550142"
    assert masker.text(text) == text


def test_a_record_is_cut_after_masking() -> None:
    masker = Masker(Ask("CA1", 1, PERSON), ACCOUNT)
    shown = masker.response(b"x" * (MAX_CHARS - 5) + "s3cr+t/ä".encode() + b"y" * 60_000)
    assert len(shown) == MAX_CHARS
    assert "s3" not in shown


def test_a_request_with_a_body_that_is_not_text_is_shown() -> None:
    masker = Masker(Ask("CA1", 1, Caller()), replace(ACCOUNT, credentials={}))
    assert masker.request(BuyerRequest("POST", "http://x.test/", body=b"\xff\xfe\x00")).startswith("POST http://x")


class Broken:
    """An adapter with a bug."""

    def __init__(self, where: str) -> None:
        self._where = where

    def build_request(self, ask: Ask, account: Account, allowed_ms: int) -> BuyerRequest | Decline:
        if self._where == "build":
            raise KeyError("+15125550123")
        return BuyerRequest("GET", account.url)

    def parse_response(self, ask: Ask, account: Account, response: BuyerResponse) -> Quote | Decline:
        raise RecursionError("+15125550123")


@pytest.mark.parametrize("where", ["build", "parse"])
def test_an_adapter_that_fails_costs_only_itself_and_keeps_its_name(where: str, engine_socket: Path) -> None:
    @virtual
    async def run(clock: VirtualClock) -> None:
        known = CATALOGUE.get("letsmakealead")
        catalogue = Catalogue({"letsmakealead": Buyer("letsmakealead", known.sheet, Broken(where))})
        async with AsyncExitStack() as stack:
            here = await stack.enter_async_context(setting(clock, engine_socket, catalogue=catalogue))
            told = {"ann": {"payout": "20"}}
            there = await stack.enter_async_context(partner(replies(told)))
            entry = plan(there.origin, told).buyers["ann"]
            result = await run_buyer(here.deps, ask(), "ann", entry, Budget.of(5, clock))
            assert (result.buyer, result.label) == ("ann", "error_adapter")
            assert result.decline is not None
            assert "512" not in (result.decline.detail or "")
            assert (result.asked_at is None) == (where == "build")

    run()


@virtual
async def test_a_limited_buyer_is_declined_at_once_and_not_waited_for(clock: VirtualClock, engine_socket: Path) -> None:
    sheet = CATALOGUE.get("contactability").sheet
    known = CATALOGUE.get("letsmakealead")
    strict = known.sheet.model_copy(update={"limits": sheet.limits})
    catalogue = Catalogue({"letsmakealead": Buyer("letsmakealead", strict, known.adapter)})
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(setting(clock, engine_socket, catalogue=catalogue))
        told = {"ann": {"payout": "20"}}
        there = await stack.enter_async_context(partner(replies(told)))
        entry = plan(there.origin, told).buyers["ann"]
        started = clock.monotonic()
        results = [await run_buyer(here.deps, ask(), "ann", entry, Budget.of(5, clock)) for _ in range(7)]
        assert [result.label for result in results] == ["offer"] * 5 + ["not_called_rate_limited"] * 2
        assert clock.monotonic() - started < 0.1
        assert len(there.seen) == 5


@virtual
async def test_a_buyer_without_time_to_answer_uses_nothing_of_its_limits(
    clock: VirtualClock, engine_socket: Path
) -> None:
    known = CATALOGUE.get("letsmakealead")
    strict = known.sheet.model_copy(update={"limits": CATALOGUE.get("contactability").sheet.limits})
    catalogue = Catalogue({"letsmakealead": Buyer("letsmakealead", strict, known.adapter)})
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(setting(clock, engine_socket, catalogue=catalogue))
        told = {"ann": {"payout": "20"}}
        there = await stack.enter_async_context(partner(replies(told)))
        entry = plan(there.origin, told).buyers["ann"]
        for _ in range(6):
            hurried = await run_buyer(here.deps, ask(), "ann", entry, Budget.of(0.2, clock))
            assert hurried.label == "not_called_no_time"
        assert (await run_buyer(here.deps, ask(), "ann", entry, Budget.of(5, clock))).label == "offer"


@virtual
async def test_the_window_starts_when_the_reply_had_arrived(clock: VirtualClock, engine_socket: Path) -> None:
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(setting(clock, engine_socket))
        told = {"ann": {"payout": "20", "delay_s": 3}}
        there = await stack.enter_async_context(partner(replies(told)))
        entry = plan(there.origin, told).buyers["ann"]
        before = clock.now()
        result = await run_buyer(here.deps, ask(), "ann", entry, Budget.of(5, clock))
        assert result.offer is not None
        assert result.offer.received_at == pytest.approx(before + 3, abs=0.02)
        assert result.offer.expires_at == result.offer.received_at + 30
        assert result.offer.payout == Decimal("20.00")
        assert result.elapsed_s == pytest.approx(3, abs=0.02)
        assert result.asked_at == pytest.approx(before, abs=0.02)
        assert result.exchange is not None
        assert (result.exchange.status, "8885550142" in (result.exchange.response or "")) == (200, True)


@virtual
async def test_a_lead_buyer_takes_no_part_in_an_auction(clock: VirtualClock, engine_socket: Path) -> None:
    known = CATALOGUE.get("letsmakealead")
    modes = {"one_step": known.sheet.modes["one_step"].model_copy(update={"buys": "leads"})}
    sheet = known.sheet.model_copy(update={"modes": modes})
    catalogue = Catalogue({"letsmakealead": Buyer("letsmakealead", sheet, known.adapter)})
    async with setting(clock, engine_socket, catalogue=catalogue) as here:
        entry = plan("http://127.0.0.1:1", {"ann": {}}).buyers["ann"]
        result = await run_buyer(here.deps, ask(), "ann", entry, Budget.of(5, clock))
        assert result.label == "not_called_ineligible"
        assert here.seen.asked == []
