"""Which row is which call: clocks, zones, masked and hashed numbers, callers that call several times."""

import hashlib
import io
import itertools
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from callrouter.ledger.sold import Sold
from callrouter.reconciling.assignment import best_pairs
from callrouter.reconciling.cause import Cause
from callrouter.reconciling.finding import Reconciled
from callrouter.reconciling.reconcile import Asked, ledger_period, reconcile
from callrouter.reconciling.statement import rows_of
from tests.reconciling.statements import (
    DAY_S,
    FIRST_DAY,
    Cells,
    a_call,
    a_row,
    csv_text,
    number_of,
    the_map,
    told,
)

NOON = FIRST_DAY + 5 * DAY_S + 12 * 3600


def compared(calls: Sequence[Sold], rows: Sequence[Cells], asked: Asked | None = None, **changes: object) -> Reconciled:
    how = the_map(**changes)
    read = rows_of(io.StringIO(csv_text(rows), newline=""), how, "s.csv")
    return reconcile(read, calls, how, asked=asked or Asked())


def a_month(count: int = 40) -> list[Sold]:
    return [a_call(no, NOON + no * 10_000, 100 + no) for no in range(count)]


@settings(max_examples=200, deadline=None)
@given(
    rows=st.lists(st.integers(0, 60), max_size=5),
    calls=st.lists(st.integers(0, 60), max_size=5),
    reach=st.integers(1, 30),
)
def test_the_assignment_is_the_best_there_is(rows: list[int], calls: list[int], reach: int) -> None:
    """As many pairs as possible, then the least cost: compared with trying all of them."""

    def cost(row: int, call: int) -> float | None:
        apart = abs(rows[row] - calls[call])
        return apart / reach + (row * 7 + call * 3) % 5 / 10 if apart <= reach else None

    def worth(pairs: Sequence[tuple[int, int]]) -> tuple[int, float]:
        costs = [found for row, call in pairs if (found := cost(row, call)) is not None]
        return -len(costs), round(sum(costs), 6)

    found = list(best_pairs(rows, calls, reach, cost))
    assert len({row for row, _ in found}) == len({call for _, call in found}) == len(found)
    few, many = (range(len(rows)), range(len(calls)))
    if len(rows) <= len(calls):
        ways = (list(zip(few, way, strict=True)) for way in itertools.permutations(many, len(rows)))
    else:
        ways = (list(zip(way, many, strict=True)) for way in itertools.permutations(few, len(calls)))
    assert worth(found) == min(worth(way) for way in ways)


def test_a_long_chain_of_calls_is_assigned_in_pieces() -> None:
    rows = [no * 10.0 + 2 for no in range(500)]
    calls = [no * 10.0 for no in range(500)]
    found = best_pairs(
        rows, calls, 15, lambda row, call: apart if (apart := abs(rows[row] - calls[call])) <= 15 else None
    )
    assert sorted(found) == [(no, no) for no in range(500)]


def test_a_caller_who_calls_again_and_again_is_matched_call_by_call() -> None:
    calls = [a_call(1, NOON + no * 70, 20 + 15 * no, sid=f"CA-{no}") for no in range(8)]
    found = compared(calls, [a_row(call, off_s=40) for call in reversed(calls)], tolerance_s=120)
    assert (found.matched, found.agreed, found.findings) == (8, 8, ())


def test_a_statement_in_another_zone_is_told_once_and_matched() -> None:
    calls = a_month()
    for hours in (-6, 5.5, 1):
        found = compared(calls, [a_row(call, off_s=hours * 3600 + 5) for call in calls])
        assert (found.matched, found.agreed, found.findings) == (40, 40, ())
        (note,) = found.notes
        assert (note.cause, note.rows) == (Cause.TIME_ZONE, 40)
        assert f"{abs(hours):g} h" in note.evidence


def test_what_is_missing_at_the_edge_of_a_statement_in_another_zone_is_no_false_alarm() -> None:
    """Their first day begins six hours after ours: calls of ours before it are of their month before."""
    calls = [a_call(no, FIRST_DAY + 5 * DAY_S + no * 3600, 100 + no) for no in range(30)]
    found = compared(calls, [a_row(call, off_s=6 * 3600 + 5) for call in calls[18:] if call.sid != "CA20"])
    assert told(found.findings) == [(Cause.MISSING_ON_THEIRS, "CA20")]


