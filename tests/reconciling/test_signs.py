"""The small signs by which causes and calls are told apart: each changes what somebody is asked for money about."""

import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from callrouter.ledger.sold import Sold
from callrouter.reconciling.cause import Cause
from callrouter.reconciling.finding import Reconciled
from callrouter.reconciling.reconcile import Asked, reconcile
from callrouter.reconciling.statement import rows_of
from tests.reconciling.statements import CHICAGO, Cells, a_call, a_row, csv_text, the_map, told


def at(*parts: int) -> float:
    """A moment by the clock of Chicago."""
    return datetime(*parts, tzinfo=CHICAGO).timestamp()  # type: ignore[arg-type,misc]


NOON = at(2026, 10, 10, 12)


def compared(calls: Sequence[Sold], rows: Sequence[Cells], asked: Asked | None = None, **changes: object) -> Reconciled:
    how = the_map(**changes)
    return reconcile(rows_of(io.StringIO(csv_text(rows)), how, "s.csv"), calls, how, asked=asked or Asked())


def days(count: int = 12, hour: int = 12) -> list[Sold]:
    return [a_call(no, at(2026, 10, 1 + no, hour), 100 + no) for no in range(count)]


def test_a_call_that_they_did_not_answer_makes_no_later_one_a_duplicate() -> None:
    unanswered = replace(a_call(1, NOON - 7200, 0, sid="CA-before"), answered_at=None, answer_s=None, action_s=None)
    call = a_call(1, NOON)
    (one,) = compared([unanswered, call], [a_row(call, paid="0", status="refused")]).findings
    assert one.cause is Cause.NOT_PAID


def test_half_a_second_after_the_offers_end_is_no_late_call_and_a_second_is() -> None:
    call = a_call(1, NOON)
    causes = []
    for late_s in (0.5, 1.0):
        late = replace(call, offer_expires_at=call.dialled_at - late_s)
        (one,) = compared([late], [a_row(late, paid="0", status="refused")]).findings
        causes.append(one.cause)
    assert causes == [Cause.NOT_PAID, Cause.LATE_CALL]


def test_the_cut_off_is_of_their_clock_where_it_is_another() -> None:
    """All of their statement is two hours ahead: what we dialled at 21 they have at 23, after their 22:00."""
    calls = [*days(), a_call(50, at(2026, 10, 5, 21), 140)]
    rows = [a_row(call, off_s=7200) for call in calls]
    rows[-1] = a_row(calls[-1], off_s=7200, paid="0", status="refused")
    (one,) = compared(calls, rows).findings
    assert one.cause is Cause.LATE_CALL
    assert "23:00" not in one.evidence
    assert "dialled at 22:59, after their 22:00" in one.evidence


def test_calls_missing_after_the_cut_off_are_of_the_next_statement_on_the_last_day_alone() -> None:
    calls = [*days(), a_call(50, at(2026, 10, 12, 22, 30), 140), a_call(51, at(2026, 10, 6, 22, 30), 140)]
    found = {one.ours.sid: one.evidence for one in compared(calls, [a_row(c) for c in calls[:12]]).findings if one.ours}
    assert "of the last day" in found["CA50"]
    assert "of the last day" not in found["CA51"]


def test_a_missing_call_that_ended_in_the_next_period_may_be_in_the_next_statement() -> None:
    calls = [*days(), a_call(50, at(2026, 10, 12, 23, 58), 240)]
    found = compared(calls, [a_row(call) for call in calls[:12]], cut_off=None)
    assert told(found.findings) == [(Cause.LATE_CALL, "CA50")]


def test_seconds_that_both_a_timer_and_a_rounding_give_are_what_their_other_rows_are() -> None:
    """84 s after 6 s of ringing: 90 from the dial, or 84 rounded up to half a minute."""
    call = a_call(50, NOON + 3600, 84, ring_s=6)
    odd = a_row(call, secs=90, paid="25.00", status="paid")
    others = [a_call(no, at(2026, 10, 1 + no, 12), 101 + no, ring_s=13) for no in range(3)]
    for theirs, cause in (([114, 115, 116], Cause.TIMER_START), ([120, 120, 120], Cause.ROUNDING)):
        rows = [a_row(one, secs=secs) for one, secs in zip(others, theirs, strict=True)]
        found = compared([*others, call], [*rows, odd])
        assert {one.cause for one in found.findings} == {cause}


def test_what_holds_for_fewer_than_half_of_the_rows_is_no_habit() -> None:
    calls = days(30)
    found = compared(calls, [a_row(c, secs=c.dial_s if no < 12 else None) for no, c in enumerate(calls)])
    assert (found.notes, len(found.findings)) == ((), 12)


def test_money_is_taken_back_for_the_call_before_it_and_not_for_a_nearer_one_after() -> None:
    before, after = a_call(1, NOON, sid="CA-before"), a_call(1, NOON + 9 * 86_400, 140, sid="CA-after")
    back = {**a_row(before, ref="back", off_s=6 * 86_400), "Paid": "(25.00)"}
    (one,) = compared([before, after], [a_row(before), a_row(after), back]).findings
    assert (one.cause, one.ours and one.ours.sid) == (Cause.TAKEN_BACK, "CA-before")


