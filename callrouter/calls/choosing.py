"""Asking the policy about a call: what is known of it, what is decided, and the record of both. Pure."""

from collections.abc import Iterable

from callrouter.auction.known import Asked, InHand, Known
from callrouter.auction.policy import decide
from callrouter.auction.recorded import After, recorded
from callrouter.auction.verdict import Verdict
from callrouter.calls.setting import Setting
from callrouter.calls.window import dial_by
from callrouter.dialplan import Plan
from callrouter.domain.call import AuctionRun, AwaitedBuyer, Call
from callrouter.domain.decision import Choice, Rules
from callrouter.domain.offer import Offer

MOST_DECISIONS = 200
"""With so many decisions kept further ones to wait are not: far more than any call should need."""


def rules_of(plan: Plan) -> Rules:
    """What the plan says of the choice."""
    auction = plan.auction
    tiers = {name: (entry.priority, entry.weight) for name, entry in plan.call_buyers.items()}
    return Rules(
        policy=auction.policy,
        max_wait_s=auction.max_wait_s,
        min_offers=auction.min_offers,
        max_attempts=plan.bridge.max_attempts,
        tiers=tiers if auction.policy == "priority" else {},
    )


def known_of(
    call: Call, run: AuctionRun, offers: Iterable[Offer], awaited: Iterable[AwaitedBuyer], at: Setting
) -> Known:
    """What is known of the call with these offers in hand, while these buyers may still answer."""
    later_s = at.carrier.place_s if call.line is None else 0.0
    return Known(
        sid=call.sid,
        vertical=at.plan.vertical_name,
        since=run.started_at,
        deadline_at=run.deadline_at,
        tries_left=at.plan.bridge.max_attempts - len(call.attempts),
        in_hand=tuple(
            InHand(offer.buyer, offer.payout, offer.min_duration_s, dial_by(offer, at.carrier, later_s))
            for offer in offers
        ),
        awaited=tuple(Asked(buyer.buyer, buyer.asked_at, buyer.until) for buyer in awaited),
        rules=rules_of(at.plan),
    )


def chosen(call: Call, run: AuctionRun, known: Known, after: After, at: Setting) -> tuple[Call, Verdict]:
    """What the policy says now, and the call with that decision among its own. What was dialled is always told."""
    verdict = decide(known, at.beliefs, at.now)
    if verdict.choice is Choice.WAIT and len(call.decisions) >= MOST_DECISIONS:
        return call, verdict
    decision = recorded(
        known,
        verdict,
        at.now,
        auction=run.no,
        after=after,
        beliefs=at.beliefs.version,
        earlier=call.decisions,
    )
    return call.replaced(decisions=(*call.decisions, decision)), verdict


def in_order(offers: Iterable[Offer], verdict: Verdict) -> tuple[Offer, ...]:
    """The offers as the policy ranks them, best first; those that it does not rank come last, the dearest first."""
    places = {dial.buyer: place for place, dial in enumerate(verdict.ranking)}
    return tuple(sorted(offers, key=lambda offer: (places.get(offer.buyer, len(places)), -offer.payout, offer.buyer)))
