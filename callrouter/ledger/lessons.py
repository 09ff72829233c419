"""The archive of what calls have taught, so that what was believed at any time can be had again."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from callrouter.domain.clock import Clock
from callrouter.ledger.connected import connected
from callrouter.ledger.tables import lessons

_columns = lessons.c


@dataclass(frozen=True, slots=True)
class LessonChunk:
    """Lessons that follow each other. See `tables.lessons` for the columns; bytes are JSON, compressed by zlib."""

    first: int
    last: int
    prior: int
    base: int
    from_ms: int
    to_ms: int
    before: bytes | None
    """The document of the beliefs before; of a base only."""
    lessons: bytes
    """``[[number, at (epoch ms), lesson document or null], …]``."""


class LessonArchive:
    """Chunks of lessons in the ledger. Every method raises `LedgerUnavailable`."""

    def __init__(self, database: AsyncEngine, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def keep(self, chunk: LessonChunk) -> bool:
        """Add a chunk; ``False`` when there is one already that begins with the same lesson: that one stays."""
        insert = postgresql.insert if self._database.dialect.name == "postgresql" else sqlite.insert
        add = insert(lessons).values(**asdict(chunk)).on_conflict_do_nothing(index_elements=[_columns.first])
        async with connected(self._database.begin(), self._clock) as connection:
            return (await connection.execute(add)).rowcount == 1

    async def last(self) -> LessonChunk | None:
        """The newest chunk."""
        async with connected(self._database.connect(), self._clock) as connection:
            return await _one(connection, select(lessons).order_by(_columns.first.desc()))

    async def starting(self, first: int) -> LessonChunk | None:
        """The chunk that begins with this lesson."""
        async with connected(self._database.connect(), self._clock) as connection:
            return await _one(connection, select(lessons).where(_columns.first == first))

    async def after(self, chunk: LessonChunk) -> LessonChunk | None:
        """The chunk that follows this one; ``None`` also when lessons between the two are nowhere."""
        async with connected(self._database.connect(), self._clock) as connection:
            following = await _one(connection, _from(chunk.last + 1))
        return following if following is not None and following.prior == chunk.last else None

    async def covering(self, version: int) -> Sequence[LessonChunk]:
        """The chunks that lead to this version of the beliefs: from the state before the first of them on.

        Empty when the archive does not have them (yet, or any more). When the version is that very state, the one
        chunk that holds it is all there is.
        """
        async with connected(self._database.connect(), self._clock) as connection:
            found = await _one(connection, _until(version))
            if found is None or version > found.last:
                following = await _one(connection, _from(version + 1))
                held = following is not None and following.prior == version and following.before is not None
                return [following] if following is not None and held else []
            return await _leading(connection, found)

    async def leading_to(self, chunk: LessonChunk) -> Sequence[LessonChunk]:
        """A chunk, and those before it, back to the last state."""
        async with connected(self._database.connect(), self._clock) as connection:
            return await _leading(connection, chunk)

    async def between(self, from_ms: int, to_ms: int) -> AsyncIterator[LessonChunk]:
        """Chunks with lessons that were given from ``from_ms`` to before ``to_ms``, oldest first."""
        first = 0
        while True:
            query = _from(first).where(_columns.to_ms >= from_ms, _columns.from_ms < to_ms)
            async with connected(self._database.connect(), self._clock) as connection:
                found = await _one(connection, query)
            if found is None:
                return
            yield found
            first = found.first + 1

    async def retire(self, before_ms: int) -> int:
        """Drop chunks whose lessons were all given before then, and from which nothing later follows; how many.

        The newest stays: an engine that has lost its data begins with it.
        """
        async with connected(self._database.begin(), self._clock) as connection:
            needed = await _number(connection, _columns.base, _columns.to_ms >= before_ms, _columns.first.asc())
            if needed is None:
                needed = await _number(connection, _columns.base, _columns.first >= 0, _columns.first.desc())
            if needed is None:
                return 0
            return (await connection.execute(delete(lessons).where(_columns.first < needed))).rowcount


def _from(first: int) -> Select[Any]:
    return select(lessons).where(_columns.first >= first).order_by(_columns.first)


def _until(version: int) -> Select[Any]:
    return select(lessons).where(_columns.first <= version).order_by(_columns.first.desc())


async def _leading(connection: AsyncConnection, chunk: LessonChunk) -> Sequence[LessonChunk]:
    """Empty when one of them is missing."""
    query = _from(chunk.base).where(_columns.first < chunk.first)
    found = [*(_chunk(row) for row in (await connection.execute(query)).all()), chunk]
    whole = found[0].before is not None and all(b.prior == a.last for a, b in pairwise(found))
    return found if whole else []


async def _one(connection: AsyncConnection, query: Select[Any]) -> LessonChunk | None:
    row = (await connection.execute(query.limit(1))).one_or_none()
    return None if row is None else _chunk(row)


async def _number(
    connection: AsyncConnection, of: ColumnElement[int], where: ColumnElement[bool], order: ColumnElement[int]
) -> int | None:
    found: int | None = (await connection.execute(select(of).where(where).order_by(order).limit(1))).scalar()
    return found


def _chunk(row: Row[Any]) -> LessonChunk:
    return LessonChunk(**row._mapping)
