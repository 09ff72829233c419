"""Followers of one log believe the same, whatever they have seen of it."""

import asyncio
import json
import logging
from pathlib import Path

import pytest

from callrouter.beliefs.beliefs import Beliefs
from callrouter.beliefs.document import dumped
from callrouter.beliefs.lessons import Rang
from callrouter.domain.clock import SystemClock
from callrouter.learning.follower import READ, Follower
from callrouter.learning.log import LessonLog
from callrouter.ledger.database import sqlite_url
from callrouter.ledger.reads import Ledger
from callrouter.ledger.upgrade import upgrade
from tests.learning.given import Learning, MovedClock, learned_of, lessons
from tests.support.engine import open_engine
from tests.support.virtual_time import VirtualClock, virtual
from tests.support.waiting import wait_until


async def test_two_followers_believe_what_one_believes_that_has_seen_all(on_sqlite: Learning) -> None:
    early = await on_sqlite.following()
    for seed in range(1, 6):
        await on_sqlite.log.add(lessons(130, seed))
        await early.caught_up()
    late = await on_sqlite.following()
    assert dumped(early.beliefs) == dumped(late.beliefs) == learned_of(await on_sqlite.entries())
    assert (early.beliefs.version, early.behind) == ((await on_sqlite.log.after(0, 0)).count, 0)


async def test_a_late_follower_begins_with_the_checkpoint_and_believes_the_same(on_sqlite: Learning) -> None:
    early = await on_sqlite.following()
    await on_sqlite.log.add(lessons(400, 1))
    await on_sqlite.keep_all()
    await on_sqlite.log.add(lessons(70, 2))
    await early.caught_up()
    everything = await on_sqlite.archived() + (await on_sqlite.entries())[-70:]
    late = await on_sqlite.following()
    assert dumped(late.beliefs) == dumped(early.beliefs) == learned_of(everything)


async def test_a_follower_that_is_so_late_that_lessons_are_gone_takes_the_checkpoint(on_sqlite: Learning) -> None:
    late, early = await on_sqlite.following(), await on_sqlite.following()
    await on_sqlite.log.add(lessons(30))
    await late.caught_up()
    for seed in range(2, 6):
        await on_sqlite.log.add(lessons(600, seed))
        await on_sqlite.keep_all()
        await early.caught_up()
    await on_sqlite.log.add(lessons(20, 9))
    await early.caught_up()
    assert (await on_sqlite.entries())[0].number > late.beliefs.version + 1
    before = late.beliefs
    await late.caught_up()
    assert late.beliefs is not before
    assert dumped(late.beliefs) == dumped(early.beliefs)


async def test_lessons_of_an_unknown_kind_are_passed_over(on_sqlite: Learning) -> None:
    engine, follower = on_sqlite.engine, await on_sqlite.following()
    keys = [engine.keys.lessons, engine.keys.lessons_count]
    odd = [json.dumps({"of": "weather", "rain": True}), "no json", json.dumps(["rang"])]
    await on_sqlite.log.add(lessons(10, 1))
    last = await engine.run("lessons_add", keys, [engine.time_arg(), *odd])
    await follower.caught_up()
    assert follower.beliefs.version == last
    await on_sqlite.log.add(lessons(10, 2))
    await follower.caught_up()
    expected = learned_of(await on_sqlite.entries())
    await on_sqlite.keep_all()
    assert dumped(follower.beliefs) == expected == dumped((await on_sqlite.following()).beliefs)


async def test_an_engine_that_lost_its_last_lessons_is_followed_from_the_checkpoint(on_sqlite: Learning) -> None:
    """A replica took over that had not seen them."""
    ahead = await on_sqlite.following()
    await on_sqlite.log.add(lessons(40, 1))
    await on_sqlite.keep_all()
    await on_sqlite.log.add(lessons(20, 2))
    await ahead.caught_up()
    await on_sqlite.forget_last(5)
    await ahead.caught_up()
    expected = learned_of(await on_sqlite.entries())
    assert dumped(ahead.beliefs) == expected == dumped((await on_sqlite.following()).beliefs)
    await on_sqlite.log.add(lessons(20, 3))
    await ahead.caught_up()
    await on_sqlite.forget_last(8)
    await on_sqlite.log.add(lessons(8, 4))  # others, under the very same numbers
    await ahead.caught_up()
    assert dumped(ahead.beliefs) == learned_of(await on_sqlite.entries())


async def test_alarms_are_told_of_new_lessons_and_not_again_at_the_next_start(on_sqlite: Learning) -> None:
    def turned_bad(buyer: str) -> list[Rang]:
        return [Rang(buyer, answered, ring_s=9) for answered in (True,) * 20 + (False,) * 12]

    told: list[tuple[str, str]] = []
    follower = await on_sqlite.following()
    follower.on_alarm = lambda buyer, of: told.append((buyer, of))
    await on_sqlite.log.add(turned_bad("able"))
    await follower.caught_up()
    assert told == [("able", "answers")]
    later = on_sqlite.follower()
    later.on_alarm = follower.on_alarm
    await later.caught_up()
    assert len(told) == 1
    await on_sqlite.log.add(turned_bad("slow"))
    await later.caught_up()
    assert told == [("able", "answers"), ("slow", "answers")]


