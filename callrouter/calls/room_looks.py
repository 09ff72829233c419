"""Asking the carrier about a warm transfer: what happened unheard is made up for, what was lost is ordered again."""

from collections.abc import Mapping
from functools import partial

from callrouter.calls.room_orders import may_dial, order_of
from callrouter.calls.rooms import CONFIRM_S, MAX_ORDERS, buyer_gone, gone, joined, meant, then
from callrouter.calls.selling import go_on
from callrouter.calls.setting import Setting, Step
from callrouter.calls.window import ring_timeout_s
from callrouter.carrier.seam import Leg, LegStatus, Order, Release, Room
from callrouter.domain.call import Attempt, Call, CallState
from callrouter.domain.transfer import Party, PartyRole, Transfer


def looked(call: Call, room: Room | None, legs: Mapping[str, Leg | None], at: Setting) -> Step:
    """The carrier was asked: what it says happened is made up for, and what it never did is ordered again.

    ``legs`` has every leg of the transfer whose id is known; ``None`` for one that the carrier does not know.
    """
    step = Step(call, None)
    transfer = call.transfer
    for known in transfer.parties if transfer else ():
        if not known.over:
            step = then(step, partial(_party_looked, label=known.label, room=room, legs=legs, at=at))
    attempt = step.call.attempt
    if step.call.state is not CallState.ENDED and attempt is not None and attempt.live:
        step = then(step, lambda c: _attempt_looked(c, attempt, legs, at))
    after = step.call.transfer
    if step.call.state is CallState.OPEN and after and may_dial(after) and _agent_is_gone(after):
        step = then(step, lambda c: go_on(c, at, may_ask_again=True))
    return then(step, lambda c: Step(c, None, orders=_overstayed(c, room)))


def _agent_is_gone(transfer: Transfer) -> bool:
    agent = transfer.latest(PartyRole.AGENT)
    return agent is None or agent.over


def _overstayed(call: Call, room: Room | None) -> tuple[Order, ...]:
    """Who is in the room and should not be any more: an order to let them go was lost."""
    transfer = call.transfer
    if transfer is None or room is None:
        return ()
    left = transfer.completed_at is not None and not transfer.merged
    found = []
    for leg in room.legs:
        party = meant(transfer, leg.label, leg.leg_sid)
        agent_left = left and party is not None and party.role is PartyRole.AGENT
        if party is None or party.over or agent_left or call.gone_at is not None:
            found.append(Release(leg.label, leg.leg_sid))
    return tuple(found)


def _party_looked(call: Call, label: str, room: Room | None, legs: Mapping[str, Leg | None], at: Setting) -> Step:
    transfer = call.transfer
    party = transfer.party(label) if transfer else None
    if transfer is None or party is None or party.over:
        return Step(call, None)
    seen = next((leg for leg in room.legs if leg.leg_sid == party.sid or leg.label == label), None) if room else None
    if seen is not None and room is not None:
        news = {"sid": party.sid or seen.leg_sid, "held": seen.held, "hold_ordered_at": None}
        known = transfer.with_party(party.model_copy(update=news))
        call = call.replaced(transfer=known.model_copy(update={"room_sid": room.room_sid}))
        return joined(call, label, at)
    asked = party.sid is not None and party.sid in legs  # one that was heard of since then was not asked about
    leg = legs.get(party.sid or "")
    if asked and (leg is None or leg.status.final):
        status = leg.status if leg else LegStatus.FAILED
        return gone(call.noted(at.now, "found_gone", label), label, status, leg.duration_s if leg else None, at)
    due = party.ordered_at is None or at.now - party.ordered_at >= CONFIRM_S
    unheard_of = party.sid is None or not party.address
    if not due or not unheard_of:
        return Step(call, None)
    call = call.noted(at.now, "order_lost", label)
    left = _ring_again(call, party, at)
    if left is None:
        return gone(call, label, LegStatus.FAILED, None, at)
    call = left
    again = party.model_copy(update={"orders": party.orders + 1, "ordered_at": at.now})
    call = call.replaced(transfer=transfer.with_party(again)).noted(at.now, "ordered_again", label)
    return Step(call, None, orders=(order_of(call, again, at),))


def _ring_again(call: Call, party: Party, at: Setting) -> Call | None:
    """The call with what is left of its dial's window, if the leg may be ordered again.

    That rings nobody twice: while a leg lives the carrier takes no other one of its label.
    """
    if party.orders >= (2 if party.role is PartyRole.BUYER else MAX_ORDERS):
        return None
    attempt = call.attempt
    if party.role is not PartyRole.BUYER or attempt is None:
        return call
    rings_s = ring_timeout_s(attempt.offer, at.plan.bridge, at.carrier, at.now, at.carrier.place_s)
    if rings_s is None:
        return None
    return call.with_attempt(attempt.model_copy(update={"ring_timeout_s": min(rings_s, attempt.ring_timeout_s)}))


def _attempt_looked(call: Call, attempt: Attempt, legs: Mapping[str, Leg | None], at: Setting) -> Step:
    """A buyer's leg that has left the room, and whose own report never came."""
    transfer = call.transfer
    party = transfer.party(f"{PartyRole.BUYER.value}-{attempt.no}") if transfer else None
    if party is None or not party.over or party.sid is None or party.sid not in legs:
        return Step(call, None)
    leg = legs[party.sid]
    if leg is not None and not leg.status.final:
        return Step(call, None, orders=(Release(party.label, party.sid),))
    status = leg.status if leg else LegStatus.COMPLETED
    return buyer_gone(call, attempt.no, status, leg.duration_s if leg else None, at)
