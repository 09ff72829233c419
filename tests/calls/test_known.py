"""What the policy is told of a call. Pure."""

from callrouter.auction.known import InHand, Known
from callrouter.calls import transitions
from callrouter.calls.choosing import known_of, rules_of
from callrouter.calls.selling import begin_auction
from callrouter.carrier.seam import DialEnded, DialStatus
from callrouter.domain.call import Call
from callrouter.domain.offer import Offer
from callrouter.domain.transfer import Agent, Transfer
from tests.calls.test_transitions import CARRIER, PLAN, arrived, at, offer
from tests.support.virtual_time import EPOCH

FIRST = offer("letsmakealead", "+12145550111", 30, EPOCH)
SECOND = offer("contactability", "+12145550112", 20, EPOCH)


def asked() -> Call:
    call = arrived().call
    return begin_auction(call.replaced(caller=call.caller.updated(zip="78701")), at(EPOCH)).call


def known(call: Call, *offers: Offer, now: float = EPOCH + 1) -> Known:
    assert call.auction is not None
    return known_of(call, call.auction, offers, (), at(now))


def test_every_dial_uses_up_a_try() -> None:
    call = transitions.auction_closed(asked(), 1, (FIRST, SECOND), "all_answered", at(EPOCH + 1)).call
    assert known(asked()).tries_left == PLAN.bridge.max_attempts
    assert known(call).tries_left == PLAN.bridge.max_attempts - 1
    event = DialEnded("CA1", 1, DialStatus.BUSY, False, 0, True, "CAx")
    call = transitions.dial_ended(call, event, at(EPOCH + 3)).call
    assert known(call).tries_left == PLAN.bridge.max_attempts - 2


def test_an_offer_to_somebody_without_a_line_must_be_dialled_sooner_by_what_placing_the_call_takes() -> None:
    def dial_by(call: Call) -> float:
        (in_hand,) = known(call, FIRST).in_hand
        assert in_hand == InHand(FIRST.buyer, FIRST.payout, FIRST.min_duration_s, in_hand.dial_by)
        return in_hand.dial_by

    caller = asked()
    agent = Agent(name="Anna", phone="+15035550177")
    handed_over = caller.replaced(transfer=Transfer(agent=agent, opened_by="anna", pin="123456", until=EPOCH + 600))
    assert (caller.line, handed_over.line) == ("CA1", None)
    assert CARRIER.place_s > 0
    assert dial_by(handed_over) == dial_by(caller) - CARRIER.place_s


def test_only_a_plan_of_priorities_tells_of_places() -> None:
    ranked = PLAN.model_copy(update={"auction": PLAN.auction.model_copy(update={"policy": "priority"})})
    assert rules_of(PLAN).tiers == {}
    assert rules_of(ranked).tiers == dict.fromkeys(ranked.call_buyers, (1, 1.0))
