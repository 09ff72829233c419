"""Guarded buyers with real callers on two instances: counted at the buyer's door, and told in each call's record."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from callrouter.simulator.carrier import HangUp, PhoneScript, SimulatedCall
from tests.support.waiting import wait_until
from tests.support.world import BUYERS, CALLER, World, in_world, offers, plan, refuses

FIRST, SECOND = "+12145550111", "+12145550112"
CALLERS = 12


def guarded(offer_ttl_s: float = 30, **guards: Any) -> dict[str, Any]:
    """A plan whose Let's Make A Lead has these guards; everybody else takes any caller."""
    lmal = {**BUYERS["letsmakealead"], "offer_ttl_s": offer_ttl_s, "guards": guards}
    return {**plan(intake={"zip": "caller_id"}), "buyers": {**BUYERS, "letsmakealead": lmal}}


async def callers(world: World, pause_s: float = 0.4, talk_s: float = 100, count: int = CALLERS) -> list[SimulatedCall]:
    """People call both instances in turn; the guarded buyer would pay the most."""
    world.lmal.answer, world.contactability.answer = offers("30", FIRST), offers("20", SECOND)
    world.carrier.default_phone = PhoneScript(ring_s=1, talk_s=talk_s)
    calls = []
    for n in range(count):
        world.use_instance(n % 2)
        calls.append(world.place(from_=f"+1512555{100 + n:04d}", from_zip="78701"))
        await asyncio.sleep(pause_s)
    await world.settled()
    return calls


async def reasons(world: World, calls: list[SimulatedCall]) -> Counter[str]:
    """What became of the guarded buyer in each call, as the record tells it."""
    return Counter([(await result_of(world, call))["reason"] for call in calls])


async def result_of(world: World, call: SimulatedCall, buyer: str = "letsmakealead") -> Mapping[str, Any]:
    record = await world.record(call)
    (found,) = [result for result in record["results"] if result["buyer"] == buyer]
    return dict(found)


def dials(calls: list[SimulatedCall], number: str) -> int:
    return sum(1 for call in calls for dial in call.dials if dial.number == number)


@in_world(guarded(caps=[{"of": "attempts", "per": "day", "most": 3}]), instances=2)
async def test_no_more_callers_than_the_cap_on_attempts_are_dialled(world: World) -> None:
    calls = await callers(world)
    assert dials(calls, FIRST) == 3
    assert dials(calls, SECOND) == CALLERS - 3
    assert await reasons(world, calls) == {"offer": 3, "not_called_cap_attempts": CALLERS - 3}
    assert len(world.lmal.requests) == 3, "who cannot have the call is not asked"


@in_world(guarded(caps=[{"of": "qualified", "per": "month", "most": 2}]), instances=2)
async def test_callers_whose_talk_was_too_short_leave_the_cap_on_qualified_ones_open(world: World) -> None:
    short = await callers(world, pause_s=25, talk_s=10, count=4)
    assert dials(short, FIRST) == 4
    long = await callers(world, talk_s=100, count=5)
    assert dials(long, FIRST) == 2
    assert await reasons(world, long) == {"offer": 2, "not_called_cap_qualified": 3}
    assert dials(await callers(world, count=2), FIRST) == 0, "it is full now"


@in_world(guarded(caps=[{"of": "dollars", "per": "ever", "most": 75}]), instances=2)
async def test_no_more_dollars_are_spent_than_the_cap_has(world: World) -> None:
    calls = await callers(world)
    assert dials(calls, FIRST) == 2, "of thirty each; a third would pass it"
    found = await reasons(world, calls)
    assert found["offer"] == 2
    assert found["rejected_over_cap"] == CALLERS - 2
    records = [await world.record(call) for call in calls]
    assert sum(float(record["payout"]) for record in records if record["buyer"] == "letsmakealead") == 60
    assert all(call.bridged for call in calls), "whom it cannot pay for another buyer takes"


@in_world(guarded(concurrency=2), instances=2)
async def test_no_more_callers_at_once_than_the_buyer_takes_and_later_ones_again(world: World) -> None:
    calls = await callers(world, pause_s=20)
    talks = [(dial.started_at, call.ended_at) for call in calls for dial in call.dials if dial.number == FIRST]
    at_once = max(sum(1 for begin, end in talks if begin <= at and (end or at) > at) for at, _ in talks)
    assert at_once == 2
    assert 2 < len(talks) < CALLERS
    assert await reasons(world, calls) == {"offer": len(talks), "not_called_concurrency": CALLERS - len(talks)}


@in_world(guarded(spacing_s=30), instances=2)
async def test_asks_are_spaced(world: World) -> None:
    calls = await callers(world, pause_s=12)
    times = sorted(request.at for request in world.lmal.requests)
    assert min(later - at for at, later in itertools.pairwise(times)) >= 29.5
    assert len(times) == 4
    assert (await reasons(world, calls))["not_called_spacing"] == CALLERS - 4


