"""Takes people out of calls that are older than their plan keeps them. Money, times and results stay.

What calls taught goes when it is older than any plan keeps people: it names none, but calls by their ids.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping

from callrouter.dialplan import RETENTION_DAYS, Plan
from callrouter.domain.clock import Clock
from callrouter.errors import LedgerUnavailable
from callrouter.ledger.reads import Ledger
from callrouter.ledger.retiring import BATCH

log = logging.getLogger("callrouter.retention")

FIRST_S = 60.0
"""After the start: what a starting instance has to do comes first."""
EVERY_S = 3600.0
ROUND_BATCHES = 20
"""A round ends after so many batches; what is left then waits for the next, soon."""
SOON_S = 60.0
PAUSE_S = 0.2
"""Between two batches: the drainer writes meanwhile, where only one can write."""
DAY_S = 86_400


class Retention:
    """``run`` it; several instances share the work. ``plans`` are those that serve now, by name."""

    def __init__(
        self,
        ledger: Ledger,
        plans: Callable[[], Mapping[str, Plan]],
        clock: Clock,
        on_error: Callable[[str], None] = lambda operation: None,
    ) -> None:
        self._ledger = ledger
        self._plans = plans
        self._clock = clock
        self._on_error = on_error

    async def run(self) -> None:
        """A round now and then, for ever."""
        pause_s = FIRST_S
        while True:
            await asyncio.sleep(pause_s)
            pause_s = EVERY_S if await self._tried() else SOON_S

    async def round(self) -> bool:
        """Go through the plans; whether nothing is left to do. Raises `LedgerUnavailable`."""
        left, retired, plan = ROUND_BATCHES, 0, await self._ledger.plan_with_people()
        while plan is not None:
            while left > 0:
                done = await self._ledger.retire(plan, self._before(plan))
                retired, left = retired + done, left - 1
                if done < BATCH:
                    break
                await asyncio.sleep(PAUSE_S)
            if left == 0:
                break
            plan = await self._ledger.plan_with_people(plan)
        if retired:
            log.info("people taken out of old calls", extra={"calls": retired})
        if left > 0:
            await self._ledger.lessons.retire(round(self._lessons_before() * 1000))
        return left > 0

    def _before(self, plan: str) -> float:
        """Calls of the plan that began before this have no people in them; epoch seconds."""
        known = self._plans().get(plan)
        days = known.retention_days if known is not None else RETENTION_DAYS
        return self._clock.now() - days * DAY_S

    def _lessons_before(self) -> float:
        """What was taught before this is older than any plan, also one that is gone, keeps people; epoch seconds."""
        days = max((RETENTION_DAYS, *(plan.retention_days for plan in self._plans().values())))
        return self._clock.now() - days * DAY_S

    async def _tried(self) -> bool:
        try:
            return await self.round()
        except LedgerUnavailable as error:
            log.warning("people not taken out of old calls", extra={"why": str(error)})
            self._on_error("ledger_write")
            return True
