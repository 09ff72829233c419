"""Statements that are wrong as a whole are told as quickly as good ones."""

import io
import time

import pytest

from callrouter.reconciling.cause import Cause
from callrouter.reconciling.reconcile import reconcile
from callrouter.reconciling.statement import rows_of
from tests.reconciling.statements import Cells, a_call, a_row, csv_text, the_map

ROWS = 12_000
MOST_S = 8
"""What is linear takes two; what is not takes a minute."""
CALLS = [a_call(no, 1_791_000_000.0 + no * 200, 95 + no % 300) for no in range(ROWS)]


def told(rows: list[Cells]) -> dict[Cause, int]:
    how, started = the_map(), time.process_time()
    found = reconcile(rows_of(io.StringIO(csv_text(rows), newline=""), how, "s.csv"), CALLS, how)
    assert time.process_time() - started < MOST_S
    assert found.gap == sum(one.money for one in found.findings)
    return {cause: one.count for cause, one in found.by_cause.items()}


@pytest.mark.real_time
def test_a_map_that_fits_no_row_is_told_in_seconds() -> None:
    """A word for a status that the map lacks makes every row bad, and leaves every call."""
    assert told([a_row(call, status="sold") for call in CALLS])[Cause.BAD_ROW] == ROWS


@pytest.mark.real_time
def test_times_that_cannot_be_read_are_told_in_seconds() -> None:
    broken = [a_row(call, time="noon") if no % 2 else a_row(call) for no, call in enumerate(CALLS)]
    assert told(broken)[Cause.BAD_ROW] == ROWS // 2


@pytest.mark.real_time
def test_money_that_is_taken_back_for_many_calls_is_told_in_seconds() -> None:
    back = [a_row(call, ref=f"B-{call.sid}", paid="(25.00)") for call in CALLS]
    assert told([*(a_row(call) for call in CALLS), *back])[Cause.TAKEN_BACK] == ROWS
