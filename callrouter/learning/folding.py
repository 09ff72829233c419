"""Lessons into beliefs: the same in whoever follows the log, keeps it, or goes through it again."""

import asyncio
import logging
from collections.abc import Iterable, Sequence

from callrouter.beliefs.beliefs import Beliefs
from callrouter.beliefs.lessons import read
from callrouter.learning.log import Entry

SLICE = 50
"""Lessons that are learned in one go on the event loop, where callers wait."""

log = logging.getLogger("callrouter.learning")


def fold(beliefs: Beliefs, entries: Iterable[Entry]) -> None:
    """Learn these lessons. One that this version of the program does not know, or cannot take, is passed over."""
    for entry in entries:
        lesson = read(entry.document) if entry.document is not None else None
        try:
            beliefs.learn(entry.number, lesson, entry.at_ms / 1000)
        except Exception as error:  # noqa: BLE001 - one odd lesson must not end all learning, everywhere, for ever
            fields = {"number": entry.number, "error": type(error).__name__}
            log.warning("a lesson could not be learned", extra=fields)


async def fold_in_slices(beliefs: Beliefs, entries: Sequence[Entry]) -> None:
    """The same, giving way to others on the loop every now and then."""
    for start in range(0, len(entries), SLICE):
        fold(beliefs, entries[start : start + SLICE])
        await asyncio.sleep(0)
