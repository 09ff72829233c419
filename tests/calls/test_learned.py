"""What each step of a call teaches, and what it does not; each event once, whatever the order of the reports."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callrouter.beliefs.lessons import Held, Lesson, Rang, Replied, TalkBegan, TalkEnded
from callrouter.calls import rooms, transferring, transitions
from callrouter.calls.learned import learned, taught, unheard
from callrouter.calls.room_orders import settled
from callrouter.calls.setting import Setting, Step
from callrouter.carrier.seam import CallerStatus, DialEnded, DialStatus, LegChanged, LegStatus, PartyChanged, ZipEntered
from callrouter.domain.call import AttemptResult, AwaitedBuyer, Call, CallState
from callrouter.domain.offer import BuyerResult, Decline
from callrouter.domain.reasons import Reason
from tests.calls.test_rooms import Act, acts, moments, opened, with_agent_in_room
from tests.calls.test_transitions import applied, arrived, at, events, offer
from tests.support.virtual_time import EPOCH

FIRST, SECOND, VERTICAL = "contactability", "letsmakealead", "auto"
TALK = "CA1:1"
Told = tuple[float, Any]
"""Seconds since the call's arrival, and what happens."""
ZIP: Told = (1, ZipEntered("CA1", 1, "78701"))
"""The auction starts."""
CLOSED: Told = (3, "auction")
"""Both have offered, and the first is dialled."""


def leg(status: LegStatus, no: int = 1, leg_s: int | None = None) -> LegChanged:
    return LegChanged("CA1", no, f"CAleg{no}", status, leg_s)


def over(status: DialStatus, talked_s: int | None = None, *, there: bool = True, no: int = 1) -> DialEnded:
    """The dial's action; ``there``: the caller has not left."""
    return DialEnded("CA1", no, status, status is DialStatus.COMPLETED, talked_s, there)


GONE = CallerStatus("CA1", LegStatus.COMPLETED)
RINGS: Sequence[Told] = (ZIP, CLOSED, (4, leg(LegStatus.INITIATED)), (5, leg(LegStatus.RINGING)))
TALKS: Sequence[Told] = (*RINGS, (9, leg(LegStatus.IN_PROGRESS)))
DIALLED = Held(VERTICAL, "hold", 2.0, False)
ANSWERED = (Rang(FIRST, True, 6.0), Held(VERTICAL, "ring", 6.0, False))
BEGAN = TalkBegan(FIRST, VERTICAL, TALK, EPOCH + 9)


def ended(seconds: float, *, cut: bool = False, buyer: str = FIRST, talk: str = TALK) -> TalkEnded:
    return TalkEnded(buyer, VERTICAL, talk, seconds, 0, cut)


def owner_dies(call: Call, now: float) -> Step:
    """Another instance takes the auction over."""
    return transitions.take_over(call, "me", replace(at(now), instance="another"))


