"""What each event does to a call: pure functions from a call and an event to a `Step`.

Nothing here knows the engine, the carrier or the clock; ``Setting.now`` is passed in.
An event that no longer fits (late, repeated, reordered) leaves the call as it is and is answered with what the
caller should hear now.
"""

from collections.abc import Mapping

from callrouter.calls import transferring
from callrouter.calls.choosing import chosen, in_order, known_of
from callrouter.calls.closing import close
from callrouter.calls.selling import begin_auction, counted, failed_buyers, go_on, standing
from callrouter.calls.setting import Setting, Step
from callrouter.calls.states import moved
from callrouter.carrier.seam import (
    AskZip,
    CallArrived,
    CallerStatus,
    DialEnded,
    DialStatus,
    Hold,
    Leg,
    LegChanged,
    LegStatus,
    ZipEntered,
)
from callrouter.domain.call import Attempt, AttemptResult, AwaitedBuyer, Call, CallKind, CallState, Outcome
from callrouter.domain.caller import Caller
from callrouter.domain.decision import Decision
from callrouter.domain.offer import Decline, Offer
from callrouter.domain.reasons import OFFER, Reason
from callrouter.places.zips import lookup, read_zip

_TALKED = frozenset({AttemptResult.BRIDGED, AttemptResult.EARLY_HANGUP})


def arrive(event: CallArrived, kind: CallKind, caller: Caller, at: Setting) -> Step:
    """A caller reached one of the plan's numbers: ask what we must know, or start the auction at once."""
    call = Call(
        sid=event.sid,
        plan=at.plan.plan,
        kind=kind,
        to=event.to,
        caller=_placed(caller),
        started_at=at.received_at,
        carrier_zip=event.carrier_zip,
        call_token=event.call_token,
    ).noted(at.received_at, "arrived", kind.value)
    if call.caller.zip is None and at.plan.intake.zip == "caller_id":
        call = _with_zip(call, event.carrier_zip)
    if call.caller.zip is None and at.plan.intake.zip != "caller_id":
        return _ask(call, at)
    return begin_auction(call, at)


def zip_entered(call: Call, event: ZipEntered, at: Setting) -> Step:
    """The caller answered the question for the zip, or did not."""
    if call.state is not CallState.INTAKE or event.try_no != call.zip_tries:
        return Step(call, standing(call, at))
    zip_code = read_zip(event.digits or event.speech or "")
    call = call.noted(at.now, "zip_entered", "understood" if zip_code else "not understood")
    if zip_code is None and call.zip_tries < at.plan.intake.attempts:
        return _ask(call, at)
    if zip_code is None and at.plan.intake.zip == "ask_then_caller_id":
        zip_code = call.carrier_zip
    return begin_auction(_with_zip(call, zip_code), at)


def take_over(call: Call, seen_owner: str, at: Setting) -> Step:
    """The instance that ran the auction is gone: this one goes on with what is left of its time.

    ``seen_owner`` is who was found dead: if another has taken over meanwhile, it is that one's.
    """
    taken = call.state is CallState.AUCTION or call.renewing
    if not taken or call.auction is None or call.auction.owner != seen_owner:
        return Step(call, standing(call, at))
    waited = call.waiting
    # Whom a dead owner had asked, it cannot tell us of: they may be asked again. One that only stops still does.
    asks_again = bool(call.attempts or (seen_owner and call.auction.awaited))
    awaited = () if seen_owner else call.auction.awaited
    run = call.auction.model_copy(update={"owner": at.instance, "awaited": awaited})
    call = call.replaced(auction=run).noted(at.now, "auction_taken_over", str(run.no))
    if waited:
        return go_on(call, at, may_ask_again=asks_again, after="look")
    if call.accepting is not None and not seen_owner:
        # An instance that stops left it to others, unsent: whether it is still worth it is decided anew.
        call = call.replaced(acceptances=call.acceptances[:-1], offers=(call.accepting.offer, *call.offers))
        return go_on(call, at, may_ask_again=bool(call.attempts))
    if call.accepting is not None:
        # Whether the buyer got the post is not known, and a second one would commit twice: the next offer.
        lost = Decline(reason=Reason.ERROR_UNREACHABLE, detail="the instance that asked has died")
        return accepted(call, call.accepting.no, lost, at, may_ask_again=asks_again)
    return Step(call, Hold(run.no, 0), runs_auction=True)


