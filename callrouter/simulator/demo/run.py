"""Plays the demo from the first caller to the last check."""

import asyncio
import contextlib
import random
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TextIO

from callrouter.domain.clock import Clock
from callrouter.simulator.carrier import SimulatedCall
from callrouter.simulator.demo.agents import Agents
from callrouter.simulator.demo.checks import Check, check, left_out
from callrouter.simulator.demo.crashes import Crashes, moments
from callrouter.simulator.demo.evidence import Told, gather
from callrouter.simulator.demo.handovers import handovers
from callrouter.simulator.demo.progress import Progress
from callrouter.simulator.demo.service import Service
from callrouter.simulator.demo.summary import most_telling, story_name, summary, verdict
from callrouter.simulator.demo.world import NUMBER, PACE, SLOW_S, DemoWorld, with_holds
from callrouter.simulator.scenarios import Scenario, scenarios

LOOK_EVERY_S = 0.5
SETTLED_WITHIN_S = 60.0
"""How long after the last arrival the calls, the ledger and the outbox may take."""
TROUBLES_SHOWN = 5


@dataclass(frozen=True)
class DemoOptions:
    """What the command line says. ``rate`` is callers a second."""

    calls: int
    rate: float
    seed: int
    keep: bool
    crashes: int = 0
    """How often the service is killed while calls run."""


@dataclass(frozen=True)
class Played:
    """A demo that was played to its end, while the service still stands."""

    agrees: bool
    url: str
    data_dir: Path
    settings: Path
    """With which, in a shell, commands reach this service, its plan and its partners."""
    log: Path
    """The service's."""
    ops_token: str
    """Opens the API of this demo alone, and ends with it."""
    agent_token: str
    """The same for an agent."""
    told: Told | None
    """The call worth a look."""
    handed_over: str | None
    """The id of the transfer worth a look."""


async def run(options: DemoOptions, clock: Clock, out: TextIO, where_to_look: Callable[[Played], str]) -> bool:
    """Play it; whether all totals agree. Everything that was started is ended again, also after a failure.

    Raises `DemoFailed`.
    """
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, _cancel(asyncio.current_task()))
    cast = with_holds(scenarios(options.seed, options.calls, number=NUMBER, pace=PACE, slow_s=SLOW_S))
    with TemporaryDirectory(prefix="callrouter-demo-") as name:
        async with DemoWorld(clock, options.seed, cast, handovers(options.seed, options.calls)) as world:
            service = Service(Path(name), world.account_sid, world.auth_token)
            service.crashes = options.crashes > 0
            world.write_dialplan(service.dialplans)
            try:
                out.write("Starting the service, its engine and the simulated carrier, buyers and dialler ...\n")
                out.flush()
                await service.start(world.environ)
                world.connect(service.url)
                played = await _play(options, clock, out, world, service)
                out.write(where_to_look(played))
                out.flush()
                if options.keep:
                    world.welcome_strangers()
                    with contextlib.suppress(asyncio.CancelledError):
                        await asyncio.Event().wait()
                    out.write("\nStopping.\n")
            finally:
                # A second Ctrl-C must not leave the service behind.
                status = await asyncio.shield(asyncio.ensure_future(service.stop()))
            ended_well = _ended_well(service, status, out, crashes=options.crashes > 0)
            return played.agrees and ended_well


