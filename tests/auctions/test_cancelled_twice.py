"""An auction whose caller has gone is told so more than once: by a report, and by whoever asked the carrier."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from callrouter.domain.offer import BuyerResult
from tests.auctions.scenes import opened
from tests.support.virtual_time import VirtualClock, virtual
from tests.support.waiting import wait_until
from tests.wire.setting import setting

TWO = {"fast": {"delay_s": 1, "payout": "20"}, "mute": {"fault": "timeout"}}


@pytest.mark.parametrize("turns", range(8))
@virtual
async def test_whoever_was_asked_has_a_result_however_often_it_is_cancelled(
    clock: VirtualClock, engine_socket: Path, turns: int
) -> None:
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(setting(clock, engine_socket))
        scene = await opened(stack, here, TWO)

        async def note(result: BuyerResult) -> None:
            try:
                await asyncio.sleep(60)
            finally:
                await asyncio.sleep(0)  # a connection is given back

        before = asyncio.all_tasks()
        auction = asyncio.create_task(scene.hold(clock, 60, note))
        await wait_until(lambda: len(here.seen.results) == 1 and len(scene.asked) == 2)
        auction.cancel()
        for _ in range(turns):
            await asyncio.sleep(0)
        auction.cancel()
        with pytest.raises(asyncio.CancelledError):
            await auction
        assert sorted(here.seen.asked) == sorted(result.buyer for result in here.seen.results)
        mine = [task for task in asyncio.all_tasks() - before if "run_buyer" in repr(task)]
        assert mine == []
