"""A stand-in for the product: answers scripted documents and remembers what it was asked."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import parse_qsl

from aiohttp import web

from callrouter.domain.clock import Clock
from callrouter.simulator.carrier import (
    CallerScript,
    CarrierTimings,
    NumberConfig,
    SimulatedCall,
    SimulatedCarrier,
)
from callrouter.simulator.server import LoopbackServer
from tests.support.waiting import wait_until

PUBLIC = "https://calls.example.com"
NUMBER = "+18885550100"
CALLER = "+15125550123"
BUYER = "+12145550111"
SID = "AC" + "0" * 32
TOKEN = "test-token"
HEAD = '<?xml version="1.0" encoding="UTF-8"?>'


@dataclass(frozen=True)
class Answered:
    """A reply that is not just a document."""

    body: bytes = b""
    status: int = 200
    content_type: str | None = "text/xml"
    delay_s: float = 0.0
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Asked:
    """One request that arrived."""

    path: str
    method: str
    params: dict[str, str]
    headers: Mapping[str, str]
    url: str


Scripted = str | Answered | Callable[[dict[str, str]], str | Answered]


def response(inner: str) -> str:
    """A whole document."""
    return f"{HEAD}<Response>{inner}</Response>"


class ScriptedProduct:
    """Replies by path, one after the other; the last repeats. Unknown paths get 404, ``/status`` 204."""

    def __init__(self) -> None:
        self._replies: dict[str, list[Scripted]] = {"/status": [Answered(status=204)]}
        self.asked: list[Asked] = []
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        self.server = LoopbackServer(app)

    def on(self, path: str, *replies: Scripted) -> None:
        """Script a path; bare verbs are wrapped into a document."""
        self._replies[path] = list(replies)

    def at(self, path: str) -> list[Asked]:
        """The requests to a path."""
        return [asked for asked in self.asked if asked.path == path]

    async def _serve(self, request: web.Request) -> web.Response:
        form = dict(parse_qsl((await request.read()).decode(), keep_blank_values=True))
        params = dict(request.query) | form
        self.asked.append(Asked(request.path, request.method, params, request.headers, str(request.rel_url)))
        replies = self._replies.get(request.path)
        if replies is None:
            return web.Response(status=404)
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        if callable(reply):
            reply = reply(params)
        if isinstance(reply, str):
            whole = reply if reply.startswith("<?xml") else response(reply)
            reply = Answered(whole.encode())
        await asyncio.sleep(reply.delay_s)
        headers = dict(reply.headers or {})
        if reply.content_type is not None:
            headers["Content-Type"] = reply.content_type
        return web.Response(body=reply.body, status=reply.status, headers=headers)


@dataclass
class Stage:
    """A carrier and the product that it calls."""

    carrier: SimulatedCarrier
    product: ScriptedProduct

    async def call(self, script: CallerScript | None = None) -> SimulatedCall:
        """A whole call, to the end of its last callback."""
        call = self.carrier.place(script or CallerScript(CALLER, NUMBER))
        await call.wait_ended()
        await self.settled()
        return call

    async def settled(self) -> None:
        """Return when nothing is under way any more."""
        await wait_until(lambda: self.carrier.idle, timeout_s=120)


EXACT = CarrierTimings(webhook_one_way_s=(0.05, 0.05), rest_latency_s=(0.2, 0.2))


@asynccontextmanager
async def stage(
    clock: Clock, *, fragment: str = "", seed: int = 1, timings: CarrierTimings = EXACT
) -> AsyncIterator[Stage]:
    """A started carrier with one number, and a product to script."""
    product = ScriptedProduct()
    await product.server.start()
    carrier = SimulatedCarrier(
        clock=clock,
        rng=random.Random(seed),
        account_sid=SID,
        auth_token=TOKEN,
        timings=timings,
        webhook_host_map={PUBLIC: product.server.base_url},
    )
    await carrier.start()
    carrier.configure_number(
        NUMBER, NumberConfig(f"{PUBLIC}/voice{fragment}", f"{PUBLIC}/status", f"{PUBLIC}/fallback")
    )
    try:
        yield Stage(carrier, product)
        assert carrier.errors == []
    finally:
        await carrier.stop()
        await product.server.stop()
