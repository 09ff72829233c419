"""What the command prints: numbers masked, columns stable, no cell that a spreadsheet would run, sums that add up."""

import csv
import io
import json
from decimal import Decimal
from pathlib import Path

import pytest

from callrouter.cli import main
from callrouter.commands.statement_page import MOST_SHOWN, statement_page
from callrouter.reconciling.finding import Reconciled
from callrouter.reconciling.reconcile import reconcile
from callrouter.reconciling.shown import CSV_COLUMNS, as_csv, as_json
from callrouter.reconciling.statement import rows_of
from tests.reconciling.statements import KINDS, a_call, a_row, clean, csv_text, statement_of, the_map
from tests.support.watched import leaks


def one_of_each() -> Reconciled:
    statement, how = statement_of([*[clean] * 40, *KINDS, *[clean] * 40], seed=2), the_map()
    return reconcile(rows_of(io.StringIO(statement.text, newline=""), how, "s.csv"), statement.calls, how)


def test_no_whole_number_is_shown_unless_it_is_asked_for() -> None:
    found = one_of_each()
    for shown in (statement_page(found, full=False), as_csv(found, full=False), json.dumps(as_json(found, full=False))):
        assert leaks(shown) == []
    callers = [one["caller"] for one in as_json(found, full=True)["differences"]]
    assert any(caller and len(caller) == 12 for caller in callers)
    assert not leaks("".join(one.evidence for one in found.findings))


def test_json_and_csv_explain_the_gap_to_the_cent() -> None:
    found = one_of_each()
    said = as_json(found, full=False)
    of_causes = sum(Decimal(one["difference"]) for one in said["by_cause"].values())
    assert of_causes == Decimal(said["gap"]) == Decimal(said["theirs"]) - Decimal(said["ours"])
    rows = list(csv.DictReader(io.StringIO(as_csv(found, full=False))))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert sum(Decimal(row["difference"]) for row in rows) == of_causes
    assert len(rows) == len(said["differences"]) == sum(one["count"] for one in said["by_cause"].values())


def test_no_cell_of_theirs_is_a_formula_or_a_control_character() -> None:
    call, how = a_call(1, 1_791_000_000.0), the_map()
    text = csv_text(
        [a_row(call, ref="=HYPERLINK(1)\x1b[31m", paid="20.00"), a_row(a_call(2, 1_791_000_900.0), ref="@x")]
    )
    found = reconcile(rows_of(io.StringIO(text), how, "s.csv"), [call], how)
    rows = list(csv.DictReader(io.StringIO(as_csv(found, full=True))))
    assert [row["reference"] for row in rows] == ["'=HYPERLINK(1)[31m", "'@x"]
    assert rows[0]["difference"] == "-5.00"


def test_a_long_list_shows_what_weighs_most_and_says_how_much_is_left() -> None:
    how = the_map()
    calls = [a_call(no, 1_791_000_000.0 + no * 500) for no in range(MOST_SHOWN + 30)]
    rows = [a_row(call, paid="24.00" if no else "1.00") for no, call in enumerate(reversed(calls))]
    found = reconcile(rows_of(io.StringIO(csv_text(rows)), how, "s.csv"), calls, how)
    page = statement_page(found, full=False)
    assert "… and 30 more" in page
    assert page.count("they pay") == MOST_SHOWN
    assert "$1.00 for an offer of $25.00" in page
    assert statement_page(found, full=False, every=True).count("they pay") == MOST_SHOWN + 30


def test_a_statement_that_agrees_says_so() -> None:
    call, how = a_call(1, 1_791_000_000.0), the_map()
    page = statement_page(reconcile(rows_of(io.StringIO(csv_text([a_row(call)])), how, "s"), [call], how), full=False)
    assert page.startswith("Everything agrees.\n")
    assert "1 matched, 1 agree, 0 differences" in page


@pytest.mark.parametrize(
    ("statement", "more", "said"),
    [
        ("Caller,When\n", (), "columns.at"),
        ("caller,at,payout\n", (), "it has no rows below its heads"),
        ("caller,at,payout\n2145550101,soon,3\n", (), "no row of it has a time that can be read"),
        ("caller,at,payout\n2145550101,2026-10-05,3\n", ("--from", "then"), "--from: write a day"),
        ("caller,at,payout\n2145550101,2026-10-05,3\n", ("--from", "2026-10-05", "--to", "2026-10-04"), "--to: write"),
    ],
)
def test_a_file_or_a_period_that_cannot_be_read_is_bad_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], statement: str, more: tuple[str, ...], said: str
) -> None:
    file = tmp_path / "s.csv"
    file.write_text(statement)
    environ = {"CALLROUTER_DATA_DIR": str(tmp_path)}
    assert main(["reconcile", str(file), "--buyer", "acme", *more], environ) == 2
    assert said in capsys.readouterr().err
