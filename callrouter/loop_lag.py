"""How late the event loop is: what else runs on it shows there first."""

import asyncio
from collections.abc import Callable

from callrouter.domain.clock import Clock

EVERY_S = 0.5
"""Often enough to see every stall of half a second, and seldom enough to cost nothing."""


async def watch_lag(clock: Clock, late: Callable[[float], None]) -> None:
    """Tell ``late`` twice a second how many seconds after its time a timer fired; until cancelled."""
    while True:
        due = clock.monotonic() + EVERY_S
        await asyncio.sleep(EVERY_S)
        late(max(0.0, clock.monotonic() - due))
