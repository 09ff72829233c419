"""A request's body of bounded size, read in bounded time: for every door, whatever each says of one that is not."""

import asyncio

from starlette.requests import Request


class BodyTooLarge(Exception):
    """More came than is taken."""


async def whole_body(request: Request, limit: int, within_s: float) -> bytes:
    """The body, of at most ``limit`` bytes.

    Raises `BodyTooLarge`, `TimeoutError`, and Starlette's `ClientDisconnect`.
    """
    parts: list[bytes] = []
    size = 0
    async with asyncio.timeout(within_s):
        async for part in request.stream():
            size += len(part)
            if size > limit:
                raise BodyTooLarge
            parts.append(part)
    return b"".join(parts)
