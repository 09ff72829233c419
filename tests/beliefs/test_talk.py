"""Survival of talks, against estimates worked out by hand."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callrouter.beliefs.beliefs import OFFER_FADE, Beliefs
from callrouter.beliefs.lessons import Lesson, Replied, TalkBegan, TalkEnded
from callrouter.beliefs.talk import EDGES, Curve, TalkEvidence, bin_of, first_guess, guessed


def evidence(*ended_s: float, cut_s: tuple[float, ...] = ()) -> TalkEvidence:
    """Talks that ended, and talks that somebody else ended."""
    made = TalkEvidence()
    for seconds in ended_s:
        made.add(seconds)
    for seconds in cut_s:
        made.add(seconds, cut=True)
    return made


def alone(talks: TalkEvidence, going_on_s: tuple[float, ...] = ()) -> Curve:
    """What the talks themselves say, without imaginary ones."""
    return Curve(talks, going_on_s, guessed, 0.0)


def test_the_grid_is_fine_up_to_five_minutes() -> None:
    assert EDGES[:3] == (5.0, 10.0, 15.0)
    assert EDGES[59:62] == (300.0, 360.0, 420.0)
    assert EDGES[-1] == 1_200.0
    assert (bin_of(0), bin_of(5), bin_of(300), bin_of(1_199), bin_of(5_000)) == (0, 1, 60, 74, 75)


def test_the_first_guess() -> None:
    assert first_guess(0) == pytest.approx(1.0)
    assert first_guess(170) == pytest.approx(0.375, abs=1e-6)
    assert Beliefs().talks("newcomer", "auto", 90, 0.0) == pytest.approx(first_guess(90))
    assert Beliefs().talks_of_all("auto", 90, 0.0) == pytest.approx(first_guess(90))


def test_without_censoring_it_is_the_share_that_lasted() -> None:
    curve = alone(evidence(7, 40, 100, 400))
    assert [curve.lasts(seconds) for seconds in (5, 30, 90, 300, 1_200)] == pytest.approx([1, 0.75, 0.5, 0.25, 0])


def test_a_talk_that_was_cut_counts_for_as_long_as_it_was_seen() -> None:
    # Three talks: one of 12 s, one cut at 50 s, one of 100 s. 2/3 outlast 15 s; who was cut is out of it from 50 s on.
    curve = alone(evidence(12, 100, cut_s=(50,)))
    assert curve.lasts(60) == pytest.approx(2 / 3)
    assert curve.lasts(100) == pytest.approx(2 / 3)
    assert curve.lasts(105) == pytest.approx(0)
    # Within a bin they end evenly.
    assert curve.lasts(102.5) == pytest.approx(1 / 3)


def test_talks_in_progress_are_at_risk() -> None:
    # Of five that are over three hung up early: two fifths. Two more have lasted 95 s and go on: four sevenths.
    over = evidence(3, 6, 9, 150, 200)
    assert alone(over).lasts(90) == pytest.approx(0.40)
    assert alone(over, (95, 120)).lasts(90) == pytest.approx(4 / 7)


def test_a_talk_in_progress_says_nothing_of_what_it_has_not_reached() -> None:
    over = evidence(3, 150)
    assert alone(over, (20, 25)).lasts(20) == pytest.approx(3 / 4)
    # From there on only one is left at risk, and it lasts.
    assert alone(over, (20, 25)).lasts(90) == pytest.approx(3 / 4)


def test_own_talks_are_joined_by_imaginary_ones() -> None:
    curve = Curve(evidence(7), (), lambda bin_: (0.8, 0.6), 8.0)
    # Nine talks: of the eight imaginary 6.4 outlast 5 s and 4.8 outlast 10 s; the own one lasts 7 s.
    assert curve.after(0) == pytest.approx((6.4 + 1) / 9)
    assert curve.after(1) == pytest.approx(4.8 / 9)


def test_a_buyer_is_like_its_vertical_and_the_vertical_like_the_first_guess() -> None:
    beliefs = Beliefs()
    for number in range(1, 41):
        beliefs.learn(number, TalkEnded("a", "auto", "x", 10.0, 0), 0.0)
    # Forty talks of 10 s and ten imaginary ones; fading leaves a little less of the forty.
    weight = sum(0.999**age for age in range(40))
    assert beliefs.talks_of_all("auto", 15, 0.0) == pytest.approx(10 * first_guess(15) / (10 + weight), rel=1e-6)
    assert beliefs.talks("b", "auto", 15, 0.0) == pytest.approx(beliefs.talks_of_all("auto", 15, 0.0))
    assert beliefs.talks("a", "auto", 15, 0.0) < beliefs.talks("b", "auto", 15, 0.0)
    assert beliefs.talks("a", "legal", 15, 0.0) == pytest.approx(first_guess(15))


def test_own_talks_fade_by_outcomes_and_by_offers() -> None:
    talks = evidence(10)
    talks.fade(0.998)
    talks.add(20)
    assert talks.weight == pytest.approx(1.998)
    for _ in range(30_000):
        talks.fade(0.998)
        talks.add(30)
    assert talks.weight == pytest.approx(1 / 0.002, rel=1e-3)


def test_a_talk_without_minimum_always_lasts() -> None:
    assert alone(evidence(1, 1, 1)).lasts(0) == 1.0


def test_a_talk_beyond_the_grid_is_believed_as_one_to_its_end() -> None:
    curve = alone(evidence(10, 5_000))
    assert curve.lasts(1_200) == curve.lasts(4_000) == pytest.approx(0.5)


def test_beliefs_take_talks_in_progress_into_account() -> None:
    early: list[Lesson] = [TalkEnded("new", "auto", f"e{n}", 6.0, 90) for n in range(3)]
    going: list[Lesson] = [TalkBegan("new", "auto", f"g{n}", 1_000.0) for n in range(4)]
    without, with_them = Beliefs(), Beliefs()
    for number, lesson in enumerate(early, 1):
        without.learn(number, lesson, 1_000.0)
    for number, lesson in enumerate([*early, *going], 1):
        with_them.learn(number, lesson, 1_000.0)
    assert with_them.talks("new", "auto", 90, 1_120.0) > without.talks("new", "auto", 90, 1_120.0) + 0.1
    # One whose end was never told is over some day.
    assert with_them.talks("new", "auto", 90, 1_000.0 + 6 * 3_600) == without.talks("new", "auto", 90, 1_120.0)


times = st.lists(st.floats(0, 2_000), max_size=12)


@settings(max_examples=80, deadline=None)
@given(times, times, times, st.floats(0, 20))
def test_survival_falls_and_is_a_chance(
    ended: list[float], cut: list[float], going: list[float], imaginary: float
) -> None:
    curve = Curve(evidence(*ended, cut_s=tuple(cut)), going, guessed, imaginary)
    lasts = [curve.lasts(seconds) for seconds in (0, 1, 7, 30, 30.5, 90, 299, 300, 301, 700, 1_200, 9_000)]
    assert all(0.0 <= chance <= 1.0 for chance in lasts)
    assert all(later <= earlier + 1e-12 for earlier, later in pairwise(lasts))


def test_a_buyer_that_nobody_dials_for_a_million_offers_is_believed_to_be_like_any() -> None:
    beliefs = Beliefs()
    for number in range(1, 21):
        beliefs.learn(2 * number, TalkEnded("a", "auto", f"CA{number}/1", 3.0, 90), 0.0)
        beliefs.learn(2 * number + 1, TalkEnded("b", "auto", f"CB{number}/1", 200.0, 90), 0.0)
    written_off = beliefs.talks("a", "auto", 90, 0.0)
    evidence = beliefs.buyers["a"].talks["auto"]
    for _ in range(1_500_000):  # as `Replied` does
        evidence.fade(OFFER_FADE)
    beliefs.learn(1_000, Replied("a", 1.0, "offer", 20.0, 90), 0.0)
    assert written_off < 0.4
    assert beliefs.talks("a", "auto", 90, 0.0) == pytest.approx(beliefs.talks_of_all("auto", 90, 0.0))
