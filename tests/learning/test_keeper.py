"""Every lesson comes to the archive once, whoever keeps it and wherever they die."""

import asyncio
import logging
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from callrouter.beliefs.beliefs import Beliefs
from callrouter.beliefs.document import dumped
from callrouter.engine.client import script
from callrouter.errors import EngineUnavailable, LedgerUnavailable
from callrouter.learning.again import beliefs_at
from callrouter.learning.keeper import CHUNK, KEEP_EVERY_S, MOST_WAITING, STAY, Keeper
from callrouter.learning.log import Entry
from callrouter.ledger.database import open_database, sqlite_url
from callrouter.ledger.lessons import LessonArchive, LessonChunk
from callrouter.ledger.reads import Ledger
from callrouter.ledger.upgrade import upgrade
from tests.learning.given import STATE_EVERY, Learning, learned_of, lessons


async def test_a_thousand_lessons_are_kept_at_once_and_fewer_after_a_minute(learning: Learning) -> None:
    await learning.following()
    for seed in (1, 2, 3):
        await learning.log.add(lessons(CHUNK - 300, seed))
    everything = await learning.entries()
    keeper = learning.keeper()
    while await keeper.round():
        pass
    assert [len(await learning.archived()), await learning.version()] == [2 * CHUNK, everything[2 * CHUNK - 1].number]
    learning.clock.ahead_s = KEEP_EVERY_S + 1
    while await keeper.round():
        pass
    assert await learning.archived() == everything
    found = await learning.log.checkpoint()
    assert found == (everything[-1].number, learned_of(everything))


async def test_what_is_archived_is_dropped_from_the_log_but_for_the_latest(learning: Learning) -> None:
    await learning.following()
    for seed in range(4):
        await learning.log.add(lessons(CHUNK, seed))
    everything = await learning.entries()
    await learning.log.add(lessons(50, 9))
    keeper = learning.keeper()
    while await keeper.round():
        pass
    assert [entry.number for entry in await learning.entries()][:-50] == [e.number for e in everything[-STAY:]]


async def test_a_state_is_kept_now_and_then_and_not_with_every_chunk(on_sqlite: Learning) -> None:
    await on_sqlite.following()
    for seed in range(0, 2 * STATE_EVERY, 100):
        await on_sqlite.log.add(lessons(100, seed))
        await on_sqlite.keep_all()
    chunks = [chunk async for chunk in on_sqlite.chunks()]
    assert [chunk.before is not None for chunk in chunks] == [True, *[False] * 4] * 2
    assert all(chunk.last - chunk.base < STATE_EVERY for chunk in chunks)


class _Step:
    """Stands at the boundary to engine and archive, and lets one call fail."""

    def __init__(self, of: Any, dies: Callable[[], bool], error: Exception | None, *, after: bool) -> None:
        self._of = of
        self._dies = dies
        self._error = error
        self._after = after

    def __getattr__(self, name: str) -> Any:
        work = getattr(self._of, name)

        async def step(*args: Any) -> Any:
            dies = self._dies()
            if dies and not self._after:
                await self._die()
            result = await work(*args)
            if dies:
                await self._die()
            return result

        return step

    async def _die(self) -> None:
        if self._error is not None:
            raise self._error
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)


async def dies_at(world: Learning, step: int, how: str) -> bool:
    """Let a keeper die at its so-many-th call to engine or ledger; whether it came so far."""
    left = step

    def dies() -> bool:
        nonlocal left
        left -= 1
        return left == 0

    cancelled, after = how == "cancelled", how != "before"
    engine = _Step(world.log, dies, None if cancelled else EngineUnavailable("lessons_read"), after=after)
    ledger = _Step(world.archive, dies, None if cancelled else LedgerUnavailable("no answer in time"), after=after)
    keeper: Any = Keeper(engine, ledger, world.clock)  # type: ignore[arg-type]

    async def work() -> None:
        while await keeper.round(due=True):
            pass

    (ended,) = await asyncio.gather(asyncio.create_task(work()), return_exceptions=True)
    assert (ended is None) == (left > 0), ended
    return left <= 0


@pytest.mark.parametrize("how", ["before", "after", "cancelled"])
async def test_a_keeper_that_dies_anywhere_leaves_nothing_out_and_nothing_twice(learning: Learning, how: str) -> None:
    follower, step = await learning.following(), 1
    everything: list[Entry] = []
    while True:
        last = await learning.log.add(lessons(20, step))
        everything += (await learning.log.after(last - 20, 20)).entries
        if not await dies_at(learning, step, how):
            break
        await learning.keep_all()
        await follower.caught_up()
        assert await learning.archived() == everything
        assert await learning.log.checkpoint() == (last, dumped(follower.beliefs))
        step += 1
    assert step > 7
    await follower.caught_up()
    assert await learning.archived() == everything
    assert learned_of(everything) == dumped(follower.beliefs)