STORIES: dict[str, tuple[Sequence[Told], Sequence[Lesson]]] = {
    "a hold that nobody has an offer for": ((ZIP, (4, "no_offers")), (Held(VERTICAL, "hold", 3.0, False),)),
    "a caller who hangs up on hold": ((ZIP, (5, GONE)), (Held(VERTICAL, "hold", 4.0, True),)),
    "a caller who hangs up at the question for the zip": (((2, GONE),), ()),
    "a hold that ends in our own failure": ((ZIP, (4, "fail")), (Held(VERTICAL, "hold", 3.0, False),)),
    "a talk that the buyer ends": (
        (*TALKS, (109, over(DialStatus.COMPLETED, 100))),
        (DIALLED, *ANSWERED, BEGAN, ended(100)),
    ),
    "a talk that the caller ends": (
        (*TALKS, (109, GONE), (110, leg(LegStatus.COMPLETED, leg_s=99))),
        (DIALLED, *ANSWERED, BEGAN, ended(99)),
    ),
    "a talk in which our clock alone tells its length": (
        (*TALKS, (109, over(DialStatus.COMPLETED, there=False))),
        (DIALLED, *ANSWERED, BEGAN, ended(100)),
    ),
    "a talk of which no report came before its end": (
        (*RINGS, (109, over(DialStatus.COMPLETED, 100))),
        (DIALLED, *ANSWERED, ended(100)),
    ),
    "a talk of unknown length": (
        (*RINGS, (109, over(DialStatus.COMPLETED))),
        (DIALLED, Rang(FIRST, True, 25.0), Held(VERTICAL, "ring", 25.0, False), ended(0, cut=True)),
    ),
    "a talk that our own failure cuts off": (
        (*TALKS, (29, "fail")),
        (DIALLED, *ANSWERED, BEGAN, ended(20, cut=True)),
    ),
    "a talk whose caller left, and nobody told how it ended until a minute later": (
        (*TALKS, (29, GONE), (89, "lost")),
        (DIALLED, *ANSWERED, BEGAN, ended(20, cut=True)),
    ),
    "a buyer that hangs up early, and the next one's phone": (
        (*TALKS, (12, over(DialStatus.COMPLETED, 3)), (14, leg(LegStatus.IN_PROGRESS, 2))),
        (
            *(DIALLED, *ANSWERED, BEGAN, ended(3)),
            *(Rang(SECOND, True, 2.0), Held(VERTICAL, "ring", 2.0, False)),
            TalkBegan(SECOND, VERTICAL, "CA1:2", EPOCH + 14),
        ),
    ),
    "a phone that is busy": (
        (*RINGS, (7, over(DialStatus.BUSY))),
        (DIALLED, Held(VERTICAL, "ring", 4.0, False), Rang(FIRST, False, 4.0)),
    ),
    "a phone that nobody picks up": (
        (*RINGS, (23, leg(LegStatus.NO_ANSWER)), (24, over(DialStatus.NO_ANSWER))),
        (DIALLED, Held(VERTICAL, "ring", 20.0, False), Rang(FIRST, False, 20.0)),
    ),
    "a number that does not work": (
        (*RINGS, (4, over(DialStatus.FAILED))),
        (DIALLED, Held(VERTICAL, "ring", 1.0, False), Rang(FIRST, False, 1.0)),
    ),
    "a caller who leaves while it rings": (
        (*RINGS, (8, GONE), (9, leg(LegStatus.CANCELED))),
        (DIALLED, Held(VERTICAL, "ring", 5.0, True)),
    ),
    "a caller who leaves while it rings, and nobody tells": (
        (*RINGS, (83, "lost")),
        (DIALLED, Held(VERTICAL, "ring", 20.0, True)),
    ),
    "a dial that never began": ((ZIP, CLOSED, (30, "lapsed")), (DIALLED,)),
    "a report that comes after its dial is over": (
        (*RINGS, (7, over(DialStatus.BUSY)), (8, leg(LegStatus.IN_PROGRESS)), (9, leg(LegStatus.COMPLETED, leg_s=1))),
        (DIALLED, Held(VERTICAL, "ring", 4.0, False), Rang(FIRST, False, 4.0)),
    ),
    "the same report twice": (
        (*TALKS, (10, leg(LegStatus.IN_PROGRESS)), (11, leg(LegStatus.RINGING))),
        (DIALLED, *ANSWERED, BEGAN),
    ),
    "whatever comes after the call's end": (
        (*TALKS, (109, over(DialStatus.COMPLETED, 100)), (110, leg(LegStatus.COMPLETED, leg_s=99)), (111, GONE)),
        (DIALLED, *ANSWERED, BEGAN, ended(100)),
    ),
    "a bid that its buyer takes back": (
        (ZIP, (3, "bids"), (4, "refused")),
        (Held(VERTICAL, "hold", 3.0, False), Rang(SECOND, False, 1.0)),
    ),
    "a bid that is named a number for": ((ZIP, (3, "bids"), (4, "named")), (Held(VERTICAL, "hold", 3.0, False),)),
    "a bid whose caller leaves during the post": (
        (ZIP, (3, "bids"), (4, GONE)),
        (Held(VERTICAL, "hold", 3.0, True),),
    ),
    "a bid whose post died with the instance that sent it": (
        (ZIP, (3, "bids"), (4, owner_dies)),
        (Held(VERTICAL, "hold", 3.0, False),),
    ),
    "a hold over two auctions": (
        (ZIP, (3, "bids"), (45, "refused"), (47, "auction")),
        (Held(VERTICAL, "hold", 44.0, False), Rang(SECOND, False, 42.0), Held(VERTICAL, "hold", 2.0, False)),
    ),
}


def told(story: Sequence[Told]) -> tuple[Call, list[Lesson]]:
    """The call, and what it has taught from its arrival on."""
    call, lessons = arrived().call, list[Lesson]()
    for after_s, event in story:
        now = EPOCH + after_s
        step = event(call, now) if callable(event) else applied(call, event, now)
        lessons += learned(call, step.call, VERTICAL)
        call = step.call
    return call, lessons


@pytest.mark.parametrize("story", STORIES)
def test_a_step_teaches_what_it_made_known(story: str) -> None:
    happens, expected = STORIES[story]
    assert told(happens)[1] == list(expected)


# -- transfers --------------------------------------------------------------------------------------------------------


def of_transfer(call: Call, *script: tuple[float, Act]) -> list[Lesson]:
    """What these acts on a transfer teach, each so many seconds after `EPOCH`."""
    lessons: list[Lesson] = []
    for after_s, act in script:
        step = settled(act(call, at(EPOCH + after_s)), at(EPOCH + after_s))
        lessons += learned(call, step.call, VERTICAL)
        call = step.call
    return lessons


