"""A reconciliation for programs: JSON and CSV. Numbers are masked unless they are asked for. Pure."""

import csv
import io
from typing import Any

from callrouter.domain.clock import rfc3339
from callrouter.domain.money import dollars
from callrouter.ledger.flat_text import harmless
from callrouter.reconciling.finding import Finding, Reconciled

CSV_COLUMNS = (
    *("cause", "line", "reference", "sid", "dial_no", "caller", "their_time", "our_time", "their_s", "our_s"),
    *("theirs", "ours", "difference", "evidence", "remedy"),
)
"""Stable: programs read them by name."""


def masked(caller: str | None, *, full: bool) -> str | None:
    """The last four digits; the whole number with ``full``. Hashes are not shown."""
    if caller is None or caller.startswith("#"):
        return None
    return caller if full else f"…{caller[-4:]}".replace("?", "x")


def as_json(found: Reconciled, *, full: bool) -> dict[str, Any]:
    """Everything, for ``--json``."""
    return {
        "period": {"from": rfc3339(found.since), "to": rfc3339(found.until)},
        "rows": found.rows,
        "rows_outside_period": found.outside,
        "bad_rows": found.bad_rows,
        "matched": found.matched,
        "agreed": found.agreed,
        "theirs": dollars(found.theirs),
        "ours": dollars(found.ours),
        "gap": dollars(found.gap),
        "by_cause": {
            cause.value: {"count": one.count, "difference": dollars(one.money), "remedy": cause.remedy}
            for cause, one in found.by_cause.items()
        },
        "notes": [{"cause": one.cause.value, "evidence": one.evidence, "rows": one.rows} for one in found.notes],
        "differences": [_fields(one, full=full) for one in found.findings],
    }


def as_csv(found: Reconciled, *, full: bool) -> str:
    """The differences, one a line, with heads; no cell can be a formula."""
    out = io.StringIO()
    writer = csv.DictWriter(out, CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for one in found.findings:
        fields = _fields(one, full=full).items()
        writer.writerow({key: harmless(value) if isinstance(value, str) else value for key, value in fields})
    return out.getvalue()


def _fields(one: Finding, *, full: bool) -> dict[str, Any]:
    theirs, ours = one.theirs, one.ours
    expected = None if ours is None else ours.expected
    return {
        "cause": one.cause.value,
        "line": theirs.line if theirs else None,
        "reference": (theirs.reference or None) if theirs else None,
        "sid": ours.sid if ours else None,
        "dial_no": ours.dial_no if ours else None,
        "caller": masked(caller_of(one), full=full),
        "their_time": rfc3339(theirs.at) if theirs else None,
        "our_time": rfc3339(ours.at) if ours else None,
        "their_s": theirs.seconds if theirs else None,
        "our_s": ours.seconds if ours else None,
        "theirs": dollars(theirs.amount) if theirs else None,
        "ours": None if expected is None else dollars(expected),
        "difference": dollars(one.money),
        "evidence": one.evidence,
        "remedy": one.cause.remedy,
    }


def caller_of(one: Finding) -> str | None:
    """Of the two numbers the one that says more."""
    ours = one.ours.caller if one.ours else None
    theirs = one.theirs.caller if one.theirs else None
    return ours if ours is not None and not ours.startswith("#") else theirs
