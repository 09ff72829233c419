"""Both sides of the demo, gathered when all is over: what the product recorded, what its partners saw."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from callrouter.simulator.carrier import DialRecord, OutboundLeg, SimulatedCall
from callrouter.simulator.demo.agents import HandedOver
from callrouter.simulator.demo.handovers import Handover
from callrouter.simulator.demo.money import accounts
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
        return _limited(self.record)


@dataclass(frozen=True)
class ToldTransfer:
    """One warm transfer: how it was played, the buyers' legs that the carrier placed, and the product's record."""

    handover: Handover
    sid: str
    """The product's id; empty when it could not be opened."""
    dials: Sequence[DialRecord]
    trouble: str | None
    record: Record | None

    @property
    def name(self) -> str:
        """For what speaks against it."""
        return f"{self.sid or 'never opened'} ({self.handover.story})"

    @property
    def outcome(self) -> str:
        """The product's outcome."""
        return str(self.record["outcome"]) if self.record is not None else "missing"

    @property
    def limited(self) -> bool:
        """Whether a buyer was left out because of its rate limit."""
        return _limited(self.record)


def _limited(record: Record | None) -> bool:
    results = record["results"] if record is not None else ()
    return any(result["reason"] == "not_called_rate_limited" for result in results)


@dataclass(frozen=True)
class Seen:
    """A call or a transfer, as far as both are checked alike."""

    sid: str
    record: Record | None
    dials: Sequence[DialRecord]


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
    transfers: Sequence[ToldTransfer] = ()
    money: Mapping[str, Decimal] = field(default_factory=dict)
    """What the calls are expected to pay, in dollars, by who says so."""
    crashes: bool = False
    """Whether the service was killed on the way."""

    @property
    def seen(self) -> list[Seen]:
        """Calls and transfers."""
        calls = [Seen(one.call.sid, one.record, one.call.dials) for one in self.told]
        return calls + [Seen(one.sid, one.record, one.dials) for one in self.transfers]

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
        paid = (Decimal(one.record["payout"]) for one in self.seen if one.record and one.record["qualified"])
        return sum(paid, Decimal(0))


async def gather(
    world: DemoWorld,
    service: Service,
    played: Sequence[tuple[Scenario, SimulatedCall]],
    handed_over: Sequence[HandedOver] = (),
) -> Evidence:
    """Ask the service for everything. Raises `DemoFailed`."""
    rows = [row for row in await service.calls() if row["outcome"] is not None]
    known = {row["sid"] for row in rows}
    told = [
        Told(scenario, call, await service.call(call.sid) if call.sid in known else None) for scenario, call in played
    ]
    transfers = [
        ToldTransfer(
            one.handover,
            one.id,
            _dials(world, one),
            one.trouble,
            await service.call(one.id) if one.id in known else None,
        )
        for one in handed_over
    ]
    money = await accounts(service, len(rows))
    samples = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(await service.metrics())
        for sample in family.samples
    }
    return Evidence(told, rows, await service.callbacks(), samples, world, transfers, money, service.crashes)


def _dials(world: DemoWorld, one: HandedOver) -> list[DialRecord]:
    """The buyers that were rung for this caller: from the call itself, or for the room that it is in."""
    if one.line is None:
        return []
    rooms = [room for room in world.carrier.rooms if any(p.call_sid == one.line.sid for p in room.participants)]
    joined = {p.call_sid: p.joined_at is not None for room in rooms for p in room.participants}
    legs = [leg for leg in world.carrier.outbound if leg.sid in joined and (leg.label or "").startswith("buyer-")]
    return [*one.line.dials, *(_dial(leg, bridged=joined[leg.sid]) for leg in legs)]


def _dial(leg: OutboundLeg, *, bridged: bool) -> DialRecord:
    return DialRecord(
        number=leg.number,
        caller_id=leg.order.from_,
        timeout_s=leg.timeout_s,
        started_at=leg.dialled_at or leg.started_at,
        leg_sid=leg.sid,
        answered_at=leg.answered_at,
        ended_at=leg.ended_at,
        result=leg.result,
        bridged=bridged,
    )
