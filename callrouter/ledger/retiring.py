"""Takes people out of rows that stay: on request, and at the end of their plan's retention.

Every step may be done twice, and by several instances at once.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Row, Select, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.ledger.erasing import without_person, words_without
from callrouter.ledger.number_hash import MARK
from callrouter.ledger.tables import calls, sales

BATCH = 500
"""Rows that are changed in one statement."""

KnownAs = Callable[[str], str | None]
"""What comes in the place of a number."""


def nobody(number: str) -> None:
    """For those who asked to be erased."""
    return


async def next_plan(connection: AsyncConnection, after: str | None) -> str | None:
    """The first plan, or the next by name, that has calls with people in them. One look into an index."""
    query = select(func.min(calls.c.plan)).where(calls.c.erased_ms.is_(None))
    if after is not None:
        query = query.where(calls.c.plan > after)
    found: str | None = (await connection.execute(query)).scalar_one()
    return found


async def retire(
    connection: AsyncConnection, plan: str, before_ms: int, known_as: KnownAs, now_ms: int, limit: int
) -> int:
    """Take the people out of a plan's oldest calls that began before ``before_ms``; how many, at most ``limit``.

    Rows that another instance has in hand are passed over.
    """
    old = (calls.c.plan == plan, calls.c.started_ms < before_ms, calls.c.erased_ms.is_(None))
    query = _personal_calls().where(*old).order_by(calls.c.started_ms).limit(limit)
    rows = (await connection.execute(query.with_for_update(skip_locked=True))).all()
    await _take_out(connection, rows, known_as, now_ms, again=False)
    return len(rows)


async def erase_numbers(connection: AsyncConnection, names: Sequence[str], number: str, now_ms: int) -> int:
    """Take a person out of their calls, also of those that have only the number's hash; how many."""
    query = _personal_calls().where(calls.c.from_number.in_(names)).order_by(calls.c.sid)
    rows = (await connection.execute(query.with_for_update())).all()
    await _take_out(connection, rows, nobody, now_ms, again=True, number=number)
    return len(rows)


async def erase_calls(connection: AsyncConnection, sids: Sequence[str], now_ms: int) -> int:
    """Take the person out of these calls; how many."""
    found = 0
    for start in range(0, len(sids), BATCH):
        some = sids[start : start + BATCH]
        query = _personal_calls().where(calls.c.sid.in_(some), calls.c.from_number.is_not(None))
        rows = (await connection.execute(query.order_by(calls.c.sid).with_for_update())).all()
        await _take_out(connection, rows, nobody, now_ms, again=True)
        found += len(rows)
    return found


async def follow_calls(connection: AsyncConnection, sids: Sequence[str]) -> None:
    """Take people out of sales that were written after they had been taken out of the call."""
    for start in range(0, len(sids), BATCH):
        some = sids[start : start + BATCH]
        query = select(calls.c.sid, calls.c.erased_ms).where(calls.c.sid.in_(some)).order_by(calls.c.sid)
        # Waits for whoever takes them out of the call just now, and could not see the sale.
        found = (await connection.execute(query.with_for_update(read=True))).all()
        await _strip_sales(connection, {row.sid: None for row in found if row.erased_ms is not None})


def _personal_calls() -> Select[Any]:
    return select(calls.c.sid, calls.c.from_number, calls.c.record)


async def _take_out(
    connection: AsyncConnection,
    rows: Sequence[Row[Any]],
    known_as: KnownAs,
    now_ms: int,
    *,
    again: bool,
    number: str | None = None,
) -> None:
    """Change these calls and their sales. With ``again`` also those that somebody has been taken out of before."""
    change = update(calls).where(calls.c.sid == bindparam("of_sid"))
    if not again:
        change = change.where(calls.c.erased_ms.is_(None))  # who was erased meanwhile does not get a hash back
    change = change.values(from_number=bindparam("known_as"), record=bindparam("kept"), erased_ms=now_ms)
    for start in range(0, len(rows), BATCH):
        some = rows[start : start + BATCH]
        numbers = {row.sid: number or _number(row) for row in some}
        # Off the loop: callers wait there.
        values = await asyncio.to_thread(_without_people, some, numbers, known_as)
        await connection.execute(change, values)
        await _strip_sales(connection, numbers)


def _number(row: Row[Any]) -> str | None:
    return None if (row.from_number or MARK).startswith(MARK) else str(row.from_number)


def _without_people(
    rows: Sequence[Row[Any]], numbers: dict[str, str | None], known_as: KnownAs
) -> list[dict[str, str | None]]:
    values = []
    for row in rows:
        number = numbers[row.sid]
        name = None if row.from_number is None or number is None else known_as(number)
        values.append({"of_sid": row.sid, "known_as": name, "kept": without_person(row.record, name, number)})
    return values


async def _strip_sales(connection: AsyncConnection, numbers: dict[str, str | None]) -> None:
    if not numbers:
        return
    columns = (sales.c.id, sales.c.sid, sales.c.lead_ref, sales.c.record)
    query: Select[Any] = select(*columns).where(sales.c.sid.in_(list(numbers))).order_by(sales.c.id)
    found = (await connection.execute(query.with_for_update())).all()
    if not found:
        return

    change = update(sales).where(sales.c.id == bindparam("of_id"))
    change = change.values(lead_ref=bindparam("their_ref"), record=bindparam("kept"))
    await connection.execute(change, await asyncio.to_thread(_sales_without_people, found, numbers))


def _sales_without_people(rows: Sequence[Row[Any]], numbers: dict[str, str | None]) -> list[dict[str, str | None]]:
    values = []
    for row in rows:
        number, ref = numbers[row.sid], row.lead_ref
        kept = without_person(row.record, None, number)
        their_ref = None if ref is None else words_without(number, ref)
        values.append({"of_id": row.id, "their_ref": their_ref, "kept": kept})
    return values
