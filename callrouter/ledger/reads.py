"""Reading and writing finished calls."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, Table, and_, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.domain.clock import Clock
from callrouter.errors import LedgerUnavailable
from callrouter.ledger.database import open_database
from callrouter.ledger.erasing import without_person
from callrouter.ledger.rows import sale_document
from callrouter.ledger.tables import calls, sales


@dataclass(frozen=True)
class LedgerCall:
    """One finished call. Times are epoch seconds; ``record`` is the shape of ``GET /api/v1/calls/{sid}``."""

    sid: str
    plan: str
    kind: str
    from_number: str | None
    to_number: str | None
    outcome: str
    qualified: bool | None
    buyer: str | None
    payout: Decimal | None
    min_duration_s: int | None
    bridged_s: int | None
    started_at: float
    ended_at: float | None
    record: Mapping[str, Any]


class Ledger:
    """The ledger at a URL, whose tables are up to date (`upgrade`).

    What people ask for (`get`, `find`, `sales`, `erase`) raises `LedgerUnavailable`, all else SQLAlchemy's errors.
    """

    def __init__(self, url: str, clock: Clock) -> None:
        self._database = open_database(url)
        self._clock = clock

    async def get(self, sid: str) -> LedgerCall | None:
        """One call."""
        found = await self._rows(select(calls).where(calls.c.sid == sid))
        return found[0] if found else None

    async def find(
        self,
        *,
        since: float | None = None,
        until: float | None = None,
        phone: str | None = None,
        plan: str | None = None,
        outcome: str | None = None,
        limit: int = 100,
        before: str | None = None,
        buyer: str | None = None,
        qualified: bool | None = None,
    ) -> Sequence[LedgerCall]:
        """Calls that started from ``since`` to before ``until`` (epoch seconds), newest first.

        ``before`` is the sid of the last call of the page before this one; ``buyer`` is who got the call.
        """
        column = calls.c
        query = select(calls).order_by(column.started_ms.desc(), column.sid.desc()).limit(limit)
        if since is not None:
            query = query.where(column.started_ms >= round(since * 1000))
        if until is not None:
            query = query.where(column.started_ms < round(until * 1000))
        equals = (
            *((phone, column.from_number), (plan, column.plan), (outcome, column.outcome)),
            *((buyer, column.buyer), (qualified, column.qualified)),
        )
        for wanted, of in equals:
            if wanted is not None:
                query = query.where(of == wanted)
        if before is not None:
            start = select(column.started_ms).where(column.sid == before).scalar_subquery()
            older = column.started_ms < start
            query = query.where(or_(older, and_(column.started_ms == start, column.sid < before)))
        return await self._rows(query)

    async def insert(self, rows: Sequence[Mapping[str, Any]]) -> int:
        """Add calls in one transaction; those that are there already stay as they are. How many were new."""
        return await self._insert(calls, rows)

    async def insert_sales(self, rows: Sequence[Mapping[str, Any]]) -> int:
        """Add sales that are over, as `insert` adds calls."""
        return await self._insert(sales, rows)

    async def sales(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Sales that are over, by id: what a call's record shows as ``sale``."""
        found: dict[str, dict[str, Any]] = {}
        async with self._connected(self._database.connect()) as connection:
            for start in range(0, len(ids), 500):
                query = select(sales.c.id, sales.c.record, sales.c.ended_ms)
                rows = await connection.execute(query.where(sales.c.id.in_(ids[start : start + 500])))
                found |= {row.id: sale_document(row.record, row.ended_ms) for row in rows}
        return found

    async def erase(self, phone: str) -> int:
        """Take a person's number (E.164), and what buyers were sent and answered, out of their calls; how many.

        The calls stay, with their times, results and money; who called does not. One transaction.
        """
        async with self._connected(self._database.begin()) as connection:
            rows = (await connection.execute(_of_person(calls, calls.c.from_number == phone))).all()
            for row in rows:
                where = calls.c.sid == row.sid
                values = {"from_number": None, "record": without_person(row.record)}
                await connection.execute(update(calls).where(where).values(**values))
            for start in range(0, len(rows), 500):
                sids = [row.sid for row in rows[start : start + 500]]
                for sale in (await connection.execute(_of_person(sales, sales.c.sid.in_(sids)))).all():
                    kept = without_person(sale.record)
                    await connection.execute(update(sales).where(sales.c.id == sale.id).values(record=kept))
        return len(rows)

    async def _insert(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
        if not rows:
            return 0
        insert = postgresql.insert if self._database.dialect.name == "postgresql" else sqlite.insert
        added = 0
        with self._clock.busy():
            async with self._database.begin() as connection:
                # 14 columns a row at most: below the 32,766 and 32,767 parameters that the two databases take.
                for start in range(0, len(rows), 500):
                    batch = [dict(row) for row in rows[start : start + 500]]
                    result = await connection.execute(
                        insert(table).values(batch).on_conflict_do_nothing(index_elements=list(table.primary_key))
                    )
                    added += result.rowcount
        return added

    async def check(self) -> None:
        """Whether the database answers."""
        with self._clock.busy():
            async with self._database.connect() as connection:
                await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close every connection."""
        with self._clock.busy():
            await self._database.dispose()

    async def _rows(self, query: Select[Any]) -> Sequence[LedgerCall]:
        async with self._connected(self._database.connect()) as connection:
            return [_call(row) for row in (await connection.execute(query)).all()]

    @asynccontextmanager
    async def _connected(self, opened: AbstractAsyncContextManager[AsyncConnection]) -> AsyncIterator[AsyncConnection]:
        with self._clock.busy():
            try:
                async with opened as connection:
                    yield connection
            except (SQLAlchemyError, OSError) as error:  # a database that is down is an OSError with some drivers
                raise LedgerUnavailable(type(error).__name__) from error


def _of_person(table: Table, where: ColumnElement[bool]) -> Select[Any]:
    return select(*table.primary_key, table.c.record).where(where).with_for_update()


def _call(row: Row[Any]) -> LedgerCall:
    fields = dict(row._mapping)
    started_ms, ended_ms = fields.pop("started_ms"), fields.pop("ended_ms")
    fields["payout"] = fields.pop("payout_cents")
    try:
        record = json.loads(fields.pop("record"))
    except ValueError:
        record = {}
    return LedgerCall(
        **fields,
        started_at=started_ms / 1000,
        ended_at=None if ended_ms is None else ended_ms / 1000,
        record=record if isinstance(record, dict) else {},
    )
