"""Warm transfers as pure transitions: any event in any order, never a second end, nobody forgotten."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from callrouter.calls import room_looks, rooms, transferring, transitions
from callrouter.calls.room_orders import settled
from callrouter.calls.setting import Setting, Step
from callrouter.carrier.seam import (
    BringIn,
    CallIn,
    EndsRoom,
    InRoom,
    LeftRoom,
    LeftWhy,
    Leg,
    LegStatus,
    PartyChanged,
    PutOnHold,
    Release,
    Room,
    RoomChanged,
    RoomEvent,
    Tell,
)
from callrouter.domain.call import AttemptResult, Call, CallState, Outcome
from callrouter.domain.caller import Caller
from callrouter.domain.transfer import Agent, PartyRole, Transfer
from tests.calls.test_transitions import CARRIER, PLAN, at, offer
from tests.support.virtual_time import EPOCH

PHONE = "+15125550123"
LABELS = ("agent-1", "caller-1", "buyer-1", "buyer-2", "buyer-3")
MEETING = transferring.Meeting(
    room="cr-1", agent=Agent(name="Anna", phone="+15125550177"), caller_sid="CAcaller-1", call_token=None
)
MERGED = replace(MEETING, caller_sid=None)


def opened(now: float = EPOCH) -> Call:
    """A transfer with two offers in hand."""
    transfer = Transfer(agent=MEETING.agent, opened_by="anna", pin="123456", until=now + 600)
    call = transferring.opened("TR1", "+18885550101", Caller(phone=PHONE, zip="78701"), transfer, at(now)).call
    offers = (offer("b1", "+12145550111", 40, now), offer("b2", "+12145550112", 30, now))
    return transitions.auction_closed(call, 1, offers, "all_answered", at(now)).call


def after(call: Call, act: Callable[[Call, Setting], Step], now: float) -> Step:
    """One act, with what the room needs after it."""
    return settled(act(call, at(now)), at(now))


def with_agent_in_room(now: float) -> Call:
    """Bridged, and agent and caller are there."""
    call = after(opened(), lambda c, s: transferring.bridged(c, MEETING, s), now).call
    call = joins(call, "caller-1", "CAcaller-1", now, 1).call
    return joins(call, "agent-1", "CAagent-1", now, 2).call


def joins(call: Call, label: str, leg_sid: str, now: float, seq: int) -> Step:
    """This leg comes into the room."""
    event = RoomChanged("TR1", "CF1", seq, RoomEvent.JOINED, leg_sid, label)
    return after(call, lambda c, s: rooms.room_changed(c, event, s), now)


def test_a_bridge_calls_the_agent_and_brings_the_callers_live_call_in() -> None:
    step = after(opened(), lambda c, s: transferring.bridged(c, MEETING, s), EPOCH)
    assert [type(order) for order in step.orders] == [CallIn, BringIn]
    assert [order.label for order in step.orders] == ["agent-1", "caller-1"]


def test_the_buyer_is_rung_when_agent_and_caller_are_there_and_not_before() -> None:
    call = after(opened(), lambda c, s: transferring.bridged(c, MEETING, s), EPOCH).call
    assert joins(call, "caller-1", "CAcaller-1", EPOCH + 1, 1).orders == ()
    assert joins(call, "agent-1", "CAagent-1", EPOCH + 1, 1).orders == ()
    call = joins(call, "caller-1", "CAcaller-1", EPOCH + 1, 1).call
    step = joins(call, "agent-1", "CAagent-1", EPOCH + 2, 2)
    assert [order.label for order in step.orders if isinstance(order, CallIn)] == ["buyer-1"]
    assert step.call.state is CallState.DIALLING


def test_a_ring_in_a_room_ends_inside_the_window_with_the_carriers_buffer_and_its_start_counted() -> None:
    call = with_agent_in_room(EPOCH + 10)
    attempt = call.attempt
    assert attempt is not None
    latest_s = EPOCH + 10 + CARRIER.place_s + attempt.ring_timeout_s + CARRIER.timeout_buffer_s
    assert latest_s <= attempt.offer.expires_at


def test_the_caller_is_put_on_hold_while_it_rings_and_taken_off_when_the_buyer_is_there() -> None:
    call = after(opened(), lambda c, s: transferring.bridged(c, MEETING, s), EPOCH).call
    call = joins(call, "agent-1", "CAagent-1", EPOCH + 1, 1).call
    step = joins(call, "caller-1", "CAcaller-1", EPOCH + 2, 2)
    assert [(o.leg_sid, o.on) for o in step.orders if isinstance(o, PutOnHold)] == [("CAcaller-1", True)]
    step = joins(step.call, "buyer-1", "CAbuyer", EPOCH + 5, 3)
    assert [(o.leg_sid, o.on) for o in step.orders if isinstance(o, PutOnHold)] == [("CAcaller-1", False)]
    assert step.call.state is CallState.BRIDGED


def test_a_late_join_does_not_bring_back_who_has_left() -> None:
    call = with_agent_in_room(EPOCH)
    left = RoomChanged("TR1", "CF1", 9, RoomEvent.LEFT, "CAagent-1", "agent-1", LeftWhy.HUNG_UP)
    call = after(call, lambda c, s: rooms.room_changed(c, left, s), EPOCH + 3).call
    again = joins(call, "agent-1", "CAagent-1", EPOCH + 4, 5)
    assert again.call.transfer is not None
    assert again.call.transfer.present(PartyRole.AGENT) is None


def test_a_look_at_a_leg_that_was_heard_of_meanwhile_does_not_end_it() -> None:
    """The carrier was asked before the buyer's leg was known: its silence says nothing."""
    call = with_agent_in_room(EPOCH)
    placed = PartyChanged("TR1", "buyer-1", "CAbuyer", LegStatus.INITIATED)
    call = after(call, lambda c, s: rooms.party_changed(c, placed, s), EPOCH + 1).call
    room = Room("CF1", (InRoom("CAagent-1", "agent-1", False),))
    step = after(call, lambda c, s: room_looks.looked(c, room, {"CAagent-1": None}, s), EPOCH + 2)
    assert step.call.attempt is not None
    assert step.call.attempt.live


