"""Runs the auctions of this instance's calls, and brings each decision to its caller.

The decision goes to the webhook that is still open, when there is one, else by push to the live call.
If the push is lost the caller's next poll answers the same dial (``selling.standing``).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace

from callrouter.auction.accepting import run_accept
from callrouter.auction.auction import hold_auction
from callrouter.auction.budget import Budget
from callrouter.auction.deps import Deps
from callrouter.auction.runner import seat_of
from callrouter.buyers.base import Ask
from callrouter.calls import transitions
from callrouter.calls.progress import Applied, Progress
from callrouter.calls.selling import Decide, fail
from callrouter.calls.setting import Setting, Step
from callrouter.calls.unsold import NOBODY_ASKED
from callrouter.carrier.seam import Carrier, Command, PushResult
from callrouter.dialplan import Plan
from callrouter.domain.call import Acceptance, AuctionRun, Call, CallState
from callrouter.domain.offer import BuyerResult, Decline, Offer
from callrouter.domain.reasons import Reason
from callrouter.errors import CarrierUnavailable, EngineUnavailable
from callrouter.metrics import Metrics

PUSH_TRIES = 3
PUSH_AGAIN_S = 0.3

log = logging.getLogger("callrouter.auction")


class OpenWebhook:
    """A webhook that stays open for a moment in the hope of the decision. One side closes it, exactly once."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._future: asyncio.Future[Command] = asyncio.get_running_loop().create_future()
        self.open = True

    def answer(self, command: Command) -> bool:
        """Give the decision to the webhook; ``False`` when it has been answered otherwise already."""
        if not self.open:
            return False
        self.open = False
        if not self._future.done():
            self._future.set_result(command)
        return True

    async def wait(self, timeout_s: float) -> Command | None:
        """The decision, or ``None`` when it does not come in time; then the webhook counts as closed."""
        try:
            async with asyncio.timeout(max(0.0, timeout_s)):
                return await asyncio.shield(self._future)
        except TimeoutError:
            if self.open:
                self.open = False
                return None
            return self._future.result()
        except asyncio.CancelledError:
            self.open = False
            raise


