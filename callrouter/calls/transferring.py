"""What agents do with a warm transfer, and what time does to it. Pure.

Raises `NotNow` where an agent asks for what cannot be done as the transfer stands.
"""

from dataclasses import dataclass, replace

from callrouter.calls.closing import close
from callrouter.calls.room_orders import enter, handed_over
from callrouter.calls.rooms import call_off
from callrouter.calls.selling import begin_auction, go_on, next_run, standing, without_lapsed
from callrouter.calls.setting import Setting, Step
from callrouter.calls.states import moved
from callrouter.calls.window import last_ring_at
from callrouter.carrier.seam import HangUp
from callrouter.domain.call import Attempt, AttemptResult, Call, CallKind, CallState, Outcome
from callrouter.domain.caller import Caller
from callrouter.domain.offer import Offer
from callrouter.domain.transfer import Agent, PartyRole, Transfer, Way

KEPT = "none: the agent kept the caller"
OWN_TALK_S = 1_800.0
"""How long agents who dial themselves may take until they say what came of it, besides ``transfers.open_s``."""
EARLIER_S = 10.0
"""How much earlier than she says so an agent may have dialled."""
RENEW_EVERY_S = 5.0
"""Buyers are not asked anew sooner than this after they have answered."""
RENEW_AGAIN_S = 15.0
"""How long after a renewal that brought nothing better the next one is, at most."""


class NotNow(Exception):
    """An agent's act that does not fit: why, and what to do instead."""

    def __init__(self, why: str, remedy: str) -> None:
        super().__init__(why)
        self.why = why
        self.remedy = remedy


@dataclass(frozen=True)
class Meeting:
    """How agent and caller come into the room; a leg that is called has an address, one that lives has an id."""

    room: str
    agent: Agent
    caller_address: str = ""
    caller_sid: str | None = None
    call_token: str | None = None

    @property
    def merged(self) -> bool:
        """Whether the caller comes in on the agent's leg."""
        return not self.caller_address and self.caller_sid is None


def opened(sid: str, to: str, caller: Caller, transfer: Transfer, at: Setting) -> Step:
    """An agent has a caller: the buyers are asked at once."""
    call = Call(
        sid=sid,
        plan=at.plan.plan,
        kind=CallKind.TRANSFER,
        to=to,
        caller=caller,
        started_at=at.received_at,
        transfer=transfer,
    )
    return begin_auction(call.noted(at.received_at, "transfer_opened", transfer.opened_by), at)


def gathered(call: Call, offers: tuple[Offer, ...], at: Setting) -> Step:
    """An auction of the transfer has closed; ``offers`` are all that live, best first, those in hand among them."""
    transfer = _of(call)
    caching = [name for name, entry in at.plan.call_buyers.items() if entry.caches_bid]
    transfer = transfer.with_first_bids(offers, caching)
    dialled = {attempt.offer.buyer for attempt in call.attempts} | set(transfer.passed_over)
    kept = tuple(
        offer.model_copy(update={"expires_at": transfer.lives_until(offer)})
        for offer in offers
        if offer.buyer not in dialled
    )
    new = {offer.buyer for offer in offers}
    in_hand = call.replaced(offers=tuple(offer for offer in call.offers if offer.buyer not in new))
    call, expired = without_lapsed(in_hand, at)
    call = call.replaced(transfer=transfer, offers=tuple(offer for offer in kept if offer.expires_at > at.now))
    step = go_on(call, at, may_ask_again=False) if call.state is CallState.AUCTION else Step(call, None)
    return replace(step, expired=(*expired, *step.expired))


def renew_at(call: Call, at: Setting) -> float | None:
    """When the offers in hand are to be asked for anew, epoch seconds; ``None`` when there is nothing to renew.

    Before the best offer that a new ping can renew is too old to be rung, and when the best of all lapses.
    """
    if call.state is not CallState.OPEN or call.renewing or not call.offers or call.transfer is None:
        return None
    asked_at = call.auction.closed_at if call.auction is not None and call.auction.closed_at is not None else 0.0
    lapses_at = max(call.offers[0].expires_at, asked_at + RENEW_EVERY_S)
    caching = {name for name, entry in at.plan.call_buyers.items() if entry.caches_bid}
    best = next((offer for offer in call.offers if offer.buyer not in caching), None)
    if best is None:
        return lapses_at  # asking sooner would bring the same bids
    due_at = last_ring_at(best, at.carrier) - at.plan.transfers.renew_before_s
    if due_at < asked_at + RENEW_EVERY_S:  # it was not renewed just now, or lives too shortly
        half_s = (best.expires_at - best.received_at) / 2
        due_at = asked_at + min(max(RENEW_EVERY_S, half_s), RENEW_AGAIN_S)
    return min(due_at, lapses_at)


