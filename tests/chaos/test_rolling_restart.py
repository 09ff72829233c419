"""Two instances are restarted in turn while people call: nobody notices.

Three ways: behind a balancer that asks ``/readyz``, behind a real Caddy with the shipped configuration, and by SIGHUP
to ``serve --workers 2``.
"""

import asyncio
import random
import signal
import subprocess
from collections import ChainMap
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from callrouter.domain.clock import SystemClock
from callrouter.engine import embedded
from callrouter.ledger.database import sqlite_url
from callrouter.ledger.reads import Ledger, LedgerCall
from callrouter.simulator.carrier import CarrierTimings, NumberConfig, PhoneScript, SimulatedCarrier, WebhookRecord
from callrouter.simulator.partners import Answer, SimulatedContactability, SimulatedDialler, SimulatedLmal
from callrouter.simulator.scenarios import Cast, Scenario, scenarios
from tests.chaos.test_transfers_under_kill import Handover
from tests.commands.command import started
from tests.support.caddy import caddy
from tests.support.environment import service_environ
from tests.support.ports import two_ports
from tests.support.process import Balancer, ServiceProcess, free_port
from tests.support.waiting import wait_until
from tests.support.world import ACCOUNT_SID, AUTH_TOKEN, BUYERS, INBOUND, OVERRIDES, TRANSFER, plan
from tests.transfers.agents import FIRST, TOKENS

BETWEEN_CALLERS_S = (0.2, 0.4)
LIMITED = "not_called_rate_limited"
"""A buyer that takes five requests a second is now and then asked no more; then another one gets the call."""
MOST_CALLERS = 250
AGENTS = 4
PUBLIC = "http://127.0.0.1:1"
"""What the product believes to be reached at where a balancer says where that really is."""
LOOK_EVERY_S = 0.5

Restart = Callable[[], Awaitable[None]]
Way = Callable[["Town"], Awaitable[Restart]]


class WatchingBalancer(Balancer):
    """Sends to instances that say that they are ready, as a proxy does that asks them twice a second."""

    def __init__(self, public_url: str, instances: list[str]) -> None:
        super().__init__(public_url, instances)
        self._all = dict(enumerate(instances))

    async def watch(self) -> None:
        """Keep asking, until cancelled."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=1.0)) as session:
            while True:
                answers = await asyncio.gather(*(_is_ready(session, url) for url in self._all.values()))
                ready = {no: url for (no, url), is_so in zip(self._all.items(), answers, strict=True) if is_so}
                self._instances = ready or self._all
                await asyncio.sleep(LOOK_EVERY_S)


async def _is_ready(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(f"{url}/readyz") as response:
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


@dataclass
class Town:
    """The carrier, the people and the partners, while the service is restarted."""

    carrier: SimulatedCarrier
    dialler: SimulatedDialler
    cast: list[Scenario]
    folder: Path
    environ: Mapping[str, str]
    addresses: ChainMap[str, str]
    """Where the carrier finds the public address."""
    stack: AsyncExitStack
    """Ends what was started, in reverse."""
    rng: random.Random
    ports: list[int] = field(default_factory=two_ports)
    hosts: Balancer = field(init=False)
    transfers: list[Handover] = field(default_factory=list)

    def answers_at(self, public: str, hosts: Balancer) -> None:
        """Where Twilio and the agents' software reach the service."""
        self.hosts = hosts
        self.addresses.maps[:] = [hosts]  # type: ignore[list-item]  # it is only read
        hooks = (f"{public}/twilio/voice{OVERRIDES}", f"{public}/twilio/status", f"{public}/twilio/fallback")
        for number in (INBOUND, TRANSFER):
            self.carrier.configure_number(number, NumberConfig(*hooks))

    async def lives_through(self, restart: Restart) -> None:
        """People call all the while, and some moments more; returns when every call is over."""
        done = asyncio.Event()
        calling = asyncio.create_task(self._people_call(done))
        await wait_until(lambda: sum(call.live for call in self.carrier.calls) >= 8, 20)
        await restart()
        done.set()
        await calling
        for call in self.carrier.calls:
            await call.wait_ended()
        await wait_until(lambda: self.carrier.idle, 20)

    async def _people_call(self, done: asyncio.Event) -> None:
        async with aiohttp.ClientSession() as session:
            agents = []
            for no, scenario in enumerate(self.cast):
                if done.is_set():
                    break
                self.carrier.place(scenario.caller)
                if no % 12 == 6 and len(self.transfers) < AGENTS:
                    self.transfers.append(Handover(len(self.transfers) + 1, self.carrier, self.hosts, session))
                    agents.append(asyncio.create_task(self.transfers[-1].run(self.rng)))
                await asyncio.sleep(self.rng.uniform(*BETWEEN_CALLERS_S))
            assert done.is_set(), "not enough people to call all the while"
            await asyncio.wait_for(asyncio.gather(*agents), 60)

    def failed(self) -> tuple[list[WebhookRecord], list[WebhookRecord]]:
        """Requests to the product that failed as Twilio counts them: after its retries; and those before them."""
        tried: dict[str, list[WebhookRecord]] = {}
        for record in self.carrier.webhooks:
            tried.setdefault(record.headers["I-Twilio-Idempotency-Token"], []).append(record)
        for_good = [records[-1] for records in tried.values() if all(record.error for record in records)]
        return for_good, [record for record in self.carrier.webhooks if record.error]


