"""The log of lessons in the engine, and the checkpoint of what was learned of it."""

import json
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import redis.asyncio as redis

from callrouter.beliefs.lessons import Lesson, written
from callrouter.engine.client import Engine


@dataclass(frozen=True, slots=True)
class Entry:
    """One numbered lesson."""

    number: int
    at_ms: int
    """When it was given, epoch ms."""
    document: Mapping[str, Any] | None
    """As `lessons.written` made it; ``None`` for what is no document."""


@dataclass(frozen=True, slots=True)
class Tail:
    """What the log had at one moment, from some version on."""

    count: int | None
    """The number of the last lesson; ``None`` on an engine that has no log."""
    checkpoint: int | None
    """The version of the checkpoint; ``None`` before the first: nobody learns until there is one."""
    at_version: Entry | None
    """The lesson that made the version; ``None`` when it is not in the log any more."""
    entries: Sequence[Entry]
    """The lessons after it."""


class LessonLog:
    """Every method raises `EngineUnavailable`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def after(self, version: int, most: int) -> Tail:
        """The lessons after this number, at most so many, and how the log stands. One round trip."""
        keys = self._engine.keys

        async def read(client: redis.Redis) -> list[Any]:
            async with client.pipeline(transaction=True) as pipe:
                pipe.get(keys.lessons_count)
                pipe.hget(keys.beliefs, "version")
                pipe.xrange(keys.lessons, min=f"{version}-0", count=most + 1)
                return await cast(Awaitable[list[Any]], pipe.execute())

        count, checkpoint, found = await self._engine.raw("lessons_read", read, again=True)
        entries = [_entry(entry_id, fields) for entry_id, fields in found]
        at_version = entries.pop(0) if entries and entries[0].number == version else None
        return Tail(
            count=None if count is None else int(count),
            checkpoint=None if checkpoint is None else int(checkpoint),
            at_version=at_version,
            entries=entries[:most],
        )

    async def add(self, lessons: Sequence[Lesson]) -> int:
        """Append lessons that no call teaches; the last one's number. Not to be tried again: they would count twice."""
        texts = [json.dumps(written(lesson), separators=(",", ":")) for lesson in lessons]
        keys = [self._engine.keys.lessons, self._engine.keys.lessons_count]
        return int(await self._engine.run("lessons_add", keys, [self._engine.time_arg(), *texts]))

    async def checkpoint(self) -> tuple[int, str] | None:
        """The version and the document of what was believed when it was last kept."""
        version, document = await self._engine.hash_fields(self._engine.keys.beliefs, "version", "document")
        return None if version is None or document is None else (int(version), document)

    async def keep(self, version: int, document: str, first_to_stay: int) -> bool:
        """Keep a checkpoint, and drop the lessons before ``first_to_stay``; ``False`` when a later one is kept."""
        keys = [self._engine.keys.beliefs, self._engine.keys.lessons, self._engine.keys.lessons_count]
        args = (self._engine.time_arg(), version, document, max(0, first_to_stay))
        return bool(await self._engine.run("beliefs_keep", keys, args, again=True))


def _entry(entry_id: str, fields: Mapping[str, str]) -> Entry:
    try:
        document = json.loads(fields.get("lesson", ""))
    except ValueError:
        document = None
    at = fields.get("at", "")
    return Entry(
        number=int(entry_id.partition("-")[0]),
        at_ms=int(at) if at.isdecimal() else 0,
        document=document if isinstance(document, dict) else None,
    )
