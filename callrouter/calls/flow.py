"""The call flow: an event comes in, the caller's next command goes out, within the webhook's budget.

Whatever fails, the caller is answered: from memory and the spool when the engine is out, with an apology and a
callback when we are at fault.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from callrouter.calls import transitions
from callrouter.calls.answer import Answer
from callrouter.calls.arrivals import PlanFor, caller_phone
from callrouter.calls.auctioneer import Auctioneer
from callrouter.calls.hearts import Hearts
from callrouter.calls.outage import Outage
from callrouter.calls.progress import Applied, Progress, UnknownCall
from callrouter.carrier.seam import (
    AnswerFailed,
    Apologise,
    CallArrived,
    CallerEvent,
    CallerStatus,
    Carrier,
    DialEnded,
    DialStatus,
    Farewell,
    HangUp,
    Hold,
    HoldPolled,
    LegChanged,
    LegStatus,
    Report,
    ZipEntered,
)
from callrouter.dialplan import Plan
from callrouter.domain.call import Call, CallState
from callrouter.domain.caller import Caller
from callrouter.domain.clock import Clock
from callrouter.errors import CarrierUnavailable, EngineUnavailable

ANSWER_WITHIN_S = 2.8
"""The budget of a webhook that stays open; the carrier gives up after 15 s, by our own overrides earlier."""
SILENT_WAIT_S = 1.2
"""How long a webhook of an answered call stays open at most: meanwhile the caller hears nothing, after what may have
been a second in which the carrier made sure that they had spoken."""
LOOK_UP_WITHIN_S = 1.5
"""How long a webhook waits for the carrier's own word: less than `ANSWER_WITHIN_S`, or the call would be failed."""
DIAL_SETTLES_S = 3.0
"""How long after a dial started a poll may still be one that the carrier sent before it."""

log = logging.getLogger("callrouter.calls")


