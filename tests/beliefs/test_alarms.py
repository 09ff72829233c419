"""A buyer that begins to disappoint is noticed soon, and one that does not is left alone."""

from random import Random

import pytest

from callrouter.beliefs.alarms import Alarm
from callrouter.beliefs.beliefs import Beliefs
from callrouter.beliefs.lessons import Rang, TalkEnded


def test_it_adds_up_disappointments_beyond_a_fifth_each() -> None:
    alarm = Alarm()
    assert alarm.notes(0.7, 0.0, 0.0) is None
    assert alarm.sum == pytest.approx(0.5)
    assert alarm.notes(0.7, 1.0, 1.0) is None
    assert alarm.sum == 0.0
    assert alarm.run == []


def test_it_trips_at_four_and_hands_out_the_run_since_it_was_nothing() -> None:
    alarm = Alarm()
    for _ in range(5):
        alarm.notes(0.7, 1.0, 1.0)
    runs = [alarm.notes(0.75, 0.0, 0.0) for _ in range(8)]
    assert runs[:7] == [None] * 7  # 7 x 0.55 = 3.85
    assert runs[7] == [0.0] * 8
    assert (alarm.sum, alarm.run, alarm.tripped) == (0.0, [], 1)


def test_when_it_trips_old_answers_are_cut_to_a_fiftieth_and_the_run_counts() -> None:
    beliefs, told = Beliefs(), list[tuple[str, str]]()
    beliefs.on_alarm = lambda buyer, of: told.append((buyer, of))
    for number in range(1, 1_001):
        beliefs.learn(number, Rang("a", True, 5.0), 0.0)
    trusted = beliefs.answers("a")
    dials = 0
    while not told:
        dials += 1
        beliefs.learn(beliefs.version + 1, Rang("a", False, 20.0), 0.0)
    assert trusted > 0.99
    assert told == [("a", "answers")]
    assert dials <= 6
    # Of the old some 430 dials a fiftieth is left; the failures count once.
    assert beliefs.buyers["a"].answers.dials == pytest.approx(0.02 * 437 + 0.98 * dials, abs=1)
    assert beliefs.answers("a") < 0.75
    assert beliefs.buyers["a"].answers.alarm.tripped == 1


def test_a_voicemail_is_caught_within_a_dozen_calls_after_thousands_of_honest_ones() -> None:
    beliefs, told, random = Beliefs(), list[str](), Random(6)
    beliefs.on_alarm = lambda buyer, of: told.append(of)
    for number in range(1, 5_001):
        seconds = 6.0 if random.random() < 0.25 else 60 + random.expovariate(1 / 200)
        beliefs.learn(number, TalkEnded("a", "auto", "x", seconds, 90), 0.0)
    before = beliefs.talks("a", "auto", 90, 0.0)
    told.clear()
    calls = 0
    while not told:
        calls += 1
        beliefs.learn(beliefs.version + 1, TalkEnded("a", "auto", "x", 6.0, 90), 0.0)
    assert told == ["talks"]
    assert calls <= 12
    assert beliefs.talks("a", "auto", 90, 0.0) < 0.65 * before


@pytest.mark.parametrize("rate", [0.3, 0.5, 0.7, 0.9])
def test_an_honest_buyer_is_suspected_less_than_once_in_five_hundred_dials(rate: float) -> None:
    random, alarm, dials = Random(7), Alarm(), 100_000
    for _ in range(dials):
        answered = 1.0 if random.random() < rate else 0.0
        alarm.notes(rate, answered, answered)
    assert alarm.tripped < dials / 500


def test_a_false_alarm_costs_little() -> None:
    """The run that tripped it counts, and a fiftieth of the old: the estimate is back within some twenty dials."""
    beliefs = Beliefs()
    for number in range(1, 501):
        beliefs.learn(number, Rang("a", number % 10 < 7, 5.0), 0.0)
    while not beliefs.buyers["a"].answers.alarm.tripped:
        beliefs.learn(beliefs.version + 1, Rang("a", False, 20.0), 0.0)
    for number in range(20):
        beliefs.learn(beliefs.version + 1, Rang("a", number % 10 < 7, 5.0), 0.0)
    assert 0.5 < beliefs.answers("a") < 0.7


def test_a_talk_that_somebody_else_ended_early_is_no_disappointment() -> None:
    beliefs = Beliefs()
    for number in range(1, 41):
        beliefs.learn(number, TalkEnded("a", "auto", "x", 6.0, 90, cut=True), 0.0)
    assert beliefs.buyers["a"].alarms == {}


def test_a_talk_without_minimum_disappoints_nobody() -> None:
    beliefs = Beliefs()
    for number in range(1, 41):
        beliefs.learn(number, TalkEnded("a", "auto", "x", 1.0, 0), 0.0)
    assert beliefs.buyers["a"].alarms == {}


def test_one_verticals_disappointments_are_not_anothers() -> None:
    beliefs = Beliefs()
    for vertical, seconds in (("auto", 240.0), ("legal", 240.0), ("legal", 6.0)):
        for _ in range(30):
            beliefs.learn(beliefs.version + 1, TalkEnded("a", vertical, "x", seconds, 90), 0.0)
    assert beliefs.buyers["a"].alarms["legal"].tripped
    assert not beliefs.buyers["a"].alarms["auto"].tripped
