"""A caller is held for late offers: who looks after them, and what becomes of a bid that was taken up. Pure."""

from dataclasses import replace

import pytest

from callrouter.calls import choosing, transitions
from callrouter.calls.selling import begin_auction
from callrouter.calls.setting import Setting, Step
from callrouter.carrier.seam import BridgeTo, DialEnded, DialStatus
from callrouter.domain.call import AwaitedBuyer, Call, Outcome
from callrouter.domain.decision import Choice
from callrouter.domain.offer import Decline, Offer
from callrouter.domain.reasons import Reason
from tests.calls.test_posts import bid
from tests.calls.test_transitions import CARRIER, PLAN, arrived, at, offer
from tests.support.virtual_time import EPOCH

BIDDER, SLOW, FAST = "letsmakealead", "contactability", "another"
REFUSED = Decline(reason=Reason.NO_OFFER_CAPPED)
SLOW_AWAITED = AwaitedBuyer(buyer=SLOW, asked_at=EPOCH, until=EPOCH + 10)
NO_LONGER = PLAN.model_copy(update={"auction": PLAN.auction.model_copy(update={"max_wait_s": 1.0})})
"""Nobody is held for longer than a second with an offer in hand."""


def impatient(now: float, instance: str = "me") -> Setting:
    return Setting(NO_LONGER, now, now, instance, CARRIER)


def closed(*offers: Offer, now: float = EPOCH + 1) -> Step:
    """The first auction is decided with these offers, while the slow buyer may still answer."""
    call = arrived().call
    call = begin_auction(call.replaced(caller=call.caller.updated(zip="78701")), at(EPOCH)).call
    return transitions.auction_closed(call, 1, offers, "policy", impatient(now), (SLOW_AWAITED,))


def dial_failed(call: Call, setting: Setting) -> Step:
    event = DialEnded("CA1", len(call.attempts), DialStatus.BUSY, False, 0, True, "CAx")
    return transitions.dial_ended(call, event, setting)


def test_after_a_refused_post_somebody_waits_for_the_late_offer() -> None:
    step = transitions.accepted(closed(bid()).call, 1, REFUSED, impatient(EPOCH + 3))
    assert step.call.waiting
    assert step.runs_auction, "else the caller holds and nobody looks"


def test_the_bid_that_was_taken_up_is_dialled_whatever_has_come_meanwhile() -> None:
    """The post has committed its buyer, and us."""
    call = closed(bid(40)).call
    call = transitions.late_replies(
        call, 1, {SLOW: offer(SLOW, "+12145550111", 60, EPOCH + 2)}, impatient(EPOCH + 2)
    ).call
    named = offer(BIDDER, "+12145550112", 40, EPOCH + 3)
    step = transitions.accepted(call, 1, named, impatient(EPOCH + 3))
    assert isinstance(step.command, BridgeTo)
    assert step.command.number == "+12145550112"
    assert [kept.buyer for kept in step.call.offers] == [SLOW], "it is there for the next dial"


def test_for_nobody_else_a_caller_waits_whose_bid_was_taken_up() -> None:
    """By the plan's policy all would be heard first; but the post is done."""
    call = closed(bid(40)).call
    step = transitions.accepted(call, 1, offer(BIDDER, "+12145550112", 40, EPOCH + 3), at(EPOCH + 3))
    assert isinstance(step.command, BridgeTo)


def test_who_takes_over_a_waiting_call_from_an_instance_that_stops_looks_after_it() -> None:
    failed = dial_failed(closed(offer(FAST, "+12145550119", 20, EPOCH)).call, impatient(EPOCH + 3, ""))
    assert failed.call.waiting
    taken = transitions.take_over(failed.call, "", impatient(EPOCH + 4, "another instance"))
    assert taken.call.waiting
    assert taken.runs_auction
    assert taken.call.auction is not None
    assert taken.call.auction.awaited == (SLOW_AWAITED,)


def test_a_close_that_finds_waiting_worth_it_after_all_has_somebody_wait() -> None:
    """Between the policy's word and the step that stores it the last offer has lapsed."""
    short = offer(FAST, "+12145550119", 20, EPOCH).model_copy(update={"expires_at": EPOCH + 11})
    step = closed(short)
    assert step.call.waiting
    assert step.runs_auction


def test_those_whom_a_dead_poster_had_asked_are_asked_again_and_not_waited_for() -> None:
    step = transitions.take_over(closed(bid()).call, "me", impatient(EPOCH + 3, "another instance"))
    assert step.call.acceptances[0].result == "error_unreachable"
    assert step.runs_auction
    assert step.call.auction is not None
    assert (step.call.auction.no, step.call.auction.excluded, step.call.waiting) == (2, (BIDDER,), False)


def test_those_whom_a_dead_watcher_had_asked_are_asked_again_also_before_the_first_dial() -> None:
    refused = transitions.accepted(closed(bid()).call, 1, REFUSED, impatient(EPOCH + 3))
    step = transitions.take_over(refused.call, "me", impatient(EPOCH + 5, "another instance"))
    assert step.call.auction is not None
    assert (step.runs_auction, step.call.auction.no) == (True, 2)


def test_those_who_have_had_their_time_are_not_asked_again_before_the_first_dial() -> None:
    refused = transitions.accepted(closed(bid()).call, 1, REFUSED, impatient(EPOCH + 3))
    heard = transitions.late_replies(refused.call, 1, {SLOW: None}, impatient(EPOCH + 10))
    assert transitions.look_again(heard.call, 1, True, impatient(EPOCH + 10)).call.outcome is Outcome.UNSOLD


def test_a_call_of_many_waits_still_tells_of_its_dial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "MOST_DECISIONS", 3)
    call = closed(offer(FAST, "+12145550119", 20, EPOCH)).call
    step = dial_failed(call, impatient(EPOCH + 3))
    for look in range(5):
        run, now = step.call.auction, impatient(EPOCH + 3 + look)
        assert run is not None
        thought, _ = choosing.chosen(step.call, run, choosing.known_of(call, run, (), run.awaited, now), "look", now)
        step = replace(step, call=thought)
    found = transitions.late_replies(
        step.call, 1, {SLOW: offer(SLOW, "+12145550111", 60, EPOCH + 8)}, impatient(EPOCH + 8)
    )
    ended = transitions.look_again(found.call, 1, True, impatient(EPOCH + 8))
    assert isinstance(ended.command, BridgeTo)
    assert [d.choice for d in ended.call.decisions][-1] is Choice.DIAL
    assert [d.choice for d in ended.call.decisions].count(Choice.WAIT) <= 3
