"""The pure transitions: any event in any order, never an exception, never a second end."""

from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from callrouter.calls import transitions
from callrouter.calls.selling import fail
from callrouter.calls.setting import Setting, Step
from callrouter.calls.window import MARGIN_S, ring_timeout_s
from callrouter.carrier.seam import (
    BridgeTo,
    CallArrived,
    CallerStatus,
    Capabilities,
    DialEnded,
    DialStatus,
    LegChanged,
    LegStatus,
    ZipEntered,
)
from callrouter.dialplan import Bridge, Plan
from callrouter.domain.call import Call, CallKind, CallState
from callrouter.domain.caller import Caller
from callrouter.domain.offer import Decline, Offer
from callrouter.domain.reasons import Reason
from tests.support.virtual_time import EPOCH
from tests.support.world import BUYERS, plan

PLAN = Plan.model_validate(
    {
        **{key: value for key, value in plan().items() if key != "unsold"},
        "buyers": {name: {**buyer, "url": "https://buyer.example"} for name, buyer in BUYERS.items()},
        "unsold": {
            "callback": {
                "url": "https://dialler.example",
                "key": "k",
                "type": "t",
                "stand_in": {"first_name": "A", "surname": "B", "email": "c@example.com"},
            }
        },
    }
)
CARRIER = Capabilities(timeout_buffer_s=5, min_ring_s=5)


def at(now: float) -> Setting:
    return Setting(PLAN, now, now, "me", CARRIER)


def arrived() -> Step:
    caller = Caller(phone="+15125550123")
    return transitions.arrive(
        CallArrived("CA1", "+15125550123", "+18885550100", "10001"), CallKind.INBOUND, caller, at(EPOCH)
    )


def offer(buyer: str, number: str, payout: int, received_at: float) -> Offer:
    return Offer(
        buyer=buyer, number=number, payout=Decimal(payout), received_at=received_at, expires_at=received_at + 30
    )


attempts = st.integers(1, 5)
events = st.one_of(
    st.builds(ZipEntered, st.just("CA1"), st.integers(0, 4), st.sampled_from(["78701", "x", None])),
    st.builds(
        DialEnded,
        st.just("CA1"),
        attempts,
        st.sampled_from(DialStatus),
        st.sampled_from([True, False, None]),
        st.sampled_from([None, 0, 3, 200]),
        st.booleans(),
    ),
    st.builds(
        LegChanged, st.just("CA1"), attempts, st.just("CAx"), st.sampled_from(LegStatus), st.sampled_from([None, 0, 9])
    ),
    st.builds(CallerStatus, st.just("CA1"), st.sampled_from(LegStatus)),
    st.just("auction"),
    st.just("no_offers"),
    st.just("bids"),
    st.just("named"),
    st.just("refused"),
    st.just("take_over"),
    st.just("lapsed"),
    st.just("fail"),
    st.just("lost"),
)


def applied(call: Call, event: Any, now: float) -> Step:
    match event:
        case ZipEntered():
            return transitions.zip_entered(call, event, at(now))
        case DialEnded():
            return transitions.dial_ended(call, event, at(now))
        case LegChanged():
            return transitions.leg_changed(call, event, at(now))
        case CallerStatus():
            return transitions.caller_status(call, event, at(now))
        case "auction" | "no_offers":
            offers = (offer("contactability", "+12145550111", 30, now), offer("letsmakealead", "+12145550112", 20, now))
            no = call.auction.no if call.auction else 1
            return transitions.auction_closed(call, no, offers if event == "auction" else (), "all_answered", at(now))
        case "bids":
            bid = offer("letsmakealead", "", 40, now).model_copy(update={"token": "t"})
            rest = offer("contactability", "+12145550111", 30, now)
            no = call.auction.no if call.auction else 1
            return transitions.auction_closed(call, no, (bid, rest), "all_answered", at(now))
        case "named":
            no = len(call.acceptances)
            return transitions.accepted(call, no, offer("letsmakealead", "+12145550112", 40, now), at(now))
        case "refused":
            verdict = Decline(reason=Reason.NO_OFFER_EXPIRED)
            return transitions.accepted(call, len(call.acceptances), verdict, at(now))
        case "take_over":
            return transitions.take_over(call, "me", at(now))
        case "lapsed":
            return transitions.dial_lapsed(call, at(now))
        case "fail":
            return fail(call, at(now), "test")
    return transitions.lost(call, (), at(now))


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(events, st.floats(0, 20)), max_size=25))
def test_any_events_in_any_order_lead_to_at_most_one_end(sequence: list[tuple[Any, float]]) -> None:
    """No exception, one close, and at most one attempt that is not over."""
    call, now, closes = arrived().call, EPOCH, 0
    for event, pause in sequence:
        now += pause
        before = call
        step = applied(call, event, now)
        call = step.call
        closes += before.state is not CallState.ENDED and call.state is CallState.ENDED
        if before.state is CallState.ENDED:
            assert call is before, "nothing happens after the end"
        assert sum(attempt.live for attempt in call.attempts) <= 1 or call.state is CallState.ENDED
        assert (step.callback is not None) == (
            before.state is not CallState.ENDED and call.state is CallState.ENDED and call.outcome != "bridged"
        )
        posts = sum(acceptance.result is None for acceptance in call.acceptances)
        assert posts <= 1 or call.state is CallState.ENDED
        assert not (posts and call.accepting and step.command and isinstance(step.command, BridgeTo))
        if isinstance(step.command, BridgeTo):
            assert step.command.number
            dialled = call.attempts[-1].offer
            assert now + step.command.ring_timeout_s + CARRIER.timeout_buffer_s <= dialled.expires_at
    assert closes == (call.state is CallState.ENDED)


@given(st.floats(0.0, 60.0))
def test_a_ring_ends_inside_the_window_with_the_carriers_buffer(age_s: float) -> None:
    """Five seconds of buffer, one of margin, five of ring at least: an offer older than 19 s is not dialled."""
    made = offer("b", "+12145550111", 1, EPOCH)
    timeout = ring_timeout_s(made, Bridge(ring_s=20), CARRIER, EPOCH + age_s)
    if timeout is None:
        assert age_s > 30 - 5 - MARGIN_S - 5
    else:
        assert 5 <= timeout <= 20
        assert age_s + timeout + 5 <= 30
