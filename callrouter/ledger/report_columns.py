"""The columns of the report: their names, which stay, and what a line says in each of them. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from callrouter.ledger.flat_text import Form, written
from callrouter.ledger.totals import By, Line, Totals

MEANINGS: Mapping[str, str] = {
    "calls": "Calls that started in the period. By buyer: those for which it was considered, so that a call of two"
    " buyers is in two lines and once in the total.",
    "asked": "How often a buyer was asked for an offer, once an auction.",
    "offered": "Offers that could be taken.",
    "won": "Auctions in which its offer was the first to be dialled, or posted.",
    "dialled": "Dials that were placed.",
    "answered": "Dials that were answered.",
    "bridged": "Dials after which caller and buyer talked.",
    "qualified": "Talks that lasted the minimum duration of their offer.",
    "expected_payout": "What we expect to be paid for these, in dollars.",
    "average_talk_s": "Seconds.",
    "median_talk_s": "Seconds: as many talks were shorter as were longer.",
    "near_misses": "Talks that ended within 10 s before the minimum duration.",
    "near_misses_by_buyer": "Of these, where the buyer hung up.",
    "near_misses_by_caller": "Where the caller did.",
    "near_misses_by_agent": "Where the agent did.",
    "near_misses_by_unknown": "Where no report says who.",
    "ends_short": "By buyer: whether it hangs up just before the minimum duration more often than chance explains.",
    "ends_short_p": "By buyer: how probable so many are by chance.",
    "offers_expired": "Offers that could not be dialled before they expired.",
    "left_on_table": "By how much the best expired offer of each call was above what the call is expected to pay.",
    "disputed_s": "Seconds by which the two sources of the answer timer (the leg's reports and the dial's action)"
    " differ.",
}
"""The columns behind the first one, which is called as what a line is about (``buyer``, ``plan``, ``day``, ``hour``).

Programs read them by name: none is ever renamed, and new ones come last.
"""


def columns(by: By) -> tuple[str, ...]:
    """All of them, in order."""
    return (by.value, *MEANINGS)


def cells(line: Line, by: By, *, total: bool = False) -> dict[str, Any]:
    """One line, or the total. Money is `Decimal`, talk times are always floats."""
    near = line.near_misses_by
    of_buyer = by is By.BUYER and not total
    return {
        by.value: line.key,
        "calls": line.calls,
        "asked": line.asked,
        "offered": line.offered,
        "won": line.won,
        "dialled": line.dialled,
        "answered": line.answered,
        "bridged": line.bridged,
        "qualified": line.qualified,
        "expected_payout": line.expected,
        "average_talk_s": _round(line.average_talk_s, 1),
        "median_talk_s": _round(line.median_talk_s, 1),
        "near_misses": line.near_misses,
        **{f"near_misses_by_{who}": near.get(who, 0) for who in ("buyer", "caller", "agent")},
        "near_misses_by_unknown": sum(n for who, n in near.items() if who not in ("buyer", "caller", "agent")),
        "ends_short": line.ends_short if of_buyer else None,
        "ends_short_p": _round(line.hang_ups.chance, 9) if of_buyer and line.hang_ups is not None else None,
        "offers_expired": line.expired,
        "left_on_table": line.left,
        "disputed_s": line.disputed_s,
    }


def flat(found: Totals, by: By, form: Form) -> Iterator[str]:
    """The lines as CSV or JSON lines; a CSV, which people add up, ends with the total."""
    rows = [cells(line, by) for line in found.lines]
    if form is Form.CSV:
        rows.append(cells(found.total, by, total=True))
    return written(rows, columns(by), form)


def _round(value: float | None, digits: int) -> float | None:
    return None if value is None else round(float(value), digits)
