"""A lead buyer on loopback that knows what it bought."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass
class LeadPartner:
    """What it pays, how it behaves, and what it has seen. ``posts`` and ``pings`` are scripts, used up in order.

    A script's words: ``sell``, ``refuse``, ``500`` (did not buy), ``lost`` (buys and breaks the line), ``hang`` (buys
    and never answers), ``dropped`` (breaks the line without buying), or a reason.
    """

    price: float = 10.0
    pings: list[str] = field(default_factory=list)
    posts: list[str] = field(default_factory=list)
    recognises: bool = True
    """Whether a repeated post is answered as a duplicate, and buys nothing."""
    origin: str = ""
    seen: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    bought: list[str] = field(default_factory=list)
    """The phone of each lead that it bought."""
    on_request: Callable[[str], None] = lambda path: None
    _tokens: set[str] = field(default_factory=set)
    _known: set[str] = field(default_factory=set)

    def paths(self) -> list[str]:
        """Where requests went, in order."""
        return [path for path, _ in self.seen]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        body = json.loads(await request.text())
        self.seen.append((request.path, body))
        self.on_request(f"{request.path} arrived")
        answer = self._pinged() if request.path == "/ping" else await self._posted(request, body)
        self.on_request(f"{request.path} answered")
        return answer

    def _pinged(self) -> web.Response:
        word = self.pings.pop(0) if self.pings else "sell"
        if word == "refuse":
            return _json({"error": "no_offer"})
        if word == "500":
            return web.Response(status=500, text="out")
        if word != "sell":
            return _json({"error": word})
        token = f"token-{len(self.seen)}"
        self._tokens.add(token)
        return _json({"price": self.price, "token": token})

    async def _posted(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        word = self.posts.pop(0) if self.posts else "sell"
        lead = body.get("token", body["phone"])
        if request.path == "/post" and lead not in self._tokens:
            return _json({"error": "no_offer_expired"})
        if self.recognises and lead in self._known and word in ("sell", "lost", "hang"):
            return _json({"error": "no_offer_duplicate"})
        if word in ("sell", "lost", "hang"):
            self._known.add(lead)
            self.bought.append(body["phone"])
        if word == "sell":
            return _json({"lead": f"L{len(self.bought)}"})
        if word == "hang":
            await asyncio.sleep(600)
        if word in ("lost", "dropped"):
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if word == "500":
            return web.Response(status=500, text="out")
        return _json({"error": "no_offer" if word == "refuse" else word})


@asynccontextmanager
async def listening(*partners: LeadPartner) -> AsyncIterator[None]:
    """All of them, on ports of their own."""
    runners = []
    try:
        for here in partners:
            app = web.Application()
            app.router.add_post("/{rest:.*}", here.handle)
            runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
            await runner.setup()
            runners.append(runner)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            host, port = runner.addresses[0][:2]
            here.origin = f"http://{host}:{port}"
        yield
    finally:
        for runner in runners:
            await runner.cleanup()


def _json(body: dict[str, Any]) -> web.Response:
    return web.json_response(body)
