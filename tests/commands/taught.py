"""A deployment whose engine has seen calls: lessons of two buyers, in a data folder of its own."""

import asyncio
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from callrouter.beliefs.lessons import Held, Lesson, Rang, Replied, TalkEnded
from callrouter.domain.clock import SystemClock
from callrouter.engine import embedded
from callrouter.engine.client import Engine
from callrouter.learning.log import LessonLog

VERTICAL = "auto"
"""The vertical of the tests' plan: its name."""


def lessons(calls: int = 60) -> list[Lesson]:
    """A quick buyer that pays little, and a slow one that pays more; callers hold for a minute on average."""
    rng, found = random.Random(6), list[Lesson]()
    for no in range(calls):
        found += [
            Replied("letsmakealead", rng.uniform(0.3, 0.7), "offer", 18.0, 60),
            Replied("contactability", rng.uniform(3.5, 4.5), "offer" if rng.random() < 0.8 else "no", 60.0, 90),
            Held(VERTICAL, "hold", 4.0, left=rng.random() < 0.06),
            Held(VERTICAL, "ring", 6.0, left=rng.random() < 0.05),
        ]
        buyer = ("letsmakealead", "contactability")[no % 2]
        answered = rng.random() < 0.75
        found.append(Rang(buyer, answered, 6.0))
        if answered:
            found.append(TalkEnded(buyer, VERTICAL, f"CA{no}:1", rng.expovariate(1 / 200), 60 if no % 2 == 0 else 90))
    return found


@dataclass(frozen=True)
class Deployment:
    """Its files are in the folder."""

    folder: Path

    async def teach(self, given: Sequence[Lesson]) -> int:
        """Into its engine; the last one's number."""
        engine = self.engine()
        try:
            return await LessonLog(engine).add(given)
        finally:
            await engine.close()

    def engine(self) -> Engine:
        """A connection; its keys are those that a command uses."""
        return Engine.at_socket(str(embedded.socket_path(self.folder / "data")), SystemClock())


@contextmanager
def deployed(folder: Path, given: Sequence[Lesson] = ()) -> Iterator[Deployment]:
    """A deployment whose engine runs for the time of the block."""
    embedded.ensure_running(folder / "data")
    try:
        deployment = Deployment(folder)
        if given:
            asyncio.run(deployment.teach(given))
        yield deployment
    finally:
        embedded.stop(folder / "data")
