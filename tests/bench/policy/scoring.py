"""Runs policies through the simulator's scenarios, on all cores, and works out the figures."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.bench.policy.given.sim import World, load, run
from tests.bench.policy.policies import ORACLE, POLICIES

GIVEN = Path(__file__).parent / "given" / "scenarios.json"
OWN = Path(__file__).parent / "own_scenarios.json"
QUICK_SEEDS, QUICK_CALLS = 3, 800
WINDOW = 100
REACHED = 0.95

Figures = NDArray[np.float64]


@dataclass(frozen=True)
class Played:
    """One policy in one scenario: an array has a row for each seed and a column for each call."""

    expected: Figures
    """What each call was worth: payout × the true chance that the talk lasts."""
    hold_s: Figures
    """Until the first dial, or the call's end."""
    abandoned: Figures
    us_a_decision: float

    @property
    def revenue(self) -> float:
        """Dollars a call."""
        return float(self.expected.mean())

    def over(self, seeds: int) -> float:
        """Dollars a call over the first seeds only."""
        return float(self.expected[:seeds].mean())


@dataclass(frozen=True)
class Scored:
    """All policies of one scenario."""

    scenario: Mapping[str, Any]
    played: Mapping[str, Played]
    oracle_rpc: float | None
    """What the scenario file says of the oracle's revenue a call, if it says it of just these seeds and calls."""

    @property
    def name(self) -> str:
        return str(self.scenario["name"])

    def share(self, policy: str) -> float:
        """Its revenue as a share of our oracle's over the seeds that the policy was run with."""
        played = self.played[policy]
        return played.revenue / self.played[ORACLE].over(len(played.expected))

    def share_of_file(self, policy: str) -> float | None:
        """Its revenue as a share of the scenario file's oracle's."""
        if self.oracle_rpc is None or len(self.played[policy].expected) != len(self.played[ORACLE].expected):
            return None
        return self.played[policy].revenue / self.oracle_rpc

    def calls_to_reach(self, policy: str) -> int | None:
        """After how many calls the next hundred earn 95 % of what the oracle earns in them, means over the seeds."""
        own = self.played[policy].expected
        best = self.played[ORACLE].expected[: len(own)]
        ones = np.ones(WINDOW)
        earned, possible = np.convolve(own.mean(0), ones, "valid"), np.convolve(best.mean(0), ones, "valid")
        reached = np.flatnonzero(earned >= REACHED * possible)
        return int(reached[0]) if len(reached) else None

    def early(self, policy: str) -> float:
        """Its share of our oracle's revenue in the first hundred calls."""
        return self._within(policy, slice(0, WINDOW))

    def late(self, policy: str) -> float:
        """Its share of our oracle's revenue in all calls after the first hundred."""
        return self._within(policy, slice(WINDOW, None))

    def last(self, policy: str) -> float:
        """Its share of our oracle's revenue in the last quarter of the calls."""
        calls = self.played[policy].expected.shape[1]
        return self._within(policy, slice(calls - calls // 4, calls))

    def _within(self, policy: str, calls: slice) -> float:
        own = self.played[policy].expected
        return float(own[:, calls].mean() / self.played[ORACLE].expected[: len(own), calls].mean())


@dataclass(frozen=True)
class Extent:
    """Which seeds and calls are run."""

    seeds: int | None = None
    """So many of the file's, ``None`` for all."""
    calls: int | None = None
    """Of each scenario, ``None`` for all."""


FULL, QUICK = Extent(), Extent(QUICK_SEEDS, QUICK_CALLS)


def score(
    extents: Mapping[str, Extent], file: Path = GIVEN, only: Sequence[str] = (), workers: int | None = None
) -> list[Scored]:
    """Each scenario of the file with these policies; `ORACLE` is always among them.

    ``only`` names scenarios by how they begin. A policy may be run with fewer seeds than the oracle, never with more.
    """
    scenarios = [s for s in load(file) if not only or s["name"].startswith(tuple(only))]
    seeds = _seeds_of(file)
    extents = {ORACLE: max(extents.values(), key=lambda extent: extent.seeds or len(seeds)), **extents}
    calls = extents[ORACLE].calls
    jobs = [
        (scenario, seed, calls, [name for name, extent in extents.items() if place < (extent.seeds or len(seeds))])
        for scenario in scenarios
        for place, seed in enumerate(seeds[: extents[ORACLE].seeds])
    ]
    with ProcessPoolExecutor(workers or os.cpu_count()) as pool:
        played = list(pool.map(_play, jobs))
    each = len(jobs) // len(scenarios) if scenarios else 0
    return [
        Scored(scenario, _joined(played[i * each : (i + 1) * each]), _file_oracle(scenario, extents[ORACLE]))
        for i, scenario in enumerate(scenarios)
    ]


def _seeds_of(file: Path) -> list[int]:
    return [int(seed) for seed in json.loads(file.read_text())["seeds"]]


def _play(job: tuple[Any, int, int | None, Sequence[str]]) -> dict[str, dict[str, Any]]:
    scenario, seed, calls, names = job
    world = World(scenario, seed, calls)
    return {name: run(world, POLICIES[name](world)) for name in names}


def _joined(runs: Sequence[Mapping[str, Mapping[str, Any]]]) -> dict[str, Played]:
    names: Iterable[str] = dict.fromkeys(name for by_name in runs for name in by_name)
    found = {}
    for name in names:
        own = [by_name[name] for by_name in runs if name in by_name]
        found[name] = Played(
            expected=np.stack([r["erev"] for r in own]),
            hold_s=np.stack([r["hold"] for r in own]),
            abandoned=np.stack([r["aband"] for r in own]).astype(np.float64),
            us_a_decision=float(np.mean([r["us_per_dec"] for r in own])),
        )
    return found


def _file_oracle(scenario: Mapping[str, Any], extent: Extent) -> float | None:
    if extent == FULL and "targets" in scenario:
        return float(scenario["targets"]["oracle_rpc"])
    if extent == QUICK and "ci_oracle_rpc" in scenario:
        return float(scenario["ci_oracle_rpc"])
    return None
