"""A bid names no number until its post: which transitions lead there, and what follows. Pure."""

from decimal import Decimal

from callrouter.calls import transitions
from callrouter.calls.selling import begin_auction
from callrouter.calls.setting import Setting, Step
from callrouter.carrier.seam import BridgeTo, DialEnded, DialStatus, Hold
from callrouter.domain.call import Call, CallState, Outcome
from callrouter.domain.offer import Decline, Offer
from callrouter.domain.reasons import Reason
from tests.calls.test_transitions import CARRIER, PLAN, applied, arrived, at, offer
from tests.support.virtual_time import EPOCH

REFUSED = Decline(reason=Reason.NO_OFFER_CAPPED)
BIDDER, OTHER = "letsmakealead", "contactability"


def bid(payout: int = 40, received_at: float = EPOCH) -> Offer:
    return offer(BIDDER, "", payout, received_at).model_copy(update={"token": "token-1"})


def closed(*offers: Offer, now: float = EPOCH + 1) -> Step:
    """The caller gave the zip, and the auction ended with these offers, best first."""
    call = arrived().call
    call = begin_auction(call.replaced(caller=call.caller.updated(zip="78701")), at(EPOCH)).call
    return transitions.auction_closed(call, 1, offers, "all_answered", at(now))


def named(step: Step, now: float, payout: int = 40) -> Step:
    """The bidder's post names its number."""
    return transitions.accepted(
        step.call, len(step.call.acceptances), offer(BIDDER, "+12145550112", payout, now), at(now)
    )


def test_a_bid_that_is_best_is_posted_while_the_caller_goes_on_holding() -> None:
    step = closed(bid(), offer(OTHER, "+12145550111", 30, EPOCH))
    assert (step.runs_auction, isinstance(step.command, Hold), step.call.state) == (True, True, CallState.AUCTION)
    assert step.call.accepting is not None
    assert step.call.accepting.offer.buyer == BIDDER
    assert step.call.attempts == ()


def test_a_bid_that_is_not_best_is_not_posted() -> None:
    """A post commits: it is spent only on the offer that is about to be dialled."""
    step = closed(offer(OTHER, "+12145550111", 50, EPOCH), bid())
    assert isinstance(step.command, BridgeTo)
    assert step.call.acceptances == ()


def test_the_number_that_the_post_names_is_dialled_within_a_window_that_starts_at_its_reply() -> None:
    step = named(closed(bid(), now=EPOCH + 9), EPOCH + 12)
    assert isinstance(step.command, BridgeTo)
    assert step.command.number == "+12145550112"
    assert step.command.ring_timeout_s == PLAN.bridge.ring_s
    assert step.call.attempts[0].offer.received_at == EPOCH + 12


def test_a_refused_post_falls_to_the_next_offer() -> None:
    step = closed(bid(), offer(OTHER, "+12145550111", 30, EPOCH))
    step = transitions.accepted(step.call, 1, REFUSED, at(EPOCH + 3))
    assert isinstance(step.command, BridgeTo)
    assert step.command.number == "+12145550111"
    assert [(a.offer.buyer, a.result) for a in step.call.acceptances] == [(BIDDER, "no_offer_capped")]


def test_when_every_post_is_refused_the_call_is_unsold() -> None:
    step = transitions.accepted(closed(bid()).call, 1, REFUSED, at(EPOCH + 3))
    assert step.call.outcome is Outcome.UNSOLD
    assert step.callback is not None


def test_a_bid_that_lapsed_while_another_buyer_rang_is_not_posted() -> None:
    """Its buyer is asked again instead."""
    step = closed(offer(OTHER, "+12145550111", 50, EPOCH), bid())
    step = dial_failed(step.call, EPOCH + 31)
    assert step.expired == (BIDDER,)
    assert step.runs_auction
    assert step.call.accepting is None


def test_after_a_dial_that_failed_the_next_bid_is_posted() -> None:
    step = closed(offer(OTHER, "+12145550111", 50, EPOCH), bid())
    step = dial_failed(step.call, EPOCH + 15)
    assert step.call.accepting is not None
    assert isinstance(named(step, EPOCH + 16).command, BridgeTo)


def test_a_post_is_never_sent_a_second_time_by_who_takes_over() -> None:
    """Whether the buyer got it is not known, and it would commit twice: the next offer is dialled."""
    call = closed(bid(), offer(OTHER, "+12145550111", 30, EPOCH)).call
    other = Setting(PLAN, EPOCH + 5, EPOCH + 5, "another instance", CARRIER)
    step = transitions.take_over(call, "me", other)
    assert isinstance(step.command, BridgeTo)
    assert step.command.number == "+12145550111"
    assert step.call.acceptances[0].result == "error_unreachable"