def test_a_leg_that_comes_to_a_transfer_that_is_over_is_let_go() -> None:
    call = with_agent_in_room(EPOCH)
    call = after(call, transferring.cancelled, EPOCH + 1).call
    news = PartyChanged("TR1", "buyer-1", "CAlate", LegStatus.RINGING)
    assert rooms.stray(call, news) == Release("buyer-1", "CAlate")


def test_a_buyer_that_the_agent_sends_away_after_the_minimum_duration_pays() -> None:
    call = joins(with_agent_in_room(EPOCH), "buyer-1", "CAbuyer", EPOCH + 5, 3).call
    attempt = call.attempt
    assert attempt is not None
    bound = attempt.model_copy(update={"offer": attempt.offer.model_copy(update={"min_duration_s": 60})})
    call = call.with_attempt(bound)
    step = after(call, transferring.following, EPOCH + 70)
    assert (step.call.outcome, step.call.qualified) == (Outcome.BRIDGED, True)


def talking_since(now: float, talked_s: float) -> Call:
    """Agent, caller and buyer are in the room, and the buyer answered so long ago."""
    return joins(with_agent_in_room(now), "buyer-1", "CAbuyer-1", now + talked_s, 3).call


def test_the_last_pair_closes_together_but_for_a_buyer_that_may_still_be_replaced() -> None:
    call = talking_since(EPOCH, 5)
    soon = after(call, transferring.completed, EPOCH + 5 + PLAN.bridge.early_hangup_s - 1)
    assert [order.label for order in soon.orders if isinstance(order, EndsRoom)] == ["caller-1"]
    later = after(call, transferring.completed, EPOCH + 5 + PLAN.bridge.early_hangup_s)
    assert [order.label for order in later.orders if isinstance(order, EndsRoom)] == ["caller-1", "buyer-1"]


def test_an_agent_who_was_to_leave_and_has_not_is_let_go_with_the_caller_at_the_end() -> None:
    call = after(talking_since(EPOCH, 5), transferring.completed, EPOCH + 30).call
    ended = PartyChanged("TR1", "buyer-1", "CAbuyer-1", LegStatus.COMPLETED, 40)
    left = RoomChanged("TR1", "CF1", 9, RoomEvent.LEFT, "CAbuyer-1", "buyer-1", LeftWhy.HUNG_UP)
    call = after(call, lambda c, s: rooms.party_changed(c, ended, s), EPOCH + 45).call
    step = after(call, lambda c, s: rooms.room_changed(c, left, s), EPOCH + 45)
    assert step.call.outcome is Outcome.BRIDGED
    assert {order.label for order in step.orders if isinstance(order, Release | Tell)} == {"agent-1", "caller-1"}


def _bridges(meeting: transferring.Meeting, call: Call, at: Setting) -> Step:
    return transferring.bridged(call, meeting, at)


def test_the_buyer_sees_the_callers_number_only_with_the_carriers_leave() -> None:
    shown = {}
    for token in (None, "leave-to-show"):
        meeting = replace(MEETING, call_token=token)
        call = after(opened(), partial(_bridges, meeting), EPOCH).call
        call = joins(call, "caller-1", "CAcaller-1", EPOCH, 1).call
        (order,) = [o for o in joins(call, "agent-1", "CAagent-1", EPOCH, 2).orders if isinstance(o, CallIn)]
        shown[token] = (order.caller_id, order.call_token)
    assert shown == {None: ("+18885550101", None), "leave-to-show": (PHONE, "leave-to-show")}


