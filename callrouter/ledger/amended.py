"""Dials of which more was reported after the call had ended. Their latest row is the one that counts."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Select, exists, select

from callrouter.ledger.tables import dials

_later = dials.alias("later")


def current_dials() -> Select[Any]:
    """Each dial once, as it is known now."""
    same = (_later.c.sid == dials.c.sid, _later.c.no == dials.c.no, _later.c.revision > dials.c.revision)
    return select(dials).where(~exists().where(*same))


def with_evidence(record: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """A call's record with the timers of these rows of ``dials``, and who hung up."""
    by_no: dict[object, Mapping[str, Any]] = {row["no"]: row for row in rows}
    attempts = record.get("attempts")
    if not by_no or not isinstance(attempts, list):
        return dict(record)
    return {**record, "attempts": [_amended(attempt, by_no) for attempt in attempts]}


def _amended(attempt: Any, rows: Mapping[object, Mapping[str, Any]]) -> Any:
    row = rows.get(attempt.get("no")) if isinstance(attempt, dict) else None
    if row is None:
        return attempt
    timers = {
        timer: {source: row[f"{timer}_{source}_s"] for source in ("leg", "action")}
        for timer in ("dial", "answer", "accept")
    }
    return {**attempt, "timers": timers, "ended_by": row["ended_by"], "revision": row["revision"]}
