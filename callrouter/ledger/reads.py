"""Reading and writing finished calls."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, Select, Table, and_, or_, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.domain.clock import Clock
from callrouter.ledger.amended import current_dials, with_evidence
from callrouter.ledger.connected import connected
from callrouter.ledger.database import open_database
from callrouter.ledger.exporting import Slice, exported
from callrouter.ledger.lessons import LessonArchive
from callrouter.ledger.number_hash import NumberHash
from callrouter.ledger.retiring import BATCH, erase_calls, erase_numbers, follow_calls, next_plan, retire
from callrouter.ledger.rows import Rows, sale_document
from callrouter.ledger.sold import Sold, sold_of
from callrouter.ledger.tables import answers, calls, dials, sales
from callrouter.ledger.totals import Asked, Totals, totals


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
    margin_s: int | None
    expected: Decimal | None
    left: Decimal | None
    started_at: float
    ended_at: float | None
    record: Mapping[str, Any]


class Ledger:
    """The ledger at a URL, whose tables are up to date (`upgrade`).

    What people ask for (`get`, `find`, `sales`, `erase`) raises `LedgerUnavailable`, as do `lessons`; all else raises
    SQLAlchemy's errors.
    """

    def __init__(self, url: str, clock: Clock, hashes: NumberHash | None = None) -> None:
        self._database = open_database(url)
        self._clock = clock
        self.hashes = hashes
        """What stands for the numbers of retired calls; without it these are not found, and none is retired."""
        self.lessons = LessonArchive(self._database, clock)
        """What calls have taught."""

    async def get(self, sid: str) -> LedgerCall | None:
        """One call."""
        found = await self._rows(select(calls).where(calls.c.sid == sid))
        if not found:
            return None
        async with self._connected(self._database.connect()) as connection:
            late = await connection.execute(current_dials().where(dials.c.sid == sid, dials.c.revision > 1))
            return replace(found[0], record=with_evidence(found[0].record, late.mappings().all()))

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
            *((plan, column.plan), (outcome, column.outcome)),
            *((buyer, column.buyer), (qualified, column.qualified)),
        )
        if phone is not None:
            query = query.where(column.from_number.in_(self._names_of(phone)))
        for wanted, of in equals:
            if wanted is not None:
                query = query.where(of == wanted)
        if before is not None:
            start = select(column.started_ms).where(column.sid == before).scalar_subquery()
            older = column.started_ms < start
            query = query.where(or_(older, and_(column.started_ms == start, column.sid < before)))
        return await self._rows(query)

    async def add(self, rows: Rows) -> int:
        """Add rows in one transaction; those that are there already stay as they are. How many calls and sales were
        new."""
        if not (rows.calls or rows.dials or rows.answers or rows.sales):
            return 0
        with self._clock.busy():
            async with self._database.begin() as connection:
                added = await self._insert(connection, calls, rows.calls)
                await self._insert(connection, dials, rows.dials)
                await self._insert(connection, answers, rows.answers)
                added += await self._insert(connection, sales, rows.sales)
                await follow_calls(connection, sorted({row["sid"] for row in rows.sales}))
                return added

    async def sales(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Sales that are over, by id: what a call's record shows as ``sale``."""
        found: dict[str, dict[str, Any]] = {}
        async with self._connected(self._database.connect()) as connection:
            for start in range(0, len(ids), 500):
                query = select(sales.c.id, sales.c.record, sales.c.ended_ms)
                rows = await connection.execute(query.where(sales.c.id.in_(ids[start : start + 500])))
                found |= {row.id: sale_document(row.record, row.ended_ms) for row in rows}
        return found

    async def totals(self, asked: Asked) -> Totals:
        """What the calls of a period came to."""
        async with self._connected(self._database.connect()) as connection:
            return await totals(connection, asked)

    async def sold(self, buyer: str, since: float, until: float) -> AsyncIterator[Sold]:
        """The dials of a buyer that were made from ``since`` to before ``until`` (epoch seconds), oldest first."""
        async with self._connected(self._database.connect()) as connection:
            async for one in sold_of(connection, buyer, round(since * 1000), round(until * 1000)):
                yield one

    async def exported(self, wanted: Slice) -> AsyncGenerator[Sequence[dict[str, Any]], None]:
        """Rows for other programs, some at a time: `exporting.exported`."""
        async with self._connected(self._database.connect()) as connection:
            async for rows in exported(connection, wanted):
                yield rows

    async def erase(self, phone: str) -> int:
        """Take a person (E.164), whoever called for them, and what buyers were sent and answered, out of their calls.

        How many; also those that have only the number's hash. They stay, with their times, results and money. One
        transaction.
        """
        names = self._names_of(phone)
        async with self._connected(self._database.begin()) as connection:
            return await erase_numbers(connection, names, phone, self._now_ms())

    async def erase_calls(self, sids: Sequence[str]) -> int:
        """Take the person out of these calls as `erase` does; how many had one. One transaction."""
        async with self._connected(self._database.begin()) as connection:
            return await erase_calls(connection, sorted(sids), self._now_ms())

    async def plan_with_people(self, after: str | None = None) -> str | None:
        """The first plan, or the next by name, that has calls with people in them; also one that serves no more."""
        async with self._connected(self._database.connect()) as connection:
            return await next_plan(connection, after)

    async def retire(self, plan: str, before: float, limit: int = BATCH) -> int:
        """Take the people out of the plan's oldest calls that began before then (epoch seconds); how many.

        A hash comes in the place of the number. At most ``limit`` calls, in one transaction.
        """
        if self.hashes is None:
            raise ValueError("a ledger that retires calls needs hashes")
        async with self._connected(self._database.begin()) as connection:
            return await retire(connection, plan, round(before * 1000), self.hashes, self._now_ms(), limit)

    def _names_of(self, phone: str) -> tuple[str, ...]:
        return (phone,) if self.hashes is None else self.hashes.names_of(phone)

    def _now_ms(self) -> int:
        return round(self._clock.now() * 1000)

    async def _insert(self, connection: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
        insert = postgresql.insert if self._database.dialect.name == "postgresql" else sqlite.insert
        added = 0
        # In one order everywhere: two writers of the same rows then wait in turn, and not for each other.
        key = [column.key for column in table.primary_key]
        rows = sorted(rows, key=lambda row: tuple(row[name] for name in key))
        # 30 columns a row at most: below the 32,766 and 32,767 parameters that the two databases take.
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

    def _connected(
        self, opened: AbstractAsyncContextManager[AsyncConnection]
    ) -> AbstractAsyncContextManager[AsyncConnection]:
        return connected(opened, self._clock)


def _call(row: Row[Any]) -> LedgerCall:
    fields = dict(row._mapping)
    started_ms, ended_ms = fields.pop("started_ms"), fields.pop("ended_ms")
    del fields["erased_ms"]
    for money in ("payout", "expected", "left"):
        fields[money] = fields.pop(f"{money}_cents")
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