async def test_an_alarm_is_not_told_again_when_its_lessons_are_learned_again(on_sqlite: Learning) -> None:
    """As after a failover, when everybody begins with the checkpoint."""
    told: list[tuple[str, str]] = []
    follower = await on_sqlite.following()
    follower.on_alarm = lambda buyer, of: told.append((buyer, of))
    await on_sqlite.log.add(lessons(40))
    await on_sqlite.keep_all()
    await on_sqlite.log.add([Rang("able", answered, ring_s=9) for answered in (True,) * 20 + (False,) * 12])
    await follower.caught_up()
    assert told == [("able", "answers")]
    await on_sqlite.forget_last(1)
    await follower.caught_up()
    assert dumped(follower.beliefs) == dumped((await on_sqlite.following()).beliefs)
    assert len(told) == 1
    await on_sqlite.log.add([Rang("slow", answered, ring_s=9) for answered in (True,) * 20 + (False,) * 12])
    await follower.caught_up()
    assert told == [("able", "answers"), ("slow", "answers")]


async def test_an_instance_does_not_start_late_because_there_is_much_to_learn(on_sqlite: Learning) -> None:
    class Slow(MovedClock):
        """Two seconds pass whenever somebody looks."""

        def monotonic(self) -> float:
            self.ahead_s += 2.0
            return self.ahead_s

    await on_sqlite.following()
    for seed in range(10):
        await on_sqlite.log.add(lessons(READ, seed))
    follower = Follower(on_sqlite.log, on_sqlite.archive, Slow())
    await follower.start()
    assert 0 < follower.behind < 10 * READ
    await follower.caught_up()
    assert dumped(follower.beliefs) == learned_of(await on_sqlite.entries())


async def test_who_gives_up_waiting_leaves_a_follower_that_goes_on_from_there(on_sqlite: Learning) -> None:
    follower = await on_sqlite.following()
    await on_sqlite.log.add(lessons(20))
    await follower.caught_up()
    before, version = follower.beliefs, follower.beliefs.version
    last = await on_sqlite.log.add(lessons(READ - 1, 2))
    waiting = asyncio.create_task(follower.caught_up())
    async with asyncio.timeout(5):
        while follower.beliefs.version == version:  # noqa: ASYNC110 - the very turn in which it is half-way
            await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert version < follower.beliefs.version < last
    await follower.caught_up()
    assert follower.beliefs is before, "the checkpoint was not needed"
    assert dumped(follower.beliefs) == learned_of(await on_sqlite.entries())


async def test_an_engine_that_is_out_is_said_once_and_calls_go_on_with_what_is_believed(
    on_sqlite: Learning, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = open_engine(tmp_path / "nowhere.sock")
    follower = Follower(LessonLog(out), on_sqlite.archive, SystemClock())
    with caplog.at_level(logging.WARNING, "callrouter.learning"):
        for _ in range(3):
            await follower.start()
    assert [record.message for record in caplog.records] == ["nothing is learned"]
    assert dumped(follower.beliefs) == dumped(Beliefs())


@virtual
async def test_new_lessons_are_learned_within_a_second_while_there_are_calls_and_soon_after_a_quiet_time(
    clock: VirtualClock, engine_socket: Path, tmp_path: Path
) -> None:
    await upgrade(sqlite_url(tmp_path), clock)
    ledger, engine = Ledger(sqlite_url(tmp_path), clock), open_engine(engine_socket, clock)
    log = LessonLog(engine)
    follower = Follower(log, ledger.lessons, clock)
    task = asyncio.create_task(follower.run())
    await asyncio.sleep(30)
    for within_s in (5.1, 1.1, 1.1):
        added, began = await log.add(lessons(30)), clock.now()
        await wait_until(lambda: follower.beliefs.version == added, timeout_s=60)  # noqa: B023 - awaited at once
        assert clock.now() - began <= within_s
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await ledger.close()
    await engine.close()


async def test_nobody_learns_before_the_ledger_has_said_what_there_was(on_sqlite: Learning, tmp_path: Path) -> None:
    """Else an engine that is new would be learned from as if there had been none before."""
    ledger = Ledger(sqlite_url(tmp_path / "without-tables"), SystemClock())
    follower = Follower(on_sqlite.log, ledger.lessons, SystemClock())
    await on_sqlite.log.add(lessons(20))
    await follower.start()
    assert (follower.beliefs.version, follower.behind, await on_sqlite.log.checkpoint()) == (0, 20, None)
    await upgrade(sqlite_url(tmp_path / "without-tables"))
    await follower.start()
    assert dumped(follower.beliefs) == learned_of(await on_sqlite.entries())
    await ledger.close()