async def test_keepers_that_race_keep_each_lesson_once(learning: Learning) -> None:
    follower, everything = await learning.following(), list[Entry]()
    keepers = [learning.keeper() for _ in range(3)]

    async def keep(keeper: Keeper, rounds: int) -> None:
        for _ in range(rounds):
            await keeper.round(due=True)

    for seed in range(1, 13):
        last = await learning.log.add(lessons(15, seed))
        everything += (await learning.log.after(last - 15, 15)).entries
        keeping = asyncio.gather(*(keep(keeper, 3) for keeper in keepers))
        last = await learning.log.add(lessons(15, -seed))
        await keeping
        everything += (await learning.log.after(last - 15, 15)).entries
    await learning.keep_all()
    await follower.caught_up()
    assert await learning.archived() == everything
    assert await learning.log.checkpoint() == (last, learned_of(everything))
    assert dumped(follower.beliefs) == learned_of(everything)


async def test_hosts_with_a_ledger_each_have_what_they_kept_themselves(on_sqlite: Learning, tmp_path: Path) -> None:
    await upgrade(sqlite_url(tmp_path / "other"))
    ledger = Ledger(sqlite_url(tmp_path / "other"), on_sqlite.clock)
    other = Learning(on_sqlite.engine, ledger.lessons, on_sqlite.clock)
    follower = await on_sqlite.following()
    for turn in range(6):
        await on_sqlite.log.add(lessons(20, turn))
        await follower.caught_up()
        keeping, without = (on_sqlite, other) if turn % 2 else (other, on_sqlite)
        await keeping.keep_all()
        found = await beliefs_at(keeping.archive, keeping.clock, follower.beliefs.version)
        assert found is not None
        assert dumped(found) == dumped(follower.beliefs)
        assert await beliefs_at(without.archive, without.clock, follower.beliefs.version) is None
    await ledger.close()


async def test_while_the_ledger_is_out_lessons_wait_and_are_learned(
    on_sqlite: Learning, caplog: pytest.LogCaptureFixture
) -> None:
    follower = await on_sqlite.following()
    out = LessonArchive(open_database("sqlite+aiosqlite:////nowhere/at/all.db"), on_sqlite.clock)
    errors: list[str] = []
    keeper = Keeper(on_sqlite.log, out, on_sqlite.clock, errors.append)
    for seed in range(3):
        await on_sqlite.log.add(lessons(CHUNK, seed))
    everything = await on_sqlite.entries()
    with caplog.at_level(logging.WARNING, "callrouter.learning"):
        task = asyncio.create_task(keeper.run())
        async with asyncio.timeout(5):
            while not errors:  # noqa: ASYNC110 - until it has tried
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert [record.message for record in caplog.records] == ["lessons not archived; they wait in the engine"]
    assert await on_sqlite.entries() == everything
    await follower.caught_up()
    assert dumped(follower.beliefs) == learned_of(everything)
    await on_sqlite.keep_all()
    assert await on_sqlite.archived() == everything


async def test_what_is_believed_is_not_lost_when_a_ledger_is_out_for_so_long_that_lessons_go(
    on_sqlite: Learning, caplog: pytest.LogCaptureFixture
) -> None:
    follower = await on_sqlite.following()
    out = LessonArchive(open_database("sqlite+aiosqlite:////nowhere/at/all.db"), on_sqlite.clock)
    keeper = Keeper(on_sqlite.log, out, on_sqlite.clock, most_waiting=2 * CHUNK)
    for seed in range(5):
        await on_sqlite.log.add(lessons(CHUNK, seed))
    await follower.caught_up()
    everything = await on_sqlite.entries()

    async def all_rounds() -> None:
        while await keeper.round():
            pass

    with pytest.raises(LedgerUnavailable):
        await all_rounds()
    assert len([record for record in caplog.records if "without the ledger" in record.message]) == 3
    assert await on_sqlite.version() == everything[3 * CHUNK - 1].number
    assert len(await on_sqlite.entries()) == 2 * CHUNK + STAY
    assert dumped((await on_sqlite.following()).beliefs) == dumped(follower.beliefs) == learned_of(everything)
    await on_sqlite.keep_all()
    assert await on_sqlite.archived() == everything[3 * CHUNK :]
    again = await beliefs_at(on_sqlite.archive, on_sqlite.clock, everything[4 * CHUNK].number)
    assert again is not None
    assert dumped(again) == learned_of(everything[: 4 * CHUNK + 1])


