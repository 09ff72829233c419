"""One request to a partner: in time, whole, and only where it was meant to go."""

import asyncio
import gzip
import time

import pytest
from aiohttp import web

from callrouter.auction.outbound import Outbound, OutboundFailure
from callrouter.buyers.base import BuyerRequest, BuyerResponse
from callrouter.domain.reasons import Reason
from tests.support.virtual_time import VirtualClock, virtual
from tests.wire.partner import Answer, failing, partner, replying

GOOD = BuyerResponse(200, b'{"ok": true}', "application/json")


async def sent(
    answer: Answer, method: str = "POST", path: str = "/a", timeout_s: float = 5
) -> tuple[object, list[str]]:
    """What came of one request, and the paths that the partner saw."""
    outbound = Outbound()
    async with partner(answer) as there:
        try:
            request = BuyerRequest(method, there.origin + path, body=b"x=1" if method == "POST" else None)
            got = await outbound.send(request, timeout_s, 65_536)
            return got, [f"{seen.method} {seen.path} {seen.body.decode()}".strip() for seen in there.seen]
        finally:
            await outbound.close()


def redirecting(status: int, location: str, times: int = 1) -> Answer:
    """Redirects the first requests, then answers."""
    left = [times]

    async def answer(request: web.Request) -> web.StreamResponse:
        if left[0] == 0:
            return await replying(GOOD)(request)
        left[0] -= 1
        there = location.replace("HOST", request.host).replace("PORT", request.host.partition(":")[2])
        return web.Response(status=status, headers={"Location": there})

    return answer


async def test_a_reply_comes_back_whole() -> None:
    assert await sent(replying(GOOD)) == (GOOD, ["POST /a x=1"])


@pytest.mark.parametrize(("status", "method"), [(307, "POST"), (308, "POST"), (301, "GET"), (302, "GET"), (303, "GET")])
async def test_a_redirect_on_the_same_host_is_followed_once(status: int, method: str) -> None:
    got, seen = await sent(redirecting(status, "/b"), method)
    assert got == GOOD
    body = " x=1" if method == "POST" else ""
    assert seen == [f"{method} /a{body}", f"{method} /b{body}"]


@pytest.mark.parametrize(
    ("status", "location", "times"),
    [
        (307, "http://127.0.0.2:9/b", 1),
        (307, "http://127.0.0.2:PORT/b", 1),
        (307, "http://localhost:PORT/b", 1),
        (307, "http://HOST.evil.test/b", 1),
        (307, "http://evil.test@127.0.0.2/b", 1),
        (307, "https://HOST/b", 1),
        (307, "//127.0.0.2/b", 1),
        (307, "ftp://HOST/b", 1),
        (307, "file:///etc/passwd", 1),
        (307, "/b", 2),
        (301, "/b", 1),
        (302, "/b", 1),
        (303, "/b", 1),
    ],
)
async def test_any_other_redirect_is_refused(status: int, location: str, times: int) -> None:
    got, seen = await sent(redirecting(status, location, times))
    assert isinstance(got, OutboundFailure)
    assert (got.reason, got.status) == (Reason.ERROR_REDIRECT, status)
    assert len(seen) == times


async def test_cookies_are_neither_kept_nor_sent() -> None:
    outbound, cookies = Outbound(), []

    async def answer(request: web.Request) -> web.StreamResponse:
        cookies.append(request.headers.get("Cookie"))
        return web.Response(headers={"Set-Cookie": "a=b"})

    async with partner(answer) as there:
        for _ in range(2):
            await outbound.send(BuyerRequest("GET", there.origin), 5, 100)
        await outbound.close()
    assert cookies == [None, None]


async def test_a_compressed_body_is_not_blown_up() -> None:
    packed = gzip.compress(b"0" * 50_000_000)[:60_000]

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=packed, headers={"Content-Encoding": "gzip"})

    got, _ = await sent(answer)
    assert isinstance(got, BuyerResponse)
    assert got.body == packed


@pytest.mark.parametrize("size", [65_536, 65_537])
async def test_a_body_may_have_its_cap_and_no_byte_more(size: int) -> None:
    got, _ = await sent(replying(BuyerResponse(200, b"x" * size, "")))
    assert isinstance(got, BuyerResponse if size == 65_536 else OutboundFailure)


@virtual
async def test_a_slow_drip_ends_at_the_deadline(clock: VirtualClock) -> None:
    started = clock.monotonic()
    got, _ = await sent(failing("slow-body"), timeout_s=7)
    assert got == OutboundFailure(Reason.ERROR_TIMEOUT)
    assert clock.monotonic() - started == pytest.approx(7, abs=0.01)


@pytest.mark.real_time
async def test_a_timeout_holds_on_the_real_clock_too() -> None:
    started = time.monotonic()
    got, _ = await sent(failing("timeout"), timeout_s=0.15)
    assert got == OutboundFailure(Reason.ERROR_TIMEOUT)
    assert 0.14 < time.monotonic() - started < 0.6


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"garbage\r\n\r\n", Reason.ERROR_BAD_RESPONSE),
        (b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 70_000 + b"\r\n\r\n", Reason.ERROR_BAD_RESPONSE),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", Reason.ERROR_UNREACHABLE),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", Reason.ERROR_BAD_RESPONSE),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nabc", Reason.ERROR_TOO_LARGE),
        (b"", Reason.ERROR_UNREACHABLE),
    ],
    ids=["garbage", "endless header", "cut short", "bad chunk", "huge length", "nothing"],
)
async def test_broken_http_is_a_typed_failure(raw: bytes, reason: Reason) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        writer.close()

    outbound = Outbound()
    async with await asyncio.start_server(speak, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        got = await outbound.send(BuyerRequest("GET", f"http://127.0.0.1:{port}/"), 5, 65_536)
        await outbound.close()
    assert isinstance(got, OutboundFailure)
    assert got.reason is reason


@pytest.mark.parametrize(
    "url", ["http://", "http://[bad", "nonsense", "http://127.0.0.1:99999/", "http://no such host/"]
)
async def test_an_address_that_cannot_be_used_is_unreachable(url: str) -> None:
    outbound = Outbound()
    got = await outbound.send(BuyerRequest("GET", url), 5, 100)
    await outbound.close()
    assert isinstance(got, OutboundFailure)
    assert got.reason is Reason.ERROR_UNREACHABLE