def test_a_post_that_a_stopping_instance_left_unsent_is_sent_by_who_takes_over_if_the_bid_still_stands() -> None:
    call = dial_failed(closed(offer(OTHER, "+12145550111", 50, EPOCH), bid()).call, EPOCH + 15, "").call
    assert call.auction is not None
    assert call.auction.owner == ""
    assert "post_sent" not in [event.event for event in call.timeline]
    taken = transitions.take_over(call, "", Setting(PLAN, EPOCH + 20, EPOCH + 20, "another instance", CARRIER))
    assert taken.runs_auction
    assert taken.call.accepting is not None
    assert (taken.call.accepting.no, taken.call.accepting.started_at) == (1, EPOCH + 20)
    late = transitions.take_over(call, "", Setting(PLAN, EPOCH + 30, EPOCH + 30, "another instance", CARRIER))
    assert (late.expired, late.call.acceptances) == ((BIDDER,), ())


def test_the_dead_owners_late_answer_changes_nothing_after_a_take_over() -> None:
    call = closed(bid()).call
    other = Setting(PLAN, EPOCH + 5, EPOCH + 5, "another instance", CARRIER)
    taken = transitions.take_over(call, "me", other).call
    assert named(Step(taken, None), EPOCH + 6).call is taken


def test_a_buyer_whose_post_was_refused_is_not_asked_again_for_this_caller() -> None:
    step = closed(bid(), offer(OTHER, "+12145550111", 30, EPOCH))
    step = transitions.accepted(step.call, 1, REFUSED, at(EPOCH + 3))
    step = dial_failed(step.call, EPOCH + 5)
    assert step.call.outcome is Outcome.UNSOLD, "nobody is left to ask"


def test_buyers_whose_offers_lapsed_during_a_post_that_failed_are_asked_again() -> None:
    step = closed(bid(), offer(OTHER, "+12145550111", 30, EPOCH - 8), now=EPOCH + 9)
    step = transitions.accepted(step.call, 1, REFUSED, at(EPOCH + 14))
    assert step.expired == (OTHER,)
    assert step.runs_auction
    assert step.call.auction is not None
    assert step.call.auction.excluded == (BIDDER,)


def test_a_buyer_is_posted_once_in_a_call_also_when_its_number_came_too_late_to_be_dialled() -> None:
    """Else a window that is too short for any dial would be taken up again and again."""
    step = dial_failed(closed(offer(OTHER, "+12145550111", 50, EPOCH), bid()).call, EPOCH + 15)
    short = offer(BIDDER, "+12145550112", 40, EPOCH + 16).model_copy(update={"expires_at": EPOCH + 22})
    step = transitions.accepted(step.call, 1, short, at(EPOCH + 16))
    assert step.expired == (BIDDER,)
    assert step.call.outcome is Outcome.UNSOLD


def test_a_buyer_of_leads_is_no_reason_for_another_auction() -> None:
    changed = {"buyers": {**PLAN.buyers, "leads": PLAN.buyers[OTHER]}}
    selling = PLAN.model_copy(update={**changed, "unsold": PLAN.unsold.model_copy(update={"sell_lead": ("leads",)})})
    call = closed(bid(), offer(OTHER, "+12145550111", 30, EPOCH)).call
    step = transitions.accepted(call, 1, REFUSED, at(EPOCH + 3))
    event = DialEnded("CA1", 1, DialStatus.BUSY, False, 0, True, "CAx")
    step = transitions.dial_ended(step.call, event, Setting(selling, EPOCH + 5, EPOCH + 5, "me", CARRIER))
    assert step.call.outcome is Outcome.UNSOLD


def test_a_caller_who_leaves_during_a_post_has_abandoned() -> None:
    step = applied(closed(bid()).call, "lost", EPOCH + 2)
    assert step.call.outcome is Outcome.ABANDONED
    assert step.call.accepting is None


def dial_failed(call: Call, now: float, instance: str = "me") -> Step:
    event = DialEnded("CA1", len(call.attempts), DialStatus.BUSY, False, 0, True, "CAx")
    return transitions.dial_ended(call, event, Setting(PLAN, now, now, instance, CARRIER))


def test_the_posts_price_is_the_one_that_counts() -> None:
    step = named(closed(bid(40)), EPOCH + 2, payout=35)
    assert step.call.attempts[0].offer.payout == Decimal(35)
