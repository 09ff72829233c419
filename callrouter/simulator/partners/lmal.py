"""A simulated Let's Make A Lead, call routing: in one step, or with a ping and a post; and its test mode."""

import asyncio
import json
import random
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Literal
from urllib.parse import urlencode
from xml.sax.saxutils import escape

from aiohttp import web

from callrouter.domain.clock import Clock
from callrouter.simulator.partners.answers import (
    Answer,
    Decide,
    PartnerBid,
    PartnerCommit,
    PartnerOffer,
    PartnerRequest,
)
from callrouter.simulator.partners.buyer import SimulatedBuyer, params_of
from callrouter.simulator.partners.faults import ABSURD_PAYOUT, FORBIDDEN_NUMBER, Body, send

REASONS = {
    "1000": "Server under maintenance",
    "1100": "Request limit exceeded",
    "2000": "Invalid Partner ID or Blocked source",
    "3000": "Approval Phase",
    "4000": "Daily Cap reached",
    "5000": "No coverage or buyers",
    "6000": "Minimum bid not met",
}
REQUIRED = ("partnerid", "key", "numcategory", "subid", "transfer_type", "zipcode")
MISSING_FIELD = "9000"
"""The document names no code for a missing field: "other, ask your representative"."""
BAD_TOKEN = "9001"
"""Nor for a token that it never gave, that is too old, or that was posted before."""
TEST_KEY = "test_mode"
TEST_MATCH = "match"
"""The ``subid`` that the test mode answers positively."""


