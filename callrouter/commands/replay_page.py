"""What replay found, for people and for programs. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from textwrap import fill
from typing import Any

from callrouter.commands.tables import clock_time, table
from callrouter.domain.clock import rfc3339
from callrouter.ledger.periods import Period
from callrouter.replaying.changes import Changes
from callrouter.replaying.remade import Difference
from callrouter.replaying.replay import Replayed
from callrouter.replaying.totals import By, Change, Line, totals
from callrouter.replaying.unknown import calls, unknown

SHOWN = 20
"""How many decisions that came out otherwise are listed for people."""

_SAME_S = 0.05


def replay_page(found: Replayed, changes: Changes | None, by: By, period: str, width: int) -> str:
    """The whole text."""
    parts = [f"Calls from {period}\n", _wrapped(_again(found), width)]
    if found.different:
        parts.append(_differences(found.different))
    if changes is not None:
        noted = list(_compared(found, changes))
        parts.append("\n" + _wrapped(noted, width) if noted else "")
    if changes is not None and found.compared:
        shown = totals(found.compared, by)
        parts.append("\n" + _tables((*shown.lines, shown.total), by, width))
        parts.append("\n" + _wrapped([_in_words(shown.total)], width))
        parts.append("\nWhat cannot be known\n" + _listed(unknown(found, shown, changes), width))
    return "".join(parts)


def _again(found: Replayed) -> Iterator[str]:
    if not found.calls and not found.unreplayable:
        yield "No call was decided in that time."
        return
    count = len(found.different)
    came = "all came out the same" if not count else f"{count:,} came out otherwise"
    yield (
        f"{found.made:,} decisions of {calls(found.calls)} were made again with what was known and believed then:"
        f" {came}."
        if found.made
        else "No decision could be made again."
    )
    if found.forgotten_decisions:
        yield (
            f"{found.forgotten_decisions:,} decisions of {calls(found.forgotten_calls)} could not be: what was believed"
            " then is not kept (any more, or yet)."
        )
    for why, count in sorted(found.unreplayable.items()):
        yield f"Not replayable: {calls(count)}, {why}."


def _differences(different: Sequence[Difference]) -> str:
    rows = [(one.sid, clock_time(rfc3339(one.at)), _short(one.was), _short(one.now)) for one in different[:SHOWN]]
    more = f"… and {len(different) - SHOWN:,} more (--json has all)\n" if len(different) > SHOWN else ""
    return "\n" + table(("call", "decided at (UTC)", "was", "is"), rows) + more


def _short(fields: Mapping[str, Any]) -> str:
    plain = [f"{name} {value}" for name, value in fields.items() if not isinstance(value, list | dict)]
    of_buyers = [name for name, value in fields.items() if isinstance(value, list | dict)]
    return ", ".join([*plain, *of_buyers])


def _compared(found: Replayed, changes: Changes) -> Iterator[str]:
    if not found.compared:
        yield "No call could be decided under other settings."
    named = sorted(changes.buyers - found.buyers)
    if named:
        yield f"No call of the period asked {', '.join(named)}: what is changed of it changes nothing."
    if found.transfers:
        yield f"Left out: {calls(found.transfers)} that agents handed over."


_MONEY = ("money was", "would be", "difference", "95 % interval")
_GROUPS: Mapping[By, Sequence[Sequence[str]]] = {
    "plan": (("calls", *_MONEY), ("estimated", "hold", "left")),
    "buyer": (("calls", "dials", "estimated"), _MONEY),
}
"""Columns that stay together where a table is too wide."""


def _tables(lines: Sequence[Line], by: By, width: int) -> str:
    rows = [(line.key, _cells(line)) for line in lines]
    groups = _GROUPS[by]
    whole = _table(rows, by, [head for group in groups for head in group])
    if max(map(len, whole.splitlines())) <= width:
        return whole
    return "\n".join(_table(rows, by, group) for group in groups)


def _table(rows: Sequence[tuple[str, Mapping[str, str | None]]], by: By, heads: Sequence[str]) -> str:
    return table((by, *heads), [(key, *(cells[head] for head in heads)) for key, cells in rows], right=heads)


def _cells(line: Line) -> Mapping[str, str | None]:
    money, hold, left = line.money, line.hold_s, line.left
    interval = f"{_dollars(money.low, sign=True)} to {_dollars(money.high, sign=True)}"
    return {
        "calls": f"{line.calls:,}",
        "dials": f"{line.dials_were:,.0f} → {line.dials_would:,.1f}",
        "money was": _dollars(money.was),
        "would be": _dollars(money.would),
        "difference": _dollars(money.difference, sign=True),
        "95 % interval": interval if isfinite(money.high) else None,
        "estimated": calls(line.valued),
        "hold": f"{hold.was:.1f} → {hold.would:.1f} s" if hold else None,
        "left": f"{_share(left.was)} → {_share(left.would)}" if left else None,
    }


def _in_words(total: Line) -> str:
    money, verb = total.money, "more" if total.money.difference > 0 else "less"
    if money.low == money.high == 0:
        of_money = "The money would be the same to the cent"
    elif not isfinite(money.high):
        of_money = f"The money would be {_dollars(abs(money.difference))} {verb}; one call tells nothing of others"
    else:
        sure = "" if money.low * money.high > 0 else "; by these calls it may as well be none"
        of_money = (
            f"The money would be {_dollars(abs(money.difference))} {verb} (by 95 % between"
            f" {_dollars(money.low, sign=True)} and {_dollars(money.high, sign=True)}{sure})"
        )
    return f"{of_money}. {_hold(total.hold_s)} {_left(total.left)}".rstrip()


def _hold(hold: Change | None) -> str:
    if hold is None:
        return ""
    if f"{hold.was:.1f}" == f"{hold.would:.1f}" or abs(hold.difference) < _SAME_S:  # as it is printed
        return "Callers would be held as long."
    if not isfinite(hold.high):
        return f"Callers would be held for {hold.would:.1f} s instead of {hold.was:.1f} s."
    longer = "longer" if hold.difference > 0 else "shorter"
    return (
        f"A caller would be held {abs(hold.difference):.1f} s {longer} ({hold.was:.1f} s → {hold.would:.1f} s;"
        f" by 95 % between {hold.low:+.1f} and {hold.high:+.1f} s)."
    )


def _left(left: Change | None) -> str:
    if left is None:
        return ""
    if _share(left.was) == _share(left.would):
        return "As many would leave."
    if not isfinite(left.high):
        return f"{_share(left.would)} would leave instead of {_share(left.was)}."
    more = "More" if left.difference > 0 else "Fewer"
    return (
        f"{more} would leave: {_share(left.would)} instead of {_share(left.was)}"
        f" (by 95 % between {left.low * 100:+.1f} and {left.high * 100:+.1f} points)."
    )


def _share(chance: float) -> str:
    """``7.7 %``."""
    return f"{chance * 100:.1f} %"


def _dollars(amount: float, *, sign: bool = False) -> str:
    rounded = round(amount, 2) + 0.0
    return f"{'-' if rounded < 0 else '+' if sign and rounded else ''}${abs(rounded):,.2f}"


def _wrapped(sentences: Iterator[str] | Sequence[str], width: int) -> str:
    return "".join(f"{fill(sentence, max(width, 40), break_on_hyphens=False)}\n" for sentence in sentences)


def _listed(sentences: Sequence[str], width: int) -> str:
    return "".join(
        fill(one, max(width, 40), initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False) + "\n"
        for one in sentences
    )


def as_json(found: Replayed, changes: Changes | None, by: By, period: Period) -> dict[str, Any]:
    """The whole document. Money is text with two decimals, times are RFC 3339."""
    again = {
        "calls": found.calls,
        "decisions": found.made,
        "same": found.made - len(found.different),
        "different": [
            {"sid": one.sid, "at": rfc3339(one.at), "was": one.was, "is": one.now} for one in found.different
        ],
        "not_kept": {"decisions": found.forgotten_decisions, "calls": found.forgotten_calls},
        "not_replayable": dict(sorted(found.unreplayable.items())),
    }
    shown: dict[str, Any] = {
        "period": {"from": rfc3339(period.since), "to": rfc3339(period.until)},
        "again": again,
        "what_if": None,
    }
    if changes is not None:
        of = totals(found.compared, by)
        shown["what_if"] = {
            "by": by,
            "calls": len(found.compared),
            "transfers_left_out": found.transfers,
            "lines": [_line(line) for line in of.lines],
            "total": _line(of.total),
            "unknown": unknown(found, of, changes) if found.compared else [],
        }
    return shown


def _line(line: Line) -> dict[str, Any]:
    return {
        "key": line.key,
        "calls": line.calls,
        "dials": {"was": round(line.dials_were, 4), "would_be": round(line.dials_would, 4)},
        "money": {
            name: f"{amount + 0.0:.2f}" if isfinite(amount) else None for name, amount in _numbers(line.money).items()
        },
        "estimated": {"calls": line.valued, "money": f"{line.believed:.2f}"},
        "hold_s": _rounded(line.hold_s, 3),
        "left": _rounded(line.left, 5),
    }


def _numbers(change: Change) -> dict[str, float]:
    return {
        "was": change.was,
        "would_be": change.would,
        "difference": change.difference,
        "low": change.low,
        "high": change.high,
    }


def _rounded(change: Change | None, digits: int) -> dict[str, float | None] | None:
    if change is None:
        return None
    return {name: round(value, digits) if isfinite(value) else None for name, value in _numbers(change).items()}