moments = st.floats(min_value=0.1, max_value=20)
statuses = st.sampled_from(list(LegStatus))
labels = st.sampled_from(LABELS)
seqs = st.integers(min_value=1, max_value=30)
room_events = st.builds(
    lambda label, seq, what, why: RoomChanged("TR1", "CF1", seq, what, f"CA{label}", label, why),
    labels,
    seqs,
    st.sampled_from(list(RoomEvent)),
    st.sampled_from((None, *LeftWhy)),
)
party_events = st.builds(
    lambda label, status, leg_s: PartyChanged("TR1", label, f"CA{label}", status, leg_s),
    labels,
    statuses,
    st.one_of(st.none(), st.integers(min_value=0, max_value=200)),
)
out_events = st.builds(
    lambda label, there: LeftRoom("TR1", label, f"CA{label}", there),
    labels,
    st.booleans(),
)
looks = st.builds(
    lambda there, known: (
        Room("CF1", tuple(InRoom(f"CA{label}", label, False) for label in sorted(there))),
        {f"CA{label}": Leg(f"CA{label}", "", status, 7) if status else None for label, status in known.items()},
    ),
    st.sets(labels),
    st.dictionaries(labels, st.one_of(st.none(), statuses)),
)
Act = Callable[[Call, Setting], Step]
acts: st.SearchStrategy[Act] = st.one_of(
    room_events.map(lambda e: lambda c, s: rooms.room_changed(c, e, s)),
    party_events.map(lambda e: lambda c, s: rooms.party_changed(c, e, s)),
    out_events.map(lambda e: lambda c, s: rooms.left_room(c, e, s)),
    looks.map(lambda seen: lambda c, s: room_looks.looked(c, seen[0], seen[1], s)),
    st.sampled_from(
        (
            lambda c, s: transferring.bridged(c, MEETING, s),
            lambda c, s: transferring.bridged(c, MERGED, s),
            transferring.following,
            transferring.completed,
            transferring.cancelled,
            transferring.own_dial,
            lambda c, s: transferring.own_dial_ended(c, AttemptResult.NO_ANSWER, None, s),
            lambda c, s: transferring.own_dial_ended(c, AttemptResult.BRIDGED, 70, s),
            lambda c, s: transferring.dialled_in(c, "CAline", PHONE, s),
            transferring.renewed,
            transferring.lapse,
        )
    ),
    st.sampled_from(((), ("b1",), ("b1", "b2"))).map(
        lambda names: (
            lambda c, s: transitions.auction_closed(
                c,
                c.auction.no if c.auction else 1,
                tuple(offer(name, f"+1214555012{i}", 20, s.now) for i, name in enumerate(names)),
                "deadline",
                s,
            )
        )
    ),
)


@settings(max_examples=600, deadline=None)
@given(st.booleans(), st.lists(st.tuples(acts, moments), max_size=30))
def test_whatever_happens_a_transfer_ends_at_most_once_and_nobody_is_forgotten(
    together: bool, script: list[tuple[Act, float]]
) -> None:
    call, now = with_agent_in_room(EPOCH) if together else opened(), EPOCH
    for act, passed_s in script:
        now += passed_s
        before = call
        try:
            step = after(call, act, now)
        except transferring.NotNow:
            continue
        call = step.call
        if before.state is CallState.ENDED:
            assert call is before
            continue
        assert sum(attempt.live for attempt in call.attempts) <= 1
        assert (call.outcome is not None) == (call.state is CallState.ENDED)
        if call.state in (CallState.DIALLING, CallState.BRIDGED):
            assert call.attempt is not None
            assert call.attempt.live
        if call.state is CallState.ENDED:
            _everybody_is_told(step)


def _everybody_is_told(step: Step) -> None:
    """Each leg that is known and not over is let go, or stays with the other until one of them leaves."""
    transfer = step.call.transfer
    assert transfer is not None
    told = {order.label for order in step.orders if isinstance(order, Release | Tell | EndsRoom)}
    assert {party.label for party in transfer.parties if party.sid and not party.over} <= told


def test_an_own_dial_is_given_up_only_after_time_for_a_long_talk() -> None:
    dialled = transferring.own_dial(opened(), at(EPOCH + 5)).call
    assert transferring.lapse(dialled, at(EPOCH + 1_700)).call is dialled
    given_up = transferring.lapse(dialled, at(EPOCH + 2_500))
    assert (given_up.call.outcome, given_up.callback) == (Outcome.ABANDONED, None)
    assert given_up.call.callback == "none: nobody said what came of the agent's own dial"


def renewing(now: float) -> Call:
    """Its offers are being asked for anew."""
    return transferring.renewed(opened(), at(now)).call


def test_an_offer_that_comes_of_a_buyer_that_was_passed_over_meanwhile_is_not_shown() -> None:
    now = EPOCH + 20
    call = transferring.following(renewing(now), at(now)).call
    assert call.auction is not None
    fresh = (offer("b1", "+12145550111", 40, now), offer("b2", "+12145550112", 30, now))
    closed = transitions.auction_closed(call, call.auction.no, fresh, "all_answered", at(now + 1)).call
    assert [known.buyer for known in closed.offers] == ["b2"]


def test_what_a_renewal_brings_after_the_caller_dialled_in_is_not_taken() -> None:
    now = EPOCH + 14
    call = renewing(now)
    assert call.auction is not None
    dialled = transferring.dialled_in(call, "CAline", PHONE, at(now)).call
    assert dialled.state is CallState.DIALLING
    late = transitions.auction_closed(dialled, call.auction.no, (), "deadline", at(now + 1)).call
    assert late is dialled
    assert transferring.dialled_in(dialled, "CAline", PHONE, at(now + 1)).call is dialled
