"""Beliefs are written and read back exactly, at any point of their learning, and asking them changes nothing."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callrouter.beliefs.beliefs import Beliefs
from callrouter.beliefs.document import UnreadableBeliefs, dumped, loaded
from callrouter.beliefs.lessons import Forgiven, Held, Lesson, Rang, Replied, TalkBegan, TalkEnded, read, written

buyers = st.sampled_from(["a", "b", "c"])
verticals = st.sampled_from(["auto", "legal"])
talks = st.sampled_from(["CA1/1", "CA2/1", "CA3/2"])
seconds = st.floats(0, 1_500)
minima = st.sampled_from([0, 30, 90, 120])
lessons: st.SearchStrategy[Lesson] = st.one_of(
    st.builds(Replied, buyers, st.floats(0, 20), st.just("offer"), st.floats(0, 99), minima),
    st.builds(Replied, buyers, st.floats(0, 20), st.sampled_from(["no", "silent", "cut"])),
    st.builds(Held, verticals, st.sampled_from(["hold", "ring"]), st.floats(0, 60), st.booleans()),
    st.builds(Rang, buyers, st.booleans(), st.floats(0, 25)),
    st.builds(TalkBegan, buyers, verticals, talks, st.floats(0, 400)),
    st.builds(TalkEnded, buyers, verticals, talks, seconds, minima, st.booleans()),
    st.builds(Forgiven, buyers),
)
# Runs of the same lesson: alarms trip, memories overflow.
courses = st.lists(st.tuples(lessons, st.integers(1, 12)), max_size=8).map(
    lambda runs: [lesson for lesson, times in runs for _ in range(times)]
)


def learn(beliefs: Beliefs, course: list[Lesson]) -> Beliefs:
    for lesson in course:
        beliefs.learn(beliefs.version + 1, lesson, 3.0 * beliefs.version)
    return beliefs


def answers_of(beliefs: Beliefs, now: float) -> list[object]:
    """Everything that the policy may ask."""
    return [
        [(b, beliefs.answers(b), beliefs.ring_s(b), beliefs.failing_s(b), beliefs.dials(b)) for b in "abcd"],
        [beliefs.talks(b, v, m, now) for b in "abcd" for v in ("auto", "legal") for m in (0, 20, 90, 1_000)],
        [beliefs.offers_within(b, 1.0, [1.5, 4.0, 20.0]) for b in "abcd"],
        [list(beliefs.typical_offers(b)) for b in "abcd"],
        [beliefs.leave_per_s(v, h) for v in ("auto", "legal", "new") for h in ("hold", "ring")],
    ]


@settings(max_examples=30, deadline=None)
@given(courses, courses)
def test_beliefs_that_were_stored_on_the_way_end_exactly_the_same(before: list[Lesson], after: list[Lesson]) -> None:
    straight = learn(Beliefs(), before)
    stored = loaded(dumped(straight))
    assert dumped(stored) == dumped(straight)
    assert answers_of(stored, 500.0) == answers_of(straight, 500.0)
    assert dumped(learn(stored, after)) == dumped(learn(straight, after))
    assert answers_of(stored, 900.0) == answers_of(straight, 900.0)


@settings(max_examples=20, deadline=None)
@given(courses, st.floats(0, 2_000))
def test_asking_changes_nothing(course: list[Lesson], now: float) -> None:
    asked, left_alone = Beliefs(), Beliefs()
    for lesson in course:
        learn(asked, [lesson])
        answers_of(asked, now)
        learn(left_alone, [lesson])
    assert dumped(asked) == dumped(left_alone)
    assert answers_of(asked, 700.0) == answers_of(left_alone, 700.0)


@settings(max_examples=60, deadline=None)
@given(lessons)
def test_a_lesson_is_read_as_it_was_written(lesson: Lesson) -> None:
    assert read(json.loads(json.dumps(written(lesson)))) == lesson


def test_a_lesson_of_another_version_of_the_program_is_passed_over() -> None:
    assert read({"of": "dreamed", "buyer": "a"}) is None
    assert read({"of": "forgiven", "buyer": "a", "why": "new"}) is None
    assert read({}) is None


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"form": 99}', '{"form": 1, "version": 3}', '{"form": 1'])
def test_a_document_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(UnreadableBeliefs):
        loaded(text)


@pytest.mark.parametrize(
    "part",
    [{"talking": {"CA1/1": ["a", 1.0]}}, {"patience": [["auto"]]}, {"patience": [[]]}, {"buyers": {"a": []}}],
    ids=str,
)
def test_a_document_with_a_part_of_another_shape_is_refused(part: dict[str, object]) -> None:
    document = json.loads(dumped(learn(Beliefs(), [TalkBegan("a", "auto", "CA1/1", 1.0)])))
    with pytest.raises(UnreadableBeliefs):
        loaded(json.dumps({**document, **part}))


def test_a_buyer_takes_a_few_thousand_characters() -> None:
    beliefs = Beliefs()
    for number in range(1, 2_001):
        after_s = 1 + number % 97 / 10
        beliefs.learn(number * 3, Replied("a", after_s, "offer", 20 + number % 7, 90), float(number))
        beliefs.learn(number * 3 + 1, Rang("a", number % 3 > 0, 5.25), float(number))
        beliefs.learn(number * 3 + 2, TalkEnded("a", "auto", "x", number % 331, 90), float(number))
    assert len(dumped(beliefs)) < 12_000
