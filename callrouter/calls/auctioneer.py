"""Runs the auctions of this instance's calls, and brings each decision to its caller. The bidding is `Bidding`'s.

The decision goes to the webhook that is still open, when there is one, else by push to the live call.
If the push is lost the caller's next poll answers the same dial (``selling.standing``).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from callrouter.auction.deps import Deps
from callrouter.calls.bidding import Bidding
from callrouter.calls.open_webhook import OpenWebhook
from callrouter.calls.progress import Applied, Progress
from callrouter.calls.selling import fail
from callrouter.carrier.seam import Carrier, PushResult
from callrouter.dialplan import Plan
from callrouter.domain.call import Call, CallState
from callrouter.errors import CarrierUnavailable, EngineUnavailable
from callrouter.metrics import Metrics

PUSH_TRIES = 3
PUSH_AGAIN_S = 0.3

log = logging.getLogger("callrouter.auction")


class Auctioneer:
    """See the module. ``on_gone`` is told when a push shows that the caller has left."""

    def __init__(self, deps: Deps, progress: Progress, carrier: Carrier, metrics: Metrics) -> None:
        self._deps = deps
        self._bidding = Bidding(deps, progress, metrics)
        self._bidding.draining = lambda: self.draining
        self._progress = progress
        self._carrier = carrier
        self._metrics = metrics
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._webhooks: dict[str, OpenWebhook] = {}
        self.draining = False
        """Whether this instance is stopping: it starts no auction, and the caller's poll finds another that does."""
        self.on_gone: Callable[[str], Awaitable[None]] = _ignore

    def begin(self, applied: Applied) -> OpenWebhook:
        """Start the auction of a call that has just come to it; the webhook that led here may wait on the result."""
        sid, plan = applied.call.sid, applied.plan
        if plan is None:
            raise ValueError("a refused call has no auction")
        webhook = OpenWebhook(plan)
        if self.draining:
            webhook.open = False
            return webhook
        self._webhooks[sid] = webhook
        task = asyncio.create_task(self._run(applied.call, plan), name=f"auction {sid}")
        self._tasks[sid] = task
        task.add_done_callback(lambda done: self._forget(sid, done, webhook))
        return webhook

    def _forget(self, sid: str, task: asyncio.Task[None], webhook: OpenWebhook) -> None:
        """An auction is over; a later one of the same call keeps its own entries."""
        if self._tasks.get(sid) is task:
            del self._tasks[sid]
        if self._webhooks.get(sid) is webhook:
            del self._webhooks[sid]

    @property
    def live(self) -> int:
        """How many auctions this instance runs now."""
        return len(self._tasks)

    def running(self, sid: str) -> bool:
        """Whether this instance runs an auction of this call now."""
        return sid in self._tasks

    async def settled(self, sid: str, timeout_s: float) -> None:
        """Wait until the auction of this call that runs here is decided, if one does."""
        task = self._tasks.get(sid)
        if task is not None:
            await asyncio.wait([task], timeout=max(0.0, timeout_s))

    def caller_left(self, sid: str) -> None:
        """The call has ended: nobody waits for its auction any more."""
        self._bidding.caller_left(sid)
        task = self._tasks.get(sid)
        if task is not None and task is not asyncio.current_task():
            task.cancel()

    async def drain(self, timeout_s: float) -> int:
        """Wait for the running auctions; how many are left (others take those over)."""
        running = [*self._tasks.values(), *self._bidding.listeners]
        if running:
            await asyncio.wait(running, timeout=timeout_s)
        left = list(self._tasks.values())
        running = [*left, *self._bidding.listeners]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        return len(left)

    async def _run(self, call: Call, plan: Plan) -> None:
        try:
            applied = await self._bidding.decided(call, plan)
            if applied is not None:
                decided = self._deps.clock.monotonic()
                await self._deliver(applied)
                self._metrics.auction_overhead.labels("respond").observe(self._deps.clock.monotonic() - decided)
        except Exception:
            log.exception("auction failed", extra={"call_id": call.sid})
            await self._give_up(call)

    async def _give_up(self, call: Call) -> None:
        try:
            applied = await self._bidding.settle(
                call, "auction failed", lambda c, at: fail(c, at, "the auction failed")
            )
            if applied.changed:
                await self._deliver(applied)
        except Exception:
            log.exception("failed auction could not be closed", extra={"call_id": call.sid})

    async def _deliver(self, applied: Applied) -> None:
        webhook = self._webhooks.pop(applied.call.sid, None)
        line = applied.call.line
        if applied.command is None or line is None or (webhook is not None and webhook.answer(applied.command)):
            return
        await self._push(applied, line)

    async def _push(self, applied: Applied, line: str) -> None:
        sid, command = applied.call.sid, applied.command
        for _ in range(PUSH_TRIES):
            if command is None or not await self._still_wanted(applied):
                return
            result = await self._carrier.push(line, applied.call.plan, command, sid)
            self._metrics.pushes.labels(result.value).inc()
            if result is not PushResult.NOT_LIVE:
                return  # done, or unknown: then the poll answers, and nothing is sent twice
            try:
                leg = await self._carrier.look_up(line)
            except CarrierUnavailable:
                return
            if leg is None or leg.status.final:
                await self.on_gone(sid)
                return
            await asyncio.sleep(PUSH_AGAIN_S)

    async def _still_wanted(self, applied: Applied) -> bool:
        """Whether the call stands where the decision left it, and no poll may have answered it meanwhile."""
        attempt = applied.call.attempt
        if applied.call.state is not CallState.DIALLING or attempt is None:
            return True
        if attempt.claimed_until is None or self._deps.clock.now() > attempt.claimed_until - PUSH_AGAIN_S:
            return False
        try:
            call = (await self._progress.store.load(applied.call.sid)).call
        except EngineUnavailable:
            return True
        latest = call.attempt if call else None
        return latest is not None and latest.no == attempt.no and latest.live and latest.initiated_at is None


async def _ignore(sid: str) -> None:
    return None
