"""All buyers of a plan at once, one deadline, one result for each buyer."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from types import TracebackType
from typing import Literal

from callrouter.auction.asking import Progress, ended
from callrouter.auction.budget import Budget
from callrouter.auction.deps import Deps
from callrouter.auction.runner import note_health, run_buyer
from callrouter.buyers.base import Ask
from callrouter.dialplan import Plan
from callrouter.domain.call import AwaitedBuyer
from callrouter.domain.offer import BuyerResult, Decline, Offer
from callrouter.domain.reasons import Reason

log = logging.getLogger("callrouter.auction")

TICK_S = 0.002
"""With no more than this left the deadline has come: event loops count in milliseconds."""

ClosedBy = Literal["all_answered", "deadline", "policy"]
OnResult = Callable[[BuyerResult], Awaitable[None]]


class Auction:
    """An open auction: who is being asked, and what has arrived.

    Nobody is cut off before the budget's end: an offer that comes after the first dial is there for the next one.
    Within ``async with`` the buyers are asked; whoever leaves it ends what is still under way.
    """

    def __init__(
        self,
        deps: Deps,
        plan: Plan,
        ask: Ask,
        budget: Budget,
        *,
        excluded: Collection[str] = (),
        already: Mapping[str, BuyerResult] | None = None,
        in_hand: Collection[str] = (),
        on_result: OnResult | None = None,
    ) -> None:
        """``excluded`` buyers just failed this caller and are not asked. ``already`` holds results that an earlier
        owner of the auction had got: those buyers are neither asked nor reported again. Buyers that have an offer
        ``in_hand`` keep the seat of it, whatever they answer now.
        ``on_result`` is called with each new result as it arrives and makes no other buyer wait; what it raises is
        logged, and the auction goes on."""
        self._deps, self._plan, self._ask, self._budget = deps, plan, ask, budget
        self._on_result = on_result
        self._excluded, self._in_hand = excluded, in_hand
        self.results = {buyer: result for buyer, result in (already or {}).items() if buyer in plan.call_buyers}
        """What has arrived, by buyer; in the end exactly one for each buyer of calls in the plan."""
        self._opened_at = deps.clock.now()
        self._ends_at = self._opened_at + budget.remaining()
        self._asking: dict[asyncio.Task[BuyerResult], Progress] = {}
        self._reports: set[asyncio.Future[None]] = set()
        self._handed_on = False

    async def __aenter__(self) -> "Auction":
        self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._handed_on:
            await self.end()

    def hand_on(self) -> None:
        """Somebody else hears the rest, and ends it: leaving ``async with`` does not."""
        self._handed_on = True

    @property
    def offers(self) -> tuple[Offer, ...]:
        """Those that have arrived."""
        return tuple(result.offer for result in self.results.values() if result.offer is not None)

    @property
    def awaited(self) -> tuple[AwaitedBuyer, ...]:
        """Who has not answered, in the plan's order."""
        waiting = {progress.buyer: progress for progress in self._asking.values()}
        return tuple(
            AwaitedBuyer(buyer=buyer, asked_at=waiting[buyer].asked_at or self._opened_at, until=self._ends_at)
            for buyer in self._plan.call_buyers
            if buyer in waiting
        )

    @property
    def over(self) -> bool:
        """Whether everybody has a result."""
        return not self._asking

    @property
    def closed_by(self) -> ClosedBy:
        """Why, if nobody is heard any more from now on."""
        # Requests have the same deadline: which timer fires first at that moment must not name the close.
        if self._budget.remaining() <= TICK_S:
            return "deadline"
        return "all_answered" if self.over else "policy"

    @property
    def asked_anybody(self) -> bool:
        """Whether a request has gone out."""
        results = any(result.asked_at is not None for result in self.results.values())
        return results or any(progress.asked_at is not None for progress in self._asking.values())

    async def hear(self, timeout_s: float) -> dict[str, BuyerResult]:
        """The results that arrive next, at once if some have; none when nothing comes in time. At the budget's end
        whoever has not answered is cut off, and that is their result."""
        known = set(self.results)
        if self._asking:
            pause_s = max(0.0, min(self._budget.remaining(), timeout_s))
            done, _ = await asyncio.wait(self._asking, timeout=pause_s, return_when=asyncio.FIRST_COMPLETED)
            self._collect(done)
            if self._asking and self._budget.remaining() <= TICK_S:
                await self._cut_off()
        return {buyer: result for buyer, result in self.results.items() if buyer not in known}

    async def reported(self) -> None:
        """Wait until ``on_result`` has taken every result so far."""
        reports, self._reports = self._reports, set()
        for failed in await asyncio.gather(*reports, return_exceptions=True):
            if failed is not None:
                log.error("result not reported", extra={"error": type(failed).__name__})

    async def end(self) -> None:
        """Leave nothing running. Whoever has no result yet is counted as cut off by the caller's end."""
        # Before the wait, in which we may be cancelled again: each is counted once.
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

    def _open(self) -> None:
        for buyer, entry in self._plan.call_buyers.items():
            if buyer in self.results:
                continue
            if buyer in self._excluded:
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
                in_hand=buyer in self._in_hand,
            )
            self._asking[asyncio.create_task(running)] = progress

    async def _cut_off(self) -> None:
        """Time is up for whoever has not answered."""
        self._collect({task for task in self._asking if task.done()})
        for progress in list(self._asking.values()):
            asked = progress.asked_at is not None
            reason = Reason.ERROR_TIMEOUT if asked else Reason.NOT_CALLED_NO_TIME
            if asked:
                note_health(self._deps, self._plan.buyers[progress.buyer], progress, reason)
            self._take(ended(self._deps, progress, Decline(reason=reason)))
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
