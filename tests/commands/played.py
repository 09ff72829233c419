"""A service that has taken two calls, one bridged and one unsold, while its dialler was out of reach."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from callrouter.domain.clock import SystemClock
from callrouter.simulator.demo.evidence import Evidence, gather
from callrouter.simulator.demo.service import Service
from callrouter.simulator.demo.world import NUMBER, DemoWorld
from callrouter.simulator.scenarios import Story, scenarios

STORIES = (Story.BRIDGED_FIRST, Story.UNSOLD_CALLBACK)


@dataclass(frozen=True)
class Past:
    """What is left of it."""

    environ: dict[str, str]
    """Where the commands find it."""
    bridged: str
    unsold: str
    evidence: Evidence
    """Gathered while the service still ran, and its callback was waiting for the dialler."""


def play(folder: Path) -> Past:
    """Real time, some seconds."""
    return asyncio.run(_play(folder))


async def _play(folder: Path) -> Past:
    cast = [next(s for s in scenarios(1, 7, number=NUMBER, pace=0.01) if s.story is story) for story in STORIES]
    async with DemoWorld(SystemClock(), 1, cast) as world:
        service = Service(folder, world.account_sid, world.auth_token)
        world.write_dialplan(service.dialplans)
        try:
            await service.start(world.environ)
            world.connect(service.url)
            await world.dialler.refuse()
            calls = [(scenario, world.place(scenario)) for scenario in cast]
            async with asyncio.timeout(60):
                while not (world.carrier.idle and await _tried(service)):  # noqa: ASYNC110 - another process
                    await asyncio.sleep(0.1)
            evidence = await gather(world, service, calls)
        finally:
            await service.stop()
    return Past({"CALLROUTER_DATA_DIR": str(service.data_dir)}, calls[0][1].sid, calls[1][1].sid, evidence)


async def _tried(service: Service) -> bool:
    ended = [call for call in await service.calls() if call["outcome"] is not None]
    return len(ended) == len(STORIES) and any(job["attempts"] for job in await service.callbacks())
