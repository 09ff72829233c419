"""An engine that hangs, in real time: it is seen while it hangs, and callers' silence is told."""

import asyncio
from pathlib import Path

import aiohttp
import pytest
import redis.asyncio

from callrouter.domain.clock import SystemClock
from callrouter.simulator.carrier import PhoneScript
from tests.browser.stage import QUICK
from tests.grafana.recording import EVERY_S, recorded
from tests.support.prometheus import program
from tests.support.world import World, offers, plan, refuses

pytestmark = [pytest.mark.stack, pytest.mark.real_time]

HANGS_S = 5.0
SCRAPE_TIMEOUT_S = 4.0
"""That of the shipped prometheus.yml."""
FASTER = 30
"""A second of this test is half a minute of Prometheus."""


async def test_two_prometheuses_see_an_instance_whose_engine_hangs(engine_socket: Path, tmp_path: Path) -> None:
    async with World(SystemClock(), engine_socket, tmp_path, dialplan=plan()) as world:
        operator = redis.asyncio.Redis.from_url(f"unix://{engine_socket}")
        await operator.client_pause(int(HANGS_S * 1000), all=True)
        timeout = aiohttp.ClientTimeout(total=SCRAPE_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:

            async def scrape() -> str:
                async with session.get(f"{world.base_url}/metrics") as response:
                    return await response.text()

            pages = await asyncio.gather(scrape(), scrape(), scrape())
        assert all("callrouter_engine_errors_total" in page for page in pages)
        await asyncio.wait_for(operator.ping(), HANGS_S + 5)
        await operator.aclose()


async def test_webhooks_that_a_hanging_engine_holds_up_are_told(engine_socket: Path, tmp_path: Path) -> None:
    program("promtool")
    async with World(SystemClock(), engine_socket, tmp_path, dialplan=plan(), timings=QUICK) as world:
        world.lmal.answer, world.contactability.answer = offers("30.00", "+16505550101"), refuses()
        world.carrier.phone("+16505550101", PhoneScript(ring_s=0.5, talk_s=2.0))
        operator = redis.asyncio.Redis.from_url(f"unix://{engine_socket}")
        async with recorded(world, tmp_path, EVERY_S / FASTER) as recording:
            await operator.client_pause(int(HANGS_S * 1000), all=True)
            for no in range(30):
                world.place(from_=f"+1512555{no:04}")
                await asyncio.sleep(HANGS_S / 30)
            await asyncio.wait_for(operator.ping(), HANGS_S + 5)
            await asyncio.sleep(7 * 60 / FASTER)
        await operator.aclose()
        assert "WebhookBudgetNearlySpent" in recording.raised()
        await world.settled(20)
