"""Keeps one instance's beliefs up to date with the log."""

import asyncio
import logging
from collections.abc import Callable
from math import inf

from callrouter.beliefs.beliefs import Beliefs
from callrouter.beliefs.document import UnreadableBeliefs, loaded
from callrouter.domain.clock import Clock
from callrouter.errors import CallrouterError
from callrouter.learning.beginning import begin
from callrouter.learning.folding import fold_in_slices
from callrouter.learning.log import Entry, LessonLog, Tail
from callrouter.ledger.lessons import LessonArchive

log = logging.getLogger("callrouter.learning")

EVERY_S = 1.0
IDLE_EVERY_S = 5.0
"""How often an instance looks while nobody calls: each look that finds nothing doubles the pause up to this."""
READ = 100
"""Lessons a round trip."""
START_S = 5.0
"""A starting instance serves after this, however much there is to learn: after hours without a ledger it is a lot."""


class Follower:
    """``start`` it, then ``run`` it. Ask for `beliefs` each time: the object may be another one."""

    def __init__(self, lessons: LessonLog, archive: LessonArchive, clock: Clock) -> None:
        self.beliefs = Beliefs()
        """Nothing is believed but what the program comes with, until `start`."""
        self.on_alarm: Callable[[str, str], None] = lambda buyer, of: None
        """Told of each alarm that a new lesson trips: `Beliefs.on_alarm`. Lessons of before the start trip none, and
        those that are learned again none twice."""
        self.behind = 0
        """How many lessons were in the log at the last look that are not learned yet."""
        self._lessons = lessons
        self._archive = archive
        self._clock = clock
        self._last: Entry | None = None
        """The lesson that made our version, if we have seen it."""
        self._newest: int | None = None
        """The highest number that was ever learned here; ``None`` before the first time that nothing was left."""
        self._failing = False
        self._one_at_a_time = asyncio.Lock()

    async def start(self) -> None:
        """Learn what there is, for some seconds at most. The rest, and what fails now, is left to `run`."""
        await self._tried(START_S)

    async def run(self) -> None:
        """Look each second while there is something to learn, less often while there is not; for ever."""
        pause_s = EVERY_S
        while True:
            before = self.beliefs.version
            await self._tried()
            pause_s = EVERY_S if self.beliefs.version != before else min(2 * pause_s, IDLE_EVERY_S)
            await asyncio.sleep(pause_s)

    async def caught_up(self, within_s: float = inf) -> None:
        """Return when all lessons are learned that were in the log, or when so much time has passed.

        Raises `EngineUnavailable`, `LedgerUnavailable`, `UnreadableBeliefs`.
        """
        ends = self._clock.monotonic() + within_s
        async with self._one_at_a_time:
            while not await self._looked() and self._clock.monotonic() < ends:
                pass

    async def _looked(self) -> bool:
        """Read once, and learn; whether there was nothing more."""
        tail = await self._lessons.after(self.beliefs.version, READ)
        self.behind = (tail.count or 0) + 1 - tail.entries[0].number if tail.entries else 0
        if tail.checkpoint is None:
            await begin(self._lessons, self._archive, self._clock)
            return False
        if self._is_elsewhere(tail, tail.checkpoint):
            await self._load()
            return False
        if tail.entries:
            self._last = None  # whoever waits for us may give up in between
            await fold_in_slices(self.beliefs, tail.entries)
            self.behind -= len(tail.entries)
        self._last = tail.entries[-1] if tail.entries else tail.at_version or self._last
        nothing_left = len(tail.entries) < READ
        if nothing_left or self._newest is not None:
            self._newest = max(self._newest or 0, self.beliefs.version)
            self.beliefs.on_alarm = self._alarm
        return nothing_left

    def _is_elsewhere(self, tail: Tail, checkpoint: int) -> bool:
        """Whether our beliefs are not those that the log goes on from."""
        version, count = self.beliefs.version, tail.count or 0
        if self._last is not None and tail.at_version not in (None, self._last):
            return True  # the engine lost it, and has given its number to another
        if checkpoint == version:
            return False  # what is missing after it is nowhere, and everybody goes on without
        following = tail.entries[0].number if tail.entries else count + 1
        return count < version or following != version + 1

    async def _load(self) -> None:
        """Begin with the checkpoint, whether it is ahead of us or not."""
        found = await self._lessons.checkpoint()
        if found is None:
            raise UnreadableBeliefs("the checkpoint has no document")
        with self._clock.busy():
            beliefs = await asyncio.to_thread(loaded, found[1])
        if self._newest is not None:
            beliefs.on_alarm = self._alarm
        if self.beliefs.version:
            fields = {"from_version": self.beliefs.version, "to_version": beliefs.version}
            log.warning("beliefs taken from the checkpoint: the log does not go on from ours", extra=fields)
        self.beliefs, self._last = beliefs, None

    def _alarm(self, buyer: str, of: str) -> None:
        if self.beliefs.version > (self._newest or 0):
            self.on_alarm(buyer, of)

    async def _tried(self, within_s: float = inf) -> None:
        try:
            await self.caught_up(within_s)
        except Exception as error:  # noqa: BLE001 - calls go on with what is believed, and so does the next look
            if not self._failing:
                why = str(error) if isinstance(error, CallrouterError) else type(error).__name__
                log.warning("nothing is learned", extra={"why": why})
            self._failing = True
            return
        if self._failing:
            log.info("learning again")
        self._failing = False
