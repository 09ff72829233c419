"""A buyer's statement file, row by row. Every row comes out: readable, or bad with the reason."""

import csv
import difflib
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TextIO

from callrouter.errors import ConfigurationError, Mistake
from callrouter.plans.remedies import NEAR
from callrouter.reconciling.cells import UnreadableCell, read_amount, read_caller, read_duration
from callrouter.reconciling.rows import UNKNOWN_DIGIT, BadRow, Row, Verdict
from callrouter.reconciling.statement_map import StatementMap
from callrouter.reconciling.times import Read, TimeReader

_LONGEST_REFERENCE = 64
_NOT_A_LETTER = re.compile(r"[\W_]+")
_NOT_SHOWN = re.compile(r"[^\x20-\x7e]")
_TOTALS = re.compile(r"((sub|grand)[\s-]?)?totals?( (due|paid|payout|amount|calls))?\s*:?", re.IGNORECASE)


def rows_at(path: Path, how: StatementMap) -> Iterator[Row | BadRow]:
    """The rows of a file, in its order, one at a time. Blocking.

    Raises `ConfigurationError` when the file as a whole cannot be read: not there, another encoding, no such column.
    """
    try:
        with path.open(encoding=how.encoding, newline="") as file:
            yield from rows_of(file, how, path.name)
    except OSError as error:
        remedy = f"cannot be read: {(error.strerror or type(error).__name__).lower()}; name the buyer's statement"
        raise ConfigurationError([Mistake(path.name, "file", remedy)]) from error
    except UnicodeError as error:
        remedy = f"the statement is not {how.encoding}; write another in the map, such as cp1252 or utf-16"
        raise ConfigurationError([Mistake(path.name, "encoding", remedy)]) from error


def rows_of(file: TextIO, how: StatementMap, where: str) -> Iterator[Row | BadRow]:
    """The rows of an open statement. Raises `ConfigurationError` for its heads, whatever ``file`` raises besides."""
    for _ in range(how.header_row - 1):
        file.readline()
    # An open quotation mark would swallow what follows without `strict`.
    reader = csv.reader(file, delimiter="\t" if how.delimiter == "tab" else how.delimiter, strict=True)
    try:
        heads = next(reader, [])
    except csv.Error as error:
        raise ConfigurationError([Mistake(where, "header_row", "the line of heads is not CSV")]) from error
    read = _Reading(how, _columns(heads, how, where), heads)
    before = reader.line_num
    while True:
        first = before + how.header_row
        try:
            cells = next(reader, None)
        except csv.Error:
            last = reader.line_num + how.header_row - 1
            lines = f"lines {first} to {last}" if last > first else "the line"
            yield BadRow(first, f"{lines} cannot be split into cells; look for an open quotation mark")
        else:
            if cells is None:
                return
            if any(cell.strip() for cell in cells):
                yield read.row(first, cells)
        before = reader.line_num


def _columns(heads: Sequence[str], how: StatementMap, where: str) -> dict[str, int]:
    """Where each column of ours stands. Raises `ConfigurationError`."""
    there: dict[str, int] = {}
    for place, head in enumerate(heads):
        there.setdefault(_plain(head), place)
    found: dict[str, int] = {}
    mistakes: list[Mistake] = []
    for name in type(how.columns).model_fields:
        spellings = getattr(how.columns, name)
        no = next((there[_plain(one)] for one in spellings or () if _plain(one) in there), None)
        if no is not None:
            found[name] = no
        elif spellings and name not in how.may_lack:
            mistakes.append(Mistake(where, f"columns.{name}", _no_such_column(spellings, heads)))
    if mistakes:
        raise ConfigurationError(mistakes)
    return found


def _no_such_column(spellings: Sequence[str], heads: Sequence[str]) -> str:
    shown = {_plain(head): _NOT_SHOWN.sub("", head.strip())[:40] for head in heads if head.strip()}
    for one in spellings:
        near = difflib.get_close_matches(_plain(one), shown, n=1, cutoff=NEAR)
        if near:
            return f"the statement has no such column; did you mean {shown[near[0]]}?"
    there = ", ".join(shown.values()) or "none; check header_row and delimiter"
    return f"the statement has no such column (its columns: {there})"


def _plain(head: str) -> str:
    return _NOT_A_LETTER.sub(" ", head).strip().casefold()


