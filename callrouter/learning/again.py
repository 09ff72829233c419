"""What was believed at an earlier version, from the archive."""

import asyncio
from collections import deque

from callrouter.beliefs.beliefs import Beliefs
from callrouter.domain.clock import Clock
from callrouter.learning.chunks import entries_of, learned, state_before
from callrouter.learning.folding import fold_in_slices
from callrouter.learning.log import Entry
from callrouter.ledger.lessons import LessonArchive, LessonChunk


async def beliefs_at(archive: LessonArchive, clock: Clock, version: int) -> Beliefs | None:
    """The beliefs of this version, exactly; ``None`` when the archive does not have it.

    Version 0 is what the program comes with. Raises `LedgerUnavailable`, `UnreadableBeliefs`.
    """
    return await BeliefsAgain(archive, clock).at(version)


class BeliefsAgain:
    """The same for many versions: cheap when they are asked for in ascending order."""

    def __init__(self, archive: LessonArchive, clock: Clock) -> None:
        self._archive = archive
        self._clock = clock
        self._beliefs: Beliefs | None = None
        self._chunk: LessonChunk | None = None
        self._left: deque[Entry] = deque()
        """The chunk's lessons that are not learned yet."""

    async def at(self, version: int) -> Beliefs | None:
        """As `beliefs_at`. It is good until the next call, which takes the same object further."""
        if version == 0:
            return Beliefs()
        if self._beliefs is None or self._chunk is None or version < self._beliefs.version:
            return await self._jumped(version)
        if version > self._chunk.last and not await self._went_on(self._chunk, version):
            return await self._jumped(version)
        return await self._learned(version)

    async def _went_on(self, chunk: LessonChunk, version: int) -> bool:
        """Take up the next chunk, if the version is in it."""
        following = await self._archive.after(chunk)
        if following is None or following.last < version or self._beliefs is None:
            return False
        await fold_in_slices(self._beliefs, tuple(self._left))
        await self._take(following)
        return True

    async def _jumped(self, version: int) -> Beliefs | None:
        """Begin anew with the last state before it."""
        self._beliefs, self._chunk = None, None
        chunks = await self._archive.covering(version)
        if not chunks:
            return None
        with self._clock.busy():
            if len(chunks) == 1:
                self._beliefs = await asyncio.to_thread(state_before, chunks[0])
            else:
                self._beliefs = await asyncio.to_thread(learned, chunks[:-1])
        await self._take(chunks[-1])
        return await self._learned(version)

    async def _take(self, chunk: LessonChunk) -> None:
        self._chunk = chunk
        with self._clock.busy():
            self._left = deque(await asyncio.to_thread(entries_of, chunk))

    async def _learned(self, version: int) -> Beliefs | None:
        """Go on to this version, within the chunk."""
        if self._beliefs is None:
            return None
        ready: list[Entry] = []
        while self._left and self._left[0].number <= version:
            ready.append(self._left.popleft())
        await fold_in_slices(self._beliefs, ready)
        return self._beliefs if self._beliefs.version == version else None
