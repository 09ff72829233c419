"""Rows as CSV, JSON and JSON lines: a row at a time, the same columns in all of them. Pure.

Money is text with two decimals in each of them: a reader that makes floating point of it does so on its own account.
In CSV nothing is an empty cell, and truth is ``true`` or ``false``; no text of a partner's or a carrier's can be a
formula for a spreadsheet. A phone number's ``+`` stays, for it makes a number of the cell and nothing more.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any

from callrouter.domain.money import dollars

Row = Mapping[str, Any]
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?", re.ASCII)


class Form(StrEnum):
    """How rows are written."""

    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"


def written(rows: Iterable[Row], columns: Sequence[str], form: Form) -> Iterator[str]:
    """The whole text, in parts."""
    flat = FlatText(columns, form)
    yield flat.head
    yield from (flat.row(row) for row in rows)
    yield flat.tail


class FlatText:
    """One text: its ``head``, then its rows in order, then its ``tail``."""

    def __init__(self, columns: Sequence[str], form: Form) -> None:
        self._columns = tuple(columns)
        self._form = form
        self._rows = 0

    @property
    def head(self) -> str:
        """What stands before the rows."""
        heads = _csv_line(self._columns) if self._form is Form.CSV else ""
        return "[" if self._form is Form.JSON else heads

    @property
    def tail(self) -> str:
        """What stands behind them."""
        return "\n]\n" if self._form is Form.JSON else ""

    def row(self, row: Row) -> str:
        """One row; every column is in it. Raises `KeyError` when one is missing."""
        if self._form is Form.CSV:
            return _csv_line([_cell(row[name]) for name in self._columns])
        text = json.dumps({name: plain(row[name]) for name in self._columns}, ensure_ascii=False)
        self._rows += 1
        if self._form is Form.JSONL:
            return f"{text}\n"
        return f"{',' if self._rows > 1 else ''}\n{text}"


def harmless(text: str) -> str:
    """The text as a cell that no spreadsheet takes for a formula: with an apostrophe before it, where it might."""
    return f"'{text}" if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text


def _csv_line(cells: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    shown = plain(value)
    return harmless(shown) if isinstance(shown, str) else str(shown)


def plain(value: Any) -> Any:
    """The value as JSON has it: money as text."""
    return dollars(value) if isinstance(value, Decimal) else value
