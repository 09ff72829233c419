"""kill -9 while thirty callers are on the line: every one ends bridged, or with exactly one callback."""

import asyncio
import os
import random
import signal
from pathlib import Path
from typing import Any

import pytest

from callrouter.domain.clock import SystemClock
from callrouter.engine import embedded
from callrouter.ledger.database import sqlite_url
from callrouter.ledger.reads import Ledger, LedgerCall
from callrouter.simulator.carrier import NumberConfig, SimulatedCarrier
from callrouter.simulator.partners import SimulatedContactability, SimulatedDialler, SimulatedLmal
from callrouter.simulator.scenarios import Cast, scenarios
from tests.support.environment import service_environ
from tests.support.process import ServiceProcess, free_port
from tests.support.waiting import wait_until
from tests.support.world import ACCOUNT_SID, AUTH_TOKEN, BUYERS, INBOUND, OVERRIDES, plan

CALLERS = 30
ARRIVE_WITHIN_S = 8.0
SEEDS = range(1, 1 + int(os.environ.get("CHAOS_SEEDS", "3")))
"""``CHAOS_SEEDS=20`` repeats it over twenty seeds."""


@pytest.mark.real_time
@pytest.mark.parametrize("seed", SEEDS)
async def test_every_caller_is_bridged_or_called_back_once(
    seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The service is killed twice at random moments, the third seed's engine with it."""
    rng, clock = random.Random(seed), SystemClock()
    lmal = SimulatedLmal(clock=clock, rng=rng, partnerid="P1", key="lmal-key-of-tests")
    contactability = SimulatedContactability(clock=clock, rng=rng, token="contactability-token")
    dialler = SimulatedDialler(clock=clock, rng=rng, key="dialler-key-of-tests")
    carrier = SimulatedCarrier(clock=clock, rng=rng, account_sid=ACCOUNT_SID, auth_token=AUTH_TOKEN)
    servers: list[Any] = [lmal, contactability, dialler, carrier]
    for server in servers:
        await server.start()
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    service = ServiceProcess(_environ(tmp_path, base, servers), port, tmp_path / "service.log")
    try:
        await service.start()
        await service.ready()
        carrier.configure_number(
            INBOUND,
            NumberConfig(f"{base}/twilio/voice{OVERRIDES}", f"{base}/twilio/status", f"{base}/twilio/fallback"),
        )
        cast = scenarios(seed, CALLERS, number=INBOUND, pace=0.03, slow_s=6.0)
        parts = Cast(cast)
        lmal.answer, contactability.answer = parts.lmal, parts.contactability
        parts.set_phones(carrier)
        arrivals = asyncio.create_task(_arrive(carrier, cast, rng))
        for _ in range(2):
            await asyncio.sleep(rng.uniform(1.5, 5.0))
            await service.kill()
            if seed % 3 == 0:
                _kill_engine(tmp_path / "data")
            await service.start()
        await arrivals
        for call in carrier.calls:
            await call.wait_ended()
        await service.ready()
        rows = await _all_rows(tmp_path / "data", {call.sid for call in carrier.calls})
        await _outbox_empty(dialler, rows)
        told = _account(rows, carrier, dialler)
        with capsys.disabled():
            print(f"\n  [seed {seed}] {told}")
    finally:
        await service.stop()
        for server in servers:
            await server.stop()
        embedded.stop(tmp_path / "data")


def _account(rows: dict[str, LedgerCall], carrier: SimulatedCarrier, dialler: SimulatedDialler) -> dict[str, int]:
    """Hold every caller's row against what the carrier and the dialler saw."""
    counts: dict[str, int] = {}
    for call in carrier.calls:
        row, phone = rows[call.sid], call.script.from_[-10:]
        standing = [lead for lead in dialler.standing() if lead.mobile[-10:] == phone]
        counts[row.outcome] = counts.get(row.outcome, 0) + 1
        if row.outcome == "bridged":
            assert any(dial.bridged for dial in call.dials), (call.sid, row.record)
            assert standing == [], (call.sid, row.record)
        else:
            assert len(standing) == 1, (call.sid, row.outcome, row.record)
    assert len(rows) == CALLERS
    return counts


async def _arrive(carrier: SimulatedCarrier, cast: list[Any], rng: random.Random) -> None:
    for scenario in cast:
        await asyncio.sleep(rng.expovariate(CALLERS / ARRIVE_WITHIN_S))
        carrier.place(scenario.caller)


async def _all_rows(data: Path, sids: set[str], timeout_s: float = 60.0) -> dict[str, LedgerCall]:
    ledger = Ledger(sqlite_url(data), SystemClock())
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                rows = {row.sid: row for row in await ledger.find(limit=1_000)}
                if sids <= set(rows):
                    return rows
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise AssertionError(f"no ledger row of {sids - set(rows)}") from None
    finally:
        await ledger.close()


async def _outbox_empty(dialler: SimulatedDialler, rows: dict[str, LedgerCall], timeout_s: float = 40.0) -> None:
    """Wait until every callback owed has reached the dialler."""
    owed = {row.from_number for row in rows.values() if row.outcome != "bridged"}
    await wait_until(lambda: len(dialler.standing()) >= len(owed), timeout_s, 0.2)


def _kill_engine(data: Path) -> None:
    os.kill(int((data / "engine" / "valkey.pid").read_text()), signal.SIGKILL)


def _environ(folder: Path, base: str, servers: list[Any]) -> dict[str, str]:
    lmal, contactability, dialler, carrier = servers
    whole = {
        **plan(auction={"deadline_s": 8, "policy": "expected_value"}, bridge={"early_hangup_s": 1}),
        "buyers": BUYERS,
    }
    return {**service_environ(folder, whole, carrier, lmal, contactability, dialler), "CALLROUTER_PUBLIC_URL": base}