def auction_closed(
    call: Call,
    auction_no: int,
    offers: tuple[Offer, ...],
    closed_by: str,
    at: Setting,
    awaited: tuple[AwaitedBuyer, ...] = (),
    decisions: tuple[Decision, ...] = (),
) -> Step:
    """The auction is decided for the first time, after the ``decisions`` to wait that led here.

    ``awaited`` buyers may still answer: their offers are for the next dial.
    """
    run, transfer = call.auction, call.transfer
    asked = call.state is CallState.AUCTION or (transfer is not None and call.state is not CallState.ENDED)
    if not asked or run is None or run.no != auction_no or run.closed_at is not None:
        return Step(call, standing(call, at))
    run = run.model_copy(update={"closed_at": at.now, "offers": len(offers), "awaited": awaited})
    call = call.replaced(auction=run).noted(at.now, "auction_closed", f"{counted(len(offers))}, {closed_by}")
    if transfer is not None:
        if offers:  # the agent is shown them in this order, and the first is dialled when she bridges
            call, verdict = chosen(call, run, known_of(call, run, offers, (), at), "close", at)
            offers = in_order(offers, verdict)
        return transferring.gathered(call, offers, at)
    call = call.replaced(offers=offers, decisions=(*call.decisions, *decisions))
    return go_on(call, at, may_ask_again=False, after="close")


def late_replies(call: Call, auction_no: int, replied: Mapping[str, Offer | None], at: Setting) -> Step:
    """Buyers have answered after the first dial was decided: what they offer is for the next one. Whoever holds a
    caller for it looks again."""
    run = call.auction
    if run is None or run.no != auction_no or run.closed_at is None or call.state is CallState.ENDED:
        return Step(call, standing(call, at))
    awaited = tuple(buyer for buyer in run.awaited if buyer.buyer not in replied)
    if awaited == run.awaited:
        return Step(call, standing(call, at))
    failed = failed_buyers(call)
    late = tuple(offer for offer in replied.values() if offer is not None and offer.buyer not in failed)
    call = call.replaced(auction=run.model_copy(update={"awaited": awaited}), offers=(*call.offers, *late))
    for offer in late:
        call = call.noted(at.now, "late_offer", offer.buyer)
    return Step(call, None)


def look_again(call: Call, auction_no: int, heard: bool, at: Setting) -> Step:
    """A caller is held for a late offer; one was ``heard``, or time has passed: is it still worth it?"""
    run = call.auction
    if not call.waiting or run is None or run.no != auction_no:
        return Step(call, standing(call, at))
    step = go_on(call, at, may_ask_again=bool(call.attempts), after="reply" if heard else "look")
    return Step(call, standing(call, at)) if step.call.waiting else step


def accepted(call: Call, no: int, verdict: Offer | Decline, at: Setting, *, may_ask_again: bool = False) -> Step:
    """The buyer of a bid has named its number, or has not: dial it, or go on with the next offer."""
    acceptance = call.accepting
    if acceptance is None or acceptance.no != no:
        return Step(call, standing(call, at))
    result = OFFER if isinstance(verdict, Offer) else verdict.reason.value
    detail = None if isinstance(verdict, Offer) else verdict.detail
    acceptance = acceptance.model_copy(update={"result": result, "detail": detail, "ended_at": at.now})
    call = call.replaced(acceptances=(*call.acceptances[:-1], acceptance))
    call = call.noted(at.now, "post_ended", f"{acceptance.offer.buyer} {result}")
    # With further offers in hand, none is left only if they lapsed meanwhile: those buyers are asked again.
    may_ask_again = may_ask_again or bool(call.attempts or call.offers)
    if not isinstance(verdict, Offer):
        return go_on(call, at, may_ask_again=may_ask_again)
    call = call.replaced(offers=(verdict, *call.offers))
    return go_on(call, at, may_ask_again=may_ask_again, taken_up=verdict.buyer)


