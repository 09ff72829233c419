"""A whole world for one test: the real application and engine, a simulated carrier, buyers and dialler.

Everything speaks real HTTP on loopback; with a virtual clock thirty seconds of hold take milliseconds.
"""

import asyncio
import random
import shutil
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from prometheus_client import generate_latest

from callrouter.app import App
from callrouter.domain.clock import Clock
from callrouter.engine.keys import Keys
from callrouter.ledger.reads import LedgerCall
from callrouter.settings import read_settings
from callrouter.simulator.carrier import CallerScript, CarrierTimings, NumberConfig, SimulatedCall, SimulatedCarrier
from callrouter.simulator.partners import (
    Answer,
    SimulatedCallConnectLeads,
    SimulatedContactability,
    SimulatedDialler,
    SimulatedLmal,
)
from callrouter.simulator.partners.answers import Decide
from tests.support.engine import fresh_keys, keys_without_end
from tests.support.served import Served
from tests.support.virtual_time import EPOCH, VirtualClock, run_virtual
from tests.support.watched import leaks

PUBLIC_URL = "https://calls.example.com"
INBOUND = "+18885550100"
TRANSFER = "+18885550101"
CALLER = "+15125550123"
OVERRIDES = "#rc=2&rp=ct,rt,5xx&ct=800&rt=4000&tt=12000"
ACCOUNT_SID = "AC" + "0" * 32
AUTH_TOKEN = "an-auth-token-of-tests"
OPS_TOKEN = "ops-token-of-the-tests"
SHIPPED_TEMPLATE = Path(__file__).parents[2] / "dialplans" / "auto-lead.xml.j2"

PLAN: Mapping[str, Any] = {
    "plan": "auto",
    "numbers": {"inbound": [INBOUND], "transfer": [TRANSFER]},
    "intake": {"zip": "ask", "attempts": 2},
    "auction": {"deadline_s": 10, "fast_answer_s": 1.5, "floor": 5, "policy": "highest_payout"},
    "bridge": {"ring_s": 20, "max_attempts": 4, "caller_id": "caller", "early_hangup_s": 5},
    "unsold": {
        "callback": {
            "url": "env:DIALLER_URL",
            "key": "env:DIALLER_KEY",
            "type": "motor-trade",
            "delay_s": 600,
            "stand_in": {"first_name": "Caller", "surname": "Unknown", "email": "callback@example.com"},
        }
    },
}


def plan(**sections: Mapping[str, Any]) -> dict[str, Any]:
    """The tests' dialplan with some keys of some sections changed."""
    merged = {name: dict(value) if isinstance(value, Mapping) else value for name, value in PLAN.items()}
    for name, changes in sections.items():
        merged[name] = {**merged.get(name, {}), **changes}
    return merged


BUYERS: Mapping[str, Any] = {
    "letsmakealead": {
        "adapter": "letsmakealead",
        "mode": "one_step",
        "url": "env:LMAL_URL",
        "credentials": {"partnerid": "env:LMAL_PARTNERID", "key": "env:LMAL_KEY"},
        "params": {"numcategory": 12003, "subid": "ivr"},
    },
    "contactability": {
        "adapter": "contactability",
        "mode": "calls_ping",
        "url": "env:CONTACTABILITY_URL",
        "credentials": {"token": "env:CONTACTABILITY_TOKEN"},
        "params": {"lead_type": "auto"},
    },
}

TWO_STEPS: Mapping[str, Any] = {
    **BUYERS,
    "letsmakealead": {
        **{key: value for key, value in BUYERS["letsmakealead"].items() if key != "url"},
        "mode": "ping_post",
        "ping_url": "env:LMAL_PING_URL",
        "post_url": "env:LMAL_POST_URL",
    },
}
"""The same buyers, one of which names its number only when its bid is taken up."""

LEADS: Mapping[str, Any] = {
    **BUYERS,
    "callconnectleads": {
        "adapter": "callconnectleads",
        "mode": "ping_post",
        "url": "env:CALLCONNECTLEADS_URL",
        "credentials": {"Key": "env:CALLCONNECTLEADS_KEY"},
        "params": {
            "SRC": "ivr",
            "Landing_Page": "calls",
            "Score": 50,
            "Return_Best_Price": 1,
            "Home_Improvement_Product": "Bathroom Remodel",
        },
    },
}
"""The same buyers, and one that buys leads."""


