"""How a call goes on: which offer is dialled next, when buyers are asked again, and what the caller hears. Pure."""

from collections.abc import Callable
from dataclasses import replace

from callrouter.auction.recorded import After
from callrouter.calls import room_orders
from callrouter.calls.choosing import chosen, in_order, known_of
from callrouter.calls.closing import close, farewell
from callrouter.calls.setting import Setting, Step
from callrouter.calls.states import moved
from callrouter.calls.window import may_post, ring_timeout_s
from callrouter.carrier.seam import Apologise, AskZip, BridgeTo, Command, HangUp, Hold
from callrouter.domain.call import Acceptance, Attempt, AuctionRun, Call, CallState, Outcome
from callrouter.domain.decision import Choice
from callrouter.domain.offer import Offer

Decide = Callable[[Call, Setting], Step]
"""A transition bound to its event."""

CLAIM_S = 1.5
"""How long a push may take before a poll answers the same dial itself."""


def begin_auction(call: Call, at: Setting) -> Step:
    """Start the call's next auction, run by this instance, on the budget of the webhook that led to it."""
    run = next_run(call, at)
    call = moved(call, CallState.AUCTION, auction=run, offers=()).noted(at.now, "auction_started", str(run.no))
    return Step(call, Hold(run.no, 0), runs_auction=True)


def next_run(call: Call, at: Setting, also_excluded: tuple[str, ...] = ()) -> AuctionRun:
    """The auction that follows, without the buyers that have failed this caller."""
    return AuctionRun(
        no=call.auction.no + 1 if call.auction else 1,
        started_at=at.now,
        deadline_at=at.received_at + at.plan.auction.deadline_s,
        owner=at.instance,
        excluded=(*failed_buyers(call), *also_excluded),
    )


def go_on(call: Call, at: Setting, *, may_ask_again: bool, after: After = "dial", taken_up: str = "") -> Step:
    """As the policy decides: dial an offer in hand, or wait for one; else ask the buyers that have not failed; else the
    call is unsold.

    The offer of a buyer whose bid was ``taken_up`` is dialled without asking the policy again: its post has committed
    both sides. A warm transfer whose people are not together yet keeps its offers; one whose agent is there is never
    unsold behind the agent's back.
    """
    if call.transfer is not None and not room_orders.may_dial(call.transfer):
        return _stand_by(call, at, may_ask_again=may_ask_again)
    if len(call.attempts) >= at.plan.bridge.max_attempts:
        return _unsold(call, at, expired=())
    call, expired = _without_undiallable(call, at)
    # As the agent was shown them; or as the post has promised.
    if call.offers and (call.transfer is not None or call.offers[0].buyer == taken_up):
        return _taken(call.replaced(offers=call.offers[1:]), call.offers[0], expired, at)
    run = call.auction
    if run is not None and call.transfer is None:
        call, verdict = chosen(call, run, known_of(call, run, call.offers, run.awaited, at), after, at)
        if verdict.choice is Choice.WAIT:
            return _wait(call, run, expired, at)
        offer = next((offer for offer in call.offers if offer.buyer == verdict.buyer), None)
        if verdict.choice is Choice.DIAL and offer is not None:
            rest = in_order((other for other in call.offers if other is not offer), verdict)
            return _taken(call.replaced(offers=rest), offer, expired, at)
    call = call.replaced(offers=())
    if may_ask_again and _somebody_is_left(call, at):
        return replace(begin_auction(call, at), expired=expired)
    return _unsold(call, at, expired)


def _without_undiallable(call: Call, at: Setting) -> tuple[Call, tuple[str, ...]]:
    """The call with those offers that can still be dialled, and the buyers of the others, noted as expired."""
    kept = tuple(offer for offer in call.offers if _can_be_taken(call, offer, at))
    expired = tuple(offer.buyer for offer in call.offers if offer not in kept)
    for buyer in expired:
        call = call.noted(at.now, "offer_expired", buyer)
    return call.replaced(offers=kept) if expired else call, expired


def _can_be_taken(call: Call, offer: Offer, at: Setting) -> bool:
    return may_post(offer, at.now) if offer.awaits_post else _rings_s(call, offer, at) is not None


def _taken(call: Call, offer: Offer, expired: tuple[str, ...], at: Setting) -> Step:
    timeout_s = None if offer.awaits_post else _rings_s(call, offer, at)
    if timeout_s is None:
        return _accept(call, offer, expired, at)
    return _dial(call, offer, timeout_s, expired, at)


def _wait(call: Call, run: AuctionRun, expired: tuple[str, ...], at: Setting) -> Step:
    """Hold the caller for a late offer: this instance looks after it from now on."""
    owned = run.model_copy(update={"owner": at.instance})
    call = moved(call, CallState.AUCTION, auction=owned)
    call = call.noted(at.now, "late_offers_awaited", ", ".join(buyer.buyer for buyer in run.awaited))
    return Step(call, Hold(run.no, 0), runs_auction=True, expired=expired)


def _somebody_is_left(call: Call, at: Setting) -> bool:
    failed = failed_buyers(call)
    return any(entry.enabled and name not in failed for name, entry in at.plan.call_buyers.items())


def _stand_by(call: Call, at: Setting, *, may_ask_again: bool) -> Step:
    """The agent decides: offers that live are kept."""
    in_hand = call.offers
    call, expired = without_lapsed(call, at)
    alive = call.offers
    if not alive and may_ask_again and _somebody_is_left(call, at):
        return replace(begin_auction(call, at), expired=expired)
    never_offered = call.transfer is not None and call.transfer.way is None and call.auction and call.auction.no == 1
    if not alive and never_offered:
        return _close_unsold(call, at, expired)
    was = call.state
    if was is CallState.OPEN and alive == in_hand:
        return Step(call, None)
    call = moved(call, CallState.OPEN, offers=alive)
    if was is not CallState.OPEN:
        call = call.noted(at.now, "open", f"{counted(len(alive))} in hand")
    return Step(call, None, expired=expired)


