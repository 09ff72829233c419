"""A day at the office in some seconds: calls of every kind, for operations' screens to show."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from callrouter.callbacks.outbox import JobState
from callrouter.simulator.carrier import HangUp, PhoneScript
from tests.browser.stage import FIRST, MIN_TALK_S, OPS_TOKEN, SECOND, brief, by_caller, caller_on_line, staged
from tests.support.world import BUYERS, World, offers, refuses
from tests.transfers.agents import Anna, until_so

BRIDGED, UNSOLD, LEFT, TRANSFERRED, FAILED, LIVE = (f"+151255501{n}" for n in (31, 32, 33, 34, 35, 36))
WHOLE = "+16505550103"
MANY = [f"+15125550{n}" for n in range(140, 151)]
UNREACHABLE = {
    **BUYERS["letsmakealead"],
    "url": "http://127.0.0.1:9/ping",
    "credentials": {"partnerid": "P2", "key": "acme-key-of-tests"},
}
CAPPED = {
    **BUYERS["contactability"],
    "guards": {"caps": [{"of": "connects", "per": "day", "most": 30}], "concurrency": 20},
}


@dataclass(frozen=True)
class Past:
    """What has happened, and one caller who is on the line still."""

    world: World
    bridged: str
    """After a buyer that did not answer."""
    unsold: str
    left: str
    transfer: str
    live: str


@asynccontextmanager
async def lived(engine_socket: Path, folder: Path) -> AsyncIterator[Past]:
    """A world in which some callers have called."""
    # Nothing in it is shared: dialplans have no aliases.
    dialplan = json.loads(json.dumps(brief({**BUYERS, "contactability": CAPPED, "acme": UNREACHABLE})))
    async with staged(engine_socket, folder, dialplan) as world:
        nobody = {number: refuses() for number in (UNSOLD, FAILED, *MANY[3:])}
        world.lmal.answer = by_caller({**nobody, LEFT: refuses(latency_s=6)}, offers("40.00", FIRST, 0.2, MIN_TALK_S))
        world.contactability.answer = by_caller(
            {**nobody, LEFT: refuses(latency_s=6), LIVE: offers("45.00", WHOLE, 1.0, MIN_TALK_S)},
            offers("30.00", SECOND, 0.6, MIN_TALK_S),
        )
        world.carrier.phone(FIRST, PhoneScript(ring_s=1.5, result="no_answer"))
        world.carrier.phone(SECOND, PhoneScript(ring_s=1.0, talk_s=MIN_TALK_S + 1.0))
        world.carrier.phone(WHOLE, PhoneScript(ring_s=1.0, talk_s=3_600.0))
        await _tell(world, BRIDGED)
        world.dialler.fail_next.append("unknown_type")
        failed = world.place(from_=FAILED)
        await failed.wait_ended()
        await _dead(world)
        bridged, unsold = world.place(from_=BRIDGED), world.place(from_=UNSOLD)
        left = world.place(from_=LEFT, hang_up=HangUp("on_hold", 0.7))
        # They answer one after the other: buyers take only so many requests a second.
        others = [world.place(from_=number, key_delay_s=2.0 + n / 3) for n, number in enumerate(MANY)]
        transfer = await _transfer(world)
        for call in (bridged, unsold, left, *others):
            await call.wait_ended()
        await world.settled(20)
        live = world.place(from_=LIVE)
        yield Past(world, bridged.sid, unsold.sid, left.sid, transfer, live.sid)


async def _tell(world: World, phone: str) -> None:
    """What a web form tells of a person before they call."""
    body = {"zip": "78701", "first_name": "Carla", "last_name": "Rivers", "city": "Austin", "consent": True,
            "fields": {"vehicle_year": "2019"}}  # fmt: skip
    headers = {"Authorization": f"Bearer {OPS_TOKEN}"}
    async with (
        aiohttp.ClientSession() as session,
        session.put(f"{world.base_url}/api/v1/callers/{phone}", json=body, headers=headers) as response,
    ):
        assert response.status < 300, await response.text()


async def _dead(world: World) -> None:
    outbox = world.app.instance.outbox

    async def dead() -> bool:
        return bool(await outbox.list(JobState.DEAD, 1))

    await until_so(dead, 20)


async def _transfer(world: World) -> str:
    """A warm transfer, from the offer to its end."""
    async with aiohttp.ClientSession() as session:
        anna = Anna(world, session, "agent-token-of-the-console")
        caller = caller_on_line(world, TRANSFERRED)
        await anna.opens(TRANSFERRED)
        await anna.does("bridge", {"caller_call_sid": caller.sid})
        await anna.waits_for("talking", timeout_s=30)
        await anna.does("complete")
        await anna.until(MIN_TALK_S)
        caller.hang_up()
        await anna.ends(20)
        return anna.id