class Auctioneer:
    """See the module. ``on_gone`` is told when a push shows that the caller has left."""

    def __init__(self, deps: Deps, progress: Progress, carrier: Carrier, metrics: Metrics) -> None:
        self._deps = deps
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
        task = self._tasks.get(sid)
        if task is not None and task is not asyncio.current_task():
            task.cancel()

    async def drain(self, timeout_s: float) -> int:
        """Wait for the running auctions; how many are left (others take those over)."""
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=timeout_s)
        left = list(self._tasks.values())
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        return len(left)

    async def _run(self, call: Call, plan: Plan) -> None:
        try:
            applied = await self._decided(call, plan)
            if applied is not None:
                decided = self._deps.clock.monotonic()
                await self._deliver(applied)
                self._metrics.auction_overhead.labels("respond").observe(self._deps.clock.monotonic() - decided)
        except Exception:
            log.exception("auction failed", extra={"call_id": call.sid})
            await self._give_up(call)

    async def _decided(self, call: Call, plan: Plan) -> Applied | None:
        """Hold the call's auction, unless it has come past that, the posts that its offers need, and the auction that
        follows when these bring no number; ``None`` when the call has moved on without it."""
        while True:
            post = call.accepting
            applied = await (self._auction(call, plan) if post is None else self._accept(call, post, plan))
            if applied is None or not applied.runs_auction:
                return applied
            call, plan = applied.call, applied.plan or plan

    async def _auction(self, call: Call, plan: Plan) -> Applied | None:
        """The auction, counted; ``None`` when the call has moved on without it."""
        run = call.auction
        if run is None:
            return None
        outcome = "failed"
        try:
            applied, outcome = await self._hold(call, run, plan)
            return applied
        except asyncio.CancelledError:
            outcome = "handed_over" if self.draining else "caller_gone"
            raise
        finally:
            self._metrics.auctions.labels(call.plan, outcome).inc()
            self._metrics.auction_duration.labels(call.plan).observe(self._deps.clock.now() - run.started_at)

    async def _hold(self, call: Call, run: AuctionRun, plan: Plan) -> tuple[Applied | None, str]:
        clock = self._deps.clock
        started = clock.monotonic()
        budget = Budget.of(max(0.0, run.deadline_at - clock.now()), clock)
        already = await self._already(call, run)

        async def keep(result: BuyerResult) -> None:
            await self._keep(call.sid, str(run.no), result)

        self._metrics.auction_overhead.labels("prepare").observe(clock.monotonic() - started)
        ask = _ask(call, plan)
        in_hand = {offer.buyer for offer in call.offers}
        closed = await hold_auction(self._deps, plan, ask, budget, run.excluded, keep, already, in_hand)
        asked = any(result.asked_at is not None for result in closed.results)
        closed_by = closed.closed_by if asked else NOBODY_ASKED
        decided = clock.monotonic()
        applied = await self._settle(
            call,
            f"auction:{run.no}",
            lambda c, at: transitions.auction_closed(c, run.no, self._ranked(c, closed.offers), closed_by, at),
        )
        self._metrics.auction_overhead.labels("decide").observe(clock.monotonic() - decided)
        if applied is not None or self._over(call.sid):
            kept = closed.offers if applied is not None else ()
            self._free(ask, plan, [r.buyer for r in closed.results if r.offer is not None and r.offer not in kept])
        if closed.offers and applied is not None:
            self._metrics.buyer_wins.labels(closed.offers[0].buyer).inc()
        if closed.offers:
            return applied, "sold"
        return applied, "no_offer" if asked else "nobody_called"

    def _ranked(self, call: Call, offers: tuple[Offer, ...]) -> tuple[Offer, ...]:
        """The new offers, among those that a warm transfer has in hand of buyers that made none now."""
        if call.transfer is None or not call.offers:
            return offers
        new = {offer.buyer for offer in offers}
        standing = [offer for offer in call.offers if offer.buyer not in new]
        return self._deps.policy.rank([*offers, *standing], self._deps.clock.now())

    async def _accept(self, call: Call, acceptance: Acceptance, plan: Plan) -> Applied | None:
        """Post to the buyer of the bid that is to be dialled; ``None`` when the call has moved on without it."""
        bid, entry = acceptance.offer, plan.buyers.get(acceptance.offer.buyer)
        if entry is None or not entry.enabled:  # the plan has been changed since its bid
            result = BuyerResult(buyer=bid.buyer, decline=Decline(reason=Reason.NOT_CALLED_DISABLED))
        else:
            left_s = acceptance.started_at + plan.auction.post_s - self._deps.clock.now()
            budget = Budget.of(max(0.0, left_s), self._deps.clock)
            regions = plan.bridge.allow_regions
            try:
                result = await run_accept(self._deps, _ask(call, plan), bid, entry, budget, allow_regions=regions)
            except asyncio.CancelledError:
                cut_off = Reason.ERROR_UNREACHABLE if self.draining else Reason.NO_OFFER_CALLER_GONE
                self._metrics.posts.labels(bid.buyer, cut_off.value).inc()
                raise
        self._metrics.posts.labels(bid.buyer, result.label).inc()
        await self._keep(call.sid, f"post {acceptance.no}", result)
        verdict = result.offer or result.decline or Decline(reason=Reason.ERROR_OTHER)
        applied = await self._settle(
            call, f"post:{acceptance.no}", lambda c, at: transitions.accepted(c, acceptance.no, verdict, at)
        )
        if applied is None and self._over(call.sid):
            self._free(_ask(call, plan), plan, [bid.buyer])
        return applied

    def _over(self, sid: str) -> bool:
        """Whether the call has ended, as far as this instance has just seen."""
        known = self._progress.remembered(sid)
        return known is not None and known.state is CallState.ENDED

    def _free(self, ask: Ask, plan: Plan, buyers: Iterable[str]) -> None:
        """Nothing comes of what these buyers offered, and no step of the call frees the seats that were booked."""
        for buyer in buyers:
            if buyer in plan.buyers:
                self._deps.limits.release(replace(seat_of(self._deps, ask, buyer, plan.buyers[buyer], 0), asked_at=0))

    async def _keep(self, sid: str, of: str, result: BuyerResult) -> None:
        try:
            await self._progress.store.keep_reply(sid, of, result)
        except EngineUnavailable:
            log.warning("reply not kept", extra={"call_id": sid, "buyer": result.buyer})

    async def _already(self, call: Call, run: AuctionRun) -> dict[str, BuyerResult]:
        """What an earlier owner of this auction had heard; nothing is asked twice."""
        try:
            replies = await self._progress.store.replies(call.sid)
        except EngineUnavailable:
            return {}
        mine = f"{run.no}:"
        return {key.removeprefix(mine): result for key, result in replies.items() if key.startswith(mine)}

    async def _settle(self, call: Call, event_id: str, decide: Decide) -> Applied | None:
        """Store the decision; without the engine it is taken from memory and spooled.

        What follows from it runs here, too, also while the instance drains.
        """

        def mine(c: Call, at: Setting) -> Step:
            return decide(c, replace(at, instance=self._progress.instance))

        try:
            applied = await self._progress.apply(call.sid, event_id, self._deps.clock.now(), mine)
            return applied if applied.changed else None
        except EngineUnavailable:
            known = self._progress.remembered(call.sid) or call
            plan = self._progress.plan(known)
            if plan is None:
                raise
            step = mine(known, self._progress.setting(plan, self._deps.clock.now()))
            if step.call is known:
                return None
            return self._progress.apply_unstored(known, step, plan, event_id)

    async def _give_up(self, call: Call) -> None:
        try:
            applied = await self._settle(call, "auction failed", lambda c, at: fail(c, at, "the auction failed"))
            if applied is not None:
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


def _ask(call: Call, plan: Plan) -> Ask:
    return Ask(call.sid, call.kind.transfer_type, call.caller, plan.auction.floor, plan.plan)


async def _ignore(sid: str) -> None:
    return None
