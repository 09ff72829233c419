"""How a call ends: its outcome, whether it qualified, and the callback that is owed. Pure."""

from callrouter.callbacks.hours import call_back_at
from callrouter.calls.setting import CallbackWanted, Setting, Step
from callrouter.calls.states import moved
from callrouter.carrier.seam import Apologise, Farewell, HangUp
from callrouter.domain.call import AttemptResult, Call, CallState, Outcome

SALE_ID = "@sale@"
"""Stands in the stored call until the closing script knows the id: an earlier sale may stand already."""
CALLBACK_ID = "@callback@"
"""Stands in the stored call until the closing script knows the id: an earlier callback may stand already."""

_OWING = frozenset({Outcome.UNSOLD, Outcome.ABANDONED, Outcome.FAILED})


def close(call: Call, outcome: Outcome, at: Setting) -> Step:
    """End the call. Exactly one of bridged, callback or nothing owed follows."""
    callback, why_none = _callback(call, outcome, at)
    sold = next((a for a in reversed(call.attempts) if a.result is AttemptResult.BRIDGED), None)
    if outcome is not Outcome.BRIDGED:
        sold = None
    call = moved(
        call,
        CallState.ENDED,
        outcome=outcome,
        ended_at=at.now,
        offers=(),
        buyer=sold.offer.buyer if sold else None,
        payout=sold.offer.payout if sold else None,
        min_duration_s=sold.offer.min_duration_s if sold else None,
        bridged_s=sold.talk_s if sold else None,
        qualified=sold.talk_s >= sold.offer.min_duration_s if sold else None,
        callback=CALLBACK_ID if callback else why_none,
        callback_at=callback.due_at if callback else None,
    ).noted(at.now, "ended", outcome.value)
    return Step(call, HangUp(), callback=callback, withdraws_callback=outcome is Outcome.BRIDGED)


def orphaned(call: Call, now: float) -> Step:
    """End a call whose plan is gone, and whose number no plan has: nothing says what it is owed, or by whom."""
    why = "none: no plan has this number any more"
    call = moved(call, CallState.ENDED, outcome=Outcome.FAILED, ended_at=now, offers=(), callback=why)
    return Step(call.noted(now, "ended", "its plan is gone"), Apologise(Farewell.FAILED))


def _callback(call: Call, outcome: Outcome, at: Setting) -> tuple[CallbackWanted | None, str | None]:
    """The callback owed, or the reason why there is none."""
    if outcome not in _OWING:
        return None, None
    wanted, caller = at.plan.unsold.callback, call.caller
    if wanted is None:
        return None, "none: the plan has no callback"
    if caller.phone is None:
        return None, "none: the caller's number is withheld or not a US or Canadian number"
    due_at = call_back_at(at.now, wanted.delay_s, wanted.hours, caller.phone, caller.zip, caller.state)
    if due_at is None:
        return None, "none: no lawful calling time is known for this number and zip"
    payload = {
        "plan": at.plan.plan,
        "phone": caller.phone,
        "zip": caller.zip,
        "state": caller.state,
        "first_name": caller.first_name,
        "last_name": caller.last_name,
        "email": caller.email,
        "sid": call.sid,
        "why": outcome.value,
        "wanted_at": at.now + wanted.delay_s,
    }
    return CallbackWanted(f"cb-{call.sid}", due_at, due_at + wanted.deadline_s, payload), None
