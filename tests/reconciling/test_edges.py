"""Midnights, month ends, clocks that are put back, and how far back the ledger was read."""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import pytest

from callrouter.ledger.sold import Sold
from callrouter.reconciling.cause import Cause
from callrouter.reconciling.finding import Reconciled
from callrouter.reconciling.matching import Hashes
from callrouter.reconciling.reconcile import reconcile
from callrouter.reconciling.statement import rows_of
from tests.reconciling.statements import CHICAGO, DAY_S, Cells, a_call, a_row, csv_text, the_map, told


def at(*parts: int) -> float:
    """A moment by the clock of Chicago."""
    return datetime(*parts, tzinfo=CHICAGO).timestamp()  # type: ignore[arg-type,misc]


def compared(
    calls: Sequence[Sold], rows: Sequence[Cells], hashes: Hashes | None = None, **changes: object
) -> Reconciled:
    how = the_map(**changes)
    return reconcile(rows_of(io.StringIO(csv_text(rows), newline=""), how, "s.csv"), calls, how, hashes)


def hashed(phone: str) -> str:
    return f"#{hashlib.sha256(phone.encode()).hexdigest()[:16]}"


def an_october() -> list[Sold]:
    return [a_call(no, at(2026, 10, no + 1, 12), 100 + no) for no in range(31)]


@pytest.mark.parametrize("off_s", [DAY_S + 2, 40], ids=["dated into the next day", "a clock that is 40 s ahead"])
def test_a_row_that_is_dated_after_midnight_does_not_call_the_next_days_calls_missing(off_s: int) -> None:
    october = [*an_october(), a_call(50, at(2026, 10, 31, 23, 59, 30), 140)]
    november = [a_call(60 + no, at(2026, 11, 1, 8 + no), 130) for no in range(5)]
    rows = [*(a_row(call) for call in october[:-1]), a_row(october[-1], off_s=off_s)]
    found = compared([*october, *november], rows, cut_off=None)
    assert found.gap == 0
    assert {one.cause for one in found.findings} <= {Cause.LATE_CALL}
    assert found.until == at(2026, 11, 1)


def test_a_row_that_is_dated_before_midnight_does_not_call_the_day_befores_calls_missing() -> None:
    september = [a_call(60 + no, at(2026, 9, 30, 8 + no), 130) for no in range(5)]
    october = [a_call(50, at(2026, 10, 1, 0, 0, 20), 140), *an_october()]
    rows = [a_row(october[0], off_s=-60), *(a_row(call) for call in october[1:])]
    found = compared([*september, *october], rows, cut_off=None)
    assert found.findings == ()
    assert found.since == at(2026, 10, 1)


def test_a_day_of_25_hours_has_its_last_hour_too() -> None:
    calls = [*an_october(), a_call(50, at(2026, 11, 1, 23, 30), 140)]
    rows = [{**a_row(call), "Time": ""} for call in calls]
    found = compared(calls, rows, time_formats=("%m/%d/%Y",), cut_off=None)
    assert (found.matched, found.findings) == (32, ())


def test_a_duplicate_that_was_not_looked_for_is_not_denied() -> None:
    """Without a rule in the map the ledger is only read from some days before the statement."""
    calls = an_october()
    rows = [*(a_row(call) for call in calls[:-1]), a_row(calls[-1], paid="25.00", status="dupe")]
    (one,) = compared(calls, rows, duplicate_within_s=None).findings
    assert one.cause is Cause.DUPLICATE_RULE
    assert "no earlier call" in one.evidence
    assert "since 2026-09-28" in one.evidence
    (two,) = compared(calls, rows).findings
    assert "since 2026-09-01" in two.evidence


def test_an_earlier_call_of_a_retired_number_is_a_duplicate_also_where_no_row_has_the_number() -> None:
    calls = an_october()
    before = a_call(20, at(2026, 9, 25, 12), 140, sid="CA-before")
    before = replace(before, caller=hashed(before.caller or ""))
    rows = [a_row(call) for call in calls if call.sid != "CA20"]
    found = compared([before, *calls], rows, hashed)
    assert told(found.findings) == [(Cause.DUPLICATE_RULE, "CA20")]
    assert "CA-before" in found.findings[0].evidence


def test_retired_numbers_are_known_in_rows_that_take_back_and_in_rows_that_cannot_be_read() -> None:
    calls = [replace(call, caller=hashed(call.caller or "")) for call in an_october()]
    rows = [a_row(call) for call in an_october()]
    rows[3] = {**rows[3], "Paid": "some"}
    rows.append({**a_row(a_call(40, at(2026, 10, 9, 12), 140)), "Paid": "(25.00)"})
    calls.append(replace(a_call(40, at(2026, 9, 29, 12), 140), caller=hashed(a_call(40, 0).caller or "")))
    bad, back = compared(calls, rows, hashed).findings
    assert (bad.cause, back.cause) == (Cause.BAD_ROW, Cause.TAKEN_BACK)
    assert (bad.ours and bad.ours.sid, back.ours and back.ours.sid) == ("CA3", "CA40")


def test_the_second_of_two_hours_may_be_as_long_as_the_time_is_exact() -> None:
    """1:30 without seconds, on the morning when clocks are put back: 50 s into the second 1:30."""
    call = a_call(50, 1_793_514_650.0, 140)
    rows = [*(a_row(one) for one in an_october()), a_row(call, off_s=0, time="01:30 AM")]
    rows = [{**row, "Time": row["Time"].replace(":00:03 ", ":00 ")} for row in rows]
    found = compared([*an_october(), call], rows, time_formats=("%m/%d/%Y %I:%M %p",), tolerance_s=10)
    assert (found.matched, found.findings) == (32, ())