def test_a_few_rows_by_our_clock_do_not_hide_that_the_statement_is_in_another_zone() -> None:
    calls = a_month()
    found = compared(calls, [a_row(call, off_s=3600 if no % 9 else 0) for no, call in enumerate(calls)])
    assert (found.matched, [note.rows for note in found.notes]) == (40, [35])
    assert {one.cause for one in found.findings} == {Cause.TIME_ZONE}
    assert len(found.findings) == 5


def test_of_two_calls_close_in_time_the_seconds_say_which_is_meant() -> None:
    first, second = a_call(1, NOON, 4), a_call(1, NOON + 44, 33, sid="CA-again")
    assert compared([first, second], [a_row(second, off_s=-25)]).findings == ()


def test_a_row_that_is_there_twice_takes_no_other_call() -> None:
    call, short = a_call(1, NOON, 140), a_call(1, NOON - 60, 4, sid="CA-short")
    found = compared([short, call], [a_row(call), a_row(call, ref="again")])
    assert [one.cause for one in found.findings] == [Cause.DUPLICATE_ROW]


def test_a_second_row_of_one_call_at_another_amount_is_told_as_that() -> None:
    call = a_call(1, NOON)
    (one,) = compared([call], [a_row(call, paid="0", status="refused"), a_row(call, off_s=4)]).findings
    assert one.cause is Cause.DUPLICATE_ROW
    assert one.money == 0
    assert "line 3, there with $25.00" in one.evidence


def test_a_withheld_row_that_may_be_of_two_calls_is_not_guessed() -> None:
    calls = [*a_month(5), a_call(70, NOON + 500, 150), a_call(71, NOON + 540, 150)]
    rows = [*(a_row(call) for call in calls[:5]), a_row(calls[5], off_s=20, caller="private")]
    causes = sorted(one.cause for one in compared(calls, rows).findings)
    assert causes == [Cause.MISSING_ON_OURS, Cause.MISSING_ON_THEIRS, Cause.MISSING_ON_THEIRS]


def test_two_bad_rows_are_never_likely_the_same_call() -> None:
    calls = a_month(5)
    bad = [a_row(calls[2], ref=ref, caller="call me") for ref in ("one", "two")]
    found = compared(calls, [*(a_row(call) for call in calls if call is not calls[2]), *bad])
    assert sorted(one.ours.sid if one.ours else "" for one in found.findings) == ["", "CA2"]
    assert found.gap == sum(one.money for one in found.findings) == Decimal(25)


def test_what_only_a_few_rows_have_in_common_is_told_row_by_row() -> None:
    calls = a_month(6)
    found = compared(calls, [a_row(call, secs=call.dial_s) for call in calls])
    assert [one.cause for one in found.findings] == [Cause.TIMER_START] * 6
    assert found.notes == ()


def test_a_day_with_the_wrong_summer_time_is_told_once() -> None:
    calls = a_month()
    slipped = {call.sid for call in calls if NOON + 43_200 <= (call.answered_at or 0) < NOON + 43_200 + 23 * 3600}
    found = compared(calls, [a_row(call, off_s=3600 if call.sid in slipped else 0) for call in calls])
    assert (found.matched, found.agreed, found.findings) == (40, 40, ())
    (note,) = found.notes
    assert (note.cause, note.rows) == (Cause.TIME_ZONE, len(slipped))
    assert "2026-10-11 is 1 h ahead" in note.evidence


def test_most_durations_by_another_timer_are_a_habit_and_those_that_cost_money_stay_listed() -> None:
    calls = [*a_month(), a_call(99, NOON + 500, 82)]
    rows = [a_row(call, secs=call.dial_s) for call in calls[:-1]]
    rows.append(a_row(calls[-1], secs=93, paid="25.00", status="paid"))
    found = compared(calls, rows)
    assert told(found.findings) == [(Cause.TIMER_START, "R-CA99")]
    assert [(note.cause, note.rows) for note in found.notes] == [(Cause.TIMER_START, 40)]
    assert compared(calls[:-1], rows[:-1], timer="dial").notes == ()


