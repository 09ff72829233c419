"""Of several causes that seem to hold, the one that the evidence is of."""

import io
from collections.abc import Sequence
from decimal import Decimal

import pytest

from callrouter.ledger.sold import Sold
from callrouter.reconciling.cause import Cause
from callrouter.reconciling.finding import Finding
from callrouter.reconciling.reconcile import reconcile
from callrouter.reconciling.statement import rows_of
from tests.reconciling.statements import DAY_S, FIRST_DAY, Cells, a_call, a_row, csv_text, the_map

NOON = FIRST_DAY + 5 * DAY_S + 12 * 3600


def the_one(calls: Sequence[Sold], rows: Sequence[Cells], **changes: object) -> Finding:
    how = the_map(**changes)
    found = reconcile(rows_of(io.StringIO(csv_text(rows), newline=""), how, "s.csv"), calls, how)
    (one,) = found.findings
    assert one.money == found.gap
    return one


@pytest.mark.parametrize(("talk_s", "ring_s", "how"), [(86, 11, "up_6"), (86, 2, "up_6"), (61, 40, "up_60")])
def test_seconds_that_are_rounded_over_the_minimum_are_rounding_and_no_other_timer(
    talk_s: int, ring_s: int, how: str
) -> None:
    """Their seconds are those of the contract's own timer; that the dial's are enough as well says nothing."""
    call, secs = a_call(1, NOON, talk_s, ring_s), {"up_6": 90, "up_60": 120}[how]
    one = the_one([call], [a_row(call, secs=secs, paid="25.00", status="paid")], rounding=how)
    assert (one.cause, one.money) == (Cause.ROUNDING, Decimal(25))
    assert f"{talk_s} s" in one.evidence
    assert "minimum of 90 s" in one.evidence


def test_a_second_of_slack_around_the_minimum_is_no_other_timer() -> None:
    call = a_call(1, NOON, 89, ring_s=12)
    one = the_one([call], [a_row(call, secs=90, paid="25.00", status="paid")])
    assert one.cause is Cause.DURATION
    assert "they have 90 s and we 89 s" in one.evidence


def test_seconds_that_are_the_dials_as_well_are_told_with_both_timers() -> None:
    call = a_call(1, NOON, 89, ring_s=1)
    one = the_one([call], [a_row(call, secs=90, paid="25.00", status="paid")])
    assert one.cause is Cause.TIMER_START


def test_what_they_call_reversed_is_taken_back_also_where_the_amount_says_nothing() -> None:
    call = a_call(1, NOON, 140)
    statuses = {"paid": ["paid"], "unpaid": ["refused"], "reversed": ["returned"]}
    one = the_one([call], [a_row(call, paid="0.00", status="returned")], statuses=statuses)
    assert (one.cause, one.money) == (Cause.TAKEN_BACK, Decimal(-25))
    assert "CA1" in one.evidence


def test_two_calls_of_a_number_on_one_day_are_not_one_row_twice() -> None:
    """Their second one is of no call of ours; that both have only a day for a time does not make them one."""
    call, other = a_call(1, NOON, 140), a_call(1, NOON + 7200, 310, payout="31.00")
    rows = [{**a_row(one), "Time": ""} for one in (call, other)]
    one = the_one([call], rows, time_formats=("%m/%d/%Y",))
    assert (one.cause, one.money) == (Cause.MISSING_ON_OURS, Decimal(31))