def renewed(call: Call, at: Setting) -> Step:
    """Ask the buyers anew while the offers in hand stand; those that cache their bids are left alone meanwhile."""
    due_at = renew_at(call, at)
    if due_at is None or at.now < due_at:
        return Step(call, None)
    call, expired = without_lapsed(call, at)
    in_hand = {offer.buyer for offer in call.offers}
    cached = tuple(name for name, e in at.plan.call_buyers.items() if e.caches_bid and name in in_hand)
    run = next_run(call, at, cached)
    call = call.replaced(auction=run).noted(at.now, "offers_renewed", str(run.no))
    return Step(call, None, runs_auction=True, expired=expired)


def lapse(call: Call, at: Setting) -> Step:
    """Nobody closed the transfer in time."""
    transfer = _of(call)
    if call.state not in (CallState.OPEN, CallState.AUCTION, CallState.DIALLING) or at.now < transfer.until:
        return Step(call, None)
    if transfer.way not in (None, Way.OWN_DIALLER):
        return Step(call, None)  # people are on our legs: these end it
    why = "nobody said what came of the agent's own dial" if transfer.way else "nobody closed it"
    attempt = call.attempt
    if attempt is not None and attempt.live:
        ended = attempt.model_copy(update={"result": AttemptResult.CALLED_OFF, "ended_at": at.now})
        call = call.with_attempt(ended)
    return _kept(close(call.noted(at.now, "transfer_lapsed", why), Outcome.ABANDONED, at), f"none: {why}")


def may_dial_in(call: Call) -> bool:
    """Whether the caller may still come to our number: nobody has gone another way with them."""
    return _of(call).way is None and call.state in (CallState.OPEN, CallState.AUCTION)


def dialled_in(call: Call, leg_sid: str, number: str | None, at: Setting) -> Step:
    """The agent's dialler has transferred the caller to our number: dial the buyer from there."""
    transfer = _of(call)
    if transfer.line == leg_sid:
        return Step(call, standing(call, at))
    if not may_dial_in(call):
        raise NotNow("this transfer goes another way already", "open a new one")
    transfer = transfer.model_copy(update={"way": Way.DIAL_IN, "line": leg_sid, "line_number": number})
    call = call.replaced(transfer=transfer).noted(at.now, "dialled_in")
    if call.state is CallState.AUCTION:
        return Step(call, standing(call, at))
    return go_on(_closed_run(call, at), at, may_ask_again=True)


def bridged(call: Call, meeting: Meeting, at: Setting) -> Step:
    """Bring agent and caller into a room; the buyer is rung when both are there."""
    transfer = _of(call)
    if transfer.way is Way.BRIDGE:
        return Step(call, None)  # asked twice
    if transfer.way is not None:
        raise NotNow("this transfer goes another way already", "open a new one")
    if call.state not in (CallState.OPEN, CallState.AUCTION) or not (call.offers or _asking(call)):
        raise NotNow("there is no offer", "ask for the next one")
    if not (meeting.agent.address or meeting.agent.call_sid):
        raise NotNow("nothing says where the agent is", "give agent.phone or agent.client")
    transfer = transfer.model_copy(
        update={
            "way": Way.BRIDGE,
            "room": meeting.room,
            "room_sid": None,
            "agent": meeting.agent,
            "merged": meeting.merged,
            "call_token": meeting.call_token,
            "caller_call_sid": meeting.caller_sid,
        }
    )
    call = call.replaced(transfer=transfer).noted(at.now, "bridge_asked")
    live_agent = meeting.agent.call_sid
    call, first = enter(call, PartyRole.AGENT, "" if live_agent else meeting.agent.address or "", live_agent, at)
    orders = [first]
    if not meeting.merged:
        call, second = enter(call, PartyRole.CALLER, meeting.caller_address, meeting.caller_sid, at)
        orders.append(second)
    return Step(call, None, orders=tuple(orders))


def following(call: Call, at: Setting) -> Step:
    """Pass over the present offer, or the buyer that rings or talks."""
    transfer = _of(call)
    if call.state is CallState.AUCTION:
        raise NotNow("buyers are being asked", "wait for their answers")
    if transfer.completed_at is not None or call.state is CallState.ENDED or transfer.way is Way.DIAL_IN:
        raise NotNow("the caller is with the buyer already", "open a new transfer if they come back")
    if call.state in (CallState.DIALLING, CallState.BRIDGED):
        call, orders = call_off(call, at)
        if call.attempt is not None and call.attempt.result is AttemptResult.BRIDGED:
            return replace(close(call, Outcome.BRIDGED, at), orders=orders)
        if transfer.way is Way.OWN_DIALLER:
            call = _way_open(call)
        step = go_on(call, at, may_ask_again=True)
        return replace(step, orders=(*orders, *step.orders))
    if call.offers:
        passed = transfer.model_copy(update={"passed_over": (*transfer.passed_over, call.offers[0].buyer)})
        call = call.replaced(transfer=passed, offers=call.offers[1:]).noted(
            at.now, "offer_passed_over", call.offers[0].buyer
        )
        return go_on(call, at, may_ask_again=True)
    if transfer.way is Way.BRIDGE and len(call.attempts) >= at.plan.bridge.max_attempts:
        raise NotNow("as many buyers were rung as the plan allows", "talk on, or cancel")
    # Nobody wanted the caller, or all failed: whoever was only passed over or out of luck may be asked once more.
    call = call.replaced(transfer=transfer.model_copy(update={"passed_over": ()}))
    return begin_auction(call, at)