async def _play(options: DemoOptions, clock: Clock, out: TextIO, world: DemoWorld, service: Service) -> Played:
    also = f", and agents hand over {len(world.handovers)} more" if world.handovers else ""
    out.write(f"{len(world.cast)} people call {NUMBER}, {options.rate:g} a second, at {service.url}{also}\n\n")
    started = clock.monotonic()
    calls: list[tuple[Scenario, SimulatedCall]] = []
    agents = Agents(world, service, spread_s=len(world.cast) / options.rate)
    arrivals = [asyncio.create_task(_arrive(options, world, service, calls)), asyncio.create_task(agents.run())]
    stories = {scenario.phone: story_name(scenario.story) for scenario in world.cast}
    stories |= {handover.phone: story_name(handover.story) for handover in world.handovers}
    progress = Progress(out, len(world.cast) + len(world.handovers), stories)
    if options.crashes:
        at_s = moments(options.seed, options.crashes, len(world.cast) / options.rate)
        arrivals.append(asyncio.create_task(Crashes(service, world.environ, at_s, progress.note).run()))
    try:
        await _watch(clock, started, options, world, service, progress, calls, agents, arrivals)
    finally:
        for task in arrivals:
            task.cancel()
        progress.close()
    evidence = await gather(world, service, calls, agents.played)
    checks = check(evidence)
    out.write(summary(evidence, clock.monotonic() - started))
    out.write(verdict(checks))
    if options.crashes:
        out.write(f"  {left_out()}\n")
    return Played(
        agrees=all(c.holds for c in checks),
        url=service.url,
        data_dir=service.data_dir,
        settings=service.settings,
        log=service.log,
        ops_token=service.ops_token,
        agent_token=service.agent_token,
        told=most_telling(evidence.told),
        handed_over=next((one.sid for one in evidence.transfers if one.outcome == "bridged"), None),
    )


async def _arrive(
    options: DemoOptions, world: DemoWorld, service: Service, calls: list[tuple[Scenario, SimulatedCall]]
) -> None:
    rng = random.Random(options.seed)
    for scenario in world.cast:
        if scenario.known:
            await service.know(scenario.caller.from_, scenario.known)
        calls.append((scenario, world.place(scenario)))
        await asyncio.sleep(rng.uniform(0.7, 1.3) / options.rate)


async def _watch(
    clock: Clock, started: float, options: DemoOptions, world: DemoWorld, service: Service,
    progress: Progress, calls: Sequence[tuple[Scenario, SimulatedCall]], agents: Agents,
    playing: Sequence["asyncio.Task[None]"],
) -> None:  # fmt: skip
    """Show how it goes until all is over. Raises `DemoFailed` when it is not in time."""
    latest_s = len(world.cast) / options.rate * 1.3 + SETTLED_WITHIN_S * (2 if options.crashes else 1)
    while True:
        listed = await service.calls()
        at_s = clock.monotonic() - started
        arrived = len(calls) + agents.opened
        progress.show(listed, arrived, at_s)
        for task in playing:
            if task.done():
                task.result()  # nothing more will come of a run whose service does not start again
        whole = arrived == len(world.cast) + len(world.handovers)
        if options.crashes:
            whole = all(task.done() for task in playing)
        if whole and world.carrier.idle and await _settled(listed, arrived, service):
            return
        if at_s > latest_s:
            # The checks will say what is missing.
            return
        await asyncio.sleep(LOOK_EVERY_S)


async def _settled(listed: Sequence[Mapping[str, Any]], total: int, service: Service) -> bool:
    ended = sum(1 for call in listed if call["outcome"] is not None)
    return ended >= total and all(job["state"] != "pending" for job in await service.callbacks())


def _ended_well(service: Service, status: int | None, out: TextIO, *, crashes: bool) -> bool:
    troubles = service.troubles()
    if crashes:  # what a kill breaks off in the middle is told as an error, as it should be
        troubles = [line for line in troubles if "Traceback" in line]
    last: list[Check] = [
        Check(f"the service logged no {'exception' if crashes else 'error'}", troubles[:TROUBLES_SHOWN]),
        Check("the service ended in good order", [] if status == 0 else [f"exit status {status}"]),
    ]
    out.write(verdict(last, "After the end"))
    return all(c.holds for c in last)


def _cancel(task: "asyncio.Task[Any] | None") -> Callable[[], None]:
    def cancel() -> None:
        if task is not None:
            task.cancel()

    return cancel