@pytest.mark.real_time
async def test_nobody_hears_a_rolling_restart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of two services, and at the same time of two workers elsewhere."""
    async with asyncio.TaskGroup() as both:
        ways = [(behind_balancer, tmp_path / "services"), (by_sighup, tmp_path / "workers")]
        tried = [both.create_task(restarted(way, folder)) for way, folder in ways]
    lines = [task.result() for task in tried]
    with capsys.disabled():
        print("", *lines, sep="\n  ")


@pytest.mark.real_time
@pytest.mark.stack
async def test_nobody_hears_a_rolling_restart_behind_the_shipped_proxy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = await restarted(behind_caddy, tmp_path)
    with capsys.disabled():
        print(f"\n  {line}")


async def restarted(way: Way, folder: Path) -> str:
    """Try it; what it was, in a line."""
    async with town(folder) as here:
        restart = await way(here)
        before = await names(here.ports)
        began = asyncio.get_running_loop().time()
        await here.lives_through(restart)
        took_s = asyncio.get_running_loop().time() - began
        assert not set(before) & set(await names(here.ports)), "both are new"
        rows = await ledger_rows(here)
        owed = sum(rows[call.sid].outcome != "bridged" for call in here.carrier.calls)
        await wait_until(lambda: len(here.dialler.standing()) >= owed, 40, 0.2)
        assert_nobody_noticed(here, rows)
        return f"[{way.__name__}] {told(here, rows)}, {took_s:.0f} s"


def assert_nobody_noticed(here: Town, rows: dict[str, LedgerCall]) -> None:
    """Every request was answered, every call went as it was meant to go, and is in the ledger once."""
    for_good, once = here.failed()
    assert for_good == [], [failure(record) for record in for_good]
    assert once == [], f"{[failure(record) for record in once]}, which a retry has made good"
    assert [record.kind for record in here.carrier.webhooks if record.kind == "fallback"] == []
    meant = {scenario.phone: scenario.story.outcome for scenario in here.cast}
    for call in here.carrier.calls:
        row, phone = rows[call.sid], call.script.from_
        reasons = {result["reason"] for result in row.record["results"]}
        assert [reason for reason in reasons if reason.startswith("error")] == [], "no buyer was cut off"
        assert row.outcome == meant[phone] or LIMITED in reasons, (meant[phone], row.record["events"])
        standing = [lead for lead in here.dialler.standing() if lead.mobile[-10:] == phone[-10:]]
        assert len(standing) == (0 if row.outcome == "bridged" else 1), (row.outcome, row.record)
        assert row.outcome != "bridged" or any(dial.bridged for dial in call.dials)
        assert [sound.kind for sound in call.heard if sound.kind == "apology"] == []
        assert call.longest_silence_s() <= 2.5
    events = [(sid, event["event"]) for sid, row in rows.items() for event in row.record["events"]]
    assert [sid for sid, event in events if event == "auction_taken_over"] == [], "each ended where it had begun"
    assert {rows[transfer.id].outcome for transfer in here.transfers} == {"bridged"}
    assert len(here.transfers) == AGENTS
    assert here.carrier.errors == []


def failure(record: WebhookRecord) -> str:
    """One failed request, in short."""
    return f"{record.kind} {record.url} of {record.call_sid} at {record.started_at:.3f}: {record.error}"


def told(here: Town, rows: dict[str, LedgerCall]) -> str:
    """What it was, in a line."""
    bridged = sum(row.outcome == "bridged" for row in rows.values())
    return (
        f"{len(here.carrier.calls)} calls and {len(here.transfers)} transfers, {bridged} bridged, "
        f"{len(here.carrier.webhooks)} webhooks, none failed, not even before a retry"
    )


async def behind_balancer(here: Town) -> Restart:
    services = await two_services(here, PUBLIC)
    await watched(here)
    return in_turn(services)


async def behind_caddy(here: Town) -> Restart:
    public = f"http://127.0.0.1:{free_port()}"
    services = await two_services(here, public)
    here.answers_at(public, Balancer(PUBLIC, [public]))
    await here.stack.enter_async_context(caddy(here.folder, public, here.ports))
    return in_turn(services)


async def by_sighup(here: Town) -> Restart:
    """On the embedded engine, which must outlive the workers' restarts."""
    environ = dict(here.environ) | {"CALLROUTER_PUBLIC_URL": PUBLIC}
    log = here.folder / "workers.log"
    parent = started("serve", "--port", str(here.ports[0]), "--workers", "2", environ=environ, output=log)
    here.stack.push_async_callback(ended, parent, log)
    await wait_until(lambda: log.read_text().count('"serving"') == 2, 30)
    await watched(here)

    async def restart() -> None:
        parent.send_signal(signal.SIGHUP)
        await wait_until(lambda: log.read_text().count('"instance serves again"') == 2, 70, 0.1)

    return restart


