"""What a deployment believed at an earlier time: from the ledger's archive, and of late from the engine."""

from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack

from callrouter.beliefs.beliefs import Beliefs
from callrouter.beliefs.document import UnreadableBeliefs, loaded
from callrouter.commands.attach import attached_engine, engine_exists
from callrouter.domain.clock import SystemClock
from callrouter.errors import CallrouterError
from callrouter.learning.again import BeliefsAgain
from callrouter.learning.folding import fold
from callrouter.learning.log import Entry, LessonLog
from callrouter.ledger.reads import Ledger
from callrouter.settings import read_settings

_AT_ONCE = 1_000


class BelievedThen:
    """``async with BelievedThen(ledger, environ)``. The engine is only looked into for what the archive lacks yet."""

    def __init__(self, ledger: Ledger, environ: Mapping[str, str]) -> None:
        self._archive = BeliefsAgain(ledger.lessons, SystemClock())
        self._environ = environ
        self._stack = AsyncExitStack()
        self._lately: Lately | None = None

    async def __aenter__(self) -> "BelievedThen":
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    async def at(self, version: int) -> Beliefs | None:
        """What was believed at this version; ``None``: it is not kept. Good until the next question."""
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
        if not engine_exists(read_settings(self._environ, serving=False)):
            return Lately(None, ())
        try:
            engine = await self._stack.enter_async_context(attached_engine(self._environ))
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