def test_of_two_calls_that_a_bad_row_may_be_of_the_amount_says_which() -> None:
    cheap, dear = a_call(50, NOON, 140), a_call(51, NOON + 60, 140, payout="40.00")
    row = a_row(dear, off_s=-30, caller="call me")
    bad, missing = compared([*days(), cheap, dear], [*(a_row(c) for c in days()), row]).findings
    assert (bad.cause, bad.ours and bad.ours.sid) == (Cause.BAD_ROW, "CA51")
    assert (missing.cause, missing.ours and missing.ours.sid) == (Cause.MISSING_ON_THEIRS, "CA50")


def test_bad_rows_of_another_period_than_was_asked_for_are_not_counted() -> None:
    calls = days()
    rows = [a_row(call, caller="call me") if no == 1 else a_row(call) for no, call in enumerate(calls)]
    found = compared(calls, rows, Asked(at(2026, 10, 5), at(2026, 10, 9)))
    assert (found.rows, found.bad_rows, found.outside, found.findings) == (4, 0, 8, ())


def test_a_period_is_of_our_clock_where_theirs_is_another() -> None:
    """Five hours ahead they date a call of the evening into the next day: it is still of the day that was asked for."""
    calls = days(hour=20)
    found = compared(calls, [a_row(c, off_s=5 * 3600) for c in calls], Asked(at(2026, 10, 5)))
    assert (found.rows, found.matched, found.findings) == (8, 8, ())


def test_two_withheld_rows_of_which_each_may_be_one_call_are_not_guessed() -> None:
    call = a_call(50, NOON, 173)
    rows = [a_row(call, ref=ref, off_s=off_s, caller="private") for ref, off_s in (("one", 3), ("two", 40))]
    found = compared([*days(), call], [*(a_row(c) for c in days()), *rows])
    causes = sorted(one.cause for one in found.findings)
    assert causes == [Cause.MISSING_ON_OURS, Cause.MISSING_ON_OURS, Cause.MISSING_ON_THEIRS]


def test_a_withheld_row_of_a_few_seconds_is_of_no_certain_call() -> None:
    call = a_call(50, NOON, 4)
    found = compared([*days(5), call], [*(a_row(c) for c in days(5)), a_row(call, caller="private")])
    assert [one.cause for one in found.findings] == [Cause.MISSING_ON_OURS]


def test_two_calls_of_one_minute_and_as_many_seconds_are_two_where_times_are_minutes() -> None:
    calls = [a_call(1, at(2026, 10, 10, 12, 5, 2), 20), a_call(1, at(2026, 10, 10, 12, 5, 31), 20, sid="CA-again")]
    rows = [{**a_row(call, off_s=0), "Time": "12:05 PM"} for call in calls]
    found = compared(calls, rows, time_formats=("%m/%d/%Y %I:%M %p",))
    assert (found.matched, found.findings) == (2, ())


def test_seconds_for_a_dial_that_nobody_answered_are_a_difference() -> None:
    call = replace(a_call(1, NOON, 0, ring_s=20), answered_at=None, answer_s=None, action_s=None)
    (one,) = compared([call], [a_row(call, secs=95, paid="25.00", status="paid")]).findings
    assert (one.cause, one.money) == (Cause.DURATION, Decimal(25))
    assert "0 s from the answer" in one.evidence


def test_of_two_calls_close_in_time_the_dialled_number_says_which_is_meant() -> None:
    first, second = a_call(1, NOON, 140), replace(a_call(1, NOON + 60, 140, sid="CA-other"), number="+18005550111")
    found = compared([first, second], [a_row(second, off_s=-40)])
    assert told(found.findings) == [(Cause.MISSING_ON_THEIRS, "CA1")]


def test_of_two_dials_close_in_time_the_answered_one_is_meant() -> None:
    talk = a_call(1, NOON + 40, 0, sid="CA-answered")
    missed = replace(a_call(1, NOON, 0, ring_s=0), answered_at=None, answer_s=None, action_s=None)
    found = compared([missed, talk], [a_row(talk, off_s=-25, paid="9.00", status="paid")])
    (one,) = found.findings
    assert one.ours is not None
    assert one.ours.sid == "CA-answered"


def test_a_step_that_not_twice_as_many_rows_have_is_not_the_statements_clock() -> None:
    calls = days(13)
    found = compared(calls, [a_row(c, off_s=3600 if no < 8 else 3) for no, c in enumerate(calls)])
    assert (found.notes, [one.cause for one in found.findings]) == ((), [Cause.TIME_ZONE] * 8)


def test_a_day_that_is_off_by_more_than_summer_time_is_told_row_by_row() -> None:
    calls = [*days(20), *(a_call(50 + no, at(2026, 10, 6, 14 + no), 140 + no) for no in range(4))]
    found = compared(calls, [a_row(c, off_s=3 * 3600 if c.sid >= "CA50" and len(c.sid) == 4 else 3) for c in calls])
    assert (found.notes, {one.cause for one in found.findings}) == ((), {Cause.TIME_ZONE})


def test_seconds_that_only_slack_brings_over_the_minimum_are_disputed_and_not_rounded() -> None:
    """84 s are a whole six already: 85 s would have been rounded to 90."""
    call = a_call(1, NOON, 84, ring_s=20)
    (one,) = compared([call], [a_row(call, secs=90, paid="25.00", status="paid")], rounding="up_6").findings
    assert one.cause is Cause.DURATION
