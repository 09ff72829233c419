"""What the tests' buyers are known for, taught to a world before its callers call."""

from collections.abc import Sequence

from callrouter.beliefs.lessons import Held, Lesson, Rang, Replied, TalkEnded
from callrouter.learning.log import LessonLog
from tests.support.world import World

FAST, SLOW = "letsmakealead", "contactability"
VERTICAL = "auto"
"""Of the tests' plan: its name."""


def known_for(buyer: str, payout: float, after_s: float, *, times: int = 60, answers: int = 9) -> list[Lesson]:
    """A buyer that always offers so much, for 90 s, after so many seconds, and picks up ``answers`` dials of ten."""
    lessons: list[Lesson] = [Replied(buyer, after_s, "offer", payout, 90) for _ in range(times)]
    for no in range(30):
        lessons.append(Rang(buyer, no % 10 < answers, 4.0))
        lessons.append(TalkEnded(buyer, VERTICAL, f"{buyer}:{no}", 120.0 if no % 10 < 8 else 8.0, 90))
    return lessons


def silent(buyer: str, payout: float, times: int = 190) -> list[Lesson]:
    """One that hardly ever answers in time."""
    return [*known_for(buyer, payout, 4.0, times=3), *(Replied(buyer, 10.0, "silent") for _ in range(times))]


def patience(mean_s: float) -> list[Lesson]:
    """Callers who hold for so long on average."""
    return [Held(VERTICAL, "hold", mean_s, left=True) for _ in range(40)]


async def teach(world: World, *lessons: Sequence[Lesson]) -> None:
    """Every instance of the world has learned them."""
    first = world.app.instance
    await LessonLog(first.engine).add([lesson for some in lessons for lesson in some])
    for served in world.served:
        await served.app.instance.follower.caught_up()
