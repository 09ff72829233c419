"""kill -9, again and again, while the calls run: what a real machine does to a service at the worst moments."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence

from callrouter.simulator.demo.service import Service

ENGINE_WITH_CRASH = 2
"""With this crash the embedded engine is killed too: first it alone, so that steps wait in the spool, then all."""
ENGINE_ALONE_S = 0.4


def moments(seed: int, crashes: int, span_s: float) -> list[float]:
    """When to kill, in seconds since the first caller: spread over the time in which they come, the last calls too."""
    rng = random.Random(f"crashes {seed}")
    return [span_s * (no + rng.uniform(0.3, 1.0)) / crashes for no in range(crashes)]


class Crashes:
    """``run`` plays all of them; the service is started again on its port and data after each."""

    def __init__(
        self, service: Service, environ: Mapping[str, str], at_s: Sequence[float], tell: Callable[[str], None]
    ) -> None:
        self._service = service
        self._environ = environ
        self._at_s = at_s
        self._tell = tell

    async def run(self) -> None:
        """Return when the service stands again after the last. Raises `DemoFailed` when it does not start."""
        waited_s = 0.0
        for no, at_s in enumerate(self._at_s, 1):
            await asyncio.sleep(max(0.0, at_s - waited_s))
            waited_s = at_s
            with_engine = no == ENGINE_WITH_CRASH
            if with_engine:
                await self._service.kill_engine()
                await asyncio.sleep(ENGINE_ALONE_S)
            self._tell(f"        -- kill -9 of the service{' and of its engine' if with_engine else ''} ({no})")
            await self._service.kill()
            await self._service.start(self._environ)