def test_lessons_go_into_the_checkpoint_before_the_engine_drops_them() -> None:
    (limit,) = re.findall(r"LESSONS_MOST = (\d+)", script("lessons_add").text)
    assert int(limit) > MOST_WAITING + 50 * CHUNK


async def test_a_new_engine_begins_with_what_the_ledger_has(learning: Learning) -> None:
    live, everything = await learning.following(), list[Entry]()
    for seed in (1, 2):
        await learning.log.add(lessons(300, seed))
        everything = await learning.entries()
        await learning.keep_all()
    kept = learned_of(everything)
    await learning.log.add(lessons(25, 3))  # not archived yet: the engine takes them with it
    await live.caught_up()
    await learning.lose_engine()
    fresh = learning.follower()
    await asyncio.gather(fresh.caught_up(), live.caught_up(), learning.keeper().round())
    assert dumped(fresh.beliefs) == dumped(live.beliefs) == kept
    last = await learning.log.add(lessons(60, 4))
    assert last > everything[-1].number + 85
    new = await learning.entries()
    await asyncio.gather(fresh.caught_up(), live.caught_up())
    assert dumped(fresh.beliefs) == dumped(live.beliefs) == learned_of(everything + new)
    await learning.keep_all()
    assert await learning.archived() == everything + new


async def test_lessons_of_a_new_engine_that_come_before_anybody_looks_follow_what_the_ledger_has(
    on_sqlite: Learning,
) -> None:
    live = await on_sqlite.following()
    await on_sqlite.log.add(lessons(100, 1))
    everything = await on_sqlite.entries()
    await on_sqlite.keep_all()
    await live.caught_up()
    await on_sqlite.lose_engine()
    await on_sqlite.log.add(lessons(40, 2))
    everything += await on_sqlite.entries()
    await asyncio.gather(live.caught_up(), on_sqlite.keep_all())
    assert dumped(live.beliefs) == learned_of(everything) == dumped((await on_sqlite.following()).beliefs)
    assert await on_sqlite.archived() == everything


async def test_an_engine_that_lost_what_is_archived_already_takes_it_from_the_ledger(on_sqlite: Learning) -> None:
    """A replica took over that had seen neither the last lessons nor the last checkpoint."""
    live = await on_sqlite.following()
    await on_sqlite.log.add(lessons(40, 1))
    await on_sqlite.keep_all()
    earlier, keys = await on_sqlite.engine.hash(on_sqlite.engine.keys.beliefs), on_sqlite.engine.keys
    last = await on_sqlite.log.add(lessons(20, 2))
    everything = await on_sqlite.entries()
    await on_sqlite.keep_all()
    await live.caught_up()
    await on_sqlite.forget_last(5)
    await on_sqlite.engine.raw("hset", lambda client: client.hset(keys.beliefs, mapping=dict(earlier)))  # type: ignore[arg-type]
    await live.caught_up()
    assert dumped(live.beliefs) == learned_of(everything[:-5])
    await on_sqlite.keep_all()
    await live.caught_up()
    assert dumped(live.beliefs) == learned_of(everything)
    assert await on_sqlite.log.add(lessons(10, 3)) == last + 10
    everything += (await on_sqlite.log.after(last, 10)).entries
    await on_sqlite.keep_all()
    await live.caught_up()
    assert dumped(live.beliefs) == learned_of(everything) == dumped((await on_sqlite.following()).beliefs)
    assert await on_sqlite.archived() == everything


async def test_a_new_engine_never_counts_from_below_what_the_ledger_has(on_sqlite: Learning) -> None:
    """Also when its clock is behind the old one's."""
    ahead = 2**50
    assert await on_sqlite.log.keep(ahead, "{}", 0)
    assert await on_sqlite.log.add(lessons(1)) == ahead + 1
    assert not await on_sqlite.log.keep(ahead, "{}", 0)


ODD = dumped(Beliefs()).replace('"talking":{}', '"talking":{"CA1":["able"]}')


@pytest.mark.parametrize("before", [b"?", zlib.compress(ODD.encode())], ids=["not packed", "odd beliefs"])
async def test_an_archive_that_nobody_can_read_does_not_end_learning(on_sqlite: Learning, before: bytes) -> None:
    odd = LessonChunk(first=5, last=9, prior=0, base=5, from_ms=1, to_ms=2, before=before, lessons=b"?")
    assert await on_sqlite.archive.keep(odd)
    await on_sqlite.log.add(lessons(20))
    follower = await on_sqlite.following()
    assert dumped(follower.beliefs) == learned_of(await on_sqlite.entries())
