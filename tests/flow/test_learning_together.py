"""Two instances learn of the same calls: both end with the beliefs of one that saw all, and each event counts once.

Webhooks go to either instance, a call's own to both in turn. What was to be learned is counted outside: at the carrier,
whose dials and talks they were, and at the buyers, who were asked.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

from callrouter.beliefs.beliefs import Beliefs
from callrouter.beliefs.document import dumped
from callrouter.beliefs.lessons import Held, Lesson, Rang, Replied, TalkBegan, TalkEnded, read
from callrouter.learning.folding import fold
from callrouter.learning.log import Entry, LessonLog
from callrouter.simulator.carrier import SimulatedCall
from callrouter.simulator.carrier.records import DialRecord
from callrouter.simulator.scenarios import Cast, Scenario, scenarios
from tests.flow.test_engine_trouble import cut_off
from tests.support.virtual_time import VirtualClock, run_virtual
from tests.support.waiting import wait_until
from tests.support.world import BUYERS, INBOUND, TWO_STEPS, World, in_world, offers, plan

CALLS = 30
EVERY_S = 9.0
"""From one caller to the next: several are on the line at a time."""
TURN_S = 2.3
"""For so long all webhooks go to one of the instances."""
WHOLE_S = 1.5
"""The carrier tells of whole seconds."""
CONTACTABILITY, LMAL = "contactability", "letsmakealead"
DAYS = {
    "a calm day": (1, BUYERS, False),
    "a buyer in two steps, reports twice and in any order": (2, TWO_STEPS, True),
}
Of = TypeVar("Of", bound=Lesson)


@pytest.mark.parametrize("day", DAYS)
def test_two_instances_end_with_the_beliefs_of_one_that_saw_all(day: str, engine_socket: Path, tmp_path: Path) -> None:
    seed, buyers, disorder = DAYS[day]
    dialplan = {**plan(auction={"policy": "expected_value"}), "buyers": buyers}

    async def whole(clock: VirtualClock) -> None:
        async with World(clock, engine_socket, tmp_path, seed, dialplan, instances=2) as world:
            world.carrier.faults.duplicate_webhooks = world.carrier.faults.reorder_status = disorder
            cast = scenarios(seed, CALLS, number=INBOUND)
            calls = await played(world, cast)
            entries = await log_of(world)
            await the_same_beliefs(world, entries)
            seen = Seen([lesson for entry in entries if (lesson := read(entry.document or {})) is not None])
            assert len(seen.lessons) == len(entries)
            await pings_count_once(world, calls, seen)
            dials_and_talks_count_once(calls, cast, seen)
            await callers_count_once(world, calls, seen)

    run_virtual(whole)


@in_world()
async def test_what_buyers_say_while_the_engine_is_out_is_learned_when_it_is_back(world: World) -> None:
    world.lmal.answer, world.contactability.answer = offers("20", "+12145550112"), offers("30", "+12145550111")
    call = world.place()
    await wait_until(lambda: world.lmal.requests and world.contactability.requests, 30)
    async with cut_off(world.app.instance):
        await wait_until(lambda: call.dials, 30)
    await call.wait_ended()
    await world.settled()
    lessons = [read(entry.document or {}) for entry in await log_of(world)]
    told = {lesson.buyer: lesson.payout for lesson in lessons if isinstance(lesson, Replied)}
    assert told == {LMAL: 20.0, CONTACTABILITY: 30.0}
    assert len(lessons) == 7, "two answers, the hold, the ring twice, and the talk twice"


async def played(world: World, cast: Sequence[Scenario]) -> list[SimulatedCall]:
    """All of them call, some while others are on the line."""
    parts = Cast(cast)
    world.lmal.answer, world.contactability.answer = parts.lmal, parts.contactability
    parts.set_phones(world.carrier)
    turns = asyncio.create_task(_in_turn(world))
    calls = []
    for scenario in cast:
        calls.append(world.carrier.place(scenario.caller))
        await asyncio.sleep(EVERY_S)
    for call in calls:
        await call.wait_ended()
    await world.settled()
    turns.cancel()
    return calls


async def _in_turn(world: World) -> None:
    while True:
        for number in range(world.instances):
            world.use_instance(number)
            await asyncio.sleep(TURN_S)


async def log_of(world: World) -> Sequence[Entry]:
    return (await LessonLog(world.app.instance.engine).after(0, 100_000)).entries


async def the_same_beliefs(world: World, entries: Sequence[Entry]) -> None:
    followers = [served.app.instance.follower for served in world.served]
    for follower in followers:
        await follower.caught_up()
    alone = Beliefs()
    fold(alone, entries)
    first, second = (dumped(follower.beliefs) for follower in followers)
    assert first == second == dumped(alone)
    assert [entry.number for entry in entries] == list(range(entries[0].number, alone.version + 1)), "no gap"
    assert alone.talking == {}
    assert alone.buyers.keys() == {CONTACTABILITY, LMAL}


class Seen:
    """The lessons, by kind."""

    def __init__(self, lessons: Sequence[Lesson]) -> None:
        self.lessons = lessons

    def of(self, kind: type[Of]) -> list[Of]:
        return [lesson for lesson in self.lessons if isinstance(lesson, kind)]


async def pings_count_once(world: World, calls: Iterable[SimulatedCall], seen: Seen) -> None:
    """As often as buyers were asked, and ended as the calls' records say."""
    replied = seen.of(Replied)
    asked = {
        CONTACTABILITY: len(world.contactability.requests),
        LMAL: len(world.lmal.requests) - len(world.lmal.commits),
    }
    assert Counter(lesson.buyer for lesson in replied) == asked
    results = [result for call in calls for result in (await world.record(call))["results"]]
    told = Counter((result["buyer"], _how(result)) for result in results if result["asked_at"] is not None)
    assert Counter((lesson.buyer, lesson.ended) for lesson in replied) == told
    assert {how for _, how in told} >= {"offer", "no", "cut"}


