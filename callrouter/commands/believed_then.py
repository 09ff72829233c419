"""What a deployment believed at an earlier time: from the ledger's archive, and of late from the engine."""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

from callrouter.beliefs.beliefs import Beliefs
from callrouter.beliefs.document import UnreadableBeliefs, loaded
from callrouter.domain.clock import Clock
from callrouter.engine.client import Engine
from callrouter.errors import CallrouterError
from callrouter.learning.again import BeliefsAgain
from callrouter.learning.folding import fold
from callrouter.learning.log import Entry, LessonLog
from callrouter.ledger.lessons import LessonArchive

_AT_ONCE = 1_000


class BelievedThen:
    """``engine`` opens it: it is looked into once, when something is asked for that the archive lacks, and not at all
    where it is ``None``."""

    def __init__(
        self,
        archive: LessonArchive,
        clock: Clock,
        engine: Callable[[], AbstractAsyncContextManager[Engine]] | None = None,
    ) -> None:
        self._archive = BeliefsAgain(archive, clock)
        self._engine = engine
        self._lately: Lately | None = None

    async def at(self, version: int) -> Beliefs | None:
        """What was believed at this version; ``None``: it is not kept. Good until the next question.

        Raises `LedgerUnavailable`, and `CallrouterError` for what another release wrote.
        """
        lately = self._lately.at(version) if self._lately else None
        if lately is not None:
            return lately
        try:
            found = await self._archive.at(version)
            if found is None and self._lately is None:
                self._lately = await self._opened()
                found = self._lately.at(version)
        except UnreadableBeliefs as error:
            raise CallrouterError(f"what was believed was written by another release: {error}") from error
        return found

    async def _opened(self) -> "Lately":
        if self._engine is None:
            return Lately(None, ())
        try:
            async with self._engine() as engine:
                log = LessonLog(engine)
                checkpoint = await log.checkpoint()
                if checkpoint is None:
                    return Lately(None, ())
                last, document = checkpoint
                entries: list[Entry] = []
                while page := (await log.after(last, _AT_ONCE)).entries:
                    entries += page
                    last = page[-1].number
        except CallrouterError:
            return Lately(None, ())  # what the archive does not have yet is then said not to be kept
        return Lately(document, entries)


class Lately:
    """The engine's checkpoint, and the lessons since; without one nothing is known."""

    def __init__(self, document: str | None, entries: Sequence[Entry]) -> None:
        self._document, self._entries = document, entries
        self._beliefs: Beliefs | None = None
        self._left: deque[Entry] = deque()

    def at(self, version: int) -> Beliefs | None:
        """As `BelievedThen.at`."""
        if self._document is None:
            return None
        if self._beliefs is None or version < self._beliefs.version:
            self._beliefs, self._left = loaded(self._document), deque(self._entries)
        ready = []
        while self._left and self._left[0].number <= version:
            ready.append(self._left.popleft())
        fold(self._beliefs, ready)
        return self._beliefs if self._beliefs.version == version else None
