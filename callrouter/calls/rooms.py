"""What happens in a warm transfer's room, and what follows from it. Pure.

Reports of rooms and legs come in any order, twice, or not at all: each sets what it knows, once, and
``room_looks.py`` makes up for those that never came.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from callrouter.calls.closing import close
from callrouter.calls.selling import go_on
from callrouter.calls.setting import Setting, Step
from callrouter.calls.states import moved
from callrouter.carrier.seam import (
    Command,
    EnterRoom,
    HangUp,
    LeftRoom,
    LeftWhy,
    LegStatus,
    Order,
    PartyChanged,
    Release,
    RoomChanged,
    RoomEvent,
)
from callrouter.domain.call import Attempt, AttemptResult, Call, CallState, Outcome
from callrouter.domain.transfer import Party, PartyRole, Transfer, Way

CONFIRM_S = 4.0
"""How long an order may go unconfirmed before the carrier is asked what came of it."""
MAX_ORDERS = 3
_FAILURES = frozenset({LegStatus.BUSY, LegStatus.NO_ANSWER, LegStatus.CANCELED})


def room_changed(call: Call, event: RoomChanged, at: Setting) -> Step:
    """A leg came into the room or left it."""
    transfer = call.transfer
    if call.state is CallState.ENDED or transfer is None or transfer.way is not Way.BRIDGE:
        return Step(call, None)
    if transfer.room_sid is None:
        transfer = transfer.model_copy(update={"room_sid": event.room_sid})
    party = meant(transfer, event.label, event.leg_sid)
    if party is None or (event.room_sid == transfer.room_sid and event.seq <= party.seq):
        changed = call.replaced(transfer=transfer) if transfer is not call.transfer else call
        return Step(changed, None)
    newer = transfer.with_party(party.model_copy(update={"seq": event.seq, "sid": party.sid or event.leg_sid or None}))
    call = call.replaced(transfer=newer.model_copy(update={"room_sid": event.room_sid}))
    match event.what:
        case RoomEvent.JOINED:
            return joined(call, party.label, at)
        case RoomEvent.LEFT:
            return _left_room(call, party.label, event.why, event.leg_status, at)
        case RoomEvent.HELD | RoomEvent.UNHELD if party.held == (event.what is RoomEvent.HELD):
            return Step(_hold_confirmed(call, party.label), None)
        case _:
            return Step(call, None)


def _hold_confirmed(call: Call, label: str) -> Call:
    party = call.transfer.party(label) if call.transfer is not None else None
    if call.transfer is None or party is None:
        return call
    return call.replaced(transfer=call.transfer.with_party(party.model_copy(update={"hold_ordered_at": None})))


def party_changed(call: Call, event: PartyChanged, at: Setting) -> Step:
    """A leg that we placed moved on."""
    transfer = call.transfer
    party = meant(transfer, event.label, event.leg_sid) if transfer else None
    if call.state is CallState.ENDED or transfer is None or party is None:
        return Step(call, None)
    if party.over and (event.status is LegStatus.IN_PROGRESS or (party.sid is None and not event.status.final)):
        return Step(call, None, orders=(Release(party.label, event.leg_sid),))  # given up before it came
    field = {LegStatus.RINGING: "ringing_at", LegStatus.IN_PROGRESS: "answered_at"}.get(event.status)
    news: dict[str, object] = {"sid": party.sid or event.leg_sid}
    if field and getattr(party, field) is None:
        news[field] = at.now
    call = call.replaced(transfer=transfer.with_party(party.model_copy(update=news)))
    if party.role is PartyRole.BUYER:
        call = _on_attempt(call, party.no, event, at)
    if event.status.final and _room_tells_who(call, party):
        return Step(call, None)
    if event.status.final:
        return gone(call, party.label, event.status, event.leg_s, at)
    return Step(call, None)


def _room_tells_who(call: Call, party: Party) -> bool:
    """Whether it is the room's word that is awaited: the last pair's legs end together, whoever hung up."""
    handed_over = call.transfer is not None and call.transfer.completed_at is not None
    return handed_over and party.role is PartyRole.BUYER and party.there and call.gone_at is None


def left_room(call: Call, event: LeftRoom, at: Setting) -> Step:
    """A call that we brought into the room is out of it: back in while its transfer lives, else let go."""
    transfer = call.transfer
    party = transfer.party(event.label) if transfer else None
    if transfer is None or party is None or party.sid != event.leg_sid or call.state is CallState.ENDED:
        return Step(call, HangUp())
    if not event.there:
        return replace(gone(call, party.label, LegStatus.COMPLETED, None, at), command=HangUp())
    if party.over or _closes_with_the_buyer(call, at):
        return Step(call, HangUp())
    if party.joined_at is None and party.orders >= MAX_ORDERS:  # it cannot come in
        return replace(gone(call, party.label, LegStatus.FAILED, None, at), command=HangUp())
    tries = party.orders + 1 if party.joined_at is None else 1
    back = party.model_copy(update={"joined_at": None, "held": False, "ordered_at": at.now, "orders": tries})
    call = call.replaced(transfer=transfer.with_party(back)).noted(at.now, "party_back", party.label)
    return Step(call, re_enter(call, party))


def _closes_with_the_buyer(call: Call, at: Setting) -> bool:
    """Whether the last pair's room has ended because the buyer left it, whose own report is on its way."""
    attempt = call.attempt
    answered_at = attempt.answered_at if attempt is not None and call.state is CallState.BRIDGED else None
    handed_over = call.transfer is not None and call.transfer.completed_at is not None
    return handed_over and answered_at is not None and at.now - answered_at >= at.plan.bridge.early_hangup_s