class CallFlow:
    """Every event of every call. ``plan_for`` finds the plan of a dialled number."""

    def __init__(
        self,
        *,
        progress: Progress,
        auctioneer: Auctioneer,
        hearts: Hearts,
        carrier: Carrier,
        clock: Clock,
        plan_for: PlanFor,
        known_caller: Callable[[str], Awaitable[Caller | None]],
    ) -> None:
        self._progress = progress
        self._auctioneer = auctioneer
        self._hearts = hearts
        self._carrier = carrier
        self._clock = clock
        self._plan_for = plan_for
        self._known_caller = known_caller
        self._outage = Outage(progress, plan_for, auctioneer.running)
        auctioneer.on_gone = self._found_gone

    async def answer(self, event: CallerEvent, arrival: CallArrived, received_at: float) -> Answer:
        """What the caller hears next. Never raises; ``arrival`` is who calls whom, from the same webhook."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                return await self._answer(event, arrival, received_at)
        except EngineUnavailable:
            return self._outage.answer(event, arrival, received_at)
        except Exception:
            log.exception("webhook failed", extra={"call_id": event.sid, "event": type(event).__name__})
            return await self._failed(arrival, received_at)

    def draining(self) -> None:
        """Auctions that begin from now on are nobody's: any other instance takes them at the next poll."""
        self._progress.owner = ""

    async def report(self, event: Report, received_at: float) -> None:
        """A status report. Raises `EngineUnavailable` only when it could not be kept on disk either."""
        decide = _report_transition(event)
        try:
            applied = await self._progress.apply(event.sid, event.event_id, received_at, decide)
        except UnknownCall:
            log.info("report of an unknown call", extra={"call_id": event.sid, "event": event.event_id})
            return
        except EngineUnavailable:
            kept = self._outage.report(event.sid, event.event_id, received_at, decide)
            if kept is None:
                return
            applied = kept
        if applied.changed and applied.call.state is CallState.ENDED:
            self._auctioneer.caller_left(event.sid)

    async def _answer(self, event: CallerEvent, arrival: CallArrived, received_at: float) -> Answer:
        try:
            match event:
                case CallArrived():
                    return await self._arrived(event, received_at)
                case ZipEntered():
                    return await self._apply(
                        event.sid,
                        event.event_id,
                        received_at,
                        lambda c, at: transitions.zip_entered(c, event, at),
                    )
                case DialEnded():
                    return await self._apply(
                        event.sid,
                        event.event_id,
                        received_at,
                        lambda c, at: transitions.dial_ended(c, event, at),
                    )
                case HoldPolled():
                    return await self._polled(event, received_at)
                case AnswerFailed():
                    log.warning(
                        "the carrier asks the fallback",
                        extra={"call_id": event.sid, "code": event.error_code},
                    )
                    return await self._resume(event.sid, received_at)
        except UnknownCall:
            # Its state is lost, or its arrival never reached us: it arrives now.
            return await self._arrived(arrival, received_at)

    async def _arrived(self, event: CallArrived, received_at: float) -> Answer:
        found = self._plan_for(event.to)
        if found is None:
            await self._progress.refuse(event.sid, event.to, Caller(phone=caller_phone(event.from_raw, self._plan_for)))
            return Answer(Apologise(Farewell.REFUSED), None)
        plan, kind = found
        caller = await self._caller(event.from_raw)
        applied = await self._progress.create(
            event.sid,
            event.event_id,
            plan,
            received_at,
            lambda at: transitions.arrive(event.sid, event.to, kind, caller, event.carrier_zip, at),
        )
        return await self._attend(applied, received_at)

    async def _caller(self, from_raw: str) -> Caller:
        phone = caller_phone(from_raw, self._plan_for)
        known = await self._known_caller(phone) if phone else None
        return known or Caller(phone=phone)

    async def _apply(self, sid: str, event_id: str, received_at: float, decide: transitions.Decide) -> Answer:
        return await self._attend(await self._progress.apply(sid, event_id, received_at, decide), received_at)

    async def _attend(self, applied: Applied, received_at: float) -> Answer:
        """Start the auction that a step calls for, and wait a moment for an instant buyer."""
        if not applied.runs_auction:
            if applied.changed and applied.call.state is CallState.ENDED:
                self._auctioneer.caller_left(applied.call.sid)
            return Answer(applied.command or HangUp(), applied.plan)
        webhook = self._auctioneer.begin(applied)
        if not webhook.open:
            return Answer(applied.command or HangUp(), applied.plan)
        waits_s = webhook.plan.auction.fast_answer_s
        if applied.call.answered:
            waits_s = min(waits_s, SILENT_WAIT_S)
        waits_s -= self._clock.now() - received_at
        decision = await webhook.wait(waits_s)
        return Answer(decision or applied.command or HangUp(), applied.plan)

    async def _polled(self, event: HoldPolled, received_at: float) -> Answer:
        standing = await self._progress.standing(event.sid, received_at)
        call, plan = standing.call, standing.plan
        next_segment = Hold(event.auction_no, event.segment)
        if plan is None:
            return Answer(standing.command or HangUp(), None)
        if call.state is CallState.AUCTION and call.auction is not None:
            if self._auctioneer.draining or await self._runs(call):
                return Answer(next_segment, plan)
            log.warning("auction taken over", extra={"call_id": call.sid, "from": call.auction.owner})
            return await self._take_over(call, received_at, next_segment)
        if call.state is CallState.DIALLING and call.attempt is not None:
            return await self._poll_while_dialling(call, plan, next_segment, received_at)
        if call.state is CallState.BRIDGED:
            return Answer(Hold(event.auction_no, event.segment, short=True), plan)
        return Answer(standing.command or HangUp(), plan)

    async def _runs(self, call: Call) -> bool:
        """Whether somebody runs this call's auction."""
        return call.auction is not None and (
            self._auctioneer.running(call.sid)
            or (call.auction.owner != self._progress.instance and await self._hearts.alive(call.auction.owner))
        )

    async def _take_over(self, call: Call, received_at: float, meanwhile: Hold) -> Answer:
        dead = call.auction.owner if call.auction else ""
        applied = await self._progress.apply(
            call.sid, "", received_at, lambda c, at: transitions.take_over(c, dead, at)
        )
        if applied.runs_auction:
            self._auctioneer.begin(applied).open = False
            return Answer(meanwhile, applied.plan)
        return Answer(applied.command or meanwhile, applied.plan)

    async def _poll_while_dialling(self, call: Call, plan: Plan, hold: Hold, received_at: float) -> Answer:
        """The caller still hears hold audio although a dial was decided: a push is under way, late, or lost."""
        attempt, now = call.attempt, self._clock.now()
        short = Hold(hold.auction_no, hold.segment, short=True)
        if attempt is None or (attempt.claimed_until is not None and now < attempt.claimed_until):
            return Answer(short, plan)
        if attempt.initiated_at is None:
            command = transitions.bridge_command(call, attempt, self._progress.setting(plan, received_at))
            if command is not None:
                log.warning("push was lost, the poll answers", extra={"call_id": call.sid, "attempt": attempt.no})
                return Answer(command, plan)
            return await self._apply(call.sid, f"lapsed:{attempt.no}", received_at, transitions.dial_lapsed)
        if now < attempt.initiated_at + DIAL_SETTLES_S:
            return Answer(short, plan)
        return await self._resume(call.sid, received_at)

    async def _resume(self, sid: str, received_at: float) -> Answer:
        """Go on from where the call stands; a dial whose end we were never told is looked up at the carrier."""
        standing = await self._progress.standing(sid, received_at)
        call, attempt = standing.call, standing.call.attempt
        if call.state is CallState.AUCTION and not await self._runs(call):
            return await self._take_over(call, received_at, Hold(call.auction.no if call.auction else 1, 1))
        started = attempt is not None and (attempt.initiated_at is not None or call.state is CallState.BRIDGED)
        if attempt is None or not attempt.live:
            return Answer(standing.command or HangUp(), standing.plan)
        # Also one of which nothing was reported may be over: dialled again it would be a second call for one counted.
        ended = await self._dial_as_looked_up(call)
        if ended is None and not started:
            return Answer(standing.command or HangUp(), standing.plan)
        if ended is None:
            return Answer(Hold(call.auction.no if call.auction else 1, 1, short=True), standing.plan)
        return await self._apply(sid, ended.event_id, received_at, lambda c, at: transitions.dial_ended(c, ended, at))

    async def _dial_as_looked_up(self, call: Call) -> DialEnded | None:
        attempt = call.attempt
        try:
            async with asyncio.timeout(LOOK_UP_WITHIN_S):
                legs = await self._carrier.legs_of(call.sid)
        except (CarrierUnavailable, TimeoutError):
            return None
        leg = transitions.leg_of(call, attempt, legs) if attempt else None
        if attempt is None or leg is None or not leg.status.final:
            return None
        status = {LegStatus.BUSY: DialStatus.BUSY, LegStatus.NO_ANSWER: DialStatus.NO_ANSWER}.get(leg.status)
        talked = leg.status is LegStatus.COMPLETED and leg.duration_s > 0
        fallback = DialStatus.COMPLETED if talked else DialStatus.FAILED
        return DialEnded(call.sid, attempt.no, status or fallback, talked, leg.duration_s, True, leg.sid)

    async def _found_gone(self, sid: str) -> None:
        await self.report(CallerStatus(sid, LegStatus.COMPLETED), self._clock.now())

    async def _failed(self, arrival: CallArrived, received_at: float) -> Answer:
        """Our own failure: apologise, and owe a callback."""
        found = self._plan_for(arrival.to)
        if found is None:
            return Answer(Apologise(Farewell.FAILED), None)
        try:
            applied = await self._progress.apply(
                arrival.sid, "", received_at, lambda c, at: transitions.fail(c, at, "an error of ours")
            )
            return Answer(applied.command or Apologise(Farewell.FAILED), applied.plan)
        except (UnknownCall, EngineUnavailable):
            return self._outage.answer(arrival, arrival, received_at)
        except Exception:
            log.exception("failed call could not be closed", extra={"call_id": arrival.sid})
            return Answer(Apologise(Farewell.FAILED), found[0])


def _report_transition(event: Report) -> transitions.Decide:
    match event:
        case LegChanged():
            return lambda call, at: transitions.leg_changed(call, event, at)
        case CallerStatus():
            return lambda call, at: transitions.caller_status(call, event, at)
