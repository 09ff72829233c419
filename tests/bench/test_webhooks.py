"""What a webhook costs, as a ratio to the cheapest request that the same server answers in the same run.

Server, engine and client share this machine: the ratios are the figure, not the milliseconds.
Run by ``make bench``.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest

from callrouter.carrier.twilio.signature import signature_of
from callrouter.domain.clock import SystemClock
from tests.support.world import ACCOUNT_SID, AUTH_TOKEN, INBOUND, PUBLIC_URL, World, offers

CONCURRENT = 16
REQUESTS = 600
ROUNDS = 3

Request = Callable[[aiohttp.ClientSession, int], Awaitable[None]]


async def mean_ms(session: aiohttp.ClientSession, request: Request) -> float:
    """Milliseconds of wall time a request, ``CONCURRENT`` at a time."""
    numbers = iter(range(REQUESTS))

    async def worker() -> None:
        for number in numbers:
            await request(session, number)

    started = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(CONCURRENT)))
    return (time.perf_counter() - started) / REQUESTS * 1000


def signed(path: str, form: dict[str, str]) -> dict[str, str]:
    return {"X-Twilio-Signature": signature_of(f"{PUBLIC_URL}{path}", list(form.items()), AUTH_TOKEN)}


@pytest.mark.bench
@pytest.mark.timeout(300)
async def test_webhooks_against_the_floor(
    engine_socket: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The floor is ``GET /healthz``: HTTP and routing, nothing else."""
    async with World(SystemClock(), engine_socket, tmp_path) as world, aiohttp.ClientSession() as session:
        world.lmal.answer, world.contactability.answer = offers("20", "+12145550112"), offers("30", "+12145550111")
        base = world.served[0].url
        rounds: dict[str, list[float]] = {"floor": [], "voice": [], "zip not understood": [], "stray report": []}

        async def floor(session: aiohttp.ClientSession, number: int) -> None:
            async with session.get(f"{base}/healthz") as response:
                assert response.status == 200
                await response.read()

        async def post(session: aiohttp.ClientSession, path: str, form: dict[str, str]) -> None:
            async with session.post(f"{base}{path}", data=form, headers=signed(path, form)) as response:
                assert response.status in (200, 204)
                await response.read()

        def params(sid: str) -> dict[str, str]:
            known = {"CallSid": sid, "From": "+15125550123", "To": INBOUND, "AccountSid": ACCOUNT_SID}
            return {**known, "CallStatus": "in-progress", "Direction": "inbound", "FromCity": "", "FromZip": "78701"}

        for turn in range(ROUNDS):

            async def voice(session: aiohttp.ClientSession, number: int, turn: int = turn) -> None:
                await post(session, "/twilio/voice", params(f"CA{turn}-{number}"))

            async def wrong_zip(session: aiohttp.ClientSession, number: int, turn: int = turn) -> None:
                await post(session, "/twilio/zip/1", {**params(f"CA{turn}-{number}"), "Digits": "00000"})

            async def stray(session: aiohttp.ClientSession, number: int) -> None:
                await post(session, "/twilio/status", params(f"CAnobody-{number}"))

            rounds["floor"].append(await mean_ms(session, floor))
            rounds["voice"].append(await mean_ms(session, voice))
            rounds["zip not understood"].append(await mean_ms(session, wrong_zip))
            rounds["stray report"].append(await mean_ms(session, stray))
        lowest = statistics.median(rounds["floor"])
        with capsys.disabled():
            print(f"\n  {REQUESTS} requests, {CONCURRENT} at once, median of {ROUNDS} rounds")
            for name, times in rounds.items():
                middle = statistics.median(times)
                print(f"  {name:20} {middle:6.2f} ms a request   {middle / lowest:5.2f} x the floor")
