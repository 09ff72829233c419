"""Everything that sells a lead, for real: engine, commits, HTTP; and workers that can die at any point."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from callrouter.auction.deps import Deps
from callrouter.auction.limits import Limits
from callrouter.auction.outbound import Outbound
from callrouter.buyers.loader import Catalogue
from callrouter.callbacks.outbox import Job, JobKind, Outbox
from callrouter.callbacks.outcome import Delivery, DeliveryOutcome
from callrouter.callbacks.worker import LEASE_S, OutboxWorker
from callrouter.calls.closing import AFTER_SALE, SALE_ID
from callrouter.calls.setting import CallbackWanted, SaleWanted
from callrouter.calls.store import CallStore, Commit
from callrouter.dialplan import Plan
from callrouter.domain.call import Call, CallKind, CallState, Outcome
from callrouter.domain.caller import Caller
from callrouter.domain.clock import Clock
from callrouter.engine.client import Engine
from callrouter.engine.keys import Keys
from callrouter.errors import EngineUnavailable
from callrouter.sales.book import SaleBook
from callrouter.sales.seller import LeadSale
from tests.sales.partner import LeadPartner
from tests.support.engine import fresh_keys, open_engine
from tests.support.waiting import wait_until
from tests.wire.setting import Counting

CATALOGUE = Catalogue.load(Path(__file__).parent / "buyers")
PHONE = "+15125550142"
WITHIN_S = 900.0


class Died(BaseException):
    """The process is gone: nothing of it goes on."""


class MortalEngine(Engine):
    """An engine's client in a process that may die: before a script has run, or before its answer is read."""

    dies = ""
    """Where: ``before`` or ``after``, and a script's name (``before sale_end``) or its number (``after 3``)."""
    dead = False
    scripts = 0
    silent = ""
    """Which scripts the engine does not answer: the beginning of their names, or ``*``."""

    async def run(
        self, name: str, keys: Sequence[str], args: Sequence[str | int | float], *, again: bool = False
    ) -> Any:
        self._alive()
        if self.silent == "*" or (self.silent and name.startswith(self.silent)):
            raise EngineUnavailable(name)
        counts = name.startswith(("sale_", "job_claim"))
        self.scripts += counts
        here = (name, str(self.scripts)) if counts else ()
        self.dead = self.dies in [f"before {point}" for point in here]
        self._alive()
        answer = await super().run(name, keys, args, again=again)
        self.dead = self.dead or self.dies in [f"after {point}" for point in here]
        self._alive()
        return answer

    def _alive(self) -> None:
        if self.dead:
            raise Died


