"""Lessons such as calls teach, and the log, archive, followers and keepers of one deployment."""

import json
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

import redis.asyncio as redis

from callrouter.beliefs.beliefs import Beliefs
from callrouter.beliefs.document import dumped
from callrouter.beliefs.lessons import Forgiven, Held, Lesson, Rang, Replied, TalkBegan, TalkEnded
from callrouter.domain.clock import SystemClock
from callrouter.engine.client import Engine
from callrouter.learning.chunks import entries_of
from callrouter.learning.folding import fold
from callrouter.learning.follower import Follower
from callrouter.learning.keeper import Keeper
from callrouter.learning.log import Entry, LessonLog
from callrouter.ledger.lessons import LessonArchive, LessonChunk

STATE_EVERY = 500
"""As `chunks.STATE_EVERY`, for fewer lessons."""
BUYERS = ("quick", "able", "slow", "mute", "base")
"""Not in the order of the alphabet: nothing may hang on who came first."""
VERTICALS = ("auto", "home")


def lessons(count: int, seed: int = 1) -> list[Lesson]:
    """So many, of calls one after another."""
    rng, given = random.Random(seed), list[Lesson]()
    while len(given) < count:
        given += _of_one_call(rng, f"CA{seed}-{len(given)}/1")
    return given[:count]


def _of_one_call(rng: random.Random, talk: str) -> Iterator[Lesson]:
    vertical, buyer = rng.choice(VERTICALS), rng.choice(BUYERS)
    for asked in rng.sample(BUYERS, 3):
        ended = rng.choice(("offer", "offer", "no", "silent", "cut"))
        yield Replied(asked, rng.uniform(0.1, 9), ended, rng.choice((0.1, 20.3, 41.7)), 90)  # type: ignore[arg-type]
    yield Held(vertical, "hold", rng.uniform(0, 8), rng.random() < 0.1)
    yield Held(vertical, "ring", rng.uniform(0, 20), rng.random() < 0.1)
    answered = rng.random() < 0.6
    yield Rang(buyer, answered, rng.uniform(2, 20))
    if answered:
        yield TalkBegan(buyer, vertical, talk, 1_795_200_000 + rng.uniform(0, 600))
        if rng.random() < 0.9:
            yield TalkEnded(buyer, vertical, talk, rng.expovariate(1 / 120), 90, rng.random() < 0.1)
    if rng.random() < 0.02:
        yield Forgiven(buyer)


class MovedClock(SystemClock):
    """The system's clock, or later."""

    ahead_s = 0.0

    def now(self) -> float:
        return super().now() + self.ahead_s

    def engine_ms(self) -> int:
        return int(self.now() * 1000)


@dataclass
class Learning:
    """One deployment."""

    engine: Engine
    """On the clock."""
    archive: LessonArchive
    clock: MovedClock

    @property
    def log(self) -> LessonLog:
        return LessonLog(self.engine)

    def follower(self) -> Follower:
        """Another instance's."""
        return Follower(self.log, self.archive, self.clock)

    async def following(self) -> Follower:
        """One that has learned all there is."""
        follower = self.follower()
        await follower.caught_up()
        return follower

    def keeper(self) -> Keeper:
        """Another instance's."""
        return Keeper(self.log, self.archive, self.clock, state_every=STATE_EVERY)

    async def keep_all(self) -> None:
        """Archive whatever there is."""
        keeper = self.keeper()
        while await keeper.round(due=True):
            pass

    async def entries(self) -> list[Entry]:
        """What is in the log now."""
        return list((await self.log.after(0, 100_000)).entries)

    async def archived(self) -> list[Entry]:
        return [entry async for chunk in self.chunks() for entry in entries_of(chunk)]

    async def chunks(self) -> AsyncIterator[LessonChunk]:
        async for chunk in self.archive.between(0, 2**53):
            yield chunk

    async def version(self) -> int:
        """Of the checkpoint."""
        found = await self.log.checkpoint()
        assert found is not None
        return found[0]

    async def forget_last(self, count: int) -> None:
        """The engine loses its last lessons, as a replica has that takes over before it has seen them."""
        kept, keys = (await self.entries())[:-count], self.engine.keys

        async def rewrite(client: redis.Redis) -> None:
            async with client.pipeline(transaction=True) as pipe:
                pipe.delete(keys.lessons)
                for entry in kept:
                    text = json.dumps(entry.document)
                    pipe.xadd(keys.lessons, {"at": entry.at_ms, "lesson": text}, id=f"{entry.number}-0")
                pipe.set(keys.lessons_count, kept[-1].number)
                await pipe.execute()

        await self.engine.raw("rewrite", rewrite)

    async def lose_engine(self) -> None:
        """A new engine, with nothing in it, a minute later."""
        self.clock.ahead_s += 60
        prefix = self.engine.keys.prefix

        async def drop(client: redis.Redis) -> None:
            names = [name async for name in client.scan_iter(match=f"{prefix}:*", count=1_000)]
            if names:
                await client.delete(*names)

        await self.engine.raw("drop", drop)


def learned_of(entries: Sequence[Entry], beliefs: Beliefs | None = None) -> str:
    """What somebody believes who has seen all of these, one after another."""
    beliefs = beliefs or Beliefs()
    fold(beliefs, entries)
    return dumped(beliefs)
