"""Both sides of the demo, gathered when all is over: what the product recorded, what its partners saw."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from callrouter.simulator.carrier import SimulatedCall
from callrouter.simulator.demo.service import Service
from callrouter.simulator.demo.world import DemoWorld
from callrouter.simulator.scenarios import Scenario

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Told:
    """One caller: the script, the carrier's call, and the product's record of it."""

    scenario: Scenario
    call: SimulatedCall
    record: Record | None

    @property
    def outcome(self) -> str:
        """The product's outcome."""
        return str(self.record["outcome"]) if self.record is not None else "missing"

    @property
    def limited(self) -> bool:
        """Whether a buyer was left out because of its rate limit: the story could then not be played."""
        results = self.record["results"] if self.record is not None else ()
        return any(result["reason"] == "not_called_rate_limited" for result in results)


@dataclass(frozen=True)
class Evidence:
    """Everything that the checks and the summary look at."""

    told: Sequence[Told]
    rows: Sequence[Record]
    """The call log."""
    callbacks: Sequence[Record]
    """The outbox."""
    samples: Mapping[tuple[str, frozenset[tuple[str, str]]], float]
    world: DemoWorld

    def metric(self, name: str, **labels: str) -> Decimal:
        """The sum of the metric's series that have these labels."""
        wanted = set(labels.items())
        found = (v for (n, have), v in self.samples.items() if n == f"callrouter_{name}" and wanted <= have)
        return sum((Decimal(repr(value)) for value in found), Decimal(0))

    @property
    def outcomes(self) -> Counter[str]:
        """Calls by the product's outcome."""
        return Counter(one.outcome for one in self.told)

    @property
    def payout(self) -> Decimal:
        """What the qualified calls should earn, in dollars."""
        paid = (Decimal(one.record["payout"]) for one in self.told if one.record and one.record["qualified"])
        return sum(paid, Decimal(0))


async def gather(world: DemoWorld, service: Service, played: Sequence[tuple[Scenario, SimulatedCall]]) -> Evidence:
    """Ask the service for everything. Raises `DemoFailed`."""
    rows = [row for row in await service.calls() if row["outcome"] is not None]
    known = {row["sid"] for row in rows}
    told = [
        Told(scenario, call, await service.call(call.sid) if call.sid in known else None) for scenario, call in played
    ]
    samples = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(await service.metrics())
        for sample in family.samples
    }
    return Evidence(told, rows, await service.callbacks(), samples, world)
