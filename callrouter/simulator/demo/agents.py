"""Agents at work: they open warm transfers over the API, and do with them what their stories say."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from callrouter.simulator.carrier import SimulatedCall
from callrouter.simulator.demo.handovers import ZIP, Handover, HandoverStory
from callrouter.simulator.demo.service import DemoFailed, Service
from callrouter.simulator.demo.world import PLAN, DemoWorld

LOOK_EVERY_S = 0.2
WITHIN_S = 25.0
"""How long a transfer may take to come where its story goes on."""
INTRODUCES_S = 1.5
"""How long the agent talks with caller and buyer before she leaves them."""
OVER = "ended"

Shown = Mapping[str, Any]


@dataclass
class HandedOver:
    """One transfer that was played: its id, the call that the caller was on, and what went wrong, if anything did."""

    handover: Handover
    id: str = ""
    line: SimulatedCall | None = None
    trouble: str | None = None


class Agents:
    """Everybody who hands callers over. `run` plays all transfers, spread over ``spread_s`` seconds."""

    def __init__(self, world: DemoWorld, service: Service, spread_s: float) -> None:
        self._world = world
        self._service = service
        self._spread_s = spread_s
        self.played: list[HandedOver] = []

    @property
    def opened(self) -> int:
        """Transfers that have an id."""
        return sum(1 for one in self.played if one.id)

    async def run(self) -> None:
        """Return when all of them are over. What goes wrong in one is kept with it."""
        handovers: Sequence[Handover] = self._world.handovers
        async with asyncio.TaskGroup() as group:
            for no, handover in enumerate(handovers):
                group.create_task(self._in_time(handover, self._spread_s * no / len(handovers)))

    async def _in_time(self, handover: Handover, after_s: float) -> None:
        await asyncio.sleep(after_s)
        one = HandedOver(handover)
        self.played.append(one)
        try:
            await self._hand_over(one)
        except (DemoFailed, TimeoutError) as error:
            one.trouble = str(error) or "it did not come to where its story goes on"
        finally:
            await self._hung_up(one)

    async def _hand_over(self, one: HandedOver) -> None:
        handover = one.handover
        opened = await self._service.as_agent(
            "POST",
            "/api/v1/transfers",
            {
                "plan": PLAN,
                "caller": {"phone": handover.phone, "zip": ZIP},
                "agent": {"name": "Anna", "phone": handover.agent},
            },
        )
        one.id = str(opened["id"])
        if opened["offer"] is None:
            raise DemoFailed(f"there was no offer: {opened['reasons']}")
        if handover.story is HandoverStory.DIALLED_IN:
            one.line = self._world.transfer_in(handover.phone)
            await self._comes_to(one, OVER)
            return
        one.line = self._world.on_the_line(handover.phone)
        await self._does(one, "bridge", {"caller_call_sid": one.line.sid})
        await self._then(one)
        await self._comes_to(one, OVER)

    async def _then(self, one: HandedOver) -> None:
        """What follows when the room is being filled."""
        match one.handover.story:
            case HandoverStory.CANCELLED:
                await self._comes_to(one, "ringing")
                await self._service.as_agent("DELETE", f"/api/v1/transfers/{one.id}")
            case HandoverStory.AGENT_DROPPED:
                await self._comes_to(one, "ringing")
                with contextlib.suppress(KeyError):  # after a crash she may be on no line any more
                    self._world.carrier.hang_up(one.handover.agent)
            case _:
                await self._comes_to(one, "talking")
                await asyncio.sleep(INTRODUCES_S)
                await self._does(one, "complete")

    async def _does(self, one: HandedOver, act: str, body: Mapping[str, Any] | None = None) -> None:
        await self._service.as_agent("POST", f"/api/v1/transfers/{one.id}/{act}", body or {})

    async def _comes_to(self, one: HandedOver, state: str) -> None:
        async with asyncio.timeout(WITHIN_S):
            while True:
                shown = await self._service.as_agent("GET", f"/api/v1/transfers/{one.id}")
                if shown["state"] == state:
                    return
                if shown["state"] == OVER:
                    raise DemoFailed(f"it ended before it was {state}: {shown['outcome']}")
                await asyncio.sleep(LOOK_EVERY_S)

    async def _hung_up(self, one: HandedOver) -> None:
        """Whoever is still on the line says goodbye; a transfer in trouble is given up first."""
        if one.trouble and one.id:
            with contextlib.suppress(DemoFailed):
                await self._service.as_agent("DELETE", f"/api/v1/transfers/{one.id}")
        if one.handover.story is HandoverStory.CANCELLED:
            await asyncio.sleep(LOOK_EVERY_S)
        if one.line is not None and one.line.live:
            one.line.hang_up()
