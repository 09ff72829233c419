"""What an auction promises beyond its outcome: reporting, cancelling, closing early, and its buyers' health."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from callrouter.auction.auction import Auction
from callrouter.auction.budget import Budget
from callrouter.domain.offer import BuyerResult
from tests.auctions.scenes import ask, opened
from tests.support.virtual_time import VirtualClock, virtual
from tests.support.waiting import wait_until
from tests.wire.setting import setting

TWO = {"fast": {"delay_s": 1, "payout": "20"}, "slow": {"delay_s": 3, "payout": "30"}}


@virtual
async def test_each_result_is_reported_as_it_arrives(clock: VirtualClock, engine_socket: Path) -> None:
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(setting(clock, engine_socket))
        scene = await opened(stack, here, TWO)
        reported: list[tuple[str, float]] = []

        async def note(result: BuyerResult) -> None:
            reported.append((result.buyer, round(clock.monotonic() - started, 1)))

        started = clock.monotonic()
        await scene.hold(clock, 10, note)
        assert reported == [("fast", 1.0), ("slow", 3.0)]


@virtual
async def test_a_slow_report_delays_no_other_buyer_and_the_close_waits_for_it(
    clock: VirtualClock, engine_socket: Path
) -> None:
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(setting(clock, engine_socket))
        scene = await opened(stack, here, TWO)
        written: list[tuple[str, float]] = []

        async def note(result: BuyerResult) -> None:
            await asyncio.sleep(5 if result.buyer == "fast" else 0)
            written.append((result.buyer, round(clock.monotonic() - started, 1)))

        started = clock.monotonic()
        closed = await scene.hold(clock, 10, note)
        assert written == [("slow", 3.0), ("fast", 6.0)]
        assert len(closed.offers) == 2


@virtual
async def test_a_report_that_fails_costs_no_offer(
    clock: VirtualClock, engine_socket: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(setting(clock, engine_socket))
        scene = await opened(stack, here, TWO)

        async def note(result: BuyerResult) -> None:
            raise RuntimeError("no room")

        closed = await scene.hold(clock, 10, note)
        assert [offer.buyer for offer in closed.offers] == ["slow", "fast"]
        assert "result not reported" in caplog.text


@virtual
async def test_a_cancelled_auction_cancels_its_requests(clock: VirtualClock, engine_socket: Path) -> None:
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(setting(clock, engine_socket))
        scene = await opened(stack, here, {"mute": {"fault": "timeout"}})
        before = asyncio.all_tasks()
        auction = asyncio.create_task(scene.hold(clock, 60))
        await wait_until(lambda: scene.asked)
        auction.cancel()
        with pytest.raises(asyncio.CancelledError):
            await auction
        mine = [task for task in asyncio.all_tasks() - before if "run_buyer" in repr(task)]
        assert mine == []


@virtual
async def test_who_has_not_answered_is_heard_on_after_the_first_offer(clock: VirtualClock, engine_socket: Path) -> None:
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(setting(clock, engine_socket))
        scene = await opened(stack, here, TWO)
        async with Auction(here.deps, scene.plan, ask(), Budget.of(10, clock)) as auction:
            heard = [await auction.hear(10)]
            closings = [auction.closed_by]
            assert [buyer.buyer for buyer in auction.awaited] == ["slow"]
            heard.append(await auction.hear(10))
            closings.append(auction.closed_by)
        assert [list(results) for results in heard] == [["fast"], ["slow"]]
        assert closings == ["policy", "all_answered"]
        assert [offer.buyer for offer in auction.offers] == ["fast", "slow"]


@virtual
async def test_hearing_for_a_moment_ends_nothing(clock: VirtualClock, engine_socket: Path) -> None:
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(setting(clock, engine_socket))
        scene = await opened(stack, here, {"mute": {"fault": "timeout"}})
        started = clock.monotonic()
        async with Auction(here.deps, scene.plan, ask(), Budget.of(10, clock)) as auction:
            assert await auction.hear(0.25) == {}
            assert clock.monotonic() - started == pytest.approx(0.25, abs=0.02)
            assert not auction.over
            cut_off = await auction.hear(60)
            assert [result.label for result in cut_off.values()] == ["error_timeout"]
            assert clock.monotonic() - started == pytest.approx(10, abs=0.05)
        assert auction.closed_by == "deadline"


@virtual
async def test_a_buyer_that_fails_again_and_again_is_asked_only_to_probe_it_and_returns(
    clock: VirtualClock, engine_socket: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told: dict[str, Any] = {"ann": {"fault": "reset"}}
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(setting(clock, engine_socket))
        scene = await opened(stack, here, told)

        async def hold() -> str:
            result = (await scene.hold(clock, 10)).results[0]
            await here.deps.limits.drain()
            return result.label

        for _ in range(10):
            assert await hold() == "error_unreachable"
        labels = [await hold() for _ in range(30)]
        assert labels.count("not_called_unhealthy") == 27, "one of ten passes"
        told["ann"] = {"payout": "20"}
        for _ in range(8):
            await asyncio.sleep(5)
            assert await hold() == "offer", "one probe every five seconds"
        for _ in range(30):
            await hold()
        assert await hold() == "offer"
        said = [record.message for record in caplog.records]
        assert said.count("buyer unhealthy") == 1
        assert said.count("buyer healthy again") == 1


@virtual
async def test_a_timeout_in_a_hurried_auction_says_nothing_of_the_buyers_health(
    clock: VirtualClock, engine_socket: Path
) -> None:
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(setting(clock, engine_socket))
        scene = await opened(stack, here, {"ann": {"fault": "timeout"}})
        for _ in range(15):
            closed = await scene.hold(clock, 1)
            await here.deps.limits.drain()
            assert closed.results[0].label == "error_timeout"
        for _ in range(12):
            closed = await scene.hold(clock, 5)
            await here.deps.limits.drain()
        assert closed.results[0].label == "not_called_unhealthy"


def test_a_budget_never_grows() -> None:
    class Still:
        now_s = 100.0

        def monotonic(self) -> float:
            return self.now_s

    clock = Still()
    budget = Budget.of(5, clock)  # type: ignore[arg-type]
    assert budget.minus(2).remaining() == 3
    clock.now_s = 200
    assert budget.remaining() == 0
    for bad in (-1.0, float("nan")):
        with pytest.raises(ValueError, match="negative"):
            budget.minus(bad)
        with pytest.raises(ValueError, match="negative"):
            Budget.of(bad, clock)  # type: ignore[arg-type]
