"""What buyers are asked for a call: auctions until the policy has decided, late offers after that, and the posts that
bids need."""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from math import inf

from callrouter.auction.accepting import run_accept
from callrouter.auction.auction import Auction
from callrouter.auction.budget import Budget
from callrouter.auction.deps import Deps
from callrouter.auction.recorded import After
from callrouter.auction.runner import seat_of
from callrouter.auction.stopping import LOOK_AGAIN_S
from callrouter.buyers.base import Ask
from callrouter.calls import transitions
from callrouter.calls.choosing import chosen, known_of
from callrouter.calls.keeping import Keeping
from callrouter.calls.progress import Applied, Progress
from callrouter.calls.selling import Decide
from callrouter.calls.setting import Setting, Step
from callrouter.calls.unsold import NOBODY_ASKED
from callrouter.dialplan import Plan
from callrouter.domain.call import Acceptance, AuctionRun, Call, CallState
from callrouter.domain.decision import Because, Choice, Decision
from callrouter.domain.offer import BuyerResult, Decline, Offer
from callrouter.domain.reasons import Reason
from callrouter.errors import EngineUnavailable
from callrouter.metrics import Metrics

log = logging.getLogger("callrouter.auction")


@dataclass(frozen=True)
class _Held:
    """An auction of a call that has been opened here."""

    call: Call
    run: AuctionRun
    plan: Plan
    auction: Auction
    ask: Ask
    waits: tuple[Decision, ...]
    """Why an earlier owner had held the caller."""


