"""Archives lessons in the ledger, keeps the checkpoint in the engine, and drops from the log what both have.

Several instances have a keeper, and each may die at any point. A chunk goes to the ledger first; only then is there a
checkpoint after it. Whoever finds the chunk there already goes on from that one.
While the ledger is out lessons wait in the engine, and learning goes on. When too many wait, the oldest of them go
into the checkpoint alone: the engine drops them soon, and what is believed must not go with them.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from callrouter.domain.clock import Clock
from callrouter.errors import CallrouterError, LedgerUnavailable
from callrouter.learning.beginning import begin
from callrouter.learning.chunks import STATE_EVERY, Made, after, entries_of, made
from callrouter.learning.log import Entry, LessonLog
from callrouter.ledger.lessons import LessonArchive, LessonChunk

log = logging.getLogger("callrouter.learning")

KEEP_EVERY_S = 60.0
"""No lesson waits longer for its chunk."""
CHUNK = 1000
"""Lessons; with so many nobody waits."""
LOOK_EVERY_S = 5.0
MOST_WAITING = 400_000
"""Lessons that wait for a ledger: fewer than the engine has room for (``_lessons.lua``)."""
STAY = 1000
"""Lessons before the checkpoint that stay in the log, so that a follower who is behind need not load it."""
_READ = 200


class Keeper:
    """``run`` it. `round` does one step."""

    def __init__(
        self,
        lessons: LessonLog,
        archive: LessonArchive,
        clock: Clock,
        on_error: Callable[[str], None] = lambda operation: None,
        *,
        state_every: int = STATE_EVERY,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._lessons = lessons
        self._archive = archive
        self._clock = clock
        self._on_error = on_error
        self._state_every = state_every
        self._most_waiting = most_waiting
        self._seen = 0
        """The checkpoint's version when we last looked."""
        self._failing = False

    async def run(self) -> None:
        """Keep what is due now and then, for ever."""
        while True:
            await self._tried()
            await asyncio.sleep(LOOK_EVERY_S)

    async def round(self, *, due: bool = False) -> bool:
        """Keep one chunk when it is time, or with ``due`` whatever there is; whether to look again at once.

        Raises `EngineUnavailable`, `LedgerUnavailable`, `UnreadableBeliefs`.
        """
        tail = await self._lessons.after(self._seen, 1)
        if tail.checkpoint is None:
            await begin(self._lessons, self._archive, self._clock)
            return True
        if tail.checkpoint != self._seen:
            self._seen = tail.checkpoint
            return True
        if not tail.entries or not (due or self._is_due(tail.entries[0], tail.count or 0)):
            return False
        found = await self._lessons.checkpoint()
        if found is None:
            return False
        if found[0] == self._seen:
            await self._keep(*found, tail.count or 0)
        return True

    def _is_due(self, first: Entry, count: int) -> bool:
        waiting, oldest_s = count + 1 - first.number, self._clock.now() - first.at_ms / 1000
        return waiting >= CHUNK or oldest_s >= KEEP_EVERY_S

    async def _keep(self, version: int, document: str, count: int) -> None:
        """Archive what comes after this checkpoint, and then make the next one."""
        if not (entries := await self._read(version)):
            return
        try:
            found = await self._archived(version, document, entries)
        except LedgerUnavailable:
            if count + 1 - entries[0].number <= self._most_waiting:
                raise
            log.error("lessons kept without the ledger: calls that were decided then cannot be decided again")
            self._on_error("ledger_write")
            with self._clock.busy():
                found = await asyncio.to_thread(after, document, entries)
        if found is not None:
            await self._lessons.keep(*found, found[0] + 1 - STAY)

    async def _archived(self, version: int, document: str, entries: Sequence[Entry]) -> tuple[int, str] | None:
        """The version and the document of what is believed after the chunk; ``None``: look again."""
        follows = await self._archive.last()
        with self._clock.busy():
            new = await asyncio.to_thread(made, version, document, entries, follows, self._state_every)
        if await self._archive.keep(new.chunk):
            return new.version, new.document
        if (theirs := await self._archive.starting(new.chunk.first)) is None:
            return None
        with self._clock.busy():
            return await asyncio.to_thread(_after_theirs, document, theirs, new)

    async def _read(self, version: int) -> Sequence[Entry]:
        entries: list[Entry] = []
        while len(entries) < CHUNK:
            most = min(_READ, CHUNK - len(entries))
            found = (await self._lessons.after(entries[-1].number if entries else version, most)).entries
            entries += found
            if len(found) < most:
                break
        return entries

    async def _tried(self) -> None:
        try:
            while await self.round():
                pass
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the lessons are still to be kept
            if isinstance(error, LedgerUnavailable):
                self._on_error("ledger_write")
            if not self._failing:
                why = str(error) if isinstance(error, CallrouterError) else type(error).__name__
                log.warning("lessons not archived; they wait in the engine", extra={"why": why})
            self._failing = True
            return
        if self._failing:
            log.info("lessons are archived again")
        self._failing = False


def _after_theirs(before: str, theirs: LessonChunk, ours: Made) -> tuple[int, str]:
    """What is believed after a chunk that somebody else archived, given the same beliefs before."""
    same = theirs.last == ours.chunk.last
    return (ours.version, ours.document) if same else after(before, entries_of(theirs))