def leg_changed(call: Call, event: LegChanged, at: Setting) -> Step:
    """The buyer's leg moved on. Statuses come in any order: each sets what it knows, once."""
    attempt = next((a for a in call.attempts if a.no == event.attempt_no), None)
    if attempt is None or call.state is CallState.ENDED:
        return Step(call, None)
    news: dict[str, object] = {"leg_sid": attempt.leg_sid or event.leg_sid}
    field = {
        LegStatus.INITIATED: "initiated_at",
        LegStatus.RINGING: "ringing_at",
        LegStatus.IN_PROGRESS: "answered_at",
    }.get(event.status, "ended_at")
    if getattr(attempt, field) is None:
        news[field] = at.now
    if event.status.final:
        news["leg_ended_at"] = attempt.leg_ended_at or at.now
    if event.leg_s is not None:
        news["leg_s"] = event.leg_s
    attempt = attempt.model_copy(update=news)
    call = call.with_attempt(attempt).noted(at.now, f"leg_{event.status.value.replace('-', '_')}", str(attempt.no))
    if event.status is LegStatus.IN_PROGRESS and call.state is CallState.DIALLING and attempt.live:
        return Step(moved(call, CallState.BRIDGED), None, withdraws_callback=True)
    if event.status.final and call.gone_at is not None and attempt.live and attempt is call.attempt:
        return _settle_gone(call, attempt, event.status, event.leg_s, at)
    return Step(call, None)


def dial_ended(call: Call, event: DialEnded, at: Setting) -> Step:
    """A dial is over: the call is done, or the caller is offered on."""
    attempt = next((a for a in call.attempts if a.no == event.attempt_no), None)
    if attempt is None or not attempt.live or call.state is CallState.ENDED:
        return Step(call, standing(call, at))
    result = _result_of(attempt, event, at)
    attempt = attempt.model_copy(
        update={
            "result": result,
            "action_at": at.now,
            "action_s": event.bridged_s,
            "bridged_s": _bridged_s(attempt, event, at) if result in _TALKED else event.bridged_s,
            "ended_at": attempt.ended_at or at.now,
            "leg_sid": event.leg_sid or attempt.leg_sid,
            "ended_by": ("buyer" if event.caller_there else "caller") if result in _TALKED else None,
        }
    )
    call = call.with_attempt(attempt).noted(at.now, "dial_ended", f"{attempt.no} {result.value}")
    if result is AttemptResult.BRIDGED:
        return close(call, Outcome.BRIDGED, at)
    if not event.caller_there:
        return close(call, Outcome.ABANDONED, at)
    return go_on(call, at, may_ask_again=True)


def caller_status(call: Call, event: CallerStatus, at: Setting) -> Step:
    """The caller's own leg ended. While a dial is open its own report, or the sweeper, tells how that ended."""
    if not event.status.final or call.state is CallState.ENDED or call.gone_at is not None:
        return Step(call, None)
    call = call.replaced(gone_at=at.now).noted(at.now, "caller_gone")
    attempt = call.attempt
    if attempt is None or not attempt.live or call.state not in (CallState.DIALLING, CallState.BRIDGED):
        return close(call, Outcome.ABANDONED, at)
    if attempt.leg_s is not None:
        return _settle_gone(call, attempt, LegStatus.COMPLETED, attempt.leg_s, at)
    return Step(call, None)


def dial_lapsed(call: Call, at: Setting) -> Step:
    """The dial that was decided never started and its window is over: the next one."""
    attempt = call.attempt
    if call.state is not CallState.DIALLING or attempt is None or not attempt.live:
        return Step(call, standing(call, at))
    attempt = attempt.model_copy(update={"result": AttemptResult.FAILED, "ended_at": at.now})
    return go_on(call.with_attempt(attempt).noted(at.now, "dial_lapsed", str(attempt.no)), at, may_ask_again=True)


def _result_of(attempt: Attempt, event: DialEnded, at: Setting) -> AttemptResult:
    # DialBridged is the authority; without it a completed dial with seconds on it was a bridge.
    bridged = (
        event.bridged if event.bridged is not None else (event.status is DialStatus.COMPLETED and bool(event.bridged_s))
    )
    if bridged:
        talked_s = _bridged_s(attempt, event, at)
        # A bridge of whose length nobody says anything was no short one; one that is paid for is a sale.
        short = talked_s is not None and talked_s < at.plan.bridge.early_hangup_s and not attempt.pays_after(talked_s)
        return AttemptResult.EARLY_HANGUP if event.caller_there and short else AttemptResult.BRIDGED
    if not event.caller_there:
        return AttemptResult.CALLER_GONE
    return {
        DialStatus.BUSY: AttemptResult.BUSY,
        DialStatus.NO_ANSWER: AttemptResult.NO_ANSWER,
    }.get(event.status, AttemptResult.FAILED)


