"""Applies what the REST side has accepted: a moment later, and not when a fault loses it."""

import asyncio
from collections.abc import Callable

from callrouter.simulator.carrier.records import RestRecord
from callrouter.simulator.carrier.switch import Switch


class Applying:
    """Accepted updates on their way to the live call."""

    def __init__(self, switch: Switch) -> None:
        self._switch = switch

    def later(self, act: Callable[[], None], record: RestRecord) -> None:
        """Apply an accepted update, unless a fault loses it."""
        faults = self._switch.faults
        if faults.drop_next_pushes > 0:
            faults.drop_next_pushes -= 1
            record.lost = True
        elif self._switch.rng.random() < faults.push_lost_share:
            record.lost = True
        else:
            self._switch.background.spawn(self._apply(act, record))

    async def _apply(self, act: Callable[[], None], record: RestRecord) -> None:
        await asyncio.sleep(self._switch.timings.apply_s + self._switch.faults.push_delay_s)
        record.applied_at = self._switch.clock.now()
        act()
