"""kill -9 of one of two services while agents hand callers over: nobody is lost, and each call ends once."""

import asyncio
import os
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from callrouter.domain.clock import SystemClock
from callrouter.engine import embedded
from callrouter.ledger.database import sqlite_url
from callrouter.ledger.reads import Ledger, LedgerCall
from callrouter.simulator.carrier import CarrierTimings, NumberConfig, PhoneScript, SimulatedCarrier
from callrouter.simulator.partners import SimulatedContactability, SimulatedDialler, SimulatedLmal
from tests.support.environment import service_environ
from tests.support.process import Balancer, ServiceProcess, free_port
from tests.support.waiting import wait_until
from tests.support.world import ACCOUNT_SID, AUTH_TOKEN, BUYERS, OVERRIDES, TRANSFER, offers, plan
from tests.transfers.agents import ANNA_TOKEN, FIRST, SECOND

AGENTS = 10
PUBLIC = "http://127.0.0.1:1"
"""What the product believes to be reached at; the balancer says where that really is."""
SEEDS = range(1, 1 + int(os.environ.get("CHAOS_SEEDS", "2")))


class Handover:
    """One agent with one caller, who tries again whatever gets no answer."""

    def __init__(self, number: int, carrier: SimulatedCarrier, hosts: Balancer, session: aiohttp.ClientSession) -> None:
        self.phone = f"+1512555{number:04d}"
        self.agents_phone = f"+1512556{number:04d}"
        self._carrier, self._hosts, self._session = carrier, hosts, session
        carrier.phone(self.agents_phone, PhoneScript(ring_s=0.3, talk_s=3_600.0))
        self.caller = carrier.standing_call(self.phone, "+18885550199", '<Response><Pause length="600"/></Response>')
        self.id = ""

    async def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None, key: str = "") -> dict[str, Any]:
        """The body of a request that is repeated until somebody answers it."""
        headers = {"Authorization": f"Bearer {ANNA_TOKEN}"}
        if key:
            headers["Idempotency-Key"] = f"{self.phone[-4:]}-{key}"
        while True:
            url = f"{self._hosts[PUBLIC]}/api/v1{path}"
            try:
                async with self._session.request(method, url, json=body, headers=headers) as response:
                    if response.status < 500 and not (response.status == 409 and "retry-after" in response.headers):
                        found: dict[str, Any] = await response.json(content_type=None)
                        return found
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(0.3)

    async def until(self, *states: str) -> dict[str, Any]:
        """The transfer when it is there."""
        while True:
            shown = await self.ask("GET", f"/transfers/{self.id}")
            if shown["state"] in (*states, "ended"):
                return shown
            await asyncio.sleep(0.2)

    async def run(self, rng: random.Random) -> None:
        """Offer, bridge, handover, a short talk."""
        opening = {
            "plan": "auto",
            "caller": {"phone": self.phone, "zip": "78701"},
            "agent": {"name": "Anna", "phone": self.agents_phone},
        }
        self.id = (await self.ask("POST", "/transfers", opening, "open"))["id"]
        await self.until("offered")
        await asyncio.sleep(rng.uniform(0, 2))
        await self.ask("POST", f"/transfers/{self.id}/bridge", {"caller_call_sid": self.caller.sid}, "bridge")
        await self.until("talking")
        await asyncio.sleep(rng.uniform(0.2, 1))
        await self.ask("POST", f"/transfers/{self.id}/complete", {}, "complete")
        await asyncio.sleep(rng.uniform(1, 3))
        self.caller.hang_up()
        await self.until("ended")


@pytest.mark.real_time
@pytest.mark.parametrize("seed", SEEDS)
async def test_every_transfer_ends_once_with_its_caller_bridged(
    seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One of the two services is killed while all of them are at some step."""
    rng, clock = random.Random(seed), SystemClock()
    lmal = SimulatedLmal(clock=clock, rng=rng, partnerid="P1", key="lmal-key-of-tests")
    contactability = SimulatedContactability(clock=clock, rng=rng, token="contactability-token")
    dialler = SimulatedDialler(clock=clock, rng=rng, key="dialler-key-of-tests")
    ports = [free_port(), free_port()]
    hosts = Balancer(PUBLIC, [f"http://127.0.0.1:{port}" for port in ports])
    carrier = SimulatedCarrier(
        clock=clock,
        rng=rng,
        account_sid=ACCOUNT_SID,
        auth_token=AUTH_TOKEN,
        webhook_host_map=hosts,
        timings=CarrierTimings(creates_per_s=20.0),
    )
    servers: list[Any] = [lmal, contactability, dialler, carrier]
    for server in servers:
        await server.start()
    environ = _environ(tmp_path, servers)
    services = [ServiceProcess(environ, port, tmp_path / f"service{n}.log") for n, port in enumerate(ports)]
    try:
        for service in services:
            await service.start()
            await service.ready()
        carrier.configure_number(
            TRANSFER,
            NumberConfig(f"{PUBLIC}/twilio/voice{OVERRIDES}", f"{PUBLIC}/twilio/status", f"{PUBLIC}/twilio/fallback"),
        )
        lmal.answer, contactability.answer = offers("40", FIRST), offers("30", SECOND)
        carrier.phone(FIRST, PhoneScript(ring_s=1.0, talk_s=3_600.0))
        carrier.phone(SECOND, PhoneScript(ring_s=1.0, talk_s=3_600.0))
        async with aiohttp.ClientSession() as session:
            handovers = [Handover(number, carrier, hosts, session) for number in range(1, AGENTS + 1)]
            under_way = asyncio.gather(*(handover.run(rng) for handover in handovers))
            await asyncio.sleep(rng.uniform(0.5, 5.0))
            await services[0].kill()
            hosts.lose(0)
            await asyncio.wait_for(under_way, 120)
        await wait_until(lambda: not any(leg.live for leg in carrier.outbound), 40, 0.1)
        await wait_until(lambda: all(room.ended_at is not None for room in carrier.rooms), 40, 0.1)
        rows = await _rows(tmp_path / "data", {handover.id for handover in handovers})
        assert {row.outcome for row in rows} == {"bridged"}, [row.record["events"] for row in rows]
        assert len(rows) == AGENTS
        assert not carrier.lonely(15.0)
        with capsys.disabled():
            print(f"\n  [seed {seed}] {AGENTS} handed over, {len(carrier.outbound)} legs in {len(carrier.rooms)} rooms")
    finally:
        await services[1].stop()
        for server in servers:
            await server.stop()
        embedded.stop(tmp_path / "data")


async def _rows(data: Path, sids: set[str]) -> list[LedgerCall]:
    ledger = Ledger(sqlite_url(data), SystemClock())
    try:
        async with asyncio.timeout(30):
            while True:
                rows = await ledger.find(limit=1_000)
                if sids <= {row.sid for row in rows}:
                    return list(rows)
                await asyncio.sleep(0.2)
    finally:
        await ledger.close()


def _environ(folder: Path, servers: list[Any]) -> dict[str, str]:
    lmal, contactability, dialler, carrier = servers
    whole = {**plan(auction={"deadline_s": 8}, bridge={"early_hangup_s": 0}), "buyers": BUYERS}
    environ = service_environ(folder, whole, carrier, lmal, contactability, dialler)
    return {**environ, "CALLROUTER_PUBLIC_URL": PUBLIC, "CALLROUTER_API_TOKENS": f"agent:anna:{ANNA_TOKEN}"}
