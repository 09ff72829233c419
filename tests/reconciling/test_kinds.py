"""Every kind of difference is explained by its own cause, alone and in any mixture, and the sums add up."""

import io
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callrouter.reconciling.cause import Cause
from callrouter.reconciling.finding import Reconciled
from callrouter.reconciling.reconcile import reconcile
from callrouter.reconciling.rows import BadRow
from callrouter.reconciling.statement import rows_of
from callrouter.reconciling.statement_map import read_map
from tests.reconciling.statements import (
    CLEAN,
    KINDS,
    Kind,
    Statement,
    a_call,
    clean,
    number_of,
    statement_of,
    the_map,
    told,
)

ALONE = {Cause.BAD_ROW, Cause.DUPLICATE_ROW, Cause.TAKEN_BACK, Cause.MISSING_ON_OURS}
"""Causes of rows that have no call of their own."""


def compared(statement: Statement, **changes: object) -> Reconciled:
    """The statement, read and reconciled."""
    how = the_map(**changes)
    return reconcile(rows_of(io.StringIO(statement.text, newline=""), how, "s.csv"), statement.calls, how)


def is_explained(statement: Statement, found: Reconciled) -> None:
    assert told(found.findings) == sorted(statement.expected)
    assert sum((one.money for one in found.findings), Decimal(0)) == found.gap
    assert sum((one.money for one in found.by_cause.values()), Decimal(0)) == found.gap


@pytest.mark.parametrize("kind", [*CLEAN, *KINDS], ids=lambda kind: kind.__name__)
def test_each_kind_among_clean_rows_is_explained_by_its_cause(kind: Kind) -> None:
    statement = statement_of([*[clean] * 8, kind, *[clean] * 8])
    found = compared(statement)
    is_explained(statement, found)
    assert found.notes == ()
    assert all(one.evidence and one.cause.remedy for one in found.findings)


def test_one_of_each_kind_among_thousands_of_clean_rows_has_no_miss_and_no_false_alarm() -> None:
    kinds = [CLEAN[no % len(CLEAN)] for no in range(2400)]
    for no, kind in enumerate(KINDS):
        kinds.insert(37 + 71 * no, kind)
    statement = statement_of(kinds, seed=5, per_day=70)
    found = compared(statement)
    is_explained(statement, found)
    assert {one.cause for one in found.findings} == set(Cause)
    assert found.rows > 1500
    assert found.theirs != found.ours


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=30),
    cleans=st.lists(st.sampled_from(CLEAN), min_size=4, max_size=10),
    seed=st.integers(0, 10_000),
)
def test_any_mixture_in_any_order_is_explained(kinds: list[Kind], cleans: list[Kind], seed: int) -> None:
    # Enough honest rows that a few which are an hour off are not the statement's own clock.
    statement = statement_of([*[clean] * 2 * len(kinds), *kinds, *cleans], seed)
    is_explained(statement, compared(statement))


SMALL_MAP = b"""
columns: {caller: caller, at: at, duration: duration, payout: payout}
time_formats: [epoch]
"""
START = 1_790_000_000
CALLERS = (number_of(0)[2:], number_of(1), f"xxx-xxx-{number_of(2)[-4:]}", "anonymous", "?!", "")
MINUTES, SECONDS = st.integers(0, 300), st.integers(0, 200)
AMOUNTS = st.sampled_from(["25.00", "0", "-25", "31", "24.99", "x", ""])
ROWS = st.lists(st.tuples(st.sampled_from(CALLERS), MINUTES, SECONDS, AMOUNTS), max_size=25)
CALLS = st.lists(st.tuples(st.integers(0, 3), MINUTES, SECONDS), max_size=25)


@settings(max_examples=150, deadline=None)
@given(rows=ROWS, calls=CALLS)
def test_the_gap_is_the_sum_of_the_differences_whatever_the_file_holds(
    rows: list[tuple[str, int, int, str]], calls: list[tuple[int, int, int]]
) -> None:
    """Rows and calls at random: few numbers, times that are near each other, all amounts."""
    how = read_map(SMALL_MAP, "map.yaml")
    lines = [f"{caller},{START + 60 * minute},{talk_s},{paid}" for caller, minute, talk_s, paid in rows]
    read = list(rows_of(io.StringIO("\n".join(["caller,at,duration,payout", *lines])), how, "s.csv"))
    sold = [
        a_call(no, START + 60 * minute, talk_s, sid=f"CA{place}") for place, (no, minute, talk_s) in enumerate(calls)
    ]
    found = reconcile(read, sold, how)
    assert sum((one.money for one in found.findings), Decimal(0)) == found.gap
    assert found.theirs == sum((row.amount for row in read), Decimal(0))
    assert (found.rows, found.bad_rows) == (len(rows), sum(isinstance(row, BadRow) for row in read))
    alone = [one for one in found.findings if one.theirs and one.cause in ALONE]
    assert found.matched + len(alone) == found.rows
    dials = [one.ours.sid for one in found.findings if one.ours and one.ours.expected is not None]
    assert len(dials) == len(set(dials))