def party(status: LegStatus, no: int = 1, leg_s: int | None = None) -> Act:
    event = PartyChanged("TR1", f"buyer-{no}", f"CAbuyer-{no}", status, leg_s)
    return lambda c, s: rooms.party_changed(c, event, s)


def test_in_a_room_only_the_buyer_is_learned_of_for_the_caller_talks_with_an_agent() -> None:
    told = of_transfer(
        with_agent_in_room(EPOCH),
        (1, party(LegStatus.RINGING)),
        (5, party(LegStatus.IN_PROGRESS)),
        (65, party(LegStatus.COMPLETED, leg_s=60)),
    )
    talk = "TR1:1"
    assert told == [
        Rang("b1", True, 5.0),
        TalkBegan("b1", VERTICAL, talk, EPOCH + 5),
        TalkEnded("b1", VERTICAL, talk, 60.0, 0),
    ]


def test_a_buyer_that_the_agent_calls_off_is_not_blamed() -> None:
    rings, passes = (1, party(LegStatus.RINGING)), (9, transferring.following)
    assert of_transfer(with_agent_in_room(EPOCH), rings, passes, (10, party(LegStatus.IN_PROGRESS))) == []
    (_, _, talked) = of_transfer(with_agent_in_room(EPOCH), rings, (5, party(LegStatus.IN_PROGRESS)), passes)
    assert talked == TalkEnded("b1", VERTICAL, "TR1:1", 4.0, 0, cut=True)


def test_a_phone_in_a_room_that_nobody_picks_up_counts_against_its_buyer() -> None:
    told = of_transfer(
        with_agent_in_room(EPOCH), (1, party(LegStatus.RINGING)), (16, party(LegStatus.NO_ANSWER)), (17, _looks)
    )
    assert told == [Rang("b1", False, 16.0)]


def _looks(call: Call, setting: Setting) -> Step:
    return Step(call, None)


@pytest.mark.parametrize("result", [AttemptResult.NO_ANSWER, AttemptResult.BRIDGED])
def test_of_an_agents_own_dials_nothing_is_learned(result: AttemptResult) -> None:
    def says(call: Call, setting: Setting) -> Step:
        return transferring.own_dial_ended(call, result, 70 if result is AttemptResult.BRIDGED else None, setting)

    assert of_transfer(opened(), (5, transferring.own_dial), (95, says)) == []


# -- pings ------------------------------------------------------------------------------------------------------------

OFFERED = offer(FIRST, "+12145550111", 30, EPOCH)


def result(reason: Reason | None, *, asked: bool = True) -> BuyerResult:
    """What a buyer said after 1.2345 s; ``None`` is an offer."""
    return BuyerResult(
        buyer=FIRST,
        offer=OFFERED if reason is None else None,
        decline=None if reason is None else Decline(reason=reason),
        elapsed_s=1.2345,
        asked_at=EPOCH if asked else None,
    )


PINGS: list[tuple[Reason | None, str | None]] = [
    (Reason.NO_OFFER, "no"),
    (Reason.ERROR_HTTP_STATUS, "no"),
    (Reason.REJECTED_BELOW_FLOOR, "no"),
    (Reason.ERROR_TIMEOUT, "silent"),
    (Reason.NO_OFFER_CALLER_GONE, "cut"),
    (Reason.ERROR_ADAPTER, None),
    (Reason.NOT_CALLED_NO_TIME, None),
]


@pytest.mark.parametrize(("reason", "how"), PINGS)
def test_a_ping_teaches_how_it_ended(reason: Reason, how: Any) -> None:
    assert taught(result(reason)) == (Replied(FIRST, 1.234, how) if how else None)
    assert taught(result(reason, asked=False)) is None


def test_an_offer_teaches_what_it_pays() -> None:
    assert taught(result(None)) == Replied(FIRST, 1.234, "offer", 30.0, 0)


def cut_off(after_s: float, *, awaited: Sequence[str] = (), replies: Sequence[str] = ()) -> list[tuple[str, Lesson]]:
    """What a call's end after so many seconds cuts off; its auction began at 1 s, and was decided if some are
    ``awaited``, who were asked at 1.1 s."""
    call = applied(arrived().call, ZIP[1], EPOCH + 1).call
    assert call.auction is not None
    if awaited:
        pings = tuple(AwaitedBuyer(buyer=b, asked_at=EPOCH + 1.1, until=EPOCH + 11) for b in awaited)
        call = call.replaced(auction=call.auction.model_copy(update={"closed_at": EPOCH + 2, "awaited": pings}))
    ended = applied(call, GONE, EPOCH + after_s).call
    cuts = unheard(call, ended, {f"1:{buyer}": result(None) for buyer in replies}, (FIRST, SECOND))
    assert unheard(ended, ended, {}, (FIRST, SECOND)) == ()
    return [(cut.field, cut.lesson) for cut in cuts]


