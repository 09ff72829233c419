"""An event loop whose clock jumps to the next timer when nothing else can happen.

Sockets on loopback stay real: before each jump the loop looks for pending input, and while work outside the loop
is under way (`VirtualClock.busy`: the engine, the database) it waits for it in real time.
Thirty seconds of hold music take some milliseconds.
"""

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

EPOCH = 1_795_200_000.0
"""Where virtual wall clocks begin: 2026-11-20 at 18:40 UTC, a Friday, daytime in all of the United States."""

_GRACE_S = 0.0005
_OUTSIDE_S = 0.02


class _JumpingSelector(selectors.DefaultSelector):
    """Returns at once, having moved the loop's clock, where the real one would wait for a timer."""

    def __init__(self) -> None:
        super().__init__()
        self.offset = 0.0
        self.outside = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if self.outside > 0 or timeout is None:
            return super().select(_OUTSIDE_S)
        ready = super().select(_GRACE_S)
        if not ready:
            self.offset += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """See the module."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.offset

    @contextmanager
    def outside(self) -> Iterator[None]:
        """While this lasts the clock stands still."""
        self._jumping.outside += 1
        try:
            yield
        finally:
            self._jumping.outside -= 1


class VirtualClock:
    """The product's clock on a `VirtualLoop`."""

    def __init__(self, loop: VirtualLoop, epoch: float = EPOCH) -> None:
        self._loop = loop
        self._epoch = epoch

    def now(self) -> float:
        return self._epoch + self._loop.time()

    def monotonic(self) -> float:
        return self._loop.time()

    def engine_ms(self) -> int:
        return int(self.now() * 1000)

    @contextmanager
    def busy(self) -> Iterator[None]:
        with self._loop.outside():
            yield


def run_virtual(main: Callable[[VirtualClock], Awaitable[T]], epoch: float = EPOCH) -> T:
    """Run ``main(clock)`` in virtual time and return its result."""
    loop = VirtualLoop()
    clock = VirtualClock(loop, epoch)

    async def whole() -> T:
        return await main(clock)

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(whole())


def virtual(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Decorator: an ``async def test(clock, …)`` that runs in virtual time. Fixtures follow ``clock``."""
    import functools
    import inspect

    @functools.wraps(test)
    def run(**fixtures: Any) -> None:
        run_virtual(lambda clock: test(clock, **fixtures))

    parameters = list(inspect.signature(test).parameters.values())[1:]
    setattr(run, "__signature__", inspect.Signature(parameters))  # noqa: B010 - functools' type has no such field
    del run.__wrapped__
    return run
