"""The call flow: an event comes in, the caller's next command goes out, within the webhook's budget.

Whatever fails, the caller is answered: from memory and the spool when the engine is out, with an apology and a
callback when we are at fault.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from callrouter.calls import rooms, transitions
from callrouter.calls.answer import Answer
from callrouter.calls.arrivals import PlanFor, caller_phone
from callrouter.calls.auctioneer import Auctioneer
from callrouter.calls.dial_ins import DialIns
from callrouter.calls.hearts import Hearts
from callrouter.calls.outage import Outage
from callrouter.calls.progress import Applied, Progress, UnknownCall
from callrouter.calls.selling import Decide, bridge_command, fail
from callrouter.carrier.seam import (
    AnswerFailed,
    Apologise,
    AskPin,
    CallArrived,
    CallerEvent,
    CallerStatus,
    Carrier,
    Command,
    DialEnded,
    DialStatus,
    Farewell,
    HangUp,
    Hold,
    HoldPolled,
    LeftRoom,
    LegChanged,
    LegStatus,
    Order,
    PartyChanged,
    PinEntered,
    Report,
    RoomChanged,
    ZipEntered,
)
from callrouter.dialplan import Plan
from callrouter.domain.call import Call, CallKind, CallState
from callrouter.domain.caller import Caller
from callrouter.domain.clock import Clock
from callrouter.errors import CarrierUnavailable, EngineUnavailable
from callrouter.places.zips import read_zip

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
    """Every event of every call. ``plan_for`` finds the plan of a dialled number.

    ``on_orders`` is given what a room needs besides what a step says.
    """

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
        self._dial_ins = DialIns(progress)
        self.on_orders: Callable[[Call, tuple[Order, ...]], None] = lambda call, orders: None
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
            applied = await self._progress.apply(event.sid, event.event_id, received_at, decide, event)
        except UnknownCall:
            await self._report_of_leg(event, received_at)
            return
        except EngineUnavailable:
            kept = self._outage.report(event.sid, event.event_id, received_at, decide)
            if kept is None:
                return
            applied = kept
        if isinstance(event, RoomChanged | PartyChanged) and (order := rooms.stray(applied.call, event)) is not None:
            self.on_orders(applied.call, (order,))
        self.went_on(applied)

    def went_on(self, applied: Applied) -> None:
        """What a step that no webhook waits for calls for: its auction begins, or the one that runs ends."""
        if applied.runs_auction:
            self._auctioneer.begin(applied).open = False
        elif applied.changed and applied.call.state is CallState.ENDED:
            self._auctioneer.caller_left(applied.call.sid)

    async def _report_of_leg(self, event: Report, received_at: float) -> None:
        """A report that names a leg of ours and not its call: that of a warm transfer, or a stranger's."""
        known = await self._dial_ins.known(event.sid)
        if isinstance(known, str):
            await self.report(replace(event, sid=known), received_at)
            return
        gone = isinstance(event, CallerStatus) and event.status.final
        if known is None or not gone:
            log.info("report of an unknown call", extra={"call_id": event.sid, "event": event.event_id})
            return
        await self._dial_ins.left_unasked(event.sid, known, received_at, self._plan_for)

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
                        event,
                    )
                case HoldPolled():
                    return await self._polled(event, received_at)
                case PinEntered():
                    return await self._pin_entered(event, arrival, received_at)
                case LeftRoom():
                    return await self._apply(event.sid, "", received_at, lambda c, at: rooms.left_room(c, event, at))
                case AnswerFailed():
                    log.warning(
                        "the carrier asks the fallback",
                        extra={"call_id": event.sid, "code": event.error_code},
                    )
                    return await self._resume(event.sid, received_at)
        except UnknownCall:
            if isinstance(event, LeftRoom):
                return Answer(HangUp(), None)
            owner = await self._dial_ins.known(event.sid)
            if isinstance(owner, str):
                return await self._resume(owner, received_at)
            # Its state is lost, or its arrival never reached us: it arrives now.
            return await self._arrived(arrival, received_at)

    async def _arrived(self, event: CallArrived, received_at: float) -> Answer:
        found = self._plan_for(event.to)
        if found is None:
            await self._progress.refuse(event.sid, event.to, Caller(phone=caller_phone(event.from_raw, self._plan_for)))
            return Answer(Apologise(Farewell.REFUSED), None)
        plan, kind = found
        if kind is CallKind.TRANSFER:
            matched = await self._dial_ins.matched(event, plan, received_at)
            if matched is not None:
                return await self._attend(matched, received_at)
            if await self._dial_ins.awaited(plan):
                await self._dial_ins.asked(event, plan)
                return Answer(AskPin(1), plan)
        return await self._arrives(event, plan, kind, None, received_at)

    async def _arrives(
        self, event: CallArrived, plan: Plan, kind: CallKind, zip_code: str | None, received_at: float
    ) -> Answer:
        """A call of its own; ``zip_code`` is what was keyed already."""
        caller = (await self._caller(event.from_raw)).updated(zip=zip_code)
        applied = await self._progress.create(
            event.sid,
            event.event_id,
            plan,
            received_at,
            lambda at: transitions.arrive(event, kind, caller, at),
        )
        return await self._attend(applied, received_at)

    async def _pin_entered(self, event: PinEntered, arrival: CallArrived, received_at: float) -> Answer:
        """Whoever transferred the caller keyed a pin; or a zip, when they have no transfer of ours open."""
        found = self._plan_for(arrival.to)
        if found is None:
            return Answer(Apologise(Farewell.REFUSED), None)
        plan, kind = found
        digits = event.digits or ""
        taken = await self._dial_ins.by_pin(digits, arrival, plan, received_at) if digits else None
        if taken is not None:
            return await self._attend(taken, received_at)
        zip_code = read_zip(digits)
        if digits and zip_code is None and event.try_no < plan.intake.attempts:
            return Answer(AskPin(event.try_no + 1), plan)
        return await self._arrives(arrival, plan, kind, zip_code, received_at)

    async def _caller(self, from_raw: str) -> Caller:
        phone = caller_phone(from_raw, self._plan_for)
        known = await self._known_caller(phone) if phone else None
        return known or Caller(phone=phone)

    async def _apply(
        self, sid: str, event_id: str, received_at: float, decide: Decide, event: DialEnded | None = None
    ) -> Answer:
        return await self._attend(await self._progress.apply(sid, event_id, received_at, decide, event), received_at)

    async def _attend(self, applied: Applied, received_at: float) -> Answer:
        """Start the auction that a step calls for, and wait a moment for an instant buyer."""
        if not applied.runs_auction:
            self.went_on(applied)
            return _said(applied)
        webhook = self._auctioneer.begin(applied)
        if applied.call.line is None:
            webhook.open = False
        if not webhook.open:
            return _said(applied)
        waits_s = webhook.plan.auction.fast_answer_s
        if applied.call.answered:
            waits_s = min(waits_s, SILENT_WAIT_S)
        waits_s -= self._clock.now() - received_at
        decision = await webhook.wait(waits_s)
        return _said(replace(applied, command=decision or applied.command))

    async def _polled(self, event: HoldPolled, received_at: float) -> Answer:
        standing = await self._progress.standing(event.sid, received_at)
        call, plan = standing.call, standing.plan
        next_segment = Hold(event.auction_no, event.segment)
        if plan is None:
            return Answer(standing.command or HangUp(), None)

        def hears(command: Command) -> Answer:
            return _said(replace(standing, command=command))

        if call.state is CallState.AUCTION and call.auction is not None:
            if self._auctioneer.draining or await self._runs(call):
                return hears(next_segment)
            log.warning("auction taken over", extra={"call_id": call.sid, "from": call.auction.owner})
            return await self._take_over(call, received_at, next_segment)
        if call.state is CallState.DIALLING and call.attempt is not None:
            return await self._poll_while_dialling(call, plan, next_segment, received_at)
        if call.state is CallState.BRIDGED:
            return hears(Hold(event.auction_no, event.segment, short=True))
        return _said(standing)

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
            return _said(replace(applied, command=meanwhile))
        return _said(replace(applied, command=applied.command or meanwhile))

    async def _poll_while_dialling(self, call: Call, plan: Plan, hold: Hold, received_at: float) -> Answer:
        """The caller still hears hold audio although a dial was decided: a push is under way, late, or lost."""
        attempt, now = call.attempt, self._clock.now()
        short = Answer(Hold(hold.auction_no, hold.segment, short=True), plan, _id(call))
        if attempt is None or (attempt.claimed_until is not None and now < attempt.claimed_until):
            return short
        if attempt.initiated_at is None:
            command = bridge_command(call, attempt, self._progress.setting(plan, received_at))
            if command is not None:
                log.warning("push was lost, the poll answers", extra={"call_id": call.sid, "attempt": attempt.no})
                return Answer(command, plan, _id(call))
            return await self._apply(call.sid, f"lapsed:{attempt.no}", received_at, transitions.dial_lapsed)
        if now < attempt.initiated_at + DIAL_SETTLES_S:
            return short
        return await self._resume(call.sid, received_at)

    async def _resume(self, sid: str, received_at: float) -> Answer:
        """Go on from where the call stands; a dial whose end we were never told is looked up at the carrier."""
        standing = await self._progress.standing(sid, received_at)
        call, attempt = standing.call, standing.call.attempt
        if call.state is CallState.AUCTION and not await self._runs(call):
            return await self._take_over(call, received_at, Hold(call.auction.no if call.auction else 1, 1))
        started = attempt is not None and (attempt.initiated_at is not None or call.state is CallState.BRIDGED)
        if attempt is None or not attempt.live:
            return _said(standing)
        # Also one of which nothing was reported may be over: dialled again it would be a second call for one counted.
        ended = await self._dial_as_looked_up(call)
        if ended is None and not started:
            return _said(standing)
        if ended is None:
            return Answer(Hold(call.auction.no if call.auction else 1, 1, short=True), standing.plan, _id(call))
        return await self._apply(sid, ended.event_id, received_at, lambda c, at: transitions.dial_ended(c, ended, at))

    async def _dial_as_looked_up(self, call: Call) -> DialEnded | None:
        attempt = call.attempt
        try:
            async with asyncio.timeout(LOOK_UP_WITHIN_S):
                legs = await self._carrier.legs_of(call.line or call.sid)
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
                arrival.sid, "", received_at, lambda c, at: fail(c, at, "an error of ours")
            )
            return _said(replace(applied, command=applied.command or Apologise(Farewell.FAILED)))
        except (UnknownCall, EngineUnavailable):
            return self._outage.answer(arrival, arrival, received_at)
        except Exception:
            log.exception("failed call could not be closed", extra={"call_id": arrival.sid})
            return Answer(Apologise(Farewell.FAILED), found[0])


def _id(call: Call) -> str:
    return "" if call.transfer is None else call.sid


def _said(applied: Applied) -> Answer:
    return Answer(applied.command or HangUp(), applied.plan, _id(applied.call))


def _report_transition(event: Report) -> Decide:
    match event:
        case LegChanged():
            return lambda call, at: transitions.leg_changed(call, event, at)
        case CallerStatus():
            return lambda call, at: transitions.caller_status(call, event, at)
        case RoomChanged():
            return lambda call, at: rooms.room_changed(call, event, at)
        case PartyChanged():
            return lambda call, at: rooms.party_changed(call, event, at)
