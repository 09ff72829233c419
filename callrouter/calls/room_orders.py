"""What the carrier is told to do with a warm transfer's room: who is called, who hears music, who is let go. Pure."""

from dataclasses import replace

from callrouter.calls.closing import farewell
from callrouter.calls.setting import Setting, Step
from callrouter.carrier.seam import Apologise, BringIn, CallIn, EndsRoom, HangUp, Order, PutOnHold, Release, Tell
from callrouter.domain.call import Attempt, Call, CallState, Outcome
from callrouter.domain.transfer import Party, PartyRole, Transfer, Way


def may_dial(transfer: Transfer) -> bool:
    """Whether the caller is there, on our line or in the room, and the agent too unless they are not expected."""
    if transfer.line is not None:
        return True
    caller, agent = transfer.caller_party, transfer.latest(PartyRole.AGENT)
    return caller is not None and caller.there and (agent is None or agent.there or agent.over)


def agent_decides(transfer: Transfer) -> bool:
    """Whether an agent is with the caller, so that it is for them to say what happens when nobody is left to dial."""
    if transfer.way is Way.BRIDGE:
        return transfer.present(PartyRole.AGENT) is not None
    return transfer.line is None


def enter(call: Call, role: PartyRole, address: str, leg_sid: str | None, at: Setting) -> tuple[Call, Order]:
    """Bring an agent or a caller into the room: a live call of theirs, or one that is placed."""
    transfer = _of(call)
    no = sum(party.role is role for party in transfer.parties) + 1
    party = Party(role=role, no=no, address=address, sid=leg_sid, ordered_at=at.now, orders=1)
    call = call.replaced(transfer=transfer.with_party(party)).noted(at.now, "party_called", party.label)
    return call, order_of(call, party, at)


def ring_buyer(call: Call, attempt: Attempt, at: Setting) -> tuple[Call, Order]:
    """Place the buyer's leg of this attempt."""
    party = Party(role=PartyRole.BUYER, no=attempt.no, address=attempt.offer.number, ordered_at=at.now, orders=1)
    call = call.replaced(transfer=_of(call).with_party(party))
    return call, order_of(call, party, at)


def order_of(call: Call, party: Party, at: Setting) -> Order:
    """What brings this leg into the room."""
    transfer = _of(call)
    room = transfer.room or ""
    starts = party.role is not PartyRole.CALLER
    if party.sid is not None and not party.address:
        return BringIn(room, party.label, party.sid, starts)
    attempt = call.attempt if party.role is PartyRole.BUYER else None
    return CallIn(
        room,
        party.label,
        party.address,
        attempt.caller_id if attempt else call.to,
        attempt.ring_timeout_s if attempt else at.plan.transfers.agent_ring_s,
        starts,
        transfer.call_token if attempt and attempt.caller_id == call.caller.phone else None,
    )


def settled(step: Step, at: Setting) -> Step:
    """The step of a warm transfer, with what the room needs after it: music for who waits, and nobody left behind."""
    call = step.call
    if call.transfer is None or call.transfer.way is not Way.BRIDGE:
        return step
    call, orders = (call, _cleared(call)) if call.state is CallState.ENDED else _music(call, at)
    return replace(step, call=call, orders=(*step.orders, *orders)) if orders else step


def handed_over(call: Call, at: Setting) -> tuple[Order, ...]:
    """The agent leaves: the last pair closes together, unless a buyer that leaves soon is to be replaced."""
    transfer, attempt = _of(call), call.attempt
    agent, caller = transfer.present(PartyRole.AGENT), transfer.caller_party
    talked_s = at.now - attempt.answered_at if attempt and attempt.answered_at is not None else 0.0
    orders: list[Order] = []
    closing = [caller, transfer.present(PartyRole.BUYER) if talked_s >= at.plan.bridge.early_hangup_s else None]
    orders += [_ends(transfer, party) for party in closing if party and party.there and party.sid]
    if agent is not None and agent.sid is not None and not transfer.merged:
        orders.append(Release(agent.label, agent.sid))
    return tuple(orders)


def _music(call: Call, at: Setting) -> tuple[Call, tuple[Order, ...]]:
    """Music for the caller while they wait: until a buyer is there, or as long as no agent talks with them."""
    transfer = _of(call)
    caller = transfer.present(PartyRole.CALLER)
    if caller is None or caller.sid is None or transfer.room_sid is None:
        return call, ()
    talking = call.state in (CallState.OPEN, CallState.AUCTION)  # nobody rings
    accompanied = transfer.present(PartyRole.AGENT) is not None and talking
    waits = transfer.present(PartyRole.BUYER) is None and not accompanied
    if waits == caller.held or (waits and not _started(transfer)):
        return call, ()
    changed = transfer.with_party(caller.model_copy(update={"held": waits, "hold_ordered_at": at.now}))
    call = call.replaced(transfer=changed).noted(at.now, "caller_held" if waits else "caller_unheld")
    return call, (PutOnHold(transfer.room_sid, caller.label, caller.sid, waits),)


def _started(transfer: Transfer) -> bool:
    """Whether the room has begun: until then whoever is in it hears music anyway."""
    return any(party.role is not PartyRole.CALLER and party.joined_at is not None for party in transfer.parties)


def _cleared(call: Call) -> tuple[Order, ...]:
    """The call is over: an agent and a caller may talk on, and everybody else is let go."""
    transfer = _of(call)
    here = [party for party in transfer.parties if not party.over]
    agent, caller = transfer.present(PartyRole.AGENT), transfer.present(PartyRole.CALLER)
    together = agent is not None and caller is not None and call.gone_at is None and transfer.completed_at is None
    orders: list[Order] = []
    for party in here:
        if party.sid is None:
            continue  # whoever comes later finds a call that is over, and is let go then
        if together and party in (agent, caller):
            orders += _stays(transfer, party)
        elif party is caller and call.outcome in (Outcome.UNSOLD, Outcome.FAILED):
            orders.append(Tell(party.label, party.sid, Apologise(farewell(call))))
        elif party.role is PartyRole.CALLER and not party.address:
            orders.append(Tell(party.label, party.sid, HangUp()))
        else:
            orders.append(Release(party.label, party.sid))
    return tuple(orders)


def _stays(transfer: Transfer, party: Party) -> list[Order]:
    orders: list[Order] = [_ends(transfer, party)]
    if party.held and transfer.room_sid and party.sid:
        orders.append(PutOnHold(transfer.room_sid, party.label, party.sid, False))
    return orders


def _ends(transfer: Transfer, party: Party) -> EndsRoom:
    return EndsRoom(transfer.room_sid or "", party.label, party.sid or "")


def _of(call: Call) -> Transfer:
    if call.transfer is None:
        raise ValueError("only warm transfers have rooms")
    return call.transfer
