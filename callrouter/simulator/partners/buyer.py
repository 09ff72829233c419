"""What the simulated buyers share: receiving, deciding, waiting, answering, remembering."""

import asyncio
import json
import random
from collections.abc import Mapping
from decimal import Decimal
from urllib.parse import parse_qsl

from aiohttp import web

from callrouter.domain.clock import Clock
from callrouter.simulator.partners.answers import Answer, Decide, PartnerOffer, PartnerRequest
from callrouter.simulator.partners.faults import ABSURD_PAYOUT, FORBIDDEN_NUMBER, Body, send
from callrouter.simulator.server import LoopbackServer


class SimulatedBuyer:
    """A buyer over HTTP. ``answer`` decides each reply from the request's parameters and may be replaced."""

    path = "/"
    more_paths: tuple[str, ...] = ()
    """Further endpoints; `_serve` gets all of them."""

    def __init__(self, *, clock: Clock, rng: random.Random, answer: Decide | None, port: int) -> None:
        self._clock = clock
        self._rng = rng
        fixed = Answer()
        self.answer: Decide = answer or (lambda params: fixed)
        self.requests: list[PartnerRequest] = []
        self.offers: list[PartnerOffer] = []
        app = web.Application()
        for path in (self.path, *self.more_paths):
            app.router.add_route("*", path, self._serve)
        self._server = LoopbackServer(app, port)

    async def start(self) -> None:
        """Listen."""
        await self._server.start()

    async def stop(self) -> None:
        """Close."""
        await self._server.stop()

    async def refuse(self) -> None:
        """Refuse connections from now on, until `accept`."""
        await self._server.refuse()

    async def accept(self) -> None:
        """Take connections again, on the same port."""
        await self._server.listen()

    @property
    def url(self) -> str:
        """The endpoint, known after `start`."""
        return self._server.base_url + self.path

    def offered(self, number: str) -> list[PartnerOffer]:
        """The offers that named this number, oldest first."""
        return [offer for offer in self.offers if offer.number == number]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        params = await self._params(request)
        record, refused = await self._recorded(request, params)
        if refused is not None:
            return refused
        answer = self.answer(params)
        await asyncio.sleep(answer.drawn_latency_s(self._rng))
        return await self._reply(request, record, answer)

    async def _params(self, request: web.Request) -> Mapping[str, str]:
        """What the request says, under the partner's names."""
        return await params_of(request)

    async def _recorded(
        self, request: web.Request, params: Mapping[str, str]
    ) -> tuple[PartnerRequest, web.StreamResponse | None]:
        """The request as it stands in ``requests``, and its refusal when something is wrong with it."""
        record = PartnerRequest(self._clock.now(), request.method, params)
        self.requests.append(record)
        refusal = self._refusal(request, params)
        if refusal is None:
            return record, None
        record.answered, body = refusal
        record.answered_at = self._clock.now()
        return record, await send(request, body, None, self._rng)

    async def _reply(self, request: web.Request, record: PartnerRequest, answer: Answer) -> web.StreamResponse:
        payout: str | None = None if answer.payout is None or answer.code is not None else f"{answer.payout:.2f}"
        number = answer.number
        if answer.fault == "absurd_money":
            payout = ABSURD_PAYOUT
        if answer.fault == "forbidden_number":
            number = FORBIDDEN_NUMBER
        body = self._body(record.params, answer, payout, number)
        if answer.body is not None:
            body = Body(answer.body, body.content_type, answer.status)
        if answer.content_type is not None:
            body = Body(body.content, answer.content_type, body.status)
        record.answered = answer.fault or ("offer" if payout else "refused")
        record.answered_at = self._clock.now()
        if payout is not None and answer.status == 200 and answer.body is None:
            self.offers.append(PartnerOffer(self._clock.now(), number, Decimal(payout), record.params))
        return await send(request, body, answer.fault, self._rng)

    def _refusal(self, request: web.Request, params: Mapping[str, str]) -> tuple[str, Body] | None:
        """What is wrong with a request before its content matters."""
        raise NotImplementedError

    def _body(self, params: Mapping[str, str], answer: Answer, payout: str | None, number: str) -> Body:
        """The partner's own format."""
        raise NotImplementedError


async def params_of(request: web.Request) -> dict[str, str]:
    """Query, form or JSON, as text."""
    raw = await request.read()
    given = dict(request.query)
    if not raw:
        return given
    if "json" in request.content_type:
        try:
            parsed = json.loads(raw)
        except ValueError:
            return given
        return given | {key: str(value) for key, value in parsed.items()} if isinstance(parsed, dict) else given
    return given | dict(parse_qsl(raw.decode(errors="replace"), keep_blank_values=True))