class SimulatedLmal(SimulatedBuyer):
    """Takes form, JSON and GET; answers JSON or, with ``resptype=XML`` or none, XML.

    A ping's token is good for one post within ``token_life_s``. ``offers`` are what named a number: they begin at
    the post. What the test mode answers is in ``requests`` only.
    """

    path = "/Ping_Partner_CR.php"
    ping_path = "/ping"
    post_path = "/post"
    more_paths = (ping_path, post_path)

    def __init__(
        self,
        *,
        clock: Clock,
        rng: random.Random,
        partnerid: str,
        key: str,
        answer: Decide | None = None,
        port: int = 0,
        token_life_s: float = 30.0,
    ) -> None:
        super().__init__(clock=clock, rng=rng, answer=answer, port=port)
        self._partnerid, self._key = partnerid, key
        self._token_life_s = token_life_s
        self.default_format: Literal["xml", "text"] = "xml"
        """What it answers in when no ``resptype`` is asked for: the document does not say."""
        self.bids: list[PartnerBid] = []
        self.commits: list[PartnerCommit] = []
        """The posts that it took, oldest first."""
        self._open: dict[str, PartnerBid] = {}

    @property
    def ping_url(self) -> str:
        """Where pings go, known after `start`."""
        return self._server.base_url + self.ping_path

    @property
    def post_url(self) -> str:
        """Where posts go, known after `start`."""
        return self._server.base_url + self.post_path

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        params = await params_of(request)
        testing = params.get("key") == TEST_KEY
        if request.path == self.path and not testing:
            return await super()._serve(request)
        record, refused = await self._recorded(request, params)
        if refused is not None:
            return refused
        if testing:
            return await self._test(request, record)
        if request.path == self.ping_path:
            return await self._ping(request, record)
        return await self._post(request, record)

    async def _ping(self, request: web.Request, record: PartnerRequest) -> web.StreamResponse:
        answer = self.answer(record.params)
        await asyncio.sleep(answer.drawn_latency_s(self._rng))
        payout = None if answer.code is not None else answer.payout
        if answer.fault == "absurd_money":
            payout = Decimal(ABSURD_PAYOUT)
        if payout is None:
            return await self._answered(request, record, answer, _rejection(answer.code or "5000"))
        bid = PartnerBid(self._clock.now(), f"{self._rng.getrandbits(128):032x}", answer, record.params)
        self.bids.append(bid)
        self._open[bid.token] = bid
        fields = {"status": "Accepted", "price": f"{payout:.2f}", "token": bid.token, **_duration(answer)}
        return await self._answered(request, record, answer, fields)

    async def _post(self, request: web.Request, record: PartnerRequest) -> web.StreamResponse:
        token = record.params.get("token", "")
        bid = self._open.pop(token, None)  # at once: of two posts that overlap only one takes it
        if bid is None or self._clock.now() - bid.at > self._token_life_s:
            return await self._answered(request, record, Answer(), _rejection(BAD_TOKEN))
        told = bid.answer
        answer = replace(told, latency_s=told.post_latency_s, fault=told.post_fault, code=told.post_code, body=None)
        await asyncio.sleep(answer.drawn_latency_s(self._rng))
        if answer.code is not None:
            return await self._answered(request, record, answer, _rejection(answer.code))
        payout = told.post_payout or told.payout or Decimal(0)
        number = FORBIDDEN_NUMBER if answer.fault == "forbidden_number" else told.number
        self.commits.append(PartnerCommit(self._clock.now(), token, number, payout, record.params))
        self.offers.append(PartnerOffer(self._clock.now(), number, payout, record.params))
        fields = {"status": "Accepted", "PhoneNumber": number.removeprefix("+1")}
        if record.params.get("price_tag") == "1":
            shown = ABSURD_PAYOUT if answer.fault == "absurd_money" else f"{payout:.2f}"
            fields |= {"price": shown, **_duration(told)}
        return await self._answered(request, record, answer, fields)

    async def _test(self, request: web.Request, record: PartnerRequest) -> web.StreamResponse:
        """The documented test mode: nothing is sold."""
        if record.params["subid"] != TEST_MATCH:
            return await self._answered(request, record, Answer(), _rejection("5000"))
        answer = Answer()
        fields = {"status": "Accepted", "price": f"{answer.payout:.2f}", **_duration(answer)}
        if request.path == self.ping_path:
            fields["token"] = TEST_KEY
        else:
            fields["PhoneNumber"] = answer.number.removeprefix("+1")
        return await self._answered(request, record, answer, fields)

    async def _answered(
        self, request: web.Request, record: PartnerRequest, answer: Answer, fields: Mapping[str, str]
    ) -> web.StreamResponse:
        body = self._formatted(record.params, fields)
        if answer.body is not None:
            body = Body(answer.body, body.content_type, answer.status)
        record.answered = answer.fault or ("offer" if fields["status"] == "Accepted" else "refused")
        record.answered_at = self._clock.now()
        return await send(request, body, answer.fault, self._rng)

    def _refusal(self, request: web.Request, params: Mapping[str, str]) -> tuple[str, Body] | None:
        if params.get("partnerid") != self._partnerid or params.get("key") not in {self._key, TEST_KEY}:
            return "unauthorised", self._formatted(params, _rejection("2000"))
        required = (*REQUIRED, "token") if request.path == self.post_path else REQUIRED
        missing = [name for name in required if not params.get(name)]
        if missing or params["transfer_type"] not in {"1", "2"} or len(params["zipcode"]) != 5:
            return "bad_request", self._formatted(params, _rejection(MISSING_FIELD))
        return None

    def _body(self, params: Mapping[str, str], answer: Answer, payout: str | None, number: str) -> Body:
        if payout is None:
            return self._formatted(params, _rejection(answer.code or "5000"))
        fields = {"status": "Accepted", "price": payout, "PhoneNumber": number.removeprefix("+1")}
        return self._formatted(params, fields | _duration(answer))

    def _formatted(self, params: Mapping[str, str], fields: Mapping[str, str]) -> Body:
        asked = params.get("resptype", "").lower() or self.default_format
        if asked == "json":
            return Body(json.dumps(fields).encode(), "application/json")
        if asked == "text":
            return Body(urlencode(fields).encode(), "text/html")
        inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in fields.items())
        return Body(f'<?xml version="1.0" encoding="UTF-8"?><response>{inner}</response>'.encode(), "text/xml")


def _duration(answer: Answer) -> dict[str, str]:
    return {} if answer.min_duration_s is None else {"duration": str(answer.min_duration_s)}


def _rejection(code: str) -> dict[str, str]:
    return {"status": "Rejected", "errorCode": code, "reason": REASONS.get(code, "Ask Your Representative")}