def completed(call: Call, at: Setting) -> Step:
    """The agent leaves caller and buyer to themselves."""
    transfer = _of(call)
    if transfer.completed_at is not None:
        return Step(call, None)
    if transfer.way is not Way.BRIDGE or call.state is not CallState.BRIDGED:
        raise NotNow("the buyer is not on the line", "wait until it has answered, or cancel")
    orders = handed_over(call, at)
    call = call.replaced(transfer=transfer.model_copy(update={"completed_at": at.now}))
    return Step(call.noted(at.now, "handed_over"), None, orders=orders)


def cancelled(call: Call, at: Setting) -> Step:
    """Give it up: the buyer that rings is let go, and the caller stays with the agent."""
    transfer = _of(call)
    if call.state is CallState.ENDED:
        return Step(call, None)
    if transfer.way is Way.DIAL_IN or transfer.completed_at is not None:
        raise NotNow("the caller is no longer with the agent", "they end it by hanging up")
    call, orders = call_off(call, at)
    call = call.noted(at.now, "cancelled", "by the agent")
    if call.attempt is not None and call.attempt.result is AttemptResult.BRIDGED:
        return replace(close(call, Outcome.BRIDGED, at), orders=orders)
    step = _kept(close(call, Outcome.ABANDONED, at), KEPT)
    return replace(step, orders=orders)


def own_dial(call: Call, at: Setting) -> Step:
    """The agent dials the shown number on a dialler of their own."""
    transfer = _of(call)
    if transfer.way is not None or call.state is not CallState.OPEN or not call.offers:
        raise NotNow("there is no offer to be dialled", "ask for the next one")
    offer = call.offers[0]
    if offer.awaits_post:
        raise NotNow("this buyer names its number only to us", "bridge it, or dial in")
    if offer.expires_at <= at.now:
        raise NotNow("the offer has lapsed", "wait a moment for the next one")
    attempt = Attempt(
        no=len(call.attempts) + 1,
        offer=offer,
        decided_at=at.now,
        initiated_at=at.now,
        ring_timeout_s=at.plan.bridge.ring_s,
        caller_id=call.caller.phone or call.to,
    )
    call = call.replaced(
        transfer=transfer.model_copy(update={"way": Way.OWN_DIALLER, "until": _own_dial_until(call, at)}),
        offers=call.offers[1:],
        attempts=(*call.attempts, attempt),
    )
    return Step(moved(call, CallState.DIALLING).noted(at.now, "own_dial", f"{attempt.no} {offer.buyer}"), None)


def own_dial_ended(call: Call, result: AttemptResult, talk_s: int | None, at: Setting) -> Step:
    """What came of the agent's own dial: done, or the next offer."""
    transfer, attempt = _of(call), call.attempt
    if transfer.way is not Way.OWN_DIALLER or call.state is not CallState.DIALLING or attempt is None:
        raise NotNow("no dial of your own is under way", "say first that you dial")
    if talk_s is not None and talk_s > at.now - attempt.decided_at + EARLIER_S:
        raise NotNow("they cannot have talked that long since you dialled", "give the seconds of the talk")
    news: dict[str, object] = {"result": result, "ended_at": at.now, "bridged_s": talk_s}
    if result is AttemptResult.BRIDGED and talk_s is not None:
        news["answered_at"] = at.now - talk_s
    call = call.with_attempt(attempt.model_copy(update=news)).noted(
        at.now, "dial_ended", f"{attempt.no} {result.value}"
    )
    if result is AttemptResult.BRIDGED:
        return close(call, Outcome.BRIDGED, at)
    return go_on(_way_open(call), at, may_ask_again=True)


def _own_dial_until(call: Call, at: Setting) -> float:
    """Nobody can see that they talk: there is time for a long talk, and then to say what came of it."""
    return max(_of(call).until, at.now + OWN_TALK_S + at.plan.transfers.open_s)


def _closed_run(call: Call, at: Setting) -> Call:
    """The transfer without its renewal: whoever dials in now is dialled with the offers in hand."""
    if not call.renewing or call.auction is None:
        return call
    return call.replaced(auction=call.auction.model_copy(update={"closed_at": at.now}))


def _way_open(call: Call) -> Call:
    return call.replaced(transfer=_of(call).model_copy(update={"way": None}))


def _asking(call: Call) -> bool:
    return call.state is CallState.AUCTION or call.renewing


def _kept(step: Step, why: str) -> Step:
    """Nobody is called back whom an agent talks to."""
    call = step.call.replaced(callback=why, callback_at=None, sale=None)
    return replace(step, call=call, command=HangUp(), callback=None, sale=None)


def _of(call: Call) -> Transfer:
    if call.transfer is None:
        raise ValueError("not a warm transfer")
    return call.transfer