class Bidding:
    """See the module. Everything that it decides is a durable step of the call."""

    def __init__(self, deps: Deps, progress: Progress, metrics: Metrics) -> None:
        self._deps, self._progress, self._metrics = deps, progress, metrics
        self._listeners: dict[tuple[str, int], asyncio.Task[None]] = {}
        """By call and auction."""
        self._news: dict[str, asyncio.Event] = {}
        """Of callers that are held here for a late offer: whether one has come."""
        self._keeping = Keeping(progress.store)
        self.draining: Callable[[], bool] = lambda: False

    @property
    def listeners(self) -> Collection[asyncio.Task[None]]:
        """What still listens for late offers, or keeps answers that the engine did not take."""
        return [*self._listeners.values(), *self._keeping.under_way]

    def caller_left(self, sid: str) -> None:
        """The call has ended: nobody waits for late offers any more."""
        for (of, _), listener in self._listeners.items():
            if of == sid and listener is not asyncio.current_task():
                listener.cancel()

    async def decided(self, call: Call, plan: Plan) -> Applied | None:
        """Hold the call's auction, or wait for late offers, and make the posts that its offers need, until something is
        to be said to the carrier; ``None`` when the call has moved on without it."""
        while True:
            if call.accepting is not None:
                applied = await self._accept(call, call.accepting, plan)
            elif call.waiting:
                applied = await self._wait(call)
            else:
                applied = await self._auction(call, plan)
            if applied is None or not applied.runs_auction:
                return applied
            call, plan = applied.call, applied.plan or plan

    async def settle(self, call: Call, event_id: str, decide: Decide) -> Applied:
        """Store the decision; without the engine it is taken from memory and spooled.

        What follows from it runs here, too, also while the instance drains.
        """

        def mine(c: Call, at: Setting) -> Step:
            return decide(c, replace(at, instance=self._progress.instance))

        try:
            return await self._progress.apply(call.sid, event_id, self._deps.clock.now(), mine)
        except EngineUnavailable:
            known = self._progress.remembered(call.sid) or call
            plan = self._progress.plan(known)
            if plan is None:
                raise
            step = mine(known, self._progress.setting(plan, self._deps.clock.now()))
            if step.call is known:
                return Applied(known, step.command, plan, changed=False)
            return self._progress.apply_unstored(known, step, plan, event_id)

    # -- the auction ----------------------------------------------------------------------------------------------

    async def _auction(self, call: Call, plan: Plan) -> Applied | None:
        """The auction, counted."""
        run = call.auction
        if run is None:
            return None
        outcome = "failed"
        try:
            applied, outcome = await self._hold(call, run, plan)
            return applied
        except asyncio.CancelledError:
            outcome = "handed_over" if self.draining() else "caller_gone"
            raise
        finally:
            self._metrics.auctions.labels(call.plan, outcome).inc()
            self._metrics.auction_duration.labels(call.plan).observe(self._deps.clock.now() - run.started_at)

    async def _hold(self, call: Call, run: AuctionRun, plan: Plan) -> tuple[Applied | None, str]:
        clock, ask = self._deps.clock, _ask(call, plan)
        started = clock.monotonic()
        budget = Budget.of(max(0.0, run.deadline_at - clock.now()), clock)
        already = await self._keeping.replies(call.sid, run.no)
        waits = await self._keeping.waits(call.sid, run.no) if already else ()

        async def keep(result: BuyerResult) -> None:
            await self._keeping.keep(call.sid, str(run.no), result)

        in_hand = {offer.buyer for offer in call.offers}
        auction = Auction(
            self._deps,
            plan,
            ask,
            budget,
            excluded=run.excluded,
            already=already,
            in_hand=in_hand,
            on_result=keep,
        )
        self._metrics.auction_overhead.labels("prepare").observe(clock.monotonic() - started)
        held = _Held(call, run, plan, auction, ask, waits)
        async with auction:
            decisions = await self._until_decided(held)
            await auction.reported()
            closed_by = auction.closed_by if auction.asked_anybody else NOBODY_ASKED
            decided = clock.monotonic()
            applied, offers = await self._close(held, closed_by, decisions)
            self._metrics.auction_overhead.labels("decide").observe(clock.monotonic() - decided)
            if applied is not None and not auction.over:
                auction.hand_on()
                self._listen(held)
        if offers:
            return applied, "sold"
        return applied, "nobody_called" if closed_by == NOBODY_ASKED else "no_offer"

    async def _until_decided(self, held: _Held) -> tuple[Decision, ...]:
        """Hear buyers for as long as the policy wants to; the decisions to wait. What follows is decided at the close.

        While an agent talks with the caller nobody holds: all buyers have their time.
        """
        auction, run, clock = held.auction, held.run, self._deps.clock
        if held.call.transfer is not None:
            while not auction.over:
                await auction.hear(inf)
            return ()
        call, heard, kept = held.call.replaced(decisions=(*held.call.decisions, *held.waits)), None, None
        while True:
            at = self._progress.setting(held.plan, clock.now())
            known = known_of(call, run, auction.offers, auction.awaited, at)
            after: After = "start" if heard is None else "reply" if heard else "look"
            thought, verdict = chosen(call, run, known, after, at)
            if verdict.choice is not Choice.WAIT or auction.over:
                if auction.closed_by == "deadline":
                    await auction.hear(0)  # whoever has not answered by now has its result before the call goes on
                return call.decisions[len(held.call.decisions) :]
            if verdict.because is not Because.NO_OFFER_YET or heard is None:
                call = thought  # that there is no offer yet needs no saying twice
                if heard != {}:
                    waits = call.decisions[len(held.call.decisions) :]
                    kept = self._keeping.keep_waits(call.sid, run.no, waits, kept)
            heard = await auction.hear((verdict.until or at.now) - clock.now())

    async def _close(
        self, held: _Held, closed_by: str, decisions: tuple[Decision, ...]
    ) -> tuple[Applied | None, tuple[Offer, ...]]:
        """The step that dials or gives up, and the offers that were in hand."""
        call, run, now = held.call, held.run, self._deps.clock.now()
        new = held.auction.offers
        standing = call.offers if call.transfer is not None else ()
        of_now = {offer.buyer for offer in new}
        offers = tuple(
            offer
            for offer in (*new, *(offer for offer in standing if offer.buyer not in of_now))
            if offer.expires_at > now
        )
        awaited = held.auction.awaited
        applied = await self.settle(
            call,
            f"auction:{run.no}",
            lambda c, at: transitions.auction_closed(c, run.no, offers, closed_by, at, awaited, decisions),
        )
        if applied.changed or applied.call.state is CallState.ENDED:
            self._free(held.ask, held.plan, of_now - _in_hand(applied.call))
        if not applied.changed:
            return None, offers
        if first := _first(applied.call):
            self._metrics.buyer_wins.labels(first).inc()
        return applied, offers

    # -- late offers ----------------------------------------------------------------------------------------------

    def _listen(self, held: _Held) -> None:
        """Go on hearing the buyers that have not answered."""
        of = (held.call.sid, held.run.no)
        task = self._listeners[of] = asyncio.create_task(self._hear_late(held), name=f"late offers {of[0]}")
        task.add_done_callback(lambda done: self._listened(of, held.auction))

    def _listened(self, of: tuple[str, int], auction: Auction) -> None:
        """A listener has ended; one that was cancelled before it began has left its auction open."""
        self._listeners.pop(of, None)
        if not auction.over:
            self._keeping.until_done(auction.end(), f"end of auction {of[0]}")

    async def _hear_late(self, held: _Held) -> None:
        auction, sid = held.auction, held.call.sid
        try:
            while not auction.over:
                heard = await auction.hear(inf)
                await auction.reported()
                if heard and not await self._late(held, heard):
                    return
        except Exception:
            log.exception("late offers lost", extra={"call_id": sid})
        finally:
            await auction.end()

    async def _late(self, held: _Held, heard: Mapping[str, BuyerResult]) -> bool:
        """What has come late goes to the call; whether it may still want more."""
        sid, run = held.call.sid, held.run
        replied = {buyer: result.offer for buyer, result in heard.items()}
        applied = await self.settle(
            held.call,
            f"late:{run.no}:{','.join(sorted(heard))}",
            lambda c, at: transitions.late_replies(c, run.no, replied, at),
        )
        if sid in self._news:
            self._news[sid].set()
        offering = {buyer for buyer, offer in replied.items() if offer}
        in_hand, over = _in_hand(applied.call), applied.call.state is CallState.ENDED
        if over or applied.call.auction is None or applied.call.auction.no == run.no:
            self._free(held.ask, held.plan, offering - in_hand)
            for buyer in offering & in_hand:
                self._metrics.late_offers.labels(buyer).inc()
        # Else the call is in a later auction: what the buyer has now is its seat there.
        return not over

    async def _wait(self, call: Call) -> Applied | None:
        """Hold the caller for a late offer, as long as the policy wants to."""
        run = call.auction
        if run is None:
            return None
        news = self._news.setdefault(call.sid, asyncio.Event())
        try:
            while True:
                look = _look(run.no, await _within(news, LOOK_AGAIN_S))
                applied = await self.settle(call, "", look)
                if applied.changed:
                    return applied
                mine = applied.call.auction is not None and applied.call.auction.owner == self._progress.instance
                if not (applied.call.waiting and mine):
                    return None
        finally:
            self._news.pop(call.sid, None)

    # -- posts ----------------------------------------------------------------------------------------------------

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
                cut_off = Reason.ERROR_UNREACHABLE if self.draining() else Reason.NO_OFFER_CALLER_GONE
                self._metrics.posts.labels(bid.buyer, cut_off.value).inc()
                raise
        self._metrics.posts.labels(bid.buyer, result.label).inc()
        await self._keeping.keep(call.sid, f"post {acceptance.no}", result)
        verdict = result.offer or result.decline or Decline(reason=Reason.ERROR_OTHER)
        applied = await self.settle(
            call, f"post:{acceptance.no}", lambda c, at: transitions.accepted(c, acceptance.no, verdict, at)
        )
        if not applied.changed and applied.call.state is CallState.ENDED:
            self._free(_ask(call, plan), plan, [bid.buyer])
        return applied if applied.changed else None

    # -- seats ----------------------------------------------------------------------------------------------------

    def _free(self, ask: Ask, plan: Plan, buyers: Iterable[str]) -> None:
        """Nothing comes of what these buyers offered, and no step of the call frees the seats that were booked."""
        for buyer in buyers:
            if buyer in plan.buyers:
                self._deps.limits.release(replace(seat_of(self._deps, ask, buyer, plan.buyers[buyer], 0), asked_at=0))


def _first(call: Call) -> str | None:
    """Whose offer comes first after an auction: it is dialled, taken up, or shown to the agent."""
    if call.accepting is not None:
        return call.accepting.offer.buyer
    if call.state is CallState.DIALLING and call.attempt is not None:
        return call.attempt.offer.buyer
    return call.offers[0].buyer if call.offers else None


def _in_hand(call: Call) -> set[str]:
    """The buyers whose offers are kept, taken up or dialled."""
    taken = [call.accepting.offer.buyer] if call.accepting is not None else []
    dialled = [attempt.offer.buyer for attempt in call.attempts if attempt.live]
    return {*(offer.buyer for offer in call.offers), *taken, *dialled}


def _look(auction_no: int, heard: bool) -> Decide:
    return lambda call, at: transitions.look_again(call, auction_no, heard, at)


async def _within(news: asyncio.Event, timeout_s: float) -> bool:
    try:
        async with asyncio.timeout(timeout_s):
            await news.wait()
    except TimeoutError:
        return False
    news.clear()
    return True


def _ask(call: Call, plan: Plan) -> Ask:
    return Ask(call.sid, call.kind.transfer_type, call.caller, plan.auction.floor, plan.plan)