def test_rounding_that_the_map_knows_is_no_difference() -> None:
    calls = a_month()
    rows = [a_row(call, secs=-(-(call.answer_s or 0) // 6) * 6) for call in calls]
    assert compared(calls, rows, rounding="up_6").notes == ()
    assert [note.cause for note in compared(calls, rows).notes] == [Cause.ROUNDING]


def test_numbers_that_the_ledger_has_as_hashes_are_matched() -> None:
    def hashed(phone: str) -> str:
        return f"#{hashlib.sha256(phone.encode()).hexdigest()[:16]}"

    calls = a_month(12)
    old = [replace(call, caller=hashed(call.caller or "")) for call in calls]
    how = the_map()
    rows = list(rows_of(io.StringIO(csv_text([a_row(call) for call in calls])), how, "s.csv"))
    assert reconcile(rows, old, how, hashed).agreed == 12


def test_callers_whom_the_ledger_has_forgotten_are_matched_by_time_and_seconds() -> None:
    calls = a_month(12)
    found = compared([replace(call, caller=None) for call in calls], [a_row(call) for call in calls])
    assert (found.matched, found.agreed, found.findings) == (12, 12, ())


def test_a_statement_of_masked_numbers_is_told_once() -> None:
    calls = a_month()
    found = compared(calls, [a_row(call, caller=f"XXX-XXX-{(call.caller or '')[-4:]}") for call in calls])
    assert (found.matched, found.findings) == (40, ())
    assert [(note.cause, note.rows) for note in found.notes] == [(Cause.NUMBER, 40)]


def test_masked_numbers_in_another_zone_are_matched_too() -> None:
    calls = a_month()
    rows = [a_row(call, off_s=-7200, caller=f"***{(call.caller or '')[-4:]}") for call in calls]
    assert compared(calls, rows).matched == 40


def test_two_unlike_numbers_are_never_one_call_however_alike_the_rest_is() -> None:
    call = a_call(1, NOON, 173)
    row = a_row(replace(call, caller=number_of(50)))
    found = compared([*a_month(5), call], [*(a_row(one) for one in a_month(5)), row])
    assert {one.cause for one in found.findings} == {Cause.MISSING_ON_OURS, Cause.MISSING_ON_THEIRS}
    assert found.gap == 0


def test_calls_outside_the_period_asked_for_are_neither_missing_nor_counted() -> None:
    calls = a_month()
    asked = Asked(NOON + 100_000 - 60, NOON + 200_000 - 60)
    found = compared(calls, [a_row(call) for call in calls if call.sid != "CA12"], asked)
    assert told(found.findings) == [(Cause.MISSING_ON_THEIRS, "CA12")]
    assert (found.rows, found.outside, found.ours) == (9, 30, Decimal(250))


def test_one_row_with_a_wrong_year_does_not_widen_the_period() -> None:
    calls = a_month()
    rows = [*(a_row(call) for call in calls), a_row(a_call(500, NOON), date="10/14/2019")]
    how = the_map()
    period = ledger_period(list(rows_of(io.StringIO(csv_text(rows)), how, "s.csv")), how)
    assert period is not None
    assert period.until - period.since < 60 * DAY_S
    found = compared(calls, rows)
    assert told(found.findings) == [(Cause.MISSING_ON_OURS, "R-CA500")]


def test_the_contracts_accept_timer_allows_shorter_talks_and_no_longer_ones() -> None:
    calls = a_month(12)
    rows = [a_row(call, secs=(call.answer_s or 0) - 12) for call in calls]
    assert compared(calls, rows, timer="accept").findings == ()
    assert len(compared(calls, rows, slack_s=1).notes) == 0
    assert {one.cause for one in compared(calls, rows).findings} == {Cause.DURATION}


def test_without_a_duplicate_rule_in_the_map_an_earlier_call_is_only_a_hint() -> None:
    before, call = a_call(1, NOON - 3 * DAY_S, sid="CA-before"), a_call(1, NOON)
    rows = [a_row(before), a_row(call, paid="0", status="dupe")]
    (one,) = compared([before, call], rows, duplicate_within_s=None).findings
    assert one.cause is Cause.DUPLICATE_RULE
    assert "CA-before" in one.evidence
    (two,) = compared([before, call], [rows[0], {**rows[1], "Status": "refused"}], duplicate_within_s=None).findings
    assert two.cause is Cause.NOT_PAID


def test_an_hour_off_is_matched_in_the_hour_that_is_there_twice() -> None:
    """1:30 on the morning when clocks are put back: the second one."""
    at = 1_793_514_600.0  # 2026-11-01T07:30:00Z, 1:30 by the clock of Chicago after it was put back
    calls = [*a_month(5), a_call(77, at)]
    assert compared(calls, [a_row(call) for call in calls]).findings == ()
