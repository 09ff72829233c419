"""Time is passed in: the system's clock in production, a virtual one in tests."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the product may know of time."""

    def now(self) -> float:
        """Seconds since the epoch, the same on every instance (NTP); for what is stored."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never jumps; for budgets inside one process."""
        ...

    def engine_ms(self) -> int:
        """What the engine's scripts take as the time, epoch ms; 0 means the engine's own clock.

        Production passes 0, so that instances whose clocks differ still agree on leases and limits.
        """
        ...

    def busy(self) -> AbstractContextManager[None]:
        """Marks work done outside the event loop (engine, database).

        A virtual clock must not move on while it lasts; the system's clock does not care.
        """
        ...


class SystemClock:
    """The clock of production."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def engine_ms(self) -> int:
        return 0

    @contextmanager
    def busy(self) -> Iterator[None]:
        yield


def rfc3339(at: float | None) -> str | None:
    """``2026-11-21T02:25:00.123Z`` for an epoch time, ``None`` for none."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
