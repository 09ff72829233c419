"""What was believed can be had again, for every version; and the archive forgets only what nobody needs."""

from callrouter.beliefs.beliefs import Beliefs
from callrouter.beliefs.document import dumped
from callrouter.learning.again import BeliefsAgain, beliefs_at
from callrouter.ledger.reads import Ledger
from callrouter.retention import DAY_S, Retention
from tests.learning.given import STATE_EVERY, Learning, lessons


async def taught(world: Learning, *counts: int) -> dict[int, str]:
    """What a follower believed at the versions at which it stopped; some are within a chunk."""
    follower, had = await world.following(), {}
    for seed, count in enumerate(counts):
        for part in (count // 3, count - count // 3):
            await world.log.add(lessons(part, seed))
            await follower.caught_up()
            had[follower.beliefs.version] = dumped(follower.beliefs)
        await world.keep_all()
    return had


async def test_every_version_is_as_a_follower_had_it(learning: Learning) -> None:
    follower, had = await learning.following(), {}
    for seed in range(12):
        for part in range(4):
            await learning.log.add(lessons(1 + part, 10 * seed + part))
            await follower.caught_up()
            had[follower.beliefs.version] = dumped(follower.beliefs)
        await learning.keep_all()
    again = BeliefsAgain(learning.archive, learning.clock)
    for version, expected in [*had.items(), *reversed(had.items())]:
        found = await again.at(version)
        assert found is not None
        assert dumped(found) == expected
    for version in list(had)[::7]:
        found = await beliefs_at(learning.archive, learning.clock, version)
        assert found is not None
        assert dumped(found) == had[version]


async def test_versions_far_apart_are_had_too(on_sqlite: Learning) -> None:
    had = await taught(on_sqlite, *[90] * 14)
    assert max(had) - min(had) > 2 * STATE_EVERY
    within_chunks = sorted(had)[::2]
    for versions in (sorted(had), within_chunks, sorted(had)[::9], [max(had), min(had)]):
        again = BeliefsAgain(on_sqlite.archive, on_sqlite.clock)
        for version in versions:
            found = await again.at(version)
            assert found is not None
            assert dumped(found) == had[version]


async def test_a_version_that_the_archive_lacks_is_not_made_up(learning: Learning) -> None:
    again = BeliefsAgain(learning.archive, learning.clock)
    assert await again.at(7) is None
    nothing = await again.at(0)
    assert nothing is not None
    assert dumped(nothing) == dumped(Beliefs())
    had = await taught(learning, 30)
    first, last = min(had) - 9, max(had)
    await learning.log.add(lessons(5, 9))
    for lacking in (first - 100, last + 3):
        assert await again.at(lacking) is None
    assert await again.at(last) is not None
    await learning.lose_engine()
    await learning.following()
    await learning.log.add(lessons(5, 8))
    await learning.keep_all()
    assert await again.at(last + 3) is None  # the engine took it with it
    assert await again.at(await learning.version()) is not None


async def test_old_chunks_go_and_what_is_left_can_still_be_had(learning: Learning) -> None:
    had = await taught(learning, *[STATE_EVERY // 3] * 8)
    chunks = [chunk async for chunk in learning.chunks()]
    bases = sorted({chunk.base for chunk in chunks})
    assert len(bases) == 3
    middle = next(chunk for chunk in chunks if chunk.base == bases[1] and chunk.before is None)
    assert await learning.archive.retire(chunks[0].from_ms) == 0
    assert await learning.archive.retire(middle.to_ms) == sum(chunk.first < bases[1] for chunk in chunks)
    again = BeliefsAgain(learning.archive, learning.clock)
    before = chunks[[chunk.first for chunk in chunks].index(bases[1])].prior
    for version, expected in had.items():
        found = await again.at(version)
        # The version before the first chunk that stays is that chunk's own state.
        assert (found and dumped(found)) == (expected if version >= before else None)
    assert await learning.archive.retire(2**53) > 0
    await learning.lose_engine()
    assert dumped((await learning.following()).beliefs) == had[max(had)]


async def test_lessons_are_kept_as_long_as_people_and_the_latest_for_ever(learning: Learning, ledger: Ledger) -> None:
    had = await taught(learning, *[STATE_EVERY] * 3)
    retention = Retention(ledger, dict, learning.clock)
    for days, left in ((89, 3), (91, 1), (900, 1)):
        learning.clock.ahead_s = days * DAY_S
        await retention.round()
        assert len([chunk async for chunk in learning.chunks()]) == left
    assert await BeliefsAgain(learning.archive, learning.clock).at(max(had)) is not None


async def test_chunks_of_a_time_are_found(learning: Learning) -> None:
    await taught(learning, 20, 20, 20)
    chunks = [chunk async for chunk in learning.chunks()]
    assert [chunk.last - chunk.first + 1 for chunk in chunks] == [20, 20, 20]
    assert [chunk async for chunk in learning.archive.between(chunks[-1].to_ms + 1, 2**53)] == []
    assert [chunk async for chunk in learning.archive.between(0, chunks[0].from_ms)] == []
    found = [chunk async for chunk in learning.archive.between(chunks[1].from_ms, chunks[1].to_ms + 1)]
    assert chunks[1] in found
