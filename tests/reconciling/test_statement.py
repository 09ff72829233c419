"""Reading statements: every row comes out, readable or bad, and says no more than it knows."""

import io
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from callrouter.errors import ConfigurationError
from callrouter.reconciling.cells import UnreadableCell, fits, read_amount, read_caller, read_duration
from callrouter.reconciling.rows import BadRow, Row, Verdict
from callrouter.reconciling.statement import rows_at, rows_of
from callrouter.reconciling.statement_map import StatementMap, map_at, read_map


def epoch(*parts: int) -> float:
    return datetime(*parts, tzinfo=UTC).timestamp()  # type: ignore[arg-type,misc]


def a_map(more: str = "", columns: str = "caller: Caller, at: When, payout: Paid, duration: Secs") -> StatementMap:
    return read_map(f"columns: {{{columns}}}\n{more}".encode(), "map.yaml")


def read(text: str, how: StatementMap | None = None) -> list[Row | BadRow]:
    return list(rows_of(io.StringIO(text, newline=""), how or a_map(), "s.csv"))


def the_row(text: str, how: StatementMap | None = None) -> Row:
    (row,) = read(text, how)
    assert isinstance(row, Row), row
    return row


@pytest.mark.parametrize(
    ("text", "caller"),
    [
        ("(214) 555-0101", "+12145550101"),
        ("1-214-555-0101", "+12145550101"),
        ("+1 214.555.0101", "+12145550101"),
        ("12145550101.0", "+12145550101"),
        ('="2145550101"', "+12145550101"),
        ("tel:+12145550101", "+12145550101"),
        ("+442071838750", "+442071838750"),
        ("XXX-XXX-0101", "??????0101"),
        ("***0101", "??????0101"),
        ("0101", "??????0101"),
        ("214-555-XXXX", "214555????"),
        ("21X-5XX-0101", "21?5??0101"),
        ("XXX-555-XX01", None),
        ("Anonymous", None),
        ("", None),
    ],
)
def test_numbers_are_read_however_they_are_formatted_or_masked(text: str, caller: str | None) -> None:
    assert read_caller(text) == caller


@pytest.mark.parametrize("text", ["2.145E+09", "214555010", "call me", "1234567890"])
def test_what_is_no_number_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(UnreadableCell) as caught:
        read_caller(text)
    assert text not in str(caught.value)


def test_a_masked_number_fits_only_what_its_digits_allow() -> None:
    assert fits("??????0101", "+12145550101")
    assert fits("214555????", "+12145550101")
    assert not fits("??????0102", "+12145550101")


@pytest.mark.parametrize(
    ("text", "comma", "amount"),
    [
        ("$1,250.00", False, "1250"), ("25", False, "25"), ("USD 25.00", False, "25"), ("-25.00", False, "-25"),
        ("($25.00)", False, "-25"), ("25.00-", False, "-25"), ("", False, "0"), ("-", False, "0"),
        ("24.995", False, "25.00"), (".5", False, "0.50"), ("1.250,50", True, "1250.50"), ("25,5", True, "25.50"),
    ],
)  # fmt: skip
def test_money_is_read_to_the_cent(text: str, comma: bool, amount: str) -> None:
    assert read_amount(text, comma=comma) == Decimal(amount)


@pytest.mark.parametrize("text", ["NaN", "1e3", "25 or so", "12,50", "100000", "1.2.3"])
def test_what_is_no_money_is_refused(text: str) -> None:
    with pytest.raises(UnreadableCell):
        read_amount(text, comma=False)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("95", 95),
        ("95.4", 95),
        ("1:35", 95),
        ("0:01:35", 95),
        ("1m 35s", 95),
        ("95 sec", 95),
        ("2 min", 120),
        ("", None),
    ],
)
def test_durations_are_read_in_every_usual_form(text: str, seconds: int | None) -> None:
    assert read_duration(text, in_minutes=False) == seconds


def test_minutes_are_minutes_when_the_map_says_so() -> None:
    assert read_duration("1.5", in_minutes=True) == 90
    assert read_duration("1:35", in_minutes=True) == 95


