"""Situations as an operator meets them, lived through in a world of two instances: which alerts speak, and when."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio

from callrouter.simulator.carrier import PhoneScript
from callrouter.simulator.partners import Answer
from tests.grafana.recording import recorded
from tests.support.prometheus import program
from tests.support.virtual_time import EPOCH, VirtualClock, run_virtual
from tests.support.world import BUYERS, World, offers, plan, refuses

pytestmark = pytest.mark.stack

GOOD, OTHER = "+16505550101", "+16505550102"
THREE_IN_THE_MORNING = EPOCH + 14 * 3_600 + 20 * 60
"""In Texas."""
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Situation = Callable[[World], Awaitable[None]]
Raised = Mapping[str, set[int]]


def lived(
    engine_socket: Path,
    folder: Path,
    situation: Situation,
    dialplan: Mapping[str, Any] | None = None,
    at: float = EPOCH,
) -> Raised:
    """The alerts that spoke in this situation, by name, with the minutes in which they did."""
    program("promtool")

    async def whole(clock: VirtualClock) -> Raised:
        async with World(clock, engine_socket, folder, dialplan=dialplan or plan(), instances=2) as world:
            world.lmal.answer = offers("30.00", GOOD)
            world.contactability.answer = refuses()
            world.carrier.phone(GOOD, PhoneScript(ring_s=2, talk_s=100))
            async with recorded(world, folder) as recording:
                await situation(world)
            return recording.raised()

    return run_virtual(whole, at)


def by_day() -> dict[str, Any]:
    """The guards of a buyer that is open by day; new ones each time, for aliases in YAML are not read."""
    return {"time_zone": "America/Chicago", "hours": {day: ["09:00-17:00"] for day in DAYS}}


async def callers(world: World, minutes: int, every_s: float) -> None:
    """One after the other, to each instance in turn."""
    for no in range(int(minutes * 60 / every_s)):
        world.use_instance(no % len(world.served))
        world.place(from_=f"+1512555{no:04}")
        await asyncio.sleep(every_s)
    await world.settled()


@pytest.mark.parametrize("nobody", ["wants them", "stays"])
def test_nobody_can_be_bridged_is_told_within_seven_minutes(engine_socket: Path, tmp_path: Path, nobody: str) -> None:
    async def situation(world: World) -> None:
        if nobody == "wants them":
            world.lmal.answer = refuses()
        world.carrier.phone(GOOD, PhoneScript(ring_s=1, talk_s=1))
        await callers(world, 8, 40)

    assert 7 in lived(engine_socket, tmp_path, situation)["NobodyCanBeBridged"]


@pytest.mark.parametrize("closed", ["all", "one"])
def test_nobody_is_called_out_of_bed_while_every_buyer_is_closed(
    engine_socket: Path, tmp_path: Path, closed: str
) -> None:
    buyers = {name: {**entry, "guards": by_day()} for name, entry in BUYERS.items()}
    if closed == "one":
        buyers["contactability"] = dict(BUYERS["contactability"])

    async def situation(world: World) -> None:
        await callers(world, 8, 50)

    raised = lived(engine_socket, tmp_path, situation, plan(buyers=buyers), THREE_IN_THE_MORNING)
    assert ("NobodyCanBeBridged" in raised) is (closed == "one")


def test_a_silent_buyer_is_told_and_stays_told_when_its_breaker_has_opened(engine_socket: Path, tmp_path: Path) -> None:
    async def situation(world: World) -> None:
        world.contactability.answer = lambda params: Answer(latency_s=0.1, fault="5xx")
        await callers(world, 14, 30)

    raised = lived(engine_socket, tmp_path, situation)
    assert raised["BuyerSilent"] >= set(range(6, 14))
    assert raised["BuyerBreakerOpen"] >= set(range(12, 14))
    assert set(raised) == {"BuyerSilent", "BuyerBreakerOpen"}


def test_a_buyer_whose_phone_is_no_longer_picked_up_is_told_within_a_dozen_dials(
    engine_socket: Path, tmp_path: Path
) -> None:
    async def situation(world: World) -> None:
        await callers(world, 4, 20)
        world.carrier.phone(GOOD, PhoneScript(ring_s=2, result="no_answer", talk_s=0))
        await callers(world, 4, 20)

    raised = lived(engine_socket, tmp_path, situation)
    assert raised["BuyerDisappoints"] <= set(range(6, 12))


def test_a_callback_that_the_dialler_does_not_take_is_told_until_it_does(engine_socket: Path, tmp_path: Path) -> None:
    async def situation(world: World) -> None:
        world.lmal.answer = refuses()
        await world.dialler.refuse()
        await world.call()
        await asyncio.sleep(14 * 60)
        await world.dialler.accept()
        await world.delivered(3_600)
        await asyncio.sleep(60)

    raised = lived(engine_socket, tmp_path, situation)
    assert set(raised) == {"CallbacksLate"}
    told = raised["CallbacksLate"]
    assert min(told) in (11, 12)
    assert told == set(range(min(told), max(told) + 1))


@pytest.mark.parametrize(("out_s", "told"), [(4, False), (200, True)])
def test_an_engine_that_fails_over_is_no_page_and_one_that_stays_away_is(
    engine_socket: Path, tmp_path: Path, out_s: int, told: bool
) -> None:
    address = tmp_path / "engine.sock"
    address.symlink_to(engine_socket)

    async def situation(world: World) -> None:
        operator = redis.asyncio.Redis.from_url(f"unix://{engine_socket}")
        await asyncio.sleep(60)
        address.unlink()
        await operator.client_kill_filter(_type="normal", skipme=True)
        await asyncio.sleep(out_s)
        address.symlink_to(engine_socket)
        await operator.aclose()
        await asyncio.sleep(240)

    raised = lived(address, tmp_path, situation)
    assert raised.keys() == ({"EngineErrors"} if told else set())
    assert not told or min(raised["EngineErrors"]) <= 4


def test_a_quarter_of_an_hour_with_few_good_calls_is_silent(engine_socket: Path, tmp_path: Path) -> None:
    async def situation(world: World) -> None:
        await callers(world, 15, 150)

    assert lived(engine_socket, tmp_path, situation) == {}
