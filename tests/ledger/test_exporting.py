"""What is exported, on both databases: every row, stable columns, one type a column, some rows at a time."""

import csv
import io
import json
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from callrouter.ledger.exporting import BATCH, COLUMNS, Dataset, Slice
from callrouter.ledger.flat_text import Form, harmless, written
from callrouter.ledger.reads import Ledger
from callrouter.ledger.report_columns import MEANINGS, cells, columns
from callrouter.ledger.totals import Asked, By
from tests.ledger.month import START, month, rows_of, sold

README = Path(__file__).parents[2] / "callrouter" / "ledger" / "README.md"
AT = datetime(2026, 11, 20, 18, tzinfo=UTC).timestamp()
CALLS = (
    *("sid", "plan", "kind", "started_at", "from_number", "to_number", "outcome", "buyer", "payout"),
    *("min_duration_s", "talk_s", "qualified", "margin_s", "expected_payout", "left_on_table", "ended_at", "erased_at"),
)
DIALS = (
    *("sid", "plan", "kind", "started_at", "dial_no", "revision", "buyer", "number", "payout", "min_duration_s"),
    *("min_duration_stated", "received_at", "expires_at", "decided_at", "initiated_at", "ringing_at", "answered_at"),
    *("ended_at", "dial_leg_s", "dial_action_s", "answer_leg_s", "answer_action_s", "accept_leg_s", "accept_action_s"),
    *("result", "ended_by", "talk_s", "qualified", "margin_s", "expected_payout"),
)
ANSWERS = (
    *("sid", "plan", "kind", "started_at", "auction", "buyer", "reason", "asked_at", "elapsed_ms", "payout"),
    *("min_duration_s", "fate", "won", "left_on_table"),
)
REPORT = (
    *("calls", "asked", "offered", "won", "dialled", "answered", "bridged", "qualified", "expected_payout"),
    *("average_talk_s", "median_talk_s", "near_misses", "near_misses_by_buyer", "near_misses_by_caller"),
    *("near_misses_by_agent", "near_misses_by_unknown", "ends_short", "ends_short_p", "offers_expired"),
    *("left_on_table", "disputed_s"),
)


async def rows(ledger: Ledger, of: Dataset, **which: Any) -> list[dict[str, Any]]:
    return [row async for batch in ledger.exported(Slice(of, **which)) for row in batch]


def test_no_column_is_renamed_moved_or_dropped() -> None:
    """Others program against these: what is new comes last, and is added here."""
    assert {of: COLUMNS[of] for of in Dataset} == {
        Dataset.CALLS: CALLS, Dataset.DIALS: DIALS, Dataset.ANSWERS: ANSWERS,
    }  # fmt: skip
    assert columns(By.DAY) == ("day", *REPORT)


def test_every_column_is_described() -> None:
    _, _, described = README.read_text().partition("## Export")
    for of, names in COLUMNS.items():
        part = described.partition(f"### `{of.value}`")[2].partition("###")[0]
        assert [line.split("`")[1] for line in part.splitlines() if line.startswith("| `")] == list(names)
    report = README.read_text().partition("## Export")[0]
    for name, meaning in MEANINGS.items():
        assert f"| `{name}` | {meaning} |" in report


async def test_a_months_rows_are_all_there_oldest_first_with_the_reports_money(ledger: Ledger) -> None:
    records = month(5, 300, START, 31)
    await ledger.add(rows_of(records))
    calls = await rows(ledger, Dataset.CALLS)
    assert [row["sid"] for row in calls] == [r["sid"] for r in sorted(records, key=lambda r: str(r["started_at"]))]
    dials, answers = await rows(ledger, Dataset.DIALS), await rows(ledger, Dataset.ANSWERS)
    assert len(dials) == sum(len(record["attempts"]) for record in records)
    assert len(answers) == sum(len(record["results"]) for record in records)
    total = (await ledger.totals(Asked())).total
    assert sum(row["expected_payout"] for row in calls) == sum(row["expected_payout"] for row in dials)
    assert sum(row["expected_payout"] for row in calls) == total.expected
    assert sum(row["left_on_table"] or 0 for row in answers) == total.left
    assert {tuple(row) for row in calls} == {CALLS}