@pytest.mark.parametrize("text", ["-5", "soon", "nan", "90000", "Infinity"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(UnreadableCell):
        read_duration(text, in_minutes=False)


HEAD = "Caller,When,Paid,Secs\n"


def test_a_time_without_zone_is_of_the_maps_zone() -> None:
    how = a_map("time_zone: America/New_York")
    assert the_row(HEAD + "2145550101,2026-07-04 08:00:00,1,9\n", how).at == epoch(2026, 7, 4, 12)
    assert the_row(HEAD + "2145550101,2026-12-04 08:00:00,1,9\n", how).at == epoch(2026, 12, 4, 13)
    assert the_row(HEAD + "2145550101,2026-12-04T08:00:00Z,1,9\n", how).at == epoch(2026, 12, 4, 8)


def test_the_hour_that_is_there_twice_may_mean_both_moments() -> None:
    row = the_row(HEAD + "2145550101,2026-11-01 01:30:00,1,9\n", a_map("time_zone: America/New_York"))
    assert row.distance_s(epoch(2026, 11, 1, 5, 30)) == 0
    assert row.distance_s(epoch(2026, 11, 1, 6, 30)) == 0
    assert row.distance_s(epoch(2026, 11, 1, 7, 30)) == 3600


def test_the_hour_that_is_skipped_is_read_by_the_clock_before_and_after() -> None:
    row = the_row(HEAD + "2145550101,2026-03-08 02:30:00,1,9\n", a_map("time_zone: America/New_York"))
    assert row.distance_s(epoch(2026, 3, 8, 7, 30)) == 0
    assert row.distance_s(epoch(2026, 3, 8, 6, 30)) == 0


@pytest.mark.parametrize(
    ("text", "formats", "at", "span_s"),
    [
        ("1790000000", "epoch", 1_790_000_000, 0),
        ("1790000000123", "epoch_ms", 1_790_000_000.123, 0),
        ("07/04/2026 08:00 PM", "'%m/%d/%Y %I:%M %p'", epoch(2026, 7, 4, 20), 59),
        ("2026-07-04", "iso", epoch(2026, 7, 4), 86_399),
        ("2026-07-04T08:00", "iso", epoch(2026, 7, 4, 8), 59),
        ("04.07.2026", "'%m/%d/%Y', '%d.%m.%Y'", epoch(2026, 7, 4), 86_399),
    ],
)
def test_times_are_as_exact_as_they_are_written(text: str, formats: str, at: float, span_s: int) -> None:
    row = the_row(f"{HEAD}2145550101,{text},1,9\n", a_map(f"time_formats: [{formats}]"))
    assert (row.at, row.span_s) == (at, span_s)


def test_date_and_time_may_be_two_columns() -> None:
    how = a_map("time_formats: ['%m/%d/%Y %H:%M:%S']", "caller: Caller, date: Day, time: Clock, payout: Paid")
    assert the_row("Day,Clock,Caller,Paid\n07/04/2026,08:00:05,2145550101,3\n", how).at == epoch(2026, 7, 4, 8, 0, 5)


def test_bad_rows_are_listed_with_line_and_reason_and_what_can_be_read() -> None:
    rows = read(
        HEAD + "call me,2026-07-04,25.00,9\n2145550101,yesterday,25.00,9\n\n2145550101,2026-07-04,a lot,9\n"
        "2145550101,2026-07-04,1,250.00,9\nTotal,,900.00,\n2145550101,2026-07-04,25.00,9\n"
    )
    assert [type(row) for row in rows] == [BadRow] * 5 + [Row]
    assert [row.line for row in rows] == [2, 3, 5, 6, 7, 8]
    reasons = [row.why for row in rows if isinstance(row, BadRow)]
    assert "telephone number" in reasons[0]
    assert "time_formats" in reasons[1]
    assert "money" in reasons[2]
    assert "more cells" in reasons[3]
    assert [row.amount for row in rows if isinstance(row, BadRow)] == [25, 25, 0, 0, 0], "totals are not of a call"
    assert not any("yesterday" in reason or "call me" in reason for reason in reasons)


def test_an_open_quotation_mark_does_not_swallow_rows_in_silence() -> None:
    rows = read(HEAD + '2145550101,2026-07-04,1,9\n"2145550101,2026-07-04,1,9\n2145550102,2026-07-04,1,9\n')
    assert [type(row) for row in rows] == [Row, BadRow]
    assert isinstance(rows[1], BadRow)
    assert "lines 3 to 4" in rows[1].why


def test_heads_are_found_however_they_are_written_and_below_a_preamble() -> None:
    how = a_map("header_row: 3\ndelimiter: tab", "caller: [Phone, Caller ID], at: call-time, payout: Payout ($)")
    assert the_row("Acme\n\nCALLER_ID\tCall Time\tpayout\n2145550101\t2026-07-04\t3\n", how).line == 4


def test_a_column_that_is_not_there_is_refused_with_what_may_be_meant() -> None:
    with pytest.raises(ConfigurationError) as caught:
        read("Callers,When,Amount\n")
    found = {one.key: one.remedy for one in caught.value.mistakes}
    assert found["columns.caller"] == "the statement has no such column; did you mean Callers?"
    assert found["columns.payout"].endswith("(its columns: Callers, When, Amount)")
    assert set(found) == {"columns.caller", "columns.payout", "columns.duration"}


def test_their_words_say_what_was_paid() -> None:
    how = a_map(
        "statuses: {paid: [ok], unpaid: ['no'], duplicate: dupe, reversed: void}",
        "caller: Caller, at: When, payout: Paid, status: State",
    )
    head = "Caller,When,Paid,State\n"
    rows = [the_row(f"{head}2145550101,2026-07-04,25.00,{word}\n", how) for word in ("OK", "no", "Dupe", "void")]
    assert [row.amount for row in rows] == [25, 0, 0, -25]
    assert rows[2].verdict is Verdict.DUPLICATE
    (bad,) = read(f"{head}2145550101,2026-07-04,25.00,perhaps\n", how)
    assert isinstance(bad, BadRow)
    assert bad.amount == 0


def test_another_encoding_is_named_in_the_map(tmp_path: Path) -> None:
    file = tmp_path / "s.csv"
    file.write_bytes("Caller,When,Paid,Secs,Note\n2145550101,2026-07-04,1,9,caf\u00e9 \u2013\n".encode("cp1252"))
    with pytest.raises(ConfigurationError, match=r"s\.csv: encoding: the statement is not utf-8-sig"):
        list(rows_at(file, a_map()))
    assert len(list(rows_at(file, a_map("encoding: cp1252")))) == 1


def test_a_statement_with_plain_heads_needs_no_map() -> None:
    text = "Caller ID,Call Time,Duration,Payout,Status\n(214) 555-0101,2026-07-04T08:00:00Z,95,$25.00,Paid\n"
    row = the_row(text, map_at(None))
    assert (row.caller, row.at, row.duration_s) == ("+12145550101", epoch(2026, 7, 4, 8), 95)
    assert row.amount == 25


def test_the_first_format_that_fits_counts_whatever_the_rows_before_needed() -> None:
    how = a_map("time_formats: ['%m/%d/%Y %H:%M', '%d/%m/%Y %H:%M']")
    rows = read(HEAD + "2145550101,13/10/2026 08:00,1,9\n2145550101,10/05/2026 08:00,1,9\n", how)
    assert [row.at for row in rows] == [epoch(2026, 10, 13, 8), epoch(2026, 10, 5, 8)]


def test_a_format_may_have_the_offset_and_not_the_name_of_a_zone() -> None:
    how = a_map("time_formats: ['%m/%d/%Y %I:%M:%S %p %z']\ntime_zone: America/New_York")
    assert the_row(HEAD + "2145550101,07/04/2026 08:00:00 PM -0700,1,9\n", how).at == epoch(2026, 7, 5, 3)
    with pytest.raises(ConfigurationError, match="%Z"):
        a_map("time_formats: ['%m/%d/%Y %H:%M:%S %Z']")


def test_a_line_of_totals_is_no_call_whatever_stands_in_its_other_cells() -> None:
    rows = read(
        HEAD + "2145550101,2026-07-04,25.00,9\nTOTAL,2026-07-31,25.00,9\n1042,Total:,25.00,9\n,Grand total,25.00,\n"
        "Subtotal,2026-07-31T00:00:00,25.00,\n"
    )
    bad = [row for row in rows if isinstance(row, BadRow)]
    assert [row.line for row in bad] == [3, 4, 5, 6]
    assert {(row.amount, row.caller, row.at) for row in bad} == {(Decimal(0), None, None)}
    assert all("totals" in row.why for row in bad)


def test_the_heads_once_more_are_told_as_that() -> None:
    (first, again, _) = read(HEAD + "2145550101,2026-07-04,25.00,9\n" + HEAD + "2145550102,2026-07-04,25.00,9\n")
    assert isinstance(again, BadRow)
    assert (first.line, again.line, again.why) == (2, 3, "the heads stand there once more")
