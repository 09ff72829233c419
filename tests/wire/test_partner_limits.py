"""What a rate-limited partner receives from two instances under a burst of calls, counted at its own door."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from aiohttp import web

from callrouter.dialplan import Plan
from tests.auctions.scenes import Held, Scene, plan
from tests.support.engine import fresh_keys
from tests.support.virtual_time import VirtualClock, virtual
from tests.wire.partner import partner
from tests.wire.setting import setting


def _most_in_a_second(times: list[float]) -> int:
    return max(sum(1 for other in times if at <= other < at + 1) for at in times)


@virtual
async def test_a_burst_of_sixty_calls_from_two_instances_stays_within_the_partners_limits(
    clock: VirtualClock, engine_socket: Path
) -> None:
    arrived: list[float] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/limited":
            await asyncio.sleep(0.02)
            arrived.append(clock.monotonic())
            await asyncio.sleep(4)
            return web.json_response({"payout": "30", "number": "8885550143", "duration": 90})
        return web.json_response({"status": "accepted", "price": "20", "PhoneNumber": "8885550142", "duration": 90})

    async with AsyncExitStack() as stack:
        keys = fresh_keys()
        instances = [await stack.enter_async_context(setting(clock, engine_socket, keys=keys)) for _ in range(2)]
        there = await stack.enter_async_context(partner(answer))
        both = _with_limited(plan(there.origin, {"open": {}}), there.origin)

        async def call(number: int) -> tuple[Held, float]:
            await asyncio.sleep(number * 0.05)
            started = clock.monotonic()
            closed = await Scene(instances[number % 2], there, both).hold(clock, 10)
            return closed, clock.monotonic() - started

        calls = await asyncio.gather(*(call(number) for number in range(60)))
    assert _most_in_a_second(arrived) <= 5
    labels = [next(r.label for r in closed.results if r.buyer == "limited") for closed, _ in calls]
    assert labels.count("offer") == len(arrived) >= 10
    assert labels.count("not_called_rate_limited") == 60 - len(arrived)
    assert all(closed.offers for closed, _ in calls), "the other buyer is there for everyone"
    refused = [elapsed for (_, elapsed), label in zip(calls, labels, strict=True) if label != "offer"]
    assert max(refused) < 0.3, "a caller is not delayed by a buyer that was not asked"


def _with_limited(plain: Plan, origin: str) -> Plan:
    doc = plain.model_dump(by_alias=True)
    for entry in doc["buyers"].values():
        entry["credentials"] = dict.fromkeys(entry["credentials"], "K")
    doc["buyers"]["limited"] = {
        "adapter": "contactability",
        "mode": "calls_ping",
        "url": f"{origin}/limited",
        "credentials": {"token": "T"},
        "params": {"lead_type": "auto"},
    }
    return Plan.model_validate(doc)