def test_who_was_still_being_asked_when_the_call_ended_had_kept_silent_until_then() -> None:
    assert cut_off(4, replies=[SECOND]) == [(f"1:{FIRST}", Replied(FIRST, 3.0, "cut"))]
    assert cut_off(4, awaited=[SECOND]) == [(f"1:{SECOND}", Replied(SECOND, 2.9, "cut"))]
    assert cut_off(4, awaited=[SECOND], replies=[SECOND]) == []


def test_a_ping_whose_time_was_over_before_the_call_ended_is_not_cut_off_by_that() -> None:
    """A minute's talk is no minute's silence: its result was kept, or whoever had asked died."""
    assert cut_off(11.2, awaited=[SECOND]) == [(f"1:{SECOND}", Replied(SECOND, 9.9, "cut"))]
    assert cut_off(71, awaited=[SECOND]) == []
    assert cut_off(71) == []


# -- any events in any order ------------------------------------------------------------------------------------------


beginnings = st.sampled_from([tuple(story[:length]) for story, _ in STORIES.values() for length in range(len(story))])
"""So far a call may have come before anything may happen."""


@settings(max_examples=500, deadline=None)
@given(beginnings, st.lists(st.tuples(events, st.floats(0, 20)), max_size=20))
def test_whatever_the_order_each_event_is_taught_once(
    beginning: Sequence[Told], sequence: list[tuple[Any, float]]
) -> None:
    call, lessons = told(beginning)
    now = EPOCH + (beginning[-1][0] if beginning else 0)
    for event, pause in sequence:
        now += pause
        step = applied(call, event, now)
        lessons += learned(call, step.call, VERTICAL)
        call = step.call
    each_once(call, lessons, now)
    heard_s = sum(lesson.seconds for lesson in lessons if isinstance(lesson, Held))
    assert heard_s <= now - EPOCH + 0.01 * len(lessons)
    left = [lesson for lesson in lessons if isinstance(lesson, Held) and lesson.left]
    assert len(left) <= (call.outcome == "abandoned")


@settings(max_examples=300, deadline=None)
@given(st.booleans(), st.lists(st.tuples(acts, moments), max_size=30))
def test_whatever_happens_to_a_transfer_each_event_is_taught_once(
    together: bool, script: list[tuple[Callable[[Call, Setting], Step], float]]
) -> None:
    call, now, lessons = with_agent_in_room(EPOCH) if together else opened(), EPOCH, list[Lesson]()
    for act, passed_s in script:
        now += passed_s
        try:
            step = settled(act(call, at(now)), at(now))
        except transferring.NotNow:
            continue
        lessons += learned(call, step.call, VERTICAL)
        call = step.call
    each_once(call, lessons, now)
    assert not any(isinstance(lesson, Held) for lesson in lessons)


def each_once(call: Call, lessons: list[Lesson], now: float) -> None:
    """No dial is counted twice, no talk goes on after the call, and no number is impossible."""
    dials = Counter(attempt.offer.buyer for attempt in call.attempts)
    refused = Counter(post.offer.buyer for post in call.acceptances if post.result not in (None, "offer"))
    rangs = [lesson for lesson in lessons if isinstance(lesson, Rang)]
    assert not Counter(rang.buyer for rang in rangs) - (dials + refused)
    heard = {f"{call.sid}:{a.no}" for a in call.attempts if a.answered_at is not None or a.result == "bridged"}
    begun = Counter(lesson.talk for lesson in lessons if isinstance(lesson, TalkBegan))
    done = Counter(lesson.talk for lesson in lessons if isinstance(lesson, TalkEnded))
    assert max((begun + done).values(), default=0) <= 2
    assert max(begun.values(), default=0) <= 1
    assert max(done.values(), default=0) <= 1
    if call.state is CallState.ENDED:
        assert set(begun) <= set(done), "each that began has ended"
    assert len([rang for rang in rangs if rang.answered]) == len({*begun, *done})
    if not any(attempt.result == "early_hangup" for attempt in call.attempts) and call.transfer is None:
        assert {*begun, *done} <= heard
    for lesson in lessons:
        seconds = getattr(lesson, "seconds", getattr(lesson, "ring_s", 0.0))
        assert seconds >= 0
        assert isinstance(lesson, TalkEnded) or seconds <= now - EPOCH + 0.01


def test_the_steps_before_a_call_is_known_teach_nothing() -> None:
    assert learned(None, arrived().call, VERTICAL) == ()


def test_lessons_name_the_plans_vertical_and_not_the_plan() -> None:
    call = applied(arrived().call, ZIP[1], EPOCH + 1).call
    (held,) = learned(call, applied(call, GONE, EPOCH + 5).call, "motor")
    assert isinstance(held, Held)
    assert held.vertical == "motor"
