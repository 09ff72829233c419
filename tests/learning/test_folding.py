"""What is learned hangs on the lessons and their order alone: not on where it was written down meanwhile."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from callrouter.beliefs.beliefs import Beliefs
from callrouter.beliefs.document import dumped, loaded
from callrouter.beliefs.lessons import Lesson, read, written
from callrouter.learning.chunks import after, entries_of, learned, made
from callrouter.learning.folding import fold, fold_in_slices
from callrouter.learning.log import Entry
from callrouter.ledger.lessons import LessonChunk
from tests.learning.given import learned_of, lessons

T0_MS = 1_795_200_000_000


def numbered(given: Sequence[Lesson], first: int = 1) -> list[Entry]:
    return [Entry(first + n, T0_MS + 700 * n, written(lesson)) for n, lesson in enumerate(given)]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(1, 10_000), cuts=st.lists(st.integers(0, 300), max_size=6))
def test_a_checkpoint_and_the_rest_are_all_from_the_start(seed: int, cuts: list[int]) -> None:
    entries = numbered(lessons(300, seed))
    beliefs, at = Beliefs(), 0
    for cut in sorted(cuts):
        fold(beliefs, entries[at:cut])
        beliefs, at = loaded(dumped(beliefs)), max(at, cut)
    fold(beliefs, entries[at:])
    assert dumped(beliefs) == learned_of(entries)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(1, 10_000), cuts=st.sets(st.integers(1, 299), max_size=4))
def test_chunks_give_back_every_version(seed: int, cuts: set[int]) -> None:
    entries = numbered(lessons(300, seed))
    edges = [0, *sorted(cuts), 300]
    chunks: list[LessonChunk] = []
    document = dumped(Beliefs())
    for start, end in pairwise(edges):
        one = made(start, document, entries[start:end], chunks[-1] if chunks else None)
        chunks, document = [*chunks, one.chunk], one.document
    assert [entry for chunk in chunks for entry in entries_of(chunk)] == entries
    for version in (*edges[1:], 150):
        leading = [chunk for chunk in chunks if chunk.first <= version]
        found = learned(leading, version)
        assert found is not None
        assert dumped(found) == learned_of(entries[:version])


def test_policy_questions_in_between_change_nothing_that_is_learned() -> None:
    entries, asked = numbered(lessons(400)), Beliefs()
    for entry in entries:
        fold(asked, [entry])
        for buyer in ("quick", "nobody"):
            asked.talks(buyer, "auto", 90, entry.at_ms / 1000 + 3)
            asked.answers(buyer)
    assert dumped(asked) == learned_of(entries)


def test_a_lesson_that_nobody_can_read_only_counts() -> None:
    odd = ({"of": "weather", "rain": True}, None, {"of": "rang", "buyer": "able"}, {"of": "held", "seconds": "long"})
    known = numbered(lessons(50))
    beliefs = Beliefs()
    fold(beliefs, [*known, *(Entry(51 + n, T0_MS + 50_000, document) for n, document in enumerate(odd))])
    assert beliefs.version == 54
    without = loaded(learned_of(known))
    without.version, without.learned_at = beliefs.version, beliefs.learned_at
    assert dumped(beliefs) == dumped(without)


def test_a_lesson_with_a_value_that_makes_no_sense_is_not_read() -> None:
    rang = {"of": "rang", "buyer": "able", "answered": True, "ring_s": 3}
    assert read(rang) is not None
    for wrong in ({"ring_s": float("nan")}, {"ring_s": 10**400}, {"ring_s": None}, {"answered": 1}, {"buyer": ["x"]}):
        assert read({**rang, **wrong}) is None


def test_after_a_chunk_of_somebody_else_is_the_same_believed() -> None:
    entries, nothing = numbered(lessons(80)), dumped(Beliefs())
    one = made(0, nothing, entries, None)
    assert after(nothing, entries_of(one.chunk)) == (one.version, one.document)


async def test_others_on_the_loop_get_their_turn_while_many_lessons_are_learned() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    await fold_in_slices(Beliefs(), numbered(lessons(3000)))
    task.cancel()
    assert turns >= 3000 / 50