def re_enter(call: Call, party: Party) -> Command:
    """What takes a live call into the room."""
    transfer = call.transfer
    room = transfer.room if transfer else None
    return EnterRoom(room, party.label, party.role is not PartyRole.CALLER) if room else HangUp()


def gone(call: Call, label: str, status: LegStatus, leg_s: int | None, at: Setting) -> Step:
    """A leg is over. ``leg_s`` is its length as the carrier reports it."""
    transfer = call.transfer
    party = transfer.party(label) if transfer else None
    if transfer is None or party is None:
        return Step(call, None)
    if party.role is PartyRole.BUYER:
        call = _marked_gone(call, party, status.value, at)
        return buyer_gone(call, party.no, status, leg_s, at)
    if party.over:
        return Step(call, None)
    call = _marked_gone(call, party, status.value, at)
    if party.role is PartyRole.AGENT and not transfer.merged:
        return _agent_gone(call, party, at)
    return _caller_gone(call, party, at)


def stray(call: Call, event: PartyChanged | RoomChanged) -> Order | None:
    """The order that lets a leg go which comes to a transfer that was over before we knew of it."""
    if call.state is not CallState.ENDED or call.transfer is None or not event.leg_sid:
        return None
    party = call.transfer.party(event.label)
    if party is None or party.sid is not None or (isinstance(event, PartyChanged) and event.status.final):
        return None
    if isinstance(event, RoomChanged) and event.what is not RoomEvent.JOINED:
        return None
    return Release(event.label, event.leg_sid)


def then(step: Step, following: Callable[[Call], Step]) -> Step:
    """One step after another, as one."""
    if step.call.state is CallState.ENDED:
        return step
    after = following(step.call)
    return replace(
        after,
        command=after.command or step.command,
        orders=(*step.orders, *after.orders),
        runs_auction=step.runs_auction or after.runs_auction,
        expired=(*step.expired, *after.expired),
        withdraws_callback=step.withdraws_callback or after.withdraws_callback,
    )


def call_off(call: Call, at: Setting) -> tuple[Call, tuple[Order, ...]]:
    """The agent does not want the buyer that rings or talks: its leg is let go. One that talked long enough pays."""
    attempt, transfer = call.attempt, call.transfer
    if attempt is None or transfer is None or not attempt.live:
        return call, ()
    talked_s = int(at.now - attempt.answered_at) if attempt.answered_at is not None else None
    paid = talked_s is not None and attempt.pays_after(talked_s)
    result = AttemptResult.BRIDGED if paid else AttemptResult.CALLED_OFF
    ended = attempt.model_copy(
        update={"result": result, "bridged_s": talked_s, "ended_at": at.now, "ended_by": "agent" if paid else None}
    )
    call = call.with_attempt(ended).noted(at.now, "dial_called_off", str(attempt.no))
    party = transfer.party(f"{PartyRole.BUYER.value}-{attempt.no}")
    if party is None:
        return call, ()
    call = call.replaced(transfer=transfer.with_party(party.model_copy(update={"left_at": at.now})))
    return call, (Release(party.label, party.sid),) if party.sid else ()


def meant(transfer: Transfer, label: str, leg_sid: str) -> Party | None:
    by_sid = next((party for party in transfer.parties if leg_sid and party.sid == leg_sid), None)
    if by_sid is not None:
        return by_sid
    named = transfer.party(label)
    return named if named is not None and named.sid is None else None


