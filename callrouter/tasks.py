"""Ending background tasks for sure."""

import asyncio
from collections.abc import Iterable

AGAIN_S = 0.5


async def ended(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel the tasks and return when all have ended.

    A cancellation can be lost inside a library (``asyncio.wait_for`` before Python 3.12 swallows one that comes as
    its result does); whoever has not ended is asked again.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=AGAIN_S)
