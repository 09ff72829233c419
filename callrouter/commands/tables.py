"""Plain text tables. Pure."""

from collections.abc import Iterable, Sequence
from textwrap import fill

from callrouter.calls.reason_words import unbroken


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], right: Iterable[str] = ()) -> str:
    """Aligned columns with a line of heads; ``None`` is a dash. ``right`` names the columns of numbers."""
    cells = [list(heads), *([_shown(value) for value in row] for row in rows)]
    widths = [max(len(row[no]) for row in cells) for no in range(len(heads))]
    to_the_right = {no for no, head in enumerate(heads) if head in set(right)}
    return "".join(_line(row, widths, to_the_right) for row in cells)


def _line(row: Sequence[str], widths: Sequence[int], to_the_right: set[int]) -> str:
    cells = (
        text.rjust(width) if no in to_the_right else text.ljust(width)
        for no, (text, width) in enumerate(zip(row, widths, strict=True))
    )
    return "  ".join(cells).rstrip() + "\n"


def _shown(value: object) -> str:
    return "-" if value is None or value == "" else str(value)


def filled(text: str, width: int, first: str = "", further: str = "") -> str:
    """Lines of this width, the first and those that follow it with their indents; no number loses its unit."""
    lines = fill(unbroken(text), width, initial_indent=first, subsequent_indent=further, break_on_hyphens=False)
    return lines.replace("\N{NO-BREAK SPACE}", " ") + "\n"


def clock_time(at: str | None) -> str | None:
    """``2026-11-21 02:25:00`` (UTC) of an RFC 3339 time."""
    return None if at is None else at[:19].replace("T", " ")


def money(amount: str | None) -> str | None:
    """``$31.20``."""
    return None if amount is None else f"${amount}"