def joined(call: Call, label: str, at: Setting) -> Step:
    transfer = call.transfer
    party = transfer.party(label) if transfer else None
    if transfer is None or party is None or party.there:
        return Step(call, None)
    if party.over:  # let go before it was known to have come
        return Step(call, None, orders=(Release(party.label, party.sid),) if party.sid else ())
    there = party.model_copy(update={"joined_at": at.now, "answered_at": party.answered_at or at.now})
    call = call.replaced(transfer=transfer.with_party(there)).noted(at.now, "party_joined", label)
    if party.role is PartyRole.BUYER:
        return _connected(call, party.no, at)
    return go_on(call, at, may_ask_again=True) if call.state is CallState.OPEN else Step(call, None)


def _connected(call: Call, attempt_no: int, at: Setting) -> Step:
    attempt = next((a for a in call.attempts if a.no == attempt_no), None)
    if attempt is None or not attempt.live or call.state is not CallState.DIALLING:
        return Step(call, None)
    call = call.with_attempt(attempt.model_copy(update={"answered_at": attempt.answered_at or at.now}))
    return Step(moved(call, CallState.BRIDGED), None, withdraws_callback=True)


def _on_attempt(call: Call, no: int, event: PartyChanged, at: Setting) -> Call:
    """The buyer's dial knows what its leg went through."""
    attempt = next((a for a in call.attempts if a.no == no), None)
    if attempt is None:
        return call
    field = {
        LegStatus.INITIATED: "initiated_at",
        LegStatus.RINGING: "ringing_at",
        LegStatus.IN_PROGRESS: "answered_at",
    }.get(event.status, "ended_at")
    news: dict[str, object] = {"leg_sid": attempt.leg_sid or event.leg_sid}
    if getattr(attempt, field) is None:
        news[field] = at.now
    if event.status.final:
        news["leg_ended_at"] = attempt.leg_ended_at or at.now
    if event.leg_s is not None:
        news["leg_s"] = event.leg_s
    return call.with_attempt(attempt.model_copy(update=news)).noted(
        at.now, f"leg_{event.status.value.replace('-', '_')}", str(no)
    )


def _left_room(call: Call, label: str, why: LeftWhy | None, leg: LegStatus | None, at: Setting) -> Step:
    transfer = call.transfer
    party = transfer.party(label) if transfer else None
    if transfer is None or party is None or party.over:
        return Step(call, None)
    if party.role is PartyRole.BUYER and party.joined_at is not None:
        # Its own report has the length that counts for money, and is on its way; the sweeper asks if it is not.
        call = _marked_gone(call, party, why.value if why else None, at)
        attempt = next((a for a in call.attempts if a.no == party.no), None)
        if attempt is None or attempt.leg_s is None:
            return Step(call, None)
        return buyer_gone(call, party.no, LegStatus.COMPLETED, attempt.leg_s, at)
    if not party.address and why is not LeftWhy.HUNG_UP:
        return Step(call, None)  # a live call that left the room: its line asks what next
    failed = leg if leg in _FAILURES else LegStatus.FAILED
    status = LegStatus.COMPLETED if party.joined_at is not None else failed
    return gone(call.noted(at.now, "party_why", f"{label} {why.value if why else 'unknown'}"), label, status, None, at)


def _marked_gone(call: Call, party: Party, why: str | None, at: Setting) -> Call:
    transfer = call.transfer
    if transfer is None or party.over:
        return call
    left = party.model_copy(update={"left_at": at.now, "why_left": why})
    return call.replaced(transfer=transfer.with_party(left)).noted(at.now, "party_left", party.label)


def buyer_gone(call: Call, no: int, status: LegStatus, leg_s: int | None, at: Setting) -> Step:
    attempt = next((a for a in call.attempts if a.no == no), None)
    if attempt is None or not attempt.live:
        return Step(call, None)
    talked = attempt.answered_at is not None or (status is LegStatus.COMPLETED and bool(leg_s))
    talk_s = leg_s if leg_s is not None else int(at.now - attempt.answered_at) if attempt.answered_at else None
    result = _result(call, attempt, status, talk_s or 0 if talked else None, at)
    ended = attempt.model_copy(
        update={
            "result": result,
            "leg_s": leg_s,
            "bridged_s": talk_s if talked else None,
            "ended_at": attempt.ended_at or at.now,
            "ended_by": _ended_by(call, no) if talked else None,
        }
    )
    call = call.with_attempt(ended).noted(at.now, "dial_ended", f"{no} {result.value}")
    if result is AttemptResult.BRIDGED:
        return close(call, Outcome.BRIDGED, at)
    if result is AttemptResult.CALLER_GONE:
        return close(call, Outcome.ABANDONED, at)
    return go_on(call, at, may_ask_again=True)