def _bridged_s(attempt: Attempt, event: DialEnded, at: Setting) -> int | None:
    """How long they talked, from whoever says so: the dial, the leg's own report, or our clock since its answer."""
    for said in (event.bridged_s, attempt.leg_s):
        if said is not None:
            return said
    return int(at.now - attempt.answered_at) if attempt.answered_at is not None else None


def _settle_gone(call: Call, attempt: Attempt, status: LegStatus, leg_s: int | None, at: Setting) -> Step:
    """The caller has gone and the leg's end is known: bridged if they talked, abandoned if not.

    Their leg ended before we were asked what next, as it does only when they hang up. Where nobody told us of either
    (``gone_at`` unset) it stays open who did.
    """
    talked = status is LegStatus.COMPLETED and bool(leg_s)
    result = AttemptResult.BRIDGED if talked else AttemptResult.CALLER_GONE
    hung_up = "caller" if talked and call.gone_at is not None else None
    attempt = attempt.model_copy(
        update={"result": result, "leg_s": leg_s, "ended_at": attempt.ended_at or at.now, "ended_by": hung_up}
    )
    return close(call.with_attempt(attempt), Outcome.BRIDGED if talked else Outcome.ABANDONED, at)


def _ask(call: Call, at: Setting) -> Step:
    tries = call.zip_tries + 1
    call = moved(call, CallState.INTAKE, zip_tries=tries).noted(at.now, "zip_asked", str(tries))
    return Step(call, AskZip(tries))


def _with_zip(call: Call, zip_code: str | None) -> Call:
    return call.replaced(caller=_placed(call.caller.updated(zip=zip_code)))


def _placed(caller: Caller) -> Caller:
    """The zip checked against the table, which also knows its state."""
    place = lookup(caller.zip) if caller.zip else None
    if place is None:
        return caller.model_copy(update={"zip": None})
    return caller.model_copy(update={"zip": place.zip, "state": place.state})


def leg_of(call: Call, attempt: Attempt, legs: tuple[Leg, ...]) -> Leg | None:
    """Which of the carrier's legs is this attempt's: by its id, else the last one to its number.

    Two buyers may name the same number: a leg that is known to be another attempt's is not this one's.
    """
    others = {a.leg_sid for a in call.attempts if a.no != attempt.no}
    mine = [leg for leg in legs if leg.sid not in others]
    by_sid = next((leg for leg in mine if leg.sid == attempt.leg_sid), None)
    return by_sid or next((leg for leg in reversed(mine) if leg.to == attempt.offer.number), None)


def lost(call: Call, legs: tuple[Leg, ...], at: Setting) -> Step:
    """The carrier says that the caller's leg has ended, and nobody told us how: settle from its own legs."""
    if call.state is CallState.ENDED:
        return Step(call, None)
    call = call.noted(at.now, "found_ended", "the carrier was asked")
    attempt = call.attempt
    if attempt is None or not attempt.live:
        return close(call, Outcome.ABANDONED, at)
    leg = leg_of(call, attempt, legs)
    status = leg.status if leg else LegStatus.CANCELED
    return _settle_gone(call, attempt, status, leg.duration_s if leg else None, at)


def left_at_pin(sid: str, to: str, caller: Caller, started_at: float, at: Setting) -> Step:
    """Whoever transferred a caller to us hung up at the question for the pin: nobody says whose number that is."""
    call = Call(sid=sid, plan=at.plan.plan, kind=CallKind.TRANSFER, to=to, caller=caller, started_at=started_at)
    step = close(
        call.noted(started_at, "arrived", "asked for a pin").noted(at.now, "caller_gone"), Outcome.ABANDONED, at
    )
    return _unowed(step, "none: it hung up when it was asked for the transfer's pin")


def _unowed(step: Step, why: str) -> Step:
    return Step(step.call.replaced(callback=why, callback_at=None, sale=None), step.command)


def missed(sid: str, to: str, kind: CallKind, caller: Caller, started_at: float, taken: bool, at: Setting) -> Step:
    """A call that reached our number while nobody here could answer: it is owed a callback.

    ``taken``: the carrier's fallback connected it to somebody; then nothing is owed.
    """
    call = Call(sid=sid, plan=at.plan.plan, kind=kind, to=to, caller=_placed(caller), started_at=started_at)
    step = close(call.noted(at.now, "found_missed", "no webhook of it was ever answered"), Outcome.FAILED, at)
    if not taken:
        return step
    return _unowed(step, "none: the carrier's fallback connected the caller")
