"""A partner on loopback: checks what it is sent and replays a reply or a fault."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from callrouter.buyers.base import BuyerResponse

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: dict[str, str]
    body: bytes


@dataclass
class Partner:
    """Where it listens and what it has seen."""

    origin: str = ""
    seen: list[Seen] = field(default_factory=list)


@asynccontextmanager
async def partner(answer: Answer) -> AsyncIterator[Partner]:
    """A server that answers everything with ``answer``."""
    here = Partner()

    async def handle(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        here.seen.append(
            Seen(request.method, request.path, tuple(request.query.items()), dict(request.headers), body),
        )
        return await answer(request)

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    here.origin = f"http://{host}:{port}"
    try:
        yield here
    finally:
        await runner.cleanup()


def replying(given: BuyerResponse) -> Answer:
    """Answers with this reply."""

    async def answer(_: web.Request) -> web.StreamResponse:
        headers = {"Content-Type": given.content_type} if given.content_type else {}
        return web.Response(status=given.status, body=given.body, headers=headers)

    return answer


def after(delay_s: float, then: Answer) -> Answer:
    """Answers later."""

    async def answer(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(delay_s)
        return await then(request)

    return answer


def failing(fault: str) -> Answer:
    """Misbehaves: timeout, reset, reset-midway, slow-body, oversize, endless, redirect-elsewhere, redirect-loop."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if fault == "timeout":
            await asyncio.sleep(600)
        if fault == "redirect-elsewhere":
            raise web.HTTPTemporaryRedirect("http://127.0.0.2:9/steal")
        if fault == "redirect-loop":
            raise web.HTTPTemporaryRedirect(str(request.rel_url))
        if fault == "oversize":
            return web.Response(body=b"[" + b" " * 70_000)
        if fault == "reset":
            assert request.transport is not None
            request.transport.abort()
            await asyncio.sleep(600)
        return await _stream(request, fault)

    return answer


async def _stream(request: web.Request, fault: str) -> web.StreamResponse:
    response = web.StreamResponse()
    if fault == "reset-midway":
        response.content_length = 1000
    await response.prepare(request)
    await response.write(b'{"status": "accepted", ')
    if fault == "reset-midway":
        assert request.transport is not None
        request.transport.abort()
    while True:
        await response.write(b" " * (9_000 if fault == "endless" else 1))
        await asyncio.sleep(0.001 if fault == "endless" else 0.5)
