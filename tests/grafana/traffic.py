"""An afternoon in twenty seconds: callers, agents and an engine that is away, so that every series has moved."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import redis.asyncio

from callrouter.domain.clock import Clock
from callrouter.simulator.carrier import PhoneScript
from callrouter.simulator.partners import Answer
from tests.browser.stage import QUICK, by_caller
from tests.support.waiting import wait_until
from tests.support.world import LEADS, OPS_TOKEN, TWO_STEPS, World, offers, plan, refuses
from tests.transfers.agents import ANNAS_PHONE, TOKENS, Anna

TALKER, BRIEF, UNWANTED, SEEKER, PATIENT, PRIZED, HANDED, KEPT = (f"+1512555010{no}" for no in range(1, 9))
"""Callers: one who qualifies, one whose buyer hangs up just too early, one whom nobody wants, one whose first buyer
does not pick up until the other's offer has lapsed, one whose only buyer is slow, one for whom one buyer offers so
much that nobody waits for the other, and two whom an agent has."""
GOOD, SHORT, DEAF, OTHER = (f"+1650555010{no}" for no in range(1, 5))
"""Buyers' numbers: talks long enough, talks too short, is not picked up, and the second best."""
RING_S = 5
OUT_S = 2.6
"""How long the engine is away: longer than a command waits."""


class ShiftedClock:
    """The system's clock, moved so that it is noon: callbacks are due now, and not tomorrow morning."""

    def __init__(self, system: Clock) -> None:
        self._system = system
        noon = datetime.fromtimestamp(system.now(), UTC).replace(hour=17, minute=0).timestamp()
        self._ahead_s = noon - system.now()

    def now(self) -> float:
        return self._system.now() + self._ahead_s

    def monotonic(self) -> float:
        return self._system.monotonic()

    def engine_ms(self) -> int:
        return int(self.now() * 1000)

    @contextmanager
    def busy(self) -> Iterator[None]:
        yield


def dialplan() -> dict[str, Any]:
    """Windows of seconds; one buyer works in two steps, another buys leads, and callbacks are made at once."""
    buyers = {**LEADS, "letsmakealead": TWO_STEPS["letsmakealead"]}
    buyers["contactability"] = {**buyers["contactability"], "offer_ttl_s": 14}
    unsold = plan()["unsold"]
    return plan(
        auction={"policy": "expected_value"},
        buyers=buyers,
        bridge={"ring_s": RING_S, "early_hangup_s": 1},
        transfers={"renew_before_s": 1},
        unsold={"sell_lead": ["callconnectleads"], "callback": {**unsold["callback"], "delay_s": 0}},
    )


@asynccontextmanager
async def busy_world(clock: Clock, engine_socket: Path, folder: Path) -> AsyncIterator[World]:
    """A world in which all of this can happen."""
    world = World(clock, engine_socket, folder, dialplan=dialplan(), timings=QUICK)
    world.further_settings = {"CALLROUTER_API_TOKENS": TOKENS}
    async with world:
        told = {
            BRIEF: offers("90.00", SHORT, min_duration_s=8),
            UNWANTED: refuses(),
            SEEKER: offers("90.00", DEAF),
            PATIENT: offers("43.00", GOOD, 2.5, 2),
            PRIZED: offers("20.00", GOOD, 2.5, 2),
        }
        world.lmal.answer = by_caller(told, offers("40.00", GOOD, 0.2, 2))
        broken = Answer(latency_s=0.1, fault="5xx")
        told = {UNWANTED: lambda params: broken, PATIENT: refuses(), PRIZED: offers("90.00", OTHER, 0.3, 2)}
        # Later than the dearer offer, so that no race decides who is dialled first.
        told |= dict.fromkeys((SEEKER, BRIEF), offers("30.00", OTHER, 0.8, 2))
        world.contactability.answer = by_caller(told, offers("30.00", OTHER, 0.3, 2))
        for number in (GOOD, OTHER):
            world.carrier.phone(number, PhoneScript(ring_s=0.5, talk_s=3.5))
        world.carrier.phone(SHORT, PhoneScript(ring_s=0.5, talk_s=3.0))
        world.carrier.phone(DEAF, PhoneScript(ring_s=60, result="no_answer"))
        world.carrier.phone(ANNAS_PHONE, PhoneScript(ring_s=0.5, talk_s=3_600.0))
        yield world


async def everything_happens(world: World, engine_socket: Path) -> None:
    """Everybody calls, and all of it has ended."""
    async with aiohttp.ClientSession() as session:
        await _consents(world, session)
        await _forges(world, session)
        calls = [world.place(from_=phone) for phone in (TALKER, BRIEF, UNWANTED, SEEKER, PATIENT, PRIZED)]
        anna = Anna(world, session)
        await _hands_over(world, anna)
        await _keeps(world, anna)
        for call in calls:
            await call.wait_ended()
    await world.settled(40)
    await world.delivered(20)
    await _engine_is_away(world, engine_socket)


async def _consents(world: World, session: aiohttp.ClientSession) -> None:
    body = {"zip": "78701", "first_name": "Ann", "last_name": "Rivers", "email": "ann@example.com",
            "address": "1 Main St", "city": "Austin", "ip": "192.0.2.1", "consent": True}  # fmt: skip
    headers = {"Authorization": f"Bearer {OPS_TOKEN}"}
    url = f"{world.base_url}/api/v1/callers/{UNWANTED}"
    async with session.put(url, json=body, headers=headers) as response:
        assert response.status < 300, await response.text()


async def _forges(world: World, session: aiohttp.ClientSession) -> None:
    async with session.post(f"{world.base_url}/twilio/voice", data={"CallSid": "CA" + "0" * 32}) as response:
        assert response.status == 403


async def _hands_over(world: World, anna: Anna) -> None:
    caller = anna.caller_on_line(HANDED)
    await anna.opens(HANDED)
    await anna.does("bridge", {"caller_call_sid": caller.sid})
    await anna.waits_for("talking", timeout_s=20)
    await anna.does("complete")
    await anna.waits_for("ended", timeout_s=20)
    if caller.live:
        caller.hang_up()


async def _keeps(world: World, anna: Anna) -> None:
    await anna.opens(KEPT)
    await anna.cancels()
    await anna.waits_for("ended", timeout_s=20)


async def _engine_is_away(world: World, engine_socket: Path) -> None:
    def failed() -> float:
        families = world.app.instance.metrics.registry.collect()
        samples = (s for f in families if f.name == "callrouter_engine_errors" for s in f.samples)
        return sum(s.value for s in samples if s.name.endswith("_total"))

    operator = redis.asyncio.Redis.from_url(f"unix://{engine_socket}")
    try:
        await operator.client_pause(int(OUT_S * 1000), all=True)
        await wait_until(failed, timeout_s=10)
    finally:
        await asyncio.wait_for(operator.ping(), OUT_S + 5)
        await operator.aclose()
