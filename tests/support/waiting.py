"""Waiting for something to become true, instead of sleeping and hoping."""

import asyncio
from collections.abc import Callable


async def wait_until(predicate: Callable[[], object], timeout_s: float = 5.0, every_s: float = 0.01) -> None:
    """Return when ``predicate()`` is truthy; raise `TimeoutError` after ``timeout_s`` of the loop's time."""
    async with asyncio.timeout(timeout_s):
        while not predicate():  # noqa: ASYNC110 - the predicate may be about anything
            await asyncio.sleep(every_s)