def without_lapsed(call: Call, at: Setting) -> tuple[Call, tuple[str, ...]]:
    """The call with those offers in hand that live, and the buyers of the others, which are noted as expired."""
    expired = tuple(offer.buyer for offer in call.offers if offer.expires_at <= at.now)
    for buyer in expired:
        call = call.noted(at.now, "offer_expired", buyer)
    return call.replaced(offers=tuple(o for o in call.offers if o.expires_at > at.now)) if expired else call, expired


def counted(offers: int) -> str:
    """``1 offer``, ``2 offers``."""
    return f"{offers} offer{'' if offers == 1 else 's'}"


def failed_buyers(call: Call) -> list[str]:
    """The buyers that have failed this caller: their phone was not picked up, their post brought no dial, or the agent
    passed them over."""
    posts = [acceptance.offer.buyer for acceptance in call.acceptances if acceptance.result is not None]
    passed = call.transfer.passed_over if call.transfer else ()
    return list(dict.fromkeys([*(attempt.offer.buyer for attempt in call.attempts), *posts, *passed]))


def _accept(call: Call, offer: Offer, expired: tuple[str, ...], at: Setting) -> Step:
    """Post to the buyer of a bid: only now, because it commits, and only to the one that is about to be dialled."""
    if call.auction is None:
        raise ValueError("offers come from auctions")
    run = call.auction.model_copy(update={"owner": at.instance})
    acceptance = Acceptance(no=len(call.acceptances) + 1, offer=offer, started_at=at.now)
    call = moved(call, CallState.AUCTION, auction=run, acceptances=(*call.acceptances, acceptance))
    if run.owner:  # else the instance stops, and whoever takes the call over sends it
        call = call.noted(at.now, "post_sent", offer.buyer)
    return Step(call, Hold(run.no, 0), runs_auction=True, expired=expired)


def _rings_s(call: Call, offer: Offer, at: Setting) -> int | None:
    later_s = at.carrier.place_s if call.line is None else 0.0
    return ring_timeout_s(offer, at.plan.bridge, at.carrier, at.now, later_s)


def _dial(call: Call, offer: Offer, timeout_s: int, expired: tuple[str, ...], at: Setting) -> Step:
    attempt = Attempt(
        no=len(call.attempts) + 1,
        offer=offer,
        decided_at=at.now,
        ring_timeout_s=timeout_s,
        caller_id=caller_id(call, at),
        claimed_until=at.now + CLAIM_S,
    )
    call = moved(call, CallState.DIALLING, attempts=(*call.attempts, attempt)).noted(
        at.now, "dial_decided", f"{attempt.no} {offer.buyer}"
    )
    if call.line is None:
        call, order = room_orders.ring_buyer(call, attempt, at)
        return Step(call, None, orders=(order,), expired=expired)
    return Step(call, BridgeTo(attempt.no, offer.number, timeout_s, attempt.caller_id), expired=expired)


def caller_id(call: Call, at: Setting) -> str:
    """What the buyer's phone shows: the number that was pinged, or our own when the caller withheld theirs.

    The carrier lets us show the caller's number only on a leg from them, or with their call's token.
    """
    configured = at.plan.bridge.caller_id
    if configured != "caller":
        return configured
    transfer = call.transfer
    if transfer is not None and transfer.call_token is None and transfer.line_number != call.caller.phone:
        return call.to
    return call.caller.phone or call.to


def standing(call: Call, at: Setting) -> Command:
    """What the caller should hear now, whatever was asked: the answer to repeats and to the fallback."""
    if call.state is CallState.INTAKE:
        return AskZip(call.zip_tries)
    if call.state in (CallState.AUCTION, CallState.OPEN) and call.auction:
        return Hold(call.auction.no, 0)
    if call.state in (CallState.DIALLING, CallState.BRIDGED) and call.attempt:
        return bridge_command(call, call.attempt, at) or Hold(call.auction.no if call.auction else 0, 1, short=True)
    if call.outcome in (Outcome.UNSOLD, Outcome.FAILED):
        return Apologise(farewell(call))
    return HangUp()


def bridge_command(call: Call, attempt: Attempt, at: Setting) -> BridgeTo | None:
    """The dial of this attempt with what is left of its window, or ``None`` when that is too little."""
    timeout_s = ring_timeout_s(attempt.offer, at.plan.bridge, at.carrier, at.now)
    if timeout_s is None:
        return None
    return BridgeTo(attempt.no, attempt.offer.number, min(timeout_s, attempt.ring_timeout_s), attempt.caller_id)


def _unsold(call: Call, at: Setting, expired: tuple[str, ...]) -> Step:
    if call.transfer is not None and room_orders.agent_decides(call.transfer):
        call = moved(call, CallState.OPEN, offers=()).noted(at.now, "open", "nobody is left to be dialled")
        return Step(call, None, expired=expired)
    return _close_unsold(call, at, expired)


def _close_unsold(call: Call, at: Setting, expired: tuple[str, ...]) -> Step:
    step = close(call, Outcome.UNSOLD, at)
    return replace(step, command=Apologise(farewell(step.call)), expired=expired)


def fail(call: Call, at: Setting, why: str) -> Step:
    """Our own failure ends the call with an apology and a callback."""
    if call.state is CallState.ENDED:
        return Step(call, standing(call, at))
    step = close(call.noted(at.now, "failed", why), Outcome.FAILED, at)
    return replace(step, command=Apologise(farewell(step.call)))
