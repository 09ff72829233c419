"""How a call ends: its outcome, whether it qualified, and the callback that is owed. Pure."""

from dataclasses import replace

from callrouter.callbacks.hours import call_back_at
from callrouter.calls.setting import CallbackWanted, SaleWanted, Setting, Step
from callrouter.calls.states import moved
from callrouter.carrier.seam import Apologise, Farewell, HangUp
from callrouter.domain.call import AttemptResult, Call, CallState, Outcome

SALE_ID = "@sale@"
"""Stands in the stored call until the closing script knows the id: an earlier sale may stand already."""
CALLBACK_ID = "@callback@"
"""Stands in the stored call until the closing script knows the id: an earlier callback may stand already."""

AFTER_SALE = "none: the lead is being sold; a callback follows if it is not"
SALE_WITHIN_S = 900
"""A lead grows stale: what is not sold within this many seconds is given up."""

_SELLING = frozenset({Outcome.UNSOLD, Outcome.FAILED})
_OWING = frozenset({Outcome.UNSOLD, Outcome.ABANDONED, Outcome.FAILED})


def close(call: Call, outcome: Outcome, at: Setting) -> Step:
    """End the call. Exactly one of bridged, callback or nothing owed follows; the lead may be sold besides."""
    callback, why_none = _callback(call, outcome, at)
    sale, why_unsold = _sale(call, outcome, at)
    if sale is not None and at.plan.unsold.after_sale == "none":
        # Whether the person is called back is known when the sale has ended: its script promises it then, or not.
        sale, why_none = replace(sale, callback=callback), AFTER_SALE if callback else why_none
        callback = None
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
        sale=SALE_ID if sale else why_unsold,
    ).noted(at.now, "ended", outcome.value)
    return Step(call, HangUp(), callback=callback, sale=sale, withdraws_callback=outcome is Outcome.BRIDGED)


def hears_again(call: Call) -> bool:
    """Whether somebody will call this person: we, or who buys the lead, or we if nobody buys it."""
    return any(owed is not None and not owed.startswith("none") for owed in (call.callback, call.sale))


def farewell(call: Call) -> Farewell:
    """Which words an ended call is let go with: they promise a callback only when one is owed."""
    owed = hears_again(call)
    if call.outcome is Outcome.FAILED:
        return Farewell.FAILED_CALLBACK if owed else Farewell.FAILED
    return Farewell.UNSOLD_CALLBACK if owed else Farewell.UNSOLD


def orphaned(call: Call, now: float) -> Step:
    """End a call whose plan is gone, and whose number no plan has: nothing says what it is owed, or by whom."""
    why = "none: no plan has this number any more"
    call = moved(call, CallState.ENDED, outcome=Outcome.FAILED, ended_at=now, offers=(), callback=why)
    return Step(call.noted(now, "ended", "its plan is gone"), Apologise(Farewell.FAILED))


def _sale(call: Call, outcome: Outcome, at: Setting) -> tuple[SaleWanted | None, str | None]:
    """The sale of the person's lead, or the reason why none is tried; both ``None`` where there is nothing to sell."""
    caller = call.caller
    if outcome not in _SELLING or not at.plan.unsold.sell_lead:
        return None, None
    if caller.consent is not True:
        return None, "none: the person has not consented" if caller.consent is False else "none: no consent is known"
    if caller.phone is None:
        return None, "none: the caller's number is withheld or not a US or Canadian number"
    payload = {
        "plan": at.plan.plan,
        "phone": caller.phone,
        "sid": call.sid,
        "transfer_type": call.kind.transfer_type,
        "started_at": call.started_at,
        "caller": caller.model_dump(mode="json"),
    }
    return SaleWanted(f"sale-{call.sid}", at.now + SALE_WITHIN_S, payload), None


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