class _Reading:
    """Reads the cells of one statement's rows."""

    def __init__(self, how: StatementMap, columns: Mapping[str, int], heads: Sequence[str]) -> None:
        self._columns, self._heads, self._width = columns, [_plain(head) for head in heads], len(heads)
        self._times = TimeReader(how.time_formats, how.time_zone)
        self._comma = how.decimal_mark == "comma"
        self._in_minutes = how.duration_unit == "minutes"
        self._verdicts = how.statuses.verdicts() if how.statuses and "status" in columns else None

    def row(self, line: int, cells: Sequence[str]) -> Row | BadRow:
        """What the cells mean."""
        if any(cell.strip() for cell in cells[self._width :]):
            return BadRow(line, "it has more cells than there are heads; look for a delimiter inside a cell")
        why: list[str] = []
        caller, has_caller = self._caller(cells, why)
        if (of_none := self._of_no_call(cells, caller)) is not None:
            return BadRow(line, of_none)
        time = self._time(cells, why)
        amount = self._amount(cells, why)
        duration_s = self._seconds("duration", cells, why)
        minimum_s = self._seconds("minimum", cells, why)
        verdict = self._verdict(cells, why)
        reference = _NOT_SHOWN.sub("", self._cell("reference", cells).strip())[:_LONGEST_REFERENCE]
        paid = amount or Decimal(0)
        if verdict is Verdict.REVERSED:
            paid = -abs(paid)
        elif verdict not in (None, Verdict.PAID):
            paid = min(paid, Decimal(0))
        if why or time is None:
            # A row without caller and time is of no call: a line of totals would be counted once more.
            of_a_call = has_caller or time is not None
            known = verdict is not None or self._verdicts is None
            counted = paid if of_a_call and known else Decimal(0)
            return BadRow(line, "; ".join(why), caller, None if time is None else time.at, counted, reference)
        return Row(
            *(line, caller, time.at, time.other_at, time.span_s, duration_s, paid, verdict, minimum_s),
            number=self._number(cells), reference=reference,
        )  # fmt: skip

    def _of_no_call(self, cells: Sequence[str], caller: str | None) -> str | None:
        """What a row is that no call can be meant by; its amount would be counted once more."""
        if caller is not None and UNKNOWN_DIGIT not in caller:
            return None
        if any(_TOTALS.fullmatch(cell.strip()) for cell in cells):
            return "it is a line of totals, which counts for nothing"
        if [_plain(cell) for cell in cells] == self._heads:
            return "the heads stand there once more"
        return None

    def _cell(self, name: str, cells: Sequence[str]) -> str:
        no = self._columns.get(name, self._width)
        return cells[no] if no < len(cells) else ""

    def _caller(self, cells: Sequence[str], why: list[str]) -> tuple[str | None, bool]:
        text = self._cell("caller", cells)
        try:
            return read_caller(text), bool(text.strip())
        except UnreadableCell as error:
            why.append(str(error))
            return None, False

    def _time(self, cells: Sequence[str], why: list[str]) -> Read | None:
        name = "at" if "at" in self._columns else "date"
        text = f"{self._cell(name, cells)} {self._cell('time', cells)}"
        try:
            return self._times.read(text)
        except UnreadableCell as error:
            why.append(str(error))
            return None

    def _amount(self, cells: Sequence[str], why: list[str]) -> Decimal | None:
        try:
            return read_amount(self._cell("payout", cells), comma=self._comma)
        except UnreadableCell as error:
            why.append(str(error))
            return None

    def _seconds(self, name: str, cells: Sequence[str], why: list[str]) -> int | None:
        try:
            in_minutes = self._in_minutes and name == "duration"
            return read_duration(self._cell(name, cells), in_minutes=in_minutes, comma=self._comma)
        except UnreadableCell as error:
            why.append(str(error) if name == "duration" else "the minimum duration is not one, such as 90")
            return None

    def _verdict(self, cells: Sequence[str], why: list[str]) -> Verdict | None:
        if self._verdicts is None:
            return None
        found = self._verdicts.get(self._cell("status", cells).strip().casefold())
        if found is None:
            why.append("the status is not one of the map's statuses")
        return found

    def _number(self, cells: Sequence[str]) -> str | None:
        try:
            number = read_caller(self._cell("number", cells))
            return None if number is None else sys.intern(number)  # there are few, each in many rows
        except UnreadableCell:
            return None
