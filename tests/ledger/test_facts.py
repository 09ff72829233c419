"""What a record says of its offers, counted: who won, what lapsed, what was left on the table."""

import json
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from callrouter.ledger.facts import answer_rows, dial_rows, left_on_table
from callrouter.ledger.rows import Rows

T0 = 1_795_200_000_000


def at(second: float) -> str:
    return f"2026-11-20T18:40:{second:06.3f}Z"


def offer(payout: str, received: float = 1, expires: float = 31) -> dict[str, Any]:
    return {"payout": payout, "min_duration_s": 90, "received_at": at(received), "expires_at": at(expires)}


def result(buyer: str, offered: dict[str, Any] | None, auction: int = 1) -> dict[str, Any]:
    reason = "offer" if offered else "no_offer"
    return {
        "auction": auction,
        "buyer": buyer,
        "reason": reason,
        "elapsed_s": 0.25,
        "asked_at": at(0),
        "offer": offered,
    }


def dial(no: int, buyer: str, received: float = 1, decided: float = 2, **further: Any) -> dict[str, Any]:
    return {"no": no, "buyer": buyer, "received_at": at(received), "decided_at": at(decided), **further}


def record(*results: dict[str, Any], **further: Any) -> dict[str, Any]:
    base = {"plan": "auto", "kind": "inbound", "outcome": "unsold", "started_at": at(0), "ended_at": at(50)}
    return {**base, "results": list(results), **further}


def fates(of: dict[str, Any]) -> dict[str, str | None]:
    return {row["buyer"]: row["fate"] for row in answer_rows(of, "CA1", T0)}


def test_an_offer_is_taken_lapsed_or_unused() -> None:
    unsold = record(
        result("a", offer("30.00")), result("b", offer("20.00")), result("c", None), attempts=[dial(1, "a")]
    )
    assert fates(unsold) == {"a": "taken", "b": "lapsed", "c": None}
    bridged = {**unsold, "outcome": "bridged"}
    assert fates(bridged) == {"a": "taken", "b": "unused", "c": None}, "while they talk every offer grows old"
    noted = {**bridged, "events": [{"at": at(40), "event": "offer_expired", "detail": "b"}]}
    assert fates(noted)["b"] == "lapsed", "it was looked at, and was too old"
    early = {**unsold, "ended_at": at(20)}
    assert fates(early)["b"] == "unused", "it lived on when the caller had gone"


def test_an_offer_that_was_passed_over_or_renewed_in_time_has_not_lapsed() -> None:
    of = record(result("a", offer("30.00")), result("b", offer("20.00")))
    assert fates(of) == {"a": "lapsed", "b": "lapsed"}
    passed = {**of, "events": [{"at": at(5), "event": "offer_passed_over", "detail": "a"}]}
    assert fates(passed) == {"a": "unused", "b": "lapsed"}
    renewal = result("a", offer("31.00", received=20, expires=50), auction=2)
    renewed = record(
        result("a", offer("30.00")), renewal, events=[{"at": at(45), "event": "offer_expired", "detail": "a"}]
    )
    rows = {(row["auction"], row["fate"], row["left"]) for row in answer_rows(renewed, "CA1", T0)}
    assert rows == {(1, "unused", None), (2, "lapsed", Decimal("31.00"))}, "what expired is the latest one"
    abandoned = {**of, "outcome": "abandoned"}
    assert fates(abandoned) == {"a": "unused", "b": "unused"}, "nobody looked for an offer to dial"


def test_the_first_of_an_auction_to_be_dialled_or_posted_has_won_it() -> None:
    of = record(
        result("a", offer("30.00")),
        result("b", offer("20.00")),
        result("b", offer("22.00", received=30, expires=60), auction=2),
        attempts=[dial(1, "a"), dial(2, "b", received=30, decided=31)],
        posts=[{"buyer": "b", "bid_received_at": at(1), "sent_at": at(1.5)}],
    )
    won = {(row["auction"], row["buyer"]) for row in answer_rows(of, "CA1", T0) if row["won"]}
    assert won == {(1, "b"), (2, "b")}, "b's bid was taken up before a was dialled"


def test_what_was_left_is_the_best_lapsed_offer_above_what_came_instead() -> None:
    lapsed = [{"at": at(40), "event": "offer_expired", "detail": buyer} for buyer in ("a", "b")]
    results = (result("a", offer("50.00")), result("b", offer("20.00")), result("c", offer("30.00")))
    of = record(*results, outcome="bridged", expected_payout="30.00", attempts=[dial(1, "c")], events=lapsed)
    left = left_on_table(of)
    assert left is not None
    assert (left[0]["buyer"], left[1]) == ("a", Decimal("20.00"))
    assert {row["buyer"]: row["left"] for row in answer_rows(of, "CA1", T0)} == {
        "a": Decimal("20.00"),
        "b": None,
        "c": None,
    }
    assert left_on_table({**of, "expected_payout": "60.00"}) is None, "what came was better"
    assert left_on_table(record(*results, attempts=[])) is not None, "an unsold call left all of it"


def test_a_dials_timers_and_terms_are_columns() -> None:
    timers = {"dial": {"leg": 104, "action": 105}, "answer": {"leg": 100, "action": 101}, "accept": {"leg": None}}
    terms: dict[str, Any] = {
        "number": "+12145550111",
        "payout": "30.00",
        "min_duration_s": 90,
        "min_duration_stated": True,
    }
    attempt = dial(1, "a", timers=timers, result="bridged", ended_by="buyer", bridged_s=101, **terms)
    priced = {**attempt, "qualified": True, "margin_s": -11, "expected_payout": "30.00"}
    (row,) = dial_rows(record(attempts=[priced]), "CA1", T0, revision=2)
    assert (row["dial_leg_s"], row["dial_action_s"], row["answer_leg_s"], row["answer_action_s"]) == (
        104,
        105,
        100,
        101,
    )
    assert (row["accept_leg_s"], row["accept_action_s"]) == (None, None)
    assert (row["payout"], row["expected"], row["margin_s"], row["qualified"]) == (
        Decimal("30.00"),
        Decimal("30.00"),
        -11,
        True,
    )
    assert (row["revision"], row["no"], row["started_ms"]) == (2, 1, T0)


_KEYS = st.sampled_from(
    (
        *("results", "attempts", "posts", "events", "offer", "buyer", "auction", "no", "timers", "dial", "leg", "at"),
        *("payout", "received_at", "expires_at", "margin_s", "qualified", "event", "detail", "elapsed_s", "outcome"),
    )
)
_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=5),
    max_leaves=15,
)


@given(st.dictionaries(_KEYS, _JSON, max_size=8))
def test_no_record_whatever_is_in_it_makes_a_row_that_cannot_be_stored(of: dict[str, Any]) -> None:
    rows = Rows()
    rows.take({"sid": "CA1", "record": json.dumps(of)}, f"{T0}-0")
    assert len(rows.calls) == 1
    for row in (*rows.dials, *rows.answers):
        for value in row.values():
            assert value is None or isinstance(value, str | bool | int | Decimal)
            assert not isinstance(value, int) or abs(value) < 2**63
            assert not isinstance(value, str) or "\0" not in value