async def test_every_row_has_every_column_and_a_column_one_type(ledger: Ledger) -> None:
    await ledger.add(rows_of(month(6, 200, START, 31)))
    found = await ledger.totals(Asked(by=By.DAY))
    texts = {of.value: list(written(await rows(ledger, of), COLUMNS[of], Form.JSONL)) for of in Dataset}
    texts["report"] = list(written([cells(line, By.DAY) for line in found.lines], columns(By.DAY), Form.JSONL))
    for name, text in texts.items():
        types: dict[str, set[type]] = defaultdict(set)
        keys = set()
        for line in "".join(text).splitlines():
            row = json.loads(line)
            keys.add(tuple(row))
            for key, value in row.items():
                types[key] |= {type(value)} - {type(None)}
        assert len(keys) == 1, name
        assert {key: kinds for key, kinds in types.items() if len(kinds) > 1} == {}


async def test_a_dial_is_there_once_as_it_is_known_now(ledger: Ledger) -> None:
    record = sold(1, "acme", 100, at=AT)
    late = {**record, "attempts": [{**record["attempts"][0], "timers": {"answer": {"leg": 97, "action": 100}}}]}
    await ledger.add(rows_of([record], [(late, 2), (late, 4)]))
    (dial,) = await rows(ledger, Dataset.DIALS)
    assert (dial["revision"], dial["answer_leg_s"], dial["expected_payout"]) == (4, 97, Decimal("20.00"))
    assert dial["started_at"] == "2026-11-20T18:00:00.000Z"


async def test_a_slice_is_of_calls_that_started_in_it(ledger: Ledger) -> None:
    buyers = ("acme", "bolt", "acme", "bolt")
    await ledger.add(rows_of(sold(no, buyer, 100, at=AT + no, plan=f"p{no}") for no, buyer in enumerate(buyers)))
    for of in Dataset:
        assert [row["plan"] for row in await rows(ledger, of, since=AT + 1, until=AT + 3)] == ["p1", "p2"]
        assert [row["plan"] for row in await rows(ledger, of, buyer="acme", until=AT + 2)] == ["p0"]
        assert [row["plan"] for row in await rows(ledger, of, plan="p3")] == ["p3"]


async def test_no_more_than_a_batch_is_held(ledger: Ledger) -> None:
    await ledger.add(rows_of(sold(no, "acme", 100, at=AT + no) for no in range(BATCH + 1)))
    batches = ledger.exported(Slice(Dataset.CALLS))
    assert [len(batch) async for batch in batches] == [BATCH, 1]


def test_a_csv_reads_back_and_holds_no_formula() -> None:
    row: dict[str, Any] = {
        "text": '=cmd|"/c calc"!A1, "quoted"\nline', "number": "+15125550142", "money": Decimal("-5.1"), "none": None,
        "yes": True, "no": False, "count": 7,
    }  # fmt: skip
    text = "".join(written([row], tuple(row), Form.CSV))
    (read,) = csv.DictReader(io.StringIO(text))
    assert read == {
        "text": f"'{row['text']}", "number": "+15125550142", "money": "-5.10", "none": "", "yes": "true",
        "no": "false", "count": "7",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["=1+1", "+1+1", "-2+3", "@SUM(A1)", "\tx", "\r=1", "+1(512)", "-", "+"])
def test_whatever_a_spreadsheet_might_reckon_with_becomes_text(text: str) -> None:
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "acme", "+15125550142", "-5.10", "#3f9c", "a=b", "2026-11-21"])
def test_what_is_no_formula_stays(text: str) -> None:
    assert harmless(text) == text


@pytest.mark.parametrize("count", [0, 1, 3])
def test_json_is_one_array_however_many_rows_there_are(count: int) -> None:
    text = "".join(written([{"a": no, "b": "é"} for no in range(count)], ("a", "b"), Form.JSON))
    assert json.loads(text) == [{"a": no, "b": "é"} for no in range(count)]
