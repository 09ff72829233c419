"""The ways in which a partner can go wrong, on the wire."""

import asyncio
import random
import socket
import struct
from dataclasses import dataclass
from typing import Literal

from aiohttp import web

Fault = Literal[
    "timeout",
    "refused",
    "reset",
    "slow_drip",
    "oversize",
    "garbage",
    "wrong_content_type",
    "redirect",
    "entity_bomb",
    "absurd_money",
    "forbidden_number",
    "5xx",
    "429",
]

ABSURD_PAYOUT = "99999999.00"
FORBIDDEN_NUMBER = "+19005550100"
"""A premium-rate number."""
TIMEOUT_S = 120.0
DRIP_EVERY_S = 0.5
OVERSIZE_BYTES = 256 * 1024
ELSEWHERE = "http://127.0.0.2:9/elsewhere"

ENTITY_BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(8))
    + b"]><response><status>Accepted</status><price>&i;</price></response>"
)


@dataclass(frozen=True)
class Body:
    """A reply before it is sent."""

    content: bytes
    content_type: str
    status: int = 200


async def send(request: web.Request, body: Body, fault: Fault | None, rng: random.Random) -> web.StreamResponse:
    """Send ``body``, or go wrong in the way of ``fault``. Money and number faults are in the body already."""
    match fault:
        case "timeout":
            await asyncio.sleep(TIMEOUT_S)
        case "refused":
            return _cut(request, reset=False)
        case "reset":
            return _cut(request, reset=True)
        case "slow_drip":
            return await _drip(request, body)
        case "oversize":
            body = Body(body.content + b" " * OVERSIZE_BYTES, body.content_type)
        case "garbage":
            body = Body(b"\xff\xfe" + rng.randbytes(200), body.content_type)
        case "wrong_content_type":
            body = Body(body.content, "image/png")
        case "redirect":
            return web.Response(status=302, headers={"Location": ELSEWHERE})
        case "entity_bomb":
            body = Body(ENTITY_BOMB, "text/xml")
        case "5xx":
            body = Body(b"unavailable", "text/plain", 503)
        case "429":
            body = Body(b"slow down", "text/plain", 429)
        case _:
            pass
    return web.Response(
        body=body.content,
        status=body.status,
        headers={"Content-Type": body.content_type} if body.content_type else {},
    )


def _cut(request: web.Request, *, reset: bool) -> web.Response:
    """Drop the connection without a reply, by a RST or politely."""
    transport = request.transport
    if transport is not None:
        if reset:
            raw = transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        else:
            transport.close()
    return web.Response()


async def _drip(request: web.Request, body: Body) -> web.StreamResponse:
    """One byte at a time."""
    response = web.StreamResponse(status=body.status, headers={"Content-Type": body.content_type})
    response.content_length = len(body.content)
    await response.prepare(request)
    for index in range(len(body.content)):
        await response.write(body.content[index : index + 1])
        await asyncio.sleep(DRIP_EVERY_S)
    await response.write_eof()
    return response