def two_lead_buyers(mode: str, **params: str) -> dict[str, Any]:
    """The same buyers, with Contactability as a second one that buys leads: by the shipped template, in this mode."""
    leads = {
        "adapter": "contactability",
        "mode": mode,
        "url": "env:CONTACTABILITY_LEADS_URL",
        "credentials": {"token": "env:CONTACTABILITY_TOKEN"},
        "params": {"lead_type": "auto", **params},
        "template": SHIPPED_TEMPLATE.name,
    }
    return {**LEADS, "contactability-leads": leads}


@dataclass
class World:
    """``async with World(clock, engine_socket, tmp_path)``. Partners may be told what to do at any time."""

    clock: Clock
    engine_socket: Path
    folder: Path
    seed: int = 1
    dialplan: Mapping[str, Any] = field(default_factory=plan)
    instances: int = 1
    keys: Keys = field(default_factory=fresh_keys)
    further_settings: Mapping[str, str] = field(default_factory=dict)
    timings: CarrierTimings = field(default_factory=CarrierTimings)

    async def __aenter__(self) -> "World":
        rng = self.rng = random.Random(self.seed)
        self.lmal = SimulatedLmal(clock=self.clock, rng=rng, partnerid="P1", key="lmal-key-of-tests")
        self.contactability = SimulatedContactability(clock=self.clock, rng=rng, token="contactability-token")
        self.leads = SimulatedCallConnectLeads(clock=self.clock, rng=rng, key="callconnectleads-key")
        self.dialler = SimulatedDialler(clock=self.clock, rng=rng, key="dialler-key-of-tests")
        self._hosts: dict[str, str] = {}
        self.carrier = SimulatedCarrier(
            clock=self.clock,
            rng=rng,
            account_sid=ACCOUNT_SID,
            auth_token=AUTH_TOKEN,
            timings=self.timings,
            webhook_host_map=self._hosts,
        )
        self._stack = AsyncExitStack()
        for server in (self.lmal, self.contactability, self.leads, self.dialler, self.carrier):
            await server.start()
            self._stack.push_async_callback(server.stop)
        self._write_dialplan()
        self.served = [await self._serve(n) for n in range(self.instances)]
        self._hosts[PUBLIC_URL] = self.served[0].url
        for number in (INBOUND, TRANSFER):
            self.carrier.configure_number(
                number,
                NumberConfig(
                    voice_url=f"{PUBLIC_URL}/twilio/voice{OVERRIDES}",
                    status_callback=f"{PUBLIC_URL}/twilio/status",
                    fallback_url=f"{PUBLIC_URL}/twilio/fallback",
                ),
            )
        return self

    async def __aexit__(self, *exc: object) -> None:
        pages = [generate_latest(served.app.instance.metrics.registry).decode() for served in self.served]
        await self._stack.aclose()
        if exc[0] is None:
            assert self.carrier.errors == []
            # Every document of every test has only documented verbs, attributes and values, within the limits.
            assert [(d.body, d.problems) for d in self.carrier.documents if d.problems] == []
            assert [r.problems for r in self.carrier.rest_log if r.problems] == []
            assert [leak for page in pages for leak in leaks(page)] == []
            assert await keys_without_end(self.engine_socket, self.clock, self.keys) == []

    @property
    def app(self) -> App:
        """The first instance's application."""
        return self.served[0].app

    @property
    def base_url(self) -> str:
        """Where the instance that gets the webhooks is reached."""
        return self._hosts[PUBLIC_URL]

    @property
    def environ(self) -> dict[str, str]:
        """The environment of the service."""
        return {
            "CALLROUTER_PUBLIC_URL": PUBLIC_URL,
            "CALLROUTER_REDIS_URL": f"unix://{self.engine_socket}",
            "CALLROUTER_DATA_DIR": str(self.folder / "data"),
            "CALLROUTER_DIALPLANS": str(self.folder / "dialplans"),
            "CALLROUTER_API_TOKENS": f"ops:tests:{OPS_TOKEN}",
            "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
            "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
            "TWILIO_API_URL": self.carrier.rest_url,
            "LMAL_URL": self.lmal.url,
            "LMAL_PING_URL": self.lmal.ping_url,
            "LMAL_POST_URL": self.lmal.post_url,
            "LMAL_PARTNERID": "P1",
            "LMAL_KEY": "lmal-key-of-tests",
            "CONTACTABILITY_URL": self.contactability.url,
            "CONTACTABILITY_LEADS_URL": self.contactability.base_url,
            "CONTACTABILITY_TOKEN": "contactability-token",
            "CALLCONNECTLEADS_URL": self.leads.url,
            "CALLCONNECTLEADS_KEY": "callconnectleads-key",
            "DIALLER_URL": self.dialler.url,
            "DIALLER_KEY": "dialler-key-of-tests",
            **self.further_settings,
        }

    async def call(self, to: str = INBOUND, from_: str = CALLER, **script: Any) -> SimulatedCall:
        """One caller, from ring to end, and until what follows from it has settled."""
        call = self.place(to, from_, **script)
        await call.wait_ended()
        await self.settled()
        return call

    def place(self, to: str = INBOUND, from_: str = CALLER, **script: Any) -> SimulatedCall:
        """A caller calls; see `CallerScript`."""
        return self.carrier.place(CallerScript(from_=from_, to=to, **script))

    async def settled(self, timeout_s: float = 900.0) -> None:
        """Every call has ended for us too, and is in the ledger. What is stuck is named."""
        end = self.clock.monotonic() + timeout_s
        while unsettled := await self._unsettled():
            assert self.clock.monotonic() < end, unsettled
            await self._pause()

    async def _unsettled(self) -> list[str]:
        if not self.carrier.idle:
            return [f"{call.sid} is {call.state} at the carrier" for call in self.carrier.calls if call.live] or [
                "busy"
            ]
        instance = self.app.instance
        missing = [call.sid for call in self.carrier.calls if await instance.ledger.get(call.sid) is None]
        return [f"{sid} has no ledger row: {(await instance.store.load(sid)).call}" for sid in missing]

    async def record(self, call: SimulatedCall) -> dict[str, Any]:
        """The whole decision of one call, as the API shows it."""
        found = await self.app.instance.calls.get(call.sid)
        assert found is not None
        return found

    async def rows(self) -> list[LedgerCall]:
        """Every ledger row."""
        return list(await self.app.instance.ledger.find(limit=1_000))

    async def delivered(self, timeout_s: float = 60.0) -> None:
        """Nothing is left in the outbox."""
        end = self.clock.monotonic() + timeout_s
        while (await self.app.instance.outbox.counts()).pending:
            assert self.clock.monotonic() < end, "the outbox is not empty"
            await self._pause()

    def metric(self, name: str, **labels: str) -> float:
        """The value of one series of the first instance."""
        value = self.app.instance.metrics.registry.get_sample_value(f"callrouter_{name}", labels)
        assert value is not None, f"no series {name} {labels}"
        return value

    async def books(self) -> None:
        """Have `metric` see what has been booked until now, as a scrape does."""
        await self.app.instance.books.refresh(self.app.instance.engine)

    def use_instance(self, number: int) -> None:
        """From now on webhooks go to that instance."""
        self._hosts[PUBLIC_URL] = self.served[number].url

    async def _pause(self) -> None:
        await asyncio.sleep(0.5)

    async def _serve(self, number: int) -> Served:
        settings = read_settings(self.environ)
        rng = random.Random(f"{self.seed}-{number}")
        app = App(settings, self.environ, self.clock, rng, keys=self.keys, own_engine=False)
        return await self._stack.enter_async_context(Served(app))

    def _write_dialplan(self) -> None:
        folder = self.folder / "dialplans"
        folder.mkdir(parents=True, exist_ok=True)
        whole = {**self.dialplan, "buyers": self.dialplan.get("buyers", BUYERS)}
        shutil.copy(SHIPPED_TEMPLATE, folder)
        (folder / "auto.yaml").write_text(yaml.safe_dump(whole, sort_keys=False))


