"""A warm transfer as an agent sees it. Pure."""

from collections.abc import Mapping

from callrouter.calls.record import auctions_of
from callrouter.dialplan import Plan
from callrouter.domain.call import Call, CallState
from callrouter.domain.offer import BuyerResult
from callrouter.domain.transfer import Party, PartyRole, Transfer, Way
from callrouter.transfers.shown import (
    DialInShown,
    LegShown,
    LegState,
    OfferShown,
    TransferAction,
    TransferShown,
    TransferState,
    TryShown,
)


def shown(call: Call, plan: Plan, replies: Mapping[str, BuyerResult], now: float, role: str) -> TransferShown:
    """``replies`` as the engine keeps them; ``role`` decides whether the payout is shown."""
    transfer = call.transfer
    if transfer is None:
        raise ValueError("not a warm transfer")
    attempt = call.attempt if call.attempts and call.attempts[-1].answered_at is not None else None
    ended_at = attempt.ended_at if attempt else None
    talk_s = (
        round(max(0.0, (ended_at if ended_at is not None else now) - attempt.answered_at), 3)
        if attempt is not None and attempt.answered_at is not None
        else None
    )
    return TransferShown(
        id=call.sid,
        plan=call.plan,
        state=state_of(call, transfer),
        way=transfer.way,
        offer=_offer(call, plan, now, role),
        renewing=call.renewing,
        dial_in=_dial_in(call, plan, transfer),
        caller=call.caller,
        agent=transfer.agent.name,
        legs=_legs(call, transfer),
        attempts=tuple(
            TryShown(no=a.no, buyer=a.offer.buyer, result=a.result.value if a.result else None, talk_s=a.talk_s or None)
            for a in call.attempts
        ),
        reasons=_reasons(call, replies),
        can=_can(call, transfer, plan),
        started_at=call.started_at,
        open_until=transfer.until,
        talking_since=attempt.answered_at if attempt and call.state is CallState.BRIDGED else None,
        talk_s=talk_s,
        min_duration_s=attempt.offer.min_duration_s if attempt else None,
        completed_at=transfer.completed_at,
        ended_at=call.ended_at,
        outcome=call.outcome,
        qualified=call.qualified,
        callback_at=call.callback_at,
    )


def state_of(call: Call, transfer: Transfer) -> TransferState:
    """Where a transfer stands, in an agent's words."""
    match call.state:
        case CallState.DIALLING:
            return TransferState.RINGING
        case CallState.BRIDGED:
            return TransferState.HANDED_OVER if transfer.completed_at is not None else TransferState.TALKING
        case CallState.ENDED:
            return TransferState.ENDED
        case CallState.OPEN if transfer.way is Way.BRIDGE and not call.attempts:
            return TransferState.CONNECTING
        case CallState.OPEN:
            return TransferState.OFFERED if call.offers else TransferState.UNSOLD
        case _:
            return TransferState.ASKING


def _offer(call: Call, plan: Plan, now: float, role: str) -> OfferShown | None:
    if call.state is CallState.ENDED:
        return None
    attempt = call.attempt
    live = attempt.offer if attempt is not None and attempt.live else None
    offer = live or (call.offers[0] if call.offers else None)
    if offer is None:
        return None
    return OfferShown(
        buyer=offer.buyer,
        number=offer.number or None,
        payout=offer.payout if role in plan.transfers.payout_for else None,
        min_duration_s=offer.min_duration_s,
        expires_at=offer.expires_at,
        expires_in_s=round(max(0.0, offer.expires_at - now), 3),
        others=len(call.offers) - (0 if live else 1),
    )


def _dial_in(call: Call, plan: Plan, transfer: Transfer) -> DialInShown | None:
    if not plan.numbers.transfer or transfer.way is not None or call.state is CallState.ENDED:
        return None
    return DialInShown(number=plan.numbers.transfer[0], pin=transfer.pin)


def _legs(call: Call, transfer: Transfer) -> tuple[LegShown, ...]:
    if transfer.way is Way.DIAL_IN:
        state = LegState.LEFT if call.state is CallState.ENDED else LegState.IN_ROOM
        line = LegShown(role=PartyRole.CALLER, state=state, since=None, detail="on our line, with the agent's dialler")
        return (line,)
    latest = {party.role: party for party in transfer.parties}
    return tuple(_leg(party, transfer, call) for party in latest.values())


def _leg(party: Party, transfer: Transfer, call: Call) -> LegShown:
    detail = "with the caller on the same line" if transfer.merged and party.role is PartyRole.AGENT else None
    if party.over or call.state is CallState.ENDED:
        state = LegState.LEFT if party.joined_at is not None else LegState.FAILED
        return LegShown(role=party.role, state=state, since=party.left_at or call.ended_at, detail=detail)
    if party.joined_at is not None:
        state = LegState.ON_HOLD if party.held else LegState.IN_ROOM
        return LegShown(role=party.role, state=state, since=party.joined_at, detail=detail)
    if party.answered_at is not None:
        return LegShown(role=party.role, state=LegState.JOINING, since=party.answered_at, detail=detail)
    state = LegState.RINGING if party.ringing_at is not None else LegState.CALLING
    return LegShown(role=party.role, state=state, since=party.ringing_at or party.ordered_at, detail=detail)


def _reasons(call: Call, replies: Mapping[str, BuyerResult]) -> dict[str, str]:
    """Of the last auction that has results."""
    for no in range(auctions_of(call), 0, -1):
        found = {r.buyer: r.label for key, r in replies.items() if key.startswith(f"{no}:")}
        if found:
            return dict(sorted(found.items()))
    return {}


def _can(call: Call, transfer: Transfer, plan: Plan) -> tuple[TransferAction, ...]:
    if call.state is CallState.ENDED or transfer.completed_at is not None or transfer.way is Way.DIAL_IN:
        return ()
    can: list[TransferAction] = []
    asking = call.state is CallState.AUCTION or call.renewing
    if transfer.way is None and (call.offers or asking):
        can.append(TransferAction.BRIDGE)
    spent = transfer.way is Way.BRIDGE and len(call.attempts) >= plan.bridge.max_attempts
    rung_out = call.state is CallState.OPEN and not call.offers and spent
    if call.state is not CallState.AUCTION and not rung_out:
        can.append(TransferAction.NEXT)
    if call.state is CallState.BRIDGED and transfer.way is Way.BRIDGE:
        can.append(TransferAction.COMPLETE)
    can.append(TransferAction.CANCEL)
    own = transfer.way is Way.OWN_DIALLER and call.state is CallState.DIALLING
    shown_number = transfer.way is None and call.state is CallState.OPEN and call.offers and call.offers[0].number
    if own or shown_number:
        can.append(TransferAction.DIALLED)
    return tuple(can)
