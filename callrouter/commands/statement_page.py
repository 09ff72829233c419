"""A reconciliation as text, for people. Pure."""

from collections.abc import Sequence
from decimal import Decimal

from callrouter.commands.tables import table
from callrouter.domain.clock import rfc3339
from callrouter.reconciling.finding import Finding, Reconciled, Theirs
from callrouter.reconciling.shown import caller_of, masked
from callrouter.reconciling.times import utc_text

MOST_SHOWN = 200
"""Differences in the text; those that move most money come in first."""
DIFFERENCE_COLUMNS = ("line", "call", "caller", "time (UTC)", "theirs", "ours", "difference", "cause", "why")
CAUSE_COLUMNS = ("cause", "differences", "money", "what to do")


def statement_page(found: Reconciled, *, full: bool, every: bool = False) -> str:
    """What people read: the differences, what they come to by cause, and the sums."""
    some = found.findings if every else _weightiest(found.findings)
    parts = []
    if some:
        rows = [_difference(one, full=full) for one in some]
        parts.append(table(DIFFERENCE_COLUMNS, rows, right=("line", "theirs", "ours", "difference")))
    if len(some) < len(found.findings):
        parts.append(f"… and {len(found.findings) - len(some):,} more; --all, --csv and --json have them.\n")
    if found.findings:
        parts += ["\n", table(CAUSE_COLUMNS, _cause_rows(found), right=("differences", "money")), "\n"]
    else:
        parts.append("Everything agrees.\n")
    return "".join(parts) + "".join(f"{line}\n" for line in _sums(found))


def _weightiest(findings: Sequence[Finding]) -> Sequence[Finding]:
    by_weight = sorted(range(len(findings)), key=lambda no: -abs(findings[no].money))
    return [findings[no] for no in sorted(by_weight[:MOST_SHOWN])]


def _difference(one: Finding, *, full: bool) -> tuple[object, ...]:
    theirs, ours = one.theirs, one.ours
    expected = None if ours is None else ours.expected
    return (
        theirs.line if theirs else None, ours.sid if ours else None, masked(caller_of(one), full=full),
        _time(theirs, ours.at if ours else None), None if theirs is None else _signed(theirs.amount),
        None if expected is None else _signed(expected), _signed(one.money), one.cause.value, one.evidence,
    )  # fmt: skip


def _time(theirs: Theirs | None, ours: float | None) -> str | None:
    """Ours where there is one: theirs may be by another clock."""
    return utc_text(ours if ours is not None or theirs is None else theirs.at)


def _cause_rows(found: Reconciled) -> list[tuple[object, ...]]:
    """With the gap as the last line."""
    rows: list[tuple[object, ...]] = [
        (cause.value, one.count, _signed(one.money), cause.remedy) for cause, one in found.by_cause.items()
    ]
    return [*rows, ("gap", len(found.findings), _signed(found.gap), "")]


def _signed(amount: Decimal) -> str:
    """``$1,025.00``, ``-$25.00``."""
    return f"-${-amount:,.2f}" if amount < 0 else f"${amount:,.2f}"


def _gap(found: Reconciled) -> str:
    """Which way it goes, for whoever does not know whose side the sign is of."""
    way = "" if found.gap == 0 else f" ({'less' if found.gap < 0 else 'more'} than we expect)"
    return f"gap {_signed(found.gap)}{way}"


def _sums(found: Reconciled) -> list[str]:
    asides = [f"{found.bad_rows} bad"] if found.bad_rows else []
    asides += [f"{found.outside} of another period not looked at"] if found.outside else []
    rows = f"{found.rows:,} rows" + (f" ({', '.join(asides)})" if asides else "")
    lines = [
        f"Period   {rfc3339(found.since)} to {rfc3339(found.until)}",
        f"Rows     {rows}: {found.matched:,} matched, {found.agreed:,} agree, {len(found.findings):,} differences",
        f"Money    theirs {_signed(found.theirs)}, ours {_signed(found.ours)}, {_gap(found)}",
    ]
    return lines + [f"Note     {one.evidence} ({one.rows:,} rows; {one.cause.remedy})" for one in found.notes]