@dataclass
class Market:
    """One plan and its lead buyers. Workers are started by `worker` and killed with `kill`."""

    clock: Clock
    socket: Path
    partners: Mapping[str, LeadPartner]
    modes: Mapping[str, str] = field(default_factory=dict)
    keys: Keys = field(default_factory=fresh_keys)
    entries: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    called_back: list[Job] = field(default_factory=list)
    counted: list[Mapping[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.engine = open_engine(self.socket, self.clock, self.keys)
        self.outbox = Outbox(self.engine, self.clock)
        self.store = CallStore(self.engine)
        self.plan: Plan | None = None
        self._open: list[tuple[OutboxWorker, MortalEngine, Deps]] = []

    def write_plan(self) -> Plan:
        """The plan, once the partners listen."""
        buyers = {
            name: {
                "adapter": "leadbuyer",
                "mode": self.modes.get(name, "safe"),
                "url": partner.origin or "http://127.0.0.1:9",
                **self.entries.get(name, {}),
            }
            for name, partner in self.partners.items()
        }
        self.plan = Plan.model_validate(
            {
                "plan": "auto",
                "numbers": {"inbound": ["+18885550100"]},
                "buyers": buyers,
                "unsold": {"sell_lead": list(buyers)},
            }
        )
        return self.plan

    async def unsold(self, sid: str = "CA1", *, callback: bool = False, **changes: Any) -> str:
        """A call ends unsold; the id of the sale that stands."""
        caller = Caller(phone=PHONE, zip="78701", state="TX", first_name="Ann", consent=True)
        caller = caller.model_copy(update=changes)
        now = self.clock.now()
        payload = {
            "plan": "auto",
            "phone": caller.phone,
            "sid": sid,
            "transfer_type": 1,
            "started_at": now - 60,
            "caller": caller.model_dump(mode="json"),
        }
        wanted = CallbackWanted(f"cb-{sid}", now + 600, now + 86_400, {"plan": "auto", "phone": caller.phone})
        sale = SaleWanted(f"sale-{sid}", now + WITHIN_S, payload, wanted if callback else None)
        call = Call(sid=sid, plan="auto", kind=CallKind.INBOUND, to="+18885550100", caller=caller, started_at=now - 60)
        ended = call.replaced(state=CallState.ENDED, outcome=Outcome.UNSOLD, ended_at=now, sale=SALE_ID)
        if callback:
            ended = ended.replaced(callback=AFTER_SALE)
        done = await self.store.commit(Commit(ended, "end", 0, record={"sid": sid}, sale=sale), 0)
        assert done.sale_id is not None
        return done.sale_id

    def worker(self, *, dies: str = "", lease_s: float = LEASE_S, seed: int = 7) -> MortalEngine:
        """A worker in a process of its own, so to speak: its engine's client is returned."""
        engine = MortalEngine.at_socket(str(self.socket), self.clock, self.keys)
        assert isinstance(engine, MortalEngine)
        engine.dies = dies
        plan = self.plan or self.write_plan()
        deps = Deps(self.clock, Outbound(), Limits(engine), CATALOGUE, ("+18885550100",), Counting())
        sale = LeadSale(deps, SaleBook(engine), {"auto": plan}.get, Random(seed), self.counted.append)
        handlers = {**sale.handlers, JobKind.CALLBACK: self._call_back, JobKind.CANCEL: self._call_back}
        worker = OutboxWorker(
            Outbox(engine, self.clock), handlers, self.clock, Random(seed), lambda *told: None, lease_s=lease_s
        )
        worker.start()
        self._open.append((worker, engine, deps))
        return engine

    async def _call_back(self, job: Job) -> Delivery:
        self.called_back.append(job)
        return Delivery(DeliveryOutcome.DELIVERED, stands_until=self.clock.now() + 600)

    async def kill(self, engine: MortalEngine) -> None:
        """Kill -9, as far as one process can play it: nothing of the worker goes on."""
        engine.dead = True
        (found,) = [entry for entry in self._open if entry[1] is engine]
        self._open.remove(found)
        worker, _, deps = found
        tasks = [*worker._running, *([worker._loop] if worker._loop else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await deps.outbound.close()
        await asyncio.gather(*deps.limits._notes, return_exceptions=True)
        await engine.close()

    async def records(self) -> dict[str, dict[str, Any]]:
        """The sales that are over, by id, as they are on their way to the ledger. Each is there once."""
        entries: Any = await self.engine.raw("xrange", lambda r: r.xrange(self.keys.ledger))
        found = [json.loads(fields["record"]) for _, fields in entries if "sale" in fields]
        assert len({record["id"] for record in found}) == len(found)
        return {record["id"]: record for record in found}

    async def ended(self, sale_id: str = "sale-CA1", timeout_s: float = WITHIN_S + 60) -> dict[str, Any]:
        """The record of a sale, once it is over."""
        async with asyncio.timeout(timeout_s):
            while True:
                found = await self.records()
                if sale_id in found:
                    return found[sale_id]
                await asyncio.sleep(1.0)

    async def dead(self, engine: MortalEngine) -> None:
        """Wait until a worker has died, and clear it away."""
        await wait_until(lambda: engine.dead, timeout_s=WITHIN_S, every_s=0.05)
        await self.kill(engine)

    async def pause(self, seconds: float) -> None:
        """Let (virtual) time pass."""
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        """End the workers."""
        for worker, engine, deps in self._open:
            if not engine.dead:
                await worker.stop(1.0)
            await deps.outbound.close()
            await deps.limits.drain()
            await engine.close()
        await self.engine.close()


@asynccontextmanager
async def market(clock: Clock, socket: Path, **options: Any) -> AsyncIterator[Market]:
    """Open it, and end its workers."""
    made = Market(clock, socket, **options)
    try:
        yield made
    finally:
        await made.close()


def meant(record: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Who answered what to which step, in order."""
    return [(result["buyer"], result["step"], result["reason"]) for result in record["results"]]
