"""The first checkpoint of an engine: what the ledger has of an earlier engine, or nothing at all."""

import asyncio
import logging
from collections.abc import Sequence

from callrouter.beliefs.beliefs import Beliefs
from callrouter.beliefs.document import UnreadableBeliefs, dumped
from callrouter.domain.clock import Clock
from callrouter.learning.chunks import learned
from callrouter.learning.log import LessonLog
from callrouter.ledger.lessons import LessonArchive, LessonChunk

log = logging.getLogger("callrouter.learning")


async def begin(lessons: LessonLog, archive: LessonArchive, clock: Clock) -> None:
    """Keep the first checkpoint; whoever is first wins, for nobody learns before there is one.

    What an engine took with it that was not archived yet is forgotten. Raises `EngineUnavailable`,
    `LedgerUnavailable`.
    """
    last = await archive.last()
    chunks = [] if last is None else await archive.leading_to(last)
    with clock.busy():
        beliefs = await asyncio.to_thread(_learned, chunks)
        document = await asyncio.to_thread(dumped, beliefs)
    if await lessons.keep(beliefs.version, document, 0) and last is not None:
        log.warning("the engine had no beliefs; these are the ledger's", extra={"version": beliefs.version})


def _learned(chunks: Sequence[LessonChunk]) -> Beliefs:
    try:
        return learned(chunks) or Beliefs()
    except UnreadableBeliefs as error:
        log.error("the ledger's beliefs cannot be read; learning begins anew", extra={"why": str(error)})
        return Beliefs()
