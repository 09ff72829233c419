"""What callers hear while the engine is out: calls that this instance knows go on from memory, others are promised a
callback that is on disk until the engine is back.
"""

import logging
from collections.abc import Callable
from dataclasses import replace

from callrouter.calls import rooms, transitions
from callrouter.calls.answer import Answer
from callrouter.calls.arrivals import PlanFor, caller_phone
from callrouter.calls.progress import Applied, Progress
from callrouter.calls.selling import Decide, fail, standing
from callrouter.calls.setting import Setting, Step
from callrouter.carrier.seam import (
    Apologise,
    CallArrived,
    CallerEvent,
    DialEnded,
    Farewell,
    HangUp,
    Hold,
    HoldPolled,
    LeftRoom,
)
from callrouter.domain.call import Call, CallState
from callrouter.domain.caller import Caller

OTHERS_SETTLE_S = 3.0
"""How long after the deadline of an auction, or of a post, another instance may still bring its decision."""

log = logging.getLogger("callrouter.calls")


class Outage:
    """See the module. ``runs_here`` says whether this instance runs a call's auction."""

    def __init__(self, progress: Progress, plan_for: PlanFor, runs_here: Callable[[str], bool]) -> None:
        self._progress = progress
        self._plan_for = plan_for
        self._runs_here = runs_here

    def answer(self, event: CallerEvent, arrival: CallArrived, received_at: float) -> Answer:
        """The caller's next command, without the engine. Never raises."""
        found = self._plan_for(arrival.to)
        call = self._progress.remembered(event.sid)
        if isinstance(event, LeftRoom):
            return self._out_of_room(call, event)
        plan = self._progress.plan(call) if call else (found[0] if found else None)
        if plan is None:
            return Answer(Apologise(Farewell.REFUSED), None)
        at = self._progress.setting(plan, received_at)
        try:
            if call is not None:
                return replace(self._known(call, event, at), call=call.sid if call.transfer else "")
            return self._new(arrival, at)
        except OSError:
            log.critical("neither engine nor disk takes a callback", extra={"call_id": event.sid})
            return Answer(Apologise(Farewell.FAILED), plan)

    def _out_of_room(self, call: Call | None, event: LeftRoom) -> Answer:
        """Back into the room, as far as is known here."""
        party = call.transfer.party(event.label) if call is not None and call.transfer is not None else None
        if call is None or party is None or party.over or call.state is CallState.ENDED or not event.there:
            return Answer(HangUp(), None)
        return Answer(rooms.re_enter(call, party), self._progress.plan(call), call.sid)

    def report(self, sid: str, event_id: str, received_at: float, decide: Decide) -> Applied | None:
        """A status report of a call that this instance knows. Raises `OSError` when the disk refuses too."""
        call = self._progress.remembered(sid)
        plan = self._progress.plan(call) if call else None
        if call is None or plan is None or call.state is CallState.ENDED:
            return None
        step = decide(call, self._progress.setting(plan, received_at))
        return None if step.call is call else self._progress.apply_unstored(call, step, plan, event_id)

    def _new(self, arrival: CallArrived, at: Setting) -> Answer:
        found = self._plan_for(arrival.to)
        if found is None:
            return Answer(Apologise(Farewell.REFUSED), None)
        caller = Caller(phone=caller_phone(arrival.from_raw, self._plan_for))
        first = transitions.arrive(arrival, found[1], caller, at).call
        applied = self._progress.apply_unstored(None, _failed(first, at), at.plan, "arrived")
        return Answer(applied.command or HangUp(), at.plan)

    def _known(self, call: Call, event: CallerEvent, at: Setting) -> Answer:
        if isinstance(event, HoldPolled) and (hold := self._held(call, event, at)) is not None:
            return Answer(hold, at.plan)
        if isinstance(event, DialEnded):
            step = transitions.dial_ended(call, event, at)
            step = _failed(call, at) if step.runs_auction else step
        elif call.state in (CallState.INTAKE, CallState.AUCTION):
            step = _failed(call, at)
        else:
            return Answer(standing(call, at), at.plan)
        if step.call is not call:
            self._progress.apply_unstored(call, step, at.plan, getattr(event, "event_id", ""))
        return Answer(step.command or HangUp(), at.plan)

    def _held(self, call: Call, event: HoldPolled, at: Setting) -> Hold | None:
        """More hold audio while somebody may still decide (perhaps another instance, which reaches the engine), or
        while a push of the decision is under way."""
        auction, attempt = call.auction, call.attempt
        if call.state is CallState.AUCTION and auction is not None:
            post_by = call.accepting.started_at + at.plan.auction.post_s if call.accepting else 0.0
            waits = self._runs_here(call.sid) or at.now < max(auction.deadline_at, post_by) + OTHERS_SETTLE_S
            return Hold(event.auction_no, event.segment) if waits else None
        claimed = attempt is not None and attempt.live and attempt.claimed_until is not None
        if claimed and attempt is not None and at.now < (attempt.claimed_until or 0.0):
            return Hold(event.auction_no, event.segment, short=True)
        return None


def _failed(call: Call, at: Setting) -> Step:
    return fail(call, at, "the engine is out")
