"""``callrouter report`` as a person uses it, and its page."""

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from callrouter.cli import main
from callrouter.commands.report_page import report_page
from callrouter.ledger.ending_short import HangUps
from callrouter.ledger.periods import Period
from callrouter.ledger.report_columns import columns
from callrouter.ledger.totals import Asked, By, Line, Totals
from tests.commands.command import callrouter
from tests.commands.ledgered import ledger_of
from tests.ledger.month import sold

AT = datetime(2026, 11, 21, 2, 25, tzinfo=UTC).timestamp()
"""In Chicago it is the evening of the twentieth."""
WEEK = ("--from", "2026-11-15", "--to", "2026-11-21")
LINE = Line(
    "acme", calls=1_900, asked=1_900, offered=1_800, won=900, dialled=901, answered=880, bridged=870, qualified=500,
    expected=Decimal("102899.45"), average_talk_s=117.4, median_talk_s=80.0, near_misses=24,
    near_misses_by={"buyer": 20, "caller": 4}, hang_ups=HangUps(20, 30, 10.2, 0.00021), ends_short=True, expired=3,
    left=Decimal("31.50"), disputed_s=2,
)  # fmt: skip
PERIOD = Period(AT, AT + 60)


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Twelve calls that acme ended short, and one that paid."""
    short = [sold(no, "acme", 87, at=AT + no) for no in range(12)]
    return ledger_of(tmp_path_factory.mktemp("ledger"), [*short, sold(12, "bolt", 120, at=AT, pays="31.50")])


def test_the_report_is_a_table_with_a_total_and_says_what_stands_out(environ: dict[str, str]) -> None:
    done = callrouter("report", *WEEK, environ=environ)
    assert (done.returncode, done.stderr) == (0, "")
    head, _, heads, acme, bolt, total, *_ = done.stdout.splitlines()
    assert head == "Calls from 2026-11-15 to 2026-11-21 (UTC)"
    assert heads.split()[:9] == [
        "buyer", "calls", "asked", "offered", "won", "dialled", "answered", "bridged", "qualified",
    ]  # fmt: skip
    assert acme.split()[:2] == ["acme", "12"]
    assert "12 (buyer 12) !" in acme
    assert "$31.50" in bolt
    assert total.split()[:9] == ["total", "13", "13", "13", "13", "13", "13", "13", "1"]
    assert "acme may end calls short (!): of the 12 times that it hung up" in done.stdout
    assert "Nothing was left on the table" in done.stdout


def test_a_day_is_one_of_the_zone(environ: dict[str, str]) -> None:
    done = callrouter("report", *WEEK, "--by", "day", "--zone", "America/Chicago", "--jsonl", environ=environ)
    (line,) = [json.loads(text) for text in done.stdout.splitlines()]
    assert (line["day"], line["calls"], line["expected_payout"]) == ("2026-11-20", 13, "31.50")


def test_json_and_csv_have_the_stable_columns(environ: dict[str, str]) -> None:
    found = json.loads(callrouter("report", *WEEK, "--json", environ=environ).stdout)
    assert found["period"] == {"from": "2026-11-15T00:00:00.000Z", "to": "2026-11-22T00:00:00.000Z"}
    assert [tuple(line) for line in (*found["lines"], found["total"])] == [columns(By.BUYER)] * 3
    assert (found["lines"][0]["ends_short"], found["total"]["ends_short"]) == (True, None)
    assert found["total"]["expected_payout"] == "31.50"
    rows = list(csv.DictReader(io.StringIO(callrouter("report", *WEEK, "--csv", environ=environ).stdout)))
    assert [(row["buyer"], row["calls"], row["ends_short"]) for row in rows] == [
        ("acme", "12", "true"), ("bolt", "1", "false"), ("total", "13", ""),
    ]  # fmt: skip


def test_no_calls_is_an_answer(environ: dict[str, str]) -> None:
    done = callrouter("report", "--from", "2024-01-01", "--to", "2024-01-31", environ=environ)
    assert (done.returncode, done.stdout) == (0, "Calls from 2024-01-01 to 2024-01-31 (UTC)\n\nNo calls.\n")


@pytest.mark.parametrize(
    "wrong",
    [("--from", "soon"), ("--zone", "Mars/Olympus"), ("--to", "2026-11-14", "--from", "2026-11-15")],
)
def test_what_cannot_be_read_is_bad_usage_with_a_remedy(
    environ: dict[str, str], wrong: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", *wrong], environ) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"callrouter report: {wrong[0]}: write ")


def test_where_no_ledger_is_the_command_says_so(tmp_path: Path) -> None:
    done = callrouter("report", environ={"CALLROUTER_DATA_DIR": str(tmp_path)})
    assert done.returncode == 1
    assert "no ledger in" in done.stderr


def page(width: int, by: By = By.BUYER, lines: int = 3) -> str:
    total = replace(LINE, key="total", ends_short=False)
    return report_page(Totals((LINE,) * lines, total), Asked(by), PERIOD, width)


def test_a_table_as_wide_as_the_terminal_is_one_and_a_wider_one_is_split_between_groups() -> None:
    whole = page(160)
    assert whole.count("acme  ") == 3
    assert max(map(len, whole.splitlines()[2:7])) <= 160
    narrow = page(110)
    assert narrow.count("acme  ") == 6
    tables = narrow.split("\n\n")
    assert tables[1].splitlines()[0].split()[0] == tables[2].splitlines()[0].split()[0] == "buyer"
    assert all(len(line) <= 110 for table in tables[1:3] for line in table.splitlines())
    for head in ("qualified", "expected", "near misses", "expired", "left", "disputed"):
        assert narrow.count(f" {head}") >= 1
    assert page(40).count("acme  ") == 12


@pytest.mark.parametrize("width", [80, 120, 160])
def test_no_line_is_wider_than_the_terminal_and_every_column_is_there(width: int) -> None:
    line = replace(LINE, key="contactability-leads", expected=Decimal("1234567.89"), left=Decimal("12345.67"))
    text = report_page(Totals((line,), replace(line, key="")), Asked(By.BUYER), PERIOD, width)
    assert [one for one in text.splitlines() if len(one) > width] == []
    heads = ("calls", "dialled", "answered", "expected", "avg talk", "median", "near misses", "expired", "disputed")
    assert [head for head in heads if f"  {head}" not in text] == []


def test_the_words_below_give_the_evidence_and_the_money() -> None:
    text = " ".join(page(160, lines=1).split())
    assert (
        "acme may end calls short (!): of the 30 times that it hung up from 20 s before the minimum duration to 10 s"
        " after it, 20 were in the last 10 s before it, where 10 would be usual; by chance alone that happens once in"
        " 4,762 periods like this one (p = 0.00021). It is no proof" in text
    )
    assert "Left on the table: $31.50. 3 offers expired before they could be dialled" in text
    assert "Disputed: 2 s" in text
    assert "No buyer hangs up just before" not in text