def _ended_by(call: Call, no: int) -> Literal["caller", "buyer"] | None:
    """Who ended the talk. When the last pair closes together, only the room says which of the two hung up."""
    transfer = call.transfer
    party = transfer.party(f"{PartyRole.BUYER.value}-{no}") if transfer else None
    why = party.why_left if party is not None else None
    if why in (LeftWhy.HUNG_UP, LeftWhy.ROOM_ENDED):
        return "buyer" if why == LeftWhy.HUNG_UP else "caller"
    if call.gone_at is not None:
        return "caller"
    return "buyer" if transfer is None or transfer.completed_at is None else None


def _result(call: Call, attempt: Attempt, status: LegStatus, talk_s: int | None, at: Setting) -> AttemptResult:
    """``talk_s`` is ``None`` when they did not talk."""
    if talk_s is not None:
        early = call.gone_at is None and talk_s < at.plan.bridge.early_hangup_s and not attempt.pays_after(talk_s)
        return AttemptResult.EARLY_HANGUP if early else AttemptResult.BRIDGED
    if call.gone_at is not None:
        return AttemptResult.CALLER_GONE
    return {LegStatus.BUSY: AttemptResult.BUSY, LegStatus.NO_ANSWER: AttemptResult.NO_ANSWER}.get(
        status, AttemptResult.FAILED
    )


def _agent_gone(call: Call, party: Party, at: Setting) -> Step:
    """The agent's line dropped, or was never picked up: the caller is not lost."""
    transfer = call.transfer
    if transfer is None or transfer.completed_at is not None:
        return Step(call, None)
    caller = transfer.caller_party
    if caller is None or caller.over:
        return _nobody_left(call, at)
    call = call.noted(at.now, "agent_gone", "the caller is offered on")
    if call.state is CallState.OPEN and caller.there:
        return go_on(call, at, may_ask_again=True)
    return Step(call, None)


def _nobody_left(call: Call, at: Setting) -> Step:
    """Neither agent nor caller is there: a transfer whose people never came is open again."""
    attempt, transfer = call.attempt, call.transfer
    began = transfer is None or transfer.latest(PartyRole.BUYER) is not None
    if transfer is not None and call.state in (CallState.OPEN, CallState.AUCTION) and not began:
        opened = transfer.model_copy(update={"way": None, "room": None, "room_sid": None})
        return Step(call.replaced(transfer=opened).noted(at.now, "agent_not_reached"), None)
    if attempt is not None and attempt.live:
        return _leaving(call, attempt, at)
    return close(call, Outcome.ABANDONED, at)


def _caller_gone(call: Call, party: Party, at: Setting) -> Step:
    """The caller has left: whether they talked is known when the buyer's leg has ended."""
    transfer = call.transfer
    began = transfer is None or transfer.latest(PartyRole.BUYER) is not None
    if party.joined_at is None and not began:
        return _caller_not_reached(call, at)
    call = call.replaced(gone_at=call.gone_at or at.now).noted(at.now, "caller_gone")
    attempt = call.attempt
    if attempt is None or not attempt.live:
        return close(call, Outcome.ABANDONED, at)
    return _leaving(call, attempt, at)


def _caller_not_reached(call: Call, at: Setting) -> Step:
    """The caller never came: the agent's leg is let go, and they may try another way."""
    transfer = call.transfer
    agent = transfer.latest(PartyRole.AGENT) if transfer is not None else None
    if transfer is None or agent is None or agent.over:
        return _nobody_left(call, at)
    let_go = transfer.with_party(agent.model_copy(update={"left_at": at.now}))
    opened = let_go.model_copy(update={"way": None, "room": None, "room_sid": None})
    call = call.replaced(transfer=opened).noted(at.now, "caller_not_reached")
    return Step(call, None, orders=(Release(agent.label, agent.sid),) if agent.sid else ())


def _leaving(call: Call, attempt: Attempt, at: Setting) -> Step:
    """Nobody is left for the buyer: its leg is let go, and its report says whether they talked."""
    call = call.replaced(gone_at=call.gone_at or at.now)
    if attempt.answered_at is None:
        ended = attempt.model_copy(update={"result": AttemptResult.CALLER_GONE, "ended_at": at.now})
        return close(call.with_attempt(ended), Outcome.ABANDONED, at)
    transfer = call.transfer
    here = [p for p in transfer.parties if not p.over and p.sid] if transfer else []
    return Step(call, None, orders=tuple(Release(p.label, p.sid or "") for p in here))