@in_world(guarded(duplicates={"within_s": 400}), instances=2)
async def test_a_person_who_had_the_buyer_lately_is_offered_to_others(world: World) -> None:
    world.lmal.answer, world.contactability.answer = offers("30", FIRST), offers("20", SECOND)
    calls = []
    for pause_s in (10, 450, 0):
        calls.append(await world.call(from_=CALLER, from_zip="78701"))
        await asyncio.sleep(pause_s)
    assert [call.dials[0].number for call in calls] == [FIRST, SECOND, FIRST]
    assert await reasons(world, calls) == {"offer": 2, "not_called_duplicate": 1}


@in_world(guarded(concurrency=1))
async def test_a_dial_that_fails_and_an_offer_that_is_not_taken_free_their_seats(world: World) -> None:
    world.carrier.default_phone = PhoneScript(ring_s=1, talk_s=100)
    world.carrier.phone(FIRST, PhoneScript(ring_s=1, result="busy"))
    world.lmal.answer, world.contactability.answer = offers("30", FIRST), offers("20", SECOND)
    busy = world.place(from_zip="78701")
    await asyncio.sleep(30)  # it talks to the other buyer by now
    assert busy.live
    world.lmal.answer = offers("10", FIRST)
    beaten = world.place(from_="+15125550177", from_zip="78701")
    await beaten.wait_ended()
    await world.settled()
    assert [dial.number for dial in beaten.dials] == [SECOND]
    third = await world.call(from_="+15125550178", from_zip="78701")
    assert await reasons(world, [busy, beaten, third]) == {"offer": 3}


@in_world(guarded(concurrency=1, caps=[{"of": "connects", "per": "day", "most": 1}]))
async def test_a_buyer_that_refuses_or_is_cut_off_frees_its_seat(world: World) -> None:
    world.contactability.answer = offers("20", SECOND)
    for latency_s in (0.3, 60.0):
        world.lmal.answer = offers("1", FIRST, latency_s)  # below the floor, then too late
        call = await world.call(from_zip="78701")
        assert [dial.number for dial in call.dials] == [SECOND]
        assert await seats(world) == [0, 0, 0]


async def seats(world: World) -> list[int]:
    """How many calls have a seat at the guarded buyer: asked, dialled, talking."""
    engine, keys = world.app.instance.engine, world.app.instance.store.keys
    parts = ("asked", "dialled", "talking")
    return [await engine.sorted_count(keys.seats("auto", "letsmakealead", part)) for part in parts]


@in_world(guarded(caps=[{"of": "dollars", "per": "day", "most": 30}]), instances=2)
async def test_an_offer_to_a_caller_who_left_at_another_instance_leaves_no_seat(world: World) -> None:
    world.lmal.answer, world.contactability.answer = offers("30", FIRST, latency_s=6), refuses()
    call = world.place(from_zip="78701", hang_up=HangUp("on_hold", 0.1))
    await wait_until(lambda: world.lmal.requests, 30)
    world.use_instance(1)
    await call.wait_ended()
    await world.settled()
    await asyncio.sleep(12)
    assert await seats(world) == [0, 0, 0]


@in_world(guarded(concurrency=1, offer_ttl_s=3))
async def test_an_offer_that_lapsed_before_the_close_leaves_no_seat(world: World) -> None:
    world.lmal.answer, world.contactability.answer = offers("30", FIRST), offers("20", SECOND, latency_s=8)
    call = world.place(from_zip="78701")
    await wait_until(lambda: call.dials, 30)
    await asyncio.sleep(0.5)
    assert await seats(world) == [0, 0, 0]
    await call.wait_ended()
    await world.settled()


CLOSED = {"hours": {"sun": ["09:00-10:00"]}}


@pytest.mark.parametrize(
    ("guards", "reason", "detail"),
    [
        (CLOSED, "not_called_hours", "closed today"),
        ({"not_states": ["TX"]}, "not_called_state", "TX is in not_states"),
        ({"zips": ["100"]}, "not_called_zip", "the zip is not in zips"),
        ({"floor": 31}, "rejected_below_floor", "30 is below 31"),
    ],
)
def test_what_needs_only_the_call_is_told_in_its_record(
    guards: dict[str, Any], reason: str, detail: str, engine_socket: Any, tmp_path: Any
) -> None:
    @in_world(guarded(**guards))
    async def told(world: World) -> None:
        world.lmal.answer, world.contactability.answer = offers("30", FIRST), offers("20", SECOND)
        result = await result_of(world, await world.call(from_zip="78701"))
        assert (result["reason"], result["detail"].replace(".00", "")) == (reason, detail)

    told(engine_socket, tmp_path)