async def two_services(here: Town, public: str) -> list[ServiceProcess]:
    """Two processes on one engine of their own."""
    path = await asyncio.to_thread(embedded.ensure_running, here.folder / "engine")
    here.stack.callback(embedded.stop, here.folder / "engine")
    environ = dict(here.environ) | {"CALLROUTER_PUBLIC_URL": public, "CALLROUTER_REDIS_URL": f"unix://{path}"}
    services = [ServiceProcess(environ, port, here.folder / f"service-{port}.log") for port in here.ports]
    for service in services:
        await service.start()
        here.stack.push_async_callback(service.stop)
    for service in services:
        await service.ready()
    return services


def in_turn(services: list[ServiceProcess]) -> Restart:
    """SIGTERM, wait, start, wait; then the next."""

    async def restart() -> None:
        for service in services:
            assert await service.stop() == 0
            await service.start()
            await service.ready()
            await asyncio.sleep(2 * LOOK_EVERY_S)  # as long as a proxy needs to see it

    return restart


async def watched(here: Town) -> None:
    """A balancer that asks the instances whether they are ready."""
    balancer = WatchingBalancer(PUBLIC, [f"http://127.0.0.1:{port}" for port in here.ports])
    watching = asyncio.create_task(balancer.watch())

    async def end() -> None:
        watching.cancel()
        await asyncio.wait([watching])

    here.stack.push_async_callback(end)
    here.answers_at(PUBLIC, balancer)


async def ended(parent: subprocess.Popen[bytes], log: Path) -> None:
    parent.terminate()
    status = await asyncio.to_thread(parent.wait, 60)
    assert status == 0, f"see {log}"


async def names(ports: list[int]) -> list[str]:
    """What the instances call themselves; a new name at every start."""
    async with aiohttp.ClientSession() as session:
        found = []
        for port in ports:
            async with session.get(f"http://127.0.0.1:{port}/healthz") as response:
                found.append(str((await response.json())["instance"]))
        return found


async def ledger_rows(here: Town) -> dict[str, LedgerCall]:
    """The record of every call and transfer, once all are there."""
    sids = {call.sid for call in here.carrier.calls} | {transfer.id for transfer in here.transfers}
    ledger = Ledger(sqlite_url(here.folder / "data"), SystemClock())
    rows: dict[str, LedgerCall] = {}
    try:
        async with asyncio.timeout(40):
            while not sids <= set(rows):
                found = list(await ledger.find(limit=1_000))
                rows = {row.sid: row for row in found}
                assert len(rows) == len(found)
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"no record of {sids - set(rows)}") from None
    finally:
        await ledger.close()
    return rows


@asynccontextmanager
async def town(folder: Path) -> AsyncIterator[Town]:
    """Everything but the service and what stands in front of it."""
    rng, clock = random.Random(7), SystemClock()
    lmal = SimulatedLmal(clock=clock, rng=rng, partnerid="P1", key="lmal-key-of-tests")
    contactability = SimulatedContactability(clock=clock, rng=rng, token="contactability-token")
    dialler = SimulatedDialler(clock=clock, rng=rng, key="dialler-key-of-tests")
    addresses: ChainMap[str, str] = ChainMap()
    carrier = SimulatedCarrier(
        clock=clock,
        rng=rng,
        account_sid=ACCOUNT_SID,
        auth_token=AUTH_TOKEN,
        webhook_host_map=addresses,
        timings=CarrierTimings(creates_per_s=20.0),
    )
    cast = scenarios(7, MOST_CALLERS, number=INBOUND, pace=0.03, slow_s=6.0)
    parts = Cast(cast)
    parts.strangers = Answer(payout=Decimal(40), number=FIRST)
    lmal.answer, contactability.answer = parts.lmal, parts.contactability
    parts.set_phones(carrier)
    carrier.phone(FIRST, PhoneScript(ring_s=1.0, talk_s=3_600.0))
    async with AsyncExitStack() as stack:
        servers: list[Any] = [lmal, contactability, dialler, carrier]
        for server in servers:
            await server.start()
            stack.push_async_callback(server.stop)
        environ = town_environ(folder, *servers)
        stack.callback(embedded.stop, folder / "data")
        yield Town(carrier, dialler, cast, folder, environ, addresses, stack, rng)


def town_environ(folder: Path, lmal: Any, contactability: Any, dialler: Any, carrier: Any) -> dict[str, str]:
    """The settings of the service, but for its public address and a shared engine."""
    whole = {
        **plan(auction={"deadline_s": 8, "policy": "expected_value"}, bridge={"early_hangup_s": 1}),
        "buyers": BUYERS,
    }
    environ = service_environ(folder, whole, carrier, lmal, contactability, dialler)
    return {**environ, "CALLROUTER_API_TOKENS": TOKENS}