def in_world(
    dialplan: Mapping[str, Any] | None = None, *, instances: int = 1, seed: int = 1, epoch: float = EPOCH
) -> Callable[[Callable[[World], Awaitable[None]]], Callable[[Path, Path], None]]:
    """Decorator: an ``async def test(world)`` that runs in virtual time, in a world of its own."""

    def decorate(test: Callable[[World], Awaitable[None]]) -> Callable[[Path, Path], None]:
        def run(engine_socket: Path, tmp_path: Path) -> None:
            async def whole(clock: VirtualClock) -> None:
                made = World(clock, engine_socket, tmp_path, seed, dialplan or plan(), instances)
                async with made as world:
                    await test(world)

            run_virtual(whole, epoch)

        run.__name__, run.__doc__, run.__module__ = test.__name__, test.__doc__, test.__module__
        return run

    return decorate


def offers(payout: str, number: str, latency_s: float = 0.3, min_duration_s: int | None = 90) -> Decide:
    """A buyer that always answers with this offer."""
    answer = Answer(latency_s=latency_s, payout=Decimal(payout), number=number, min_duration_s=min_duration_s)
    return lambda params: answer


def refuses(code: str = "5000", latency_s: float = 0.3) -> Decide:
    """A buyer that never wants the call."""
    answer = Answer(latency_s=latency_s, payout=None, code=code)
    return lambda params: answer
