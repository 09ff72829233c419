"""All buyers of a plan at once, one deadline, one result for each buyer, the offers ranked."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from callrouter.auction.asking import Progress, ended
from callrouter.auction.budget import Budget
from callrouter.auction.deps import Deps
from callrouter.auction.runner import note_health, run_buyer
from callrouter.buyers.base import Ask
from callrouter.dialplan import Plan
from callrouter.domain.offer import BuyerResult, Decline, Offer
from callrouter.domain.reasons import Reason

log = logging.getLogger("callrouter.auction")

TICK_S = 0.002
"""With no more than this left the deadline has come: event loops count in milliseconds."""

ClosedBy = Literal["all_answered", "deadline", "policy"]
OnResult = Callable[[BuyerResult], Awaitable[None]]


@dataclass(frozen=True)
class AuctionClosed:
    """How an auction ended."""

    results: tuple[BuyerResult, ...]
    """Exactly one for each buyer of calls in the plan, in the plan's order."""
    offers: tuple[Offer, ...]
    """Those alive at the close, best first."""
    closed_by: ClosedBy


async def hold_auction(
    deps: Deps,
    plan: Plan,
    ask: Ask,
    budget: Budget,
    excluded: Collection[str] = (),
    on_result: OnResult | None = None,
    already: Mapping[str, BuyerResult] | None = None,
    in_hand: Collection[str] = (),
) -> AuctionClosed:
    """Ask every buyer of calls in the plan and close at the budget's end at the latest.

    ``excluded`` buyers just failed this caller and are not asked. ``already`` holds results that an earlier
    owner of the auction had got: those buyers are neither asked nor reported again. Buyers that have an offer
    ``in_hand`` keep the seat of it, whatever they answer now.
    ``on_result`` is called with each new result as it arrives and makes no other buyer wait. The close waits
    for it; what it raises is logged, and the auction goes on.
    When this is cancelled, every request is cancelled with it.
    """
    floor = _Floor(deps, plan, ask, budget, on_result, dict(already or {}))
    try:
        floor.open(excluded, in_hand)
        closed_by = await floor.wait()
        await floor.close()
    finally:
        await floor.clear()
    results = tuple(floor.results[buyer] for buyer in plan.call_buyers)
    assert len(floor.results) == len(results), "one result for each buyer"  # noqa: S101 - the invariant
    offers = [result.offer for result in results if result.offer is not None]
    return AuctionClosed(results, deps.policy.rank(offers, deps.clock.now()), closed_by)


class _Floor:
    """The open auction: who is being asked, and what has arrived."""

    def __init__(
        self,
        deps: Deps,
        plan: Plan,
        ask: Ask,
        budget: Budget,
        on_result: OnResult | None,
        already: dict[str, BuyerResult],
    ) -> None:
        self._deps, self._plan, self._ask, self._budget = deps, plan, ask, budget
        self._on_result = on_result
        self.results = {buyer: result for buyer, result in already.items() if buyer in plan.call_buyers}
        self._opened = deps.clock.monotonic()
        self._asking: dict[asyncio.Task[BuyerResult], Progress] = {}
        self._reports: set[asyncio.Future[None]] = set()

    def open(self, excluded: Collection[str], in_hand: Collection[str]) -> None:
        """Start with every buyer that has no result yet."""
        for buyer, entry in self._plan.call_buyers.items():
            if buyer in self.results:
                continue
            if buyer in excluded:
                self._take(BuyerResult(buyer=buyer, decline=Decline(reason=Reason.NOT_CALLED_JUST_FAILED)))
                continue
            progress = Progress(buyer)
            running = run_buyer(
                self._deps,
                self._ask,
                buyer,
                entry,
                self._budget,
                allow_regions=self._plan.bridge.allow_regions,
                progress=progress,
                in_hand=buyer in in_hand,
            )
            self._asking[asyncio.create_task(running)] = progress

    async def wait(self) -> ClosedBy:
        """Take results as they arrive until all are there, the policy has enough, or time is up."""
        policy, clock = self._deps.policy, self._deps.clock
        while self._asking:
            left = self._budget.remaining()
            if left <= TICK_S:
                return "deadline"
            pause = left if policy.look_again_s is None else min(left, policy.look_again_s)
            done, _ = await asyncio.wait(self._asking, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
            self._collect(done)
            waiting_for = [progress.buyer for progress in self._asking.values()]
            if not waiting_for:
                break
            if not policy.keep_waiting(self.results, waiting_for, clock.monotonic() - self._opened):
                return "policy"
        # Requests have the same deadline: which timer fires first at that moment must not name the close.
        return "all_answered" if self._budget.remaining() > TICK_S else "deadline"

    async def close(self) -> None:
        """Cut off whoever has not answered, and wait until every result is reported."""
        self._collect({task for task in self._asking if task.done()})
        for progress in list(self._asking.values()):
            asked = progress.asked_at is not None
            reason = Reason.ERROR_TIMEOUT if asked else Reason.NOT_CALLED_NO_TIME
            if asked:
                note_health(self._deps, self._plan.buyers[progress.buyer], progress, reason)
            self._take(ended(self._deps, progress, Decline(reason=reason)))
        await self._cancel_asking()
        for failed in await asyncio.gather(*self._reports, return_exceptions=True):
            if failed is not None:
                log.error("result not reported", extra={"error": type(failed).__name__})

    async def clear(self) -> None:
        """Leave nothing running, however the auction ended."""
        # Only an auction that was cancelled has anybody left here: they too are counted, once each, and before the
        # wait, in which we may be cancelled again.
        for progress in self._asking.values():
            asked = progress.asked_at is not None
            reason = Reason.NO_OFFER_CALLER_GONE if asked else Reason.NOT_CALLED_CALLER_GONE
            self._deps.observer.on_result(ended(self._deps, progress, Decline(reason=reason)))
        for report in self._reports:
            report.cancel()
        try:
            await asyncio.gather(*self._reports, return_exceptions=True)
        finally:
            await self._cancel_asking()

    async def _cancel_asking(self) -> None:
        asking, self._asking = self._asking, {}  # before the wait, in which we may be cancelled: each is counted once
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    def _collect(self, done: Collection[asyncio.Task[BuyerResult]]) -> None:
        for task in done:
            self._asking.pop(task)
            self._take(task.result())

    def _take(self, result: BuyerResult) -> None:
        if result.buyer in self.results:
            raise AssertionError(f"{result.buyer} has its result already")
        self.results[result.buyer] = result
        self._deps.observer.on_result(result)
        if self._on_result is not None:
            self._reports.add(asyncio.ensure_future(self._on_result(result)))
