"""The carrier's edge by itself: our webhooks and REST client against the simulated carrier, over real HTTP."""

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import uvicorn
from starlette.applications import Starlette
from uvicorn.server import Server

from callrouter.calls.answer import Answer
from callrouter.carrier.seam import CallArrived, CallerEvent, HangUp, Report, RoomChanged, RoomEvent
from callrouter.carrier.twilio.rest import TwilioCarrier
from callrouter.carrier.twilio.urls import OVERRIDES, Urls
from callrouter.carrier.twilio.webhooks import Secrets, Webhooks
from callrouter.dialplan import Plan
from callrouter.domain.clock import Clock
from callrouter.metrics import Metrics
from callrouter.simulator.carrier import CarrierTimings, NumberConfig, SimulatedCarrier
from tests.support.waiting import wait_until

PUBLIC = "https://calls.example.com"
OURS = "+18885550100"
CALLER = "+15125550123"
AGENT = "+13125550144"
BUYER = "+12145550111"
ACCOUNT = "AC" + "0" * 32
AUTH_TOKEN = "an-auth-token-of-tests"
CALL = "TR" + "0c" * 16
ROOM = "cr-5d1c8a52-52b0-4ab1-9f4e-0d6cf1f0a2b4"
EXACT = CarrierTimings(webhook_one_way_s=(0.05, 0.05), rest_latency_s=(0.2, 0.2))


@dataclass
class Told:
    """Takes every event of the edge, and answers each kind as it was told to."""

    answers: dict[type, Answer] = field(default_factory=dict)
    events: list[CallerEvent] = field(default_factory=list)
    arrivals: list[CallArrived] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)

    async def answer(self, event: CallerEvent, arrival: CallArrived, received_at: float) -> Answer:
        self.events.append(event)
        self.arrivals.append(arrival)
        return self.answers.get(type(event), Answer(HangUp(), None))

    async def report(self, event: Report, received_at: float) -> None:
        self.reports.append(event)


@dataclass
class Edge:
    """Both sides, and what passed between them."""

    told: Told
    simulated: SimulatedCarrier
    carrier: TwilioCarrier
    webhooks: Webhooks
    metrics: Metrics
    url: str
    """Where our webhooks really are."""

    def seen(self, label: str, what: RoomEvent) -> list[RoomChanged]:
        """What the room said of this leg."""
        rooms = [report for report in self.told.reports if isinstance(report, RoomChanged)]
        return [room for room in rooms if (room.label, room.what) == (label, what)]

    async def until_seen(self, label: str, what: RoomEvent) -> RoomChanged:
        """What the room said of this leg, as soon as it has."""
        await wait_until(lambda: self.seen(label, what), timeout_s=60, every_s=0.1)
        return self.seen(label, what)[-1]

    async def settled(self) -> None:
        """Return when nothing is under way at the carrier."""
        await wait_until(lambda: self.simulated.idle, timeout_s=600, every_s=0.5)


@asynccontextmanager
async def edge(
    clock: Clock, plans: Mapping[str, Plan] | None = None, timings: CarrierTimings = EXACT, seed: int = 1
) -> AsyncIterator[Edge]:
    """Both sides, started. Every document and parameter that Twilio does not know is an error at the end."""
    plans = plans or {}
    told, metrics, urls, hosts = Told(), Metrics(), Urls(PUBLIC), dict[str, str]()
    webhooks = Webhooks(told, urls, Secrets(AUTH_TOKEN, {}), clock, metrics, plans.get)
    simulated = SimulatedCarrier(
        clock=clock,
        rng=random.Random(seed),
        account_sid=ACCOUNT,
        auth_token=AUTH_TOKEN,
        timings=timings,
        webhook_host_map=hosts,
    )
    voice = f"{PUBLIC}/twilio/voice{OVERRIDES}"
    simulated.configure_number(OURS, NumberConfig(voice, f"{PUBLIC}/twilio/status", f"{PUBLIC}/twilio/fallback"))
    await simulated.start()
    try:
        async with _served(Starlette(routes=webhooks.routes())) as url, aiohttp.ClientSession() as session:
            hosts[PUBLIC] = url
            carrier = TwilioCarrier(session, ACCOUNT, AUTH_TOKEN, simulated.rest_url, urls, plans.get)
            yield Edge(told, simulated, carrier, webhooks, metrics, url)
            assert simulated.errors == []
            assert [(d.body, d.problems) for d in simulated.documents if d.problems] == []
            assert [(r.path, r.problems) for r in simulated.rest_log if r.problems] == []
    finally:
        await simulated.stop()


@asynccontextmanager
async def _served(app: Starlette) -> AsyncIterator[str]:
    """Without uvicorn's main loop, which would keep a virtual clock busy."""
    server = Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, access_log=False, lifespan="off"))
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup()
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        await server.shutdown()
