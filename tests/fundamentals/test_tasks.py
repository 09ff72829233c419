"""Background tasks end when they are told to, also one whose cancellation was lost on the way."""

import asyncio

from callrouter.tasks import ended
from tests.support.virtual_time import VirtualClock, virtual


@virtual
async def test_a_task_that_loses_a_cancellation_is_asked_again(clock: VirtualClock) -> None:
    lost = 0

    async def deaf_once() -> None:
        nonlocal lost
        while True:
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                if lost:
                    raise
                lost += 1

    task = asyncio.create_task(deaf_once())
    await asyncio.sleep(0.1)
    async with asyncio.timeout(5):
        await ended([task])
    assert (lost, task.cancelled()) == (1, True)


@virtual
async def test_nothing_to_end_is_no_matter(clock: VirtualClock) -> None:
    await ended([])
