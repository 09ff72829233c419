"""The ledger's rows for other programs: calls, dials and answers, oldest first, some at a time."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.domain.clock import rfc3339
from callrouter.ledger.amended import current_dials
from callrouter.ledger.tables import answers, calls

BATCH = 1_000
"""How many rows are held at a time."""


class Dataset(StrEnum):
    """What can be exported."""

    CALLS = "calls"
    DIALS = "dials"
    ANSWERS = "answers"


@dataclass(frozen=True)
class Slice:
    """Which rows: of calls that started from ``since`` to before ``until`` (epoch seconds)."""

    of: Dataset
    since: float | None = None
    until: float | None = None
    plan: str | None = None
    buyer: str | None = None
    """Of calls: who got the call."""


_OF_CALL = {"sid": "sid", "plan": "plan", "kind": "kind", "started_at": "started_ms"}
_SOURCES: Mapping[Dataset, Mapping[str, str]] = {
    Dataset.CALLS: {
        **_OF_CALL,
        **{name: name for name in ("from_number", "to_number", "outcome", "buyer", "payout", "min_duration_s")},
        "talk_s": "bridged_s",
        "qualified": "qualified",
        "margin_s": "margin_s",
        "expected_payout": "expected",
        "left_on_table": "left",
        "ended_at": "ended_ms",
        "erased_at": "erased_ms",
    },
    Dataset.DIALS: {
        **_OF_CALL,
        "dial_no": "no",
        "revision": "revision",
        "buyer": "buyer",
        "number": "number",
        "payout": "payout",
        **{name: name for name in ("min_duration_s", "min_duration_stated")},
        **{
            f"{name}_at": f"{name}_ms"
            for name in ("received", "expires", "decided", "initiated", "ringing", "answered", "ended")
        },
        **{name: name for timer in ("dial", "answer", "accept") for name in (f"{timer}_leg_s", f"{timer}_action_s")},
        **{name: name for name in ("result", "ended_by", "talk_s", "qualified", "margin_s")},
        "expected_payout": "expected",
    },
    Dataset.ANSWERS: {
        **_OF_CALL,
        "auction": "auction",
        "buyer": "buyer",
        "reason": "reason",
        "asked_at": "asked_ms",
        **{name: name for name in ("elapsed_ms", "payout", "min_duration_s", "fate", "won")},
        "left_on_table": "left",
    },
}
"""Each column and where it comes from. Programs read them by name: none is ever renamed, and new ones come last."""
COLUMNS: Mapping[Dataset, tuple[str, ...]] = {of: tuple(names) for of, names in _SOURCES.items()}


async def exported(connection: AsyncConnection, wanted: Slice) -> AsyncIterator[Sequence[dict[str, Any]]]:
    """The rows, `BATCH` at a time, by the start of their call; times are RFC 3339 in UTC, money is `Decimal`.

    A dial is there once, as it is known now.
    """
    found = await connection.stream(_query(wanted).execution_options(yield_per=BATCH))
    times = [name for name in COLUMNS[wanted.of] if name.endswith("_at")]
    async for rows in found.mappings().partitions():
        yield [_row(row, times) for row in rows]


def _query(wanted: Slice) -> Select[Any]:
    table: FromClause = {Dataset.CALLS: calls, Dataset.ANSWERS: answers}.get(wanted.of, current_dials().subquery())
    columns: list[ColumnElement[Any]] = [table.c[source].label(name) for name, source in _SOURCES[wanted.of].items()]
    within = []
    if wanted.since is not None:
        within.append(table.c.started_ms >= round(wanted.since * 1000))
    if wanted.until is not None:
        within.append(table.c.started_ms < round(wanted.until * 1000))
    within += [table.c[name] == value for name in ("plan", "buyer") if (value := getattr(wanted, name)) is not None]
    further = {Dataset.CALLS: (), Dataset.DIALS: ("no",), Dataset.ANSWERS: ("auction", "buyer")}[wanted.of]
    return select(*columns).where(*within).order_by(*(table.c[name] for name in ("started_ms", "sid", *further)))


def _row(row: Mapping[Any, Any], times: Sequence[str]) -> dict[str, Any]:
    shown = dict(row)
    for name in times:
        at_ms = shown[name]
        shown[name] = None if at_ms is None else rfc3339(at_ms / 1000)
    return shown
