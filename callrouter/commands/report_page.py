"""The report for people: a table that fits the terminal, and in words what stands out in it. Pure."""

from collections.abc import Mapping, Sequence
from textwrap import fill

from callrouter.commands.tables import table
from callrouter.ledger.periods import Period
from callrouter.ledger.report_words import left_words, short_enders
from callrouter.ledger.totals import Asked, By, Line, Totals

Cells = Mapping[str, str | None]
_GROUPS = (
    ("calls", "asked", "offered", "won", "dialled"),
    ("answered", "bridged", "qualified", "expected"),
    ("avg talk", "median", "near misses"),
    ("expired", "left", "disputed"),
)
"""Columns that stay together where a table is too wide."""
_TEXTS = ("near misses",)


def report_page(found: Totals, asked: Asked, period: Period, width: int) -> str:
    """The table, in parts where it is wider than ``width`` characters, and what it says."""
    about = [f"{name} {value}" for name, value in (("plan", asked.plan), ("buyer", asked.buyer)) if value]
    head = f"Calls from {period.words(asked.zone)}{', ' if about else ''}{', '.join(about)}\n\n"
    if not found.total.calls:
        return f"{head}No calls.\n"
    lines = [*((line.key, _cells(line)) for line in found.lines), ("total", _cells(found.total))]
    return head + "\n".join(_tables(asked.by.value, lines, width)) + "\n" + _words(found, asked, width)


def _tables(about: str, lines: Sequence[tuple[str, Cells]], width: int) -> list[str]:
    tables: list[str] = []
    taken: tuple[str, ...] = ()
    for group in _GROUPS:
        wider = _table(about, lines, (*taken, *group))
        if tables and max(map(len, wider.splitlines())) <= width:
            tables[-1], taken = wider, (*taken, *group)
        else:
            tables.append(_table(about, lines, group))
            taken = group
    return tables


def _table(about: str, lines: Sequence[tuple[str, Cells]], columns: Sequence[str]) -> str:
    rows = [(key, *(cells[name] for name in columns)) for key, cells in lines]
    return table((about, *columns), rows, right=set(columns) - set(_TEXTS))


def _cells(line: Line) -> Cells:
    counts = ("calls", "asked", "offered", "won", "dialled", "answered", "bridged", "qualified")
    return {
        **{name: f"{getattr(line, name):,}" for name in counts},
        "expected": f"${line.expected:,.2f}",
        "avg talk": _seconds(line.average_talk_s),
        "median": _seconds(line.median_talk_s),
        "near misses": _near(line),
        "expired": f"{line.expired:,}",
        "left": f"${line.left:,.2f}",
        "disputed": f"{line.disputed_s:,} s",
    }


def _near(line: Line) -> str:
    """``4 (buyer 3, caller 1)``, with a mark where the words below have more to say."""
    by = sorted(line.near_misses_by.items())
    who = f" ({', '.join(f'{name} {count:,}' for name, count in by)})" if by else ""
    return f"{line.near_misses:,}{who}{' !' if line.ends_short else ''}"


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:.0f} s"


def _words(found: Totals, asked: Asked, width: int) -> str:
    said = [f"{line.key} may end calls short (!): {why}." for line, why in short_enders(found)]
    if asked.by is By.BUYER and not said:
        said.append("No buyer hangs up just before the minimum duration more often than chance explains.")
    said.append(left_words(found.total))
    if found.total.disputed_s:
        said.append(
            f"Disputed: {found.total.disputed_s:,} s, by which the leg's own reports and the dial's action differ;"
            " `callrouter reconcile` shows what a buyer makes of them."
        )
    return "".join(f"{fill(sentence, max(width, 40), break_on_hyphens=False)}\n" for sentence in said)
