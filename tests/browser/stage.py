"""The whole product on the real clock, with people who are quick: what a browser of these tests looks at."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from callrouter.domain.clock import SystemClock
from callrouter.simulator.carrier import CarrierTimings, PhoneScript, SimulatedCall
from callrouter.simulator.partners.answers import Decide
from tests.support.waiting import wait_until
from tests.support.world import BUYERS, World, offers, plan

AGENT_TOKEN = "agent-token-of-the-console"
OPS_TOKEN = "ops-token-of-the-console"
TOKENS = f"agent:anna:{AGENT_TOKEN},ops:olga:{OPS_TOKEN}"
FIRST, SECOND = "+16505550101", "+16505550102"
ANNAS_PHONE = "+15125550177"
OFFER_S = 20.0
"""An offer is asked for anew one second before there is just time enough left to ring its buyer, which is 12 s."""
MIN_TALK_S = 5
QUICK = CarrierTimings(
    webhook_one_way_s=(0.005, 0.01),
    rest_latency_s=(0.02, 0.04),
    apply_s=0.01,
    say_s_per_char=0.002,
    post_dial_s=0.05,
    creates_per_s=20,
)


def brief(
    buyers: Mapping[str, Any] = BUYERS, offer_s: float = OFFER_S, **sections: Mapping[str, Any]
) -> dict[str, Any]:
    """The tests' dialplan, with windows and talk times of seconds."""
    return plan(
        buyers={name: {**entry, "offer_ttl_s": offer_s} for name, entry in buyers.items()},
        bridge={"ring_s": 5, "early_hangup_s": 1},
        transfers={"renew_before_s": 1, **sections.pop("transfers", {})},
        **sections,
    )


@asynccontextmanager
async def staged(
    engine_socket: Path, folder: Path, dialplan: Mapping[str, Any] | None = None, **settings: str
) -> AsyncIterator[World]:
    """A world whose two buyers want every caller; the first pays more. Phones are picked up after a second."""
    world = World(SystemClock(), engine_socket, folder, dialplan=dialplan or brief(), timings=QUICK)
    world.further_settings = {"CALLROUTER_API_TOKENS": TOKENS, **settings}
    async with world:
        world.lmal.answer = offers("40.00", FIRST, 0.2, MIN_TALK_S)
        world.contactability.answer = offers("30.00", SECOND, 0.3, MIN_TALK_S)
        for number in (FIRST, SECOND, ANNAS_PHONE):
            world.carrier.phone(number, PhoneScript(ring_s=1.0, talk_s=3_600.0))
        yield world
        await leave(world)


async def leave(world: World) -> None:
    """Everybody who is still on a line hangs up, and every call is told to the end."""
    for call in (*world.carrier.calls, *world.carrier.standing):
        if call.live:
            call.hang_up()
    for leg in world.carrier.outbound:
        if leg.live:
            leg.hang_up()
    await wait_until(lambda: world.carrier.idle, timeout_s=20)
    await world.settled(20)


def caller_on_line(world: World, phone: str) -> SimulatedCall:
    """A caller who is on our carrier already, with somebody else's document."""
    return world.carrier.standing_call(phone, "+18885550199", '<Response><Pause length="600"/><Hangup/></Response>')


def slow_from_second(quick: Decide, slow: Decide) -> Decide:
    """A buyer that takes its time when it is asked again."""
    asked = 0

    def decide(params: Mapping[str, str]) -> Any:
        nonlocal asked
        asked += 1
        return (quick if asked == 1 else slow)(params)

    return decide


def by_caller(told: Mapping[str, Decide], others: Decide) -> Decide:
    """A buyer whose answer depends on the caller's number."""

    def decide(params: Mapping[str, str]) -> Any:
        text = " ".join(params.values())
        return next((each for number, each in told.items() if number.removeprefix("+1") in text), others)(params)

    return decide
