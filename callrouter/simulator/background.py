"""Tasks that run beside the thing that started them, and are not forgotten."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

log = logging.getLogger("callrouter.simulator")
T = TypeVar("T")


class Background:
    """Keeps tasks alive until they end or `stop` is called; what they raise is kept in ``errors``."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self.errors: list[BaseException] = []

    @property
    def idle(self) -> bool:
        """Whether nothing runs."""
        return not self._tasks

    def spawn(self, work: Coroutine[Any, Any, T], expected: type[BaseException] | tuple[()] = ()) -> asyncio.Task[T]:
        """Start ``work``. ``expected`` errors are its caller's business and not noted here."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._ended(done, expected))
        return task

    def _ended(self, task: asyncio.Task[Any], expected: type[BaseException] | tuple[()]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None and not isinstance(error, expected):
            self.errors.append(error)
            log.error("simulated task failed", exc_info=error)

    async def stop(self) -> None:
        """Cancel what still runs and wait for its end."""
        while self._tasks:
            running = list(self._tasks)
            for task in running:
                task.cancel()
            await asyncio.wait(running)