def _how(result: dict[str, Any]) -> str:
    known = {"offer": "offer", "no_offer_caller_gone": "cut", "error_timeout": "silent"}
    return known.get(result["reason"], "no")


def dials_and_talks_count_once(calls: Iterable[SimulatedCall], cast: Iterable[Scenario], seen: Seen) -> None:
    """As the carrier saw them."""
    whose = {part.lmal.number: LMAL for part in cast} | {part.contactability.number: CONTACTABILITY for part in cast}
    dials = [(whose[dial.number], dial) for call in calls for dial in call.dials]
    over = Counter((buyer, dial.answered_at is not None) for buyer, dial in dials if not caller_left(dial))
    assert Counter((lesson.buyer, lesson.answered) for lesson in seen.of(Rang)) == over
    talks = [(buyer, dial) for buyer, dial in dials if dial.answered_at is not None]
    ended, began = seen.of(TalkEnded), seen.of(TalkBegan)
    told = sorted((lesson.buyer, lesson.seconds) for lesson in ended)
    lasted = sorted((buyer, dial.talk_s) for buyer, dial in talks)
    assert [buyer for buyer, _ in told] == [buyer for buyer, _ in lasted]
    assert all(abs(s - t) < WHOLE_S for (_, s), (_, t) in zip(told, lasted, strict=True)), (told, lasted)
    assert len({lesson.talk for lesson in ended}) == len(ended) == len(talks) > CALLS / 2
    assert {lesson.talk for lesson in began} <= {lesson.talk for lesson in ended}
    assert len({lesson.talk for lesson in began}) == len(began) > 0
    assert not any(lesson.cut for lesson in ended)


def caller_left(dial: DialRecord) -> bool:
    """Whether the caller left while it rang."""
    return dial.result == "canceled"


async def callers_count_once(world: World, calls: Sequence[SimulatedCall], seen: Seen) -> None:
    """Each rings as often as a dial did; who left in the hold or the ring has left once, and only those."""
    held = seen.of(Held)
    assert sum(lesson.hearing == "ring" for lesson in held) == sum(len(call.dials) for call in calls)
    records = [await world.record(call) for call in calls]
    left = [record for record in records if record["outcome"] == "abandoned" and record["results"]]
    assert sum(lesson.left for lesson in held) == len(left) > 0
    on_line = sum((call.ended_at or 0.0) - call.started_at for call in calls)
    assert sum(lesson.seconds for lesson in held) < on_line
