"""What each step of a call means to the caps of its buyers."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from callrouter.calls.charges import SEAT_S, charges
from callrouter.dialplan import Plan
from callrouter.domain.call import Acceptance, Attempt, AttemptResult, AuctionRun, Call, CallKind, CallState, Outcome
from callrouter.domain.caller import Caller
from callrouter.domain.offer import Offer
from callrouter.engine.keys import LONGEST_CALL_S, Keys

NOW = 1_795_200_000.0
KEYS = Keys("{t}")
CAPPED = {"caps": [{"of": "dollars", "per": "day", "most": 100}, {"of": "connects", "per": "ever", "most": 9}]}


def a_plan(**guards: Any) -> Plan:
    """One buyer for each argument, with these guards; and one without any."""
    entry = {"adapter": "x", "mode": "m"}
    buyers = {"free": entry, **{name: {**entry, "guards": value} for name, value in guards.items()}}
    return Plan.model_validate({"plan": "auto", "numbers": {"inbound": ["+18885550100"]}, "buyers": buyers})


def an_offer(buyer: str, payout: str = "25") -> Offer:
    return Offer(buyer=buyer, number="+12145550111", payout=Decimal(payout), received_at=1, expires_at=9e9)


def a_dial(buyer: str = "a", no: int = 1, **known: Any) -> Attempt:
    dial = Attempt(no=no, offer=an_offer(buyer), decided_at=1, ring_timeout_s=20, caller_id="x")
    return dial.model_copy(update=known)


def a_call(state: CallState, *dials: Attempt, **changes: Any) -> Call:
    call = Call(
        sid="CA1",
        plan="auto",
        kind=CallKind.INBOUND,
        to="+18885550100",
        caller=Caller(phone="+15125550123"),
        started_at=1,
        state=state,
        attempts=dials,
        auction=AuctionRun(no=1, started_at=1, deadline_at=11, owner="i"),
    )
    return call.replaced(**changes)


def charged(before: Call | None, after: Call, plan: Plan) -> dict[str, Mapping[str, Any]]:
    """The charges of a step, by buyer."""
    found = charges(before, after, plan, NOW, KEYS)
    return {str(charge["seat"]["asked"]).split(":")[3]: charge for charge in found}  # type: ignore[index]


ALL_BUT_THE_DIAL = {"connects": 1, "qualified": 1, "cents": 2550}
AUCTION = a_call(CallState.AUCTION)
RINGS = a_call(CallState.DIALLING, a_dial())
TALKS = a_call(CallState.BRIDGED, a_dial(answered_at=5.0))
SOLD = {"outcome": Outcome.BRIDGED, "buyer": "a", "payout": Decimal("25.50")}


def over(result: AttemptResult, **changes: Any) -> Call:
    return a_call(CallState.ENDED, a_dial(answered_at=5.0, result=result), **changes)


@pytest.mark.parametrize(
    ("before", "after", "adds", "stage"),
    [
        (AUCTION, RINGS, {"attempts": 1}, "dialled"),
        (RINGS, TALKS, {"connects": 1}, "talking"),
        (TALKS, over(AttemptResult.BRIDGED, qualified=False, **SOLD), {}, None),
        (TALKS, over(AttemptResult.BRIDGED, qualified=True, **SOLD), {"qualified": 1, "cents": 2550}, None),
        (RINGS, over(AttemptResult.BRIDGED, qualified=True, **SOLD), ALL_BUT_THE_DIAL, None),
        (RINGS, a_call(CallState.AUCTION, a_dial(result=AttemptResult.BUSY)), {}, None),
        (RINGS, a_call(CallState.AUCTION, a_dial(result=AttemptResult.EARLY_HANGUP)), {"connects": 1}, None),
        (TALKS, a_call(CallState.AUCTION, a_dial(answered_at=5.0, result=AttemptResult.EARLY_HANGUP)), {}, None),
        (AUCTION, a_call(CallState.ENDED, outcome=Outcome.ABANDONED), {}, None),
        (a_call(CallState.AUCTION, offers=(an_offer("a"),)), AUCTION, {}, None),
    ],
)  # fmt: skip
def test_each_step_is_charged_once(before: Call, after: Call, adds: dict[str, int], stage: str | None) -> None:
    charge = charged(before, after, a_plan(a=CAPPED))["a"]
    assert charge["add"] == adds
    assert charge.get("stage") == stage
    assert charge.get("keep_ms") == (SEAT_S * 1000 if stage else None)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, a_call(CallState.AUCTION)),
        (a_call(CallState.INTAKE), AUCTION),
        (a_call(CallState.INTAKE), a_call(CallState.ENDED)),
        (AUCTION, a_call(CallState.AUCTION, offers=(an_offer("a"),))),
        (RINGS, a_call(CallState.DIALLING, a_dial(ringing_at=3.0))),
        (TALKS, a_call(CallState.BRIDGED, a_dial(answered_at=5.0, leg_sid="CA9"))),
    ],
)
def test_a_step_that_uses_and_frees_nothing_is_not_charged(before: Call | None, after: Call) -> None:
    assert charged(before, after, a_plan(a=CAPPED)) == {}


def test_a_dial_keeps_its_seat_for_the_longest_call_and_says_what_it_is_for() -> None:
    assert SEAT_S > LONGEST_CALL_S
    assert charged(AUCTION, RINGS, a_plan(a=CAPPED))["a"]["cents"] == 2_500


def test_a_bid_that_is_being_taken_up_keeps_its_seat_until_its_post_fails() -> None:
    bid = a_call(CallState.AUCTION, offers=(an_offer("a"),))
    taken_up = Acceptance(no=1, offer=an_offer("a"), started_at=2)
    posted = AUCTION.replaced(acceptances=(taken_up,))
    assert charged(bid, posted, a_plan(a=CAPPED)) == {}
    failed = AUCTION.replaced(acceptances=(taken_up.model_copy(update={"result": "error_timeout"}),))
    charge = charged(posted, failed, a_plan(a=CAPPED))["a"]
    assert (charge["add"], charge.get("stage")) == ({}, None)


def test_a_plan_without_guards_pays_nothing() -> None:
    assert charges(AUCTION, RINGS, a_plan(), NOW, KEYS) == ()
    assert charges(AUCTION, a_call(CallState.ENDED), None, NOW, KEYS) == ()


def test_an_answer_that_is_reported_after_the_dial_had_failed_is_no_connection() -> None:
    failed = a_call(CallState.AUCTION, a_dial(result=AttemptResult.NO_ANSWER))
    late = a_call(CallState.AUCTION, a_dial(result=AttemptResult.NO_ANSWER, answered_at=9.0))
    assert charged(failed, late, a_plan(a=CAPPED)) == {}


def test_the_end_of_a_call_frees_its_seats_at_all_its_buyers() -> None:
    found = charged(TALKS, over(AttemptResult.BRIDGED, qualified=True, **SOLD), a_plan(a=CAPPED, b=CAPPED))
    assert set(found) == {"a", "b"}
    assert (found["b"]["add"], found["b"].get("stage")) == ({}, None)


def test_the_next_dial_frees_the_seat_of_the_one_that_failed() -> None:
    offered = a_call(CallState.DIALLING, a_dial("a"), offers=(an_offer("b"),))
    after = a_call(CallState.DIALLING, a_dial("a", result=AttemptResult.NO_ANSWER), a_dial("b", no=2))
    found = charged(offered, after, a_plan(a=CAPPED, b=CAPPED))
    assert {name: (charge["add"], charge.get("stage")) for name, charge in found.items()} == {
        "a": ({}, None),
        "b": ({"attempts": 1}, "dialled"),
    }


def test_what_is_used_up_is_counted_in_every_period_that_a_cap_has() -> None:
    used = charged(AUCTION, RINGS, a_plan(a=CAPPED))["a"]["used"]
    assert used == [
        {"key": "{t}:used:day:auto:a:20261120", "ttl_s": 3 * 86_400},
        {"key": "{t}:used:ever:auto:a", "ttl_s": 0},
    ]


@pytest.mark.parametrize(
    ("guards", "connected", "qualified"),
    [
        ({"a": {"duplicates": {"within_s": 60}}}, [("a:connected", 60)], []),
        ({"a": {"duplicates": {"within_s": 60, "after": "qualified"}}}, [], [("a:qualified", 60)]),
        ({"a": {}, "b": {"duplicates": {"within_s": 60, "of": "plan"}}}, [("*:connected", 60)], []),
        ({"a": CAPPED, "b": {"duplicates": {"within_s": 60}}}, [], []),
        (
            {
                "a": {"duplicates": {"within_s": 60}},
                "b": {"duplicates": {"within_s": 70, "of": "plan"}},
                "c": {"duplicates": {"within_s": 80, "of": "plan"}},
            },
            [("a:connected", 60), ("*:connected", 80)],
            [],
        ),
    ],
)
def test_a_person_is_marked_where_a_guard_looks_for_it_and_as_long_as_it_looks(
    guards: dict[str, Any], connected: list[tuple[str, int]], qualified: list[tuple[str, int]]
) -> None:
    plan = a_plan(**guards)

    def marks(before: Call, after: Call) -> list[tuple[str, int]]:
        found = charged(before, after, plan).get("a", {"had": []})["had"]
        return [(":".join(mark["key"].split(":")[3:5]), mark["ttl_s"]) for mark in found]

    assert sorted(marks(RINGS, TALKS)) == sorted(connected)
    assert sorted(marks(TALKS, over(AttemptResult.BRIDGED, qualified=True, **SOLD))) == sorted(qualified)
    assert "5125550123" not in str(charges(RINGS, TALKS, plan, NOW, KEYS))


def test_a_caller_who_withheld_the_number_leaves_no_mark() -> None:
    unknown = {"caller": Caller()}
    plan = a_plan(a={"duplicates": {}})
    assert charged(RINGS.replaced(**unknown), TALKS.replaced(**unknown), plan)["a"]["had"] == []
