"""What a deployment believes now: the engine's checkpoint, and the lessons since."""

from callrouter.beliefs.beliefs import Beliefs
from callrouter.beliefs.document import UnreadableBeliefs, loaded
from callrouter.engine.client import Engine
from callrouter.errors import CallrouterError
from callrouter.learning.folding import fold
from callrouter.learning.log import LessonLog

_AT_ONCE = 1_000
_TRIES = 3


async def beliefs_now(engine: Engine) -> Beliefs:
    """All that was learned, to the last lesson. Raises `CallrouterError`."""
    log = LessonLog(engine)
    for _ in range(_TRIES):
        beliefs = await _checkpoint(log)
        if await _followed(log, beliefs):
            break
    return beliefs


async def _checkpoint(log: LessonLog) -> Beliefs:
    found = await log.checkpoint()
    try:
        return Beliefs() if found is None else loaded(found[1])
    except UnreadableBeliefs as error:
        raise CallrouterError(f"what is believed was written by another release: {error}") from error


async def _followed(log: LessonLog, beliefs: Beliefs) -> bool:
    """Learn what came after; ``False`` when that was dropped meanwhile, and a later checkpoint stands for it."""
    while True:
        tail = await log.after(beliefs.version, _AT_ONCE)
        goes_on = bool(tail.entries) and tail.entries[0].number == beliefs.version + 1
        if not goes_on and (tail.checkpoint or 0) > beliefs.version:
            return False
        fold(beliefs, tail.entries)
        if len(tail.entries) < _AT_ONCE:
            return True
