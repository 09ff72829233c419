"""The mix of callers."""

from collections import Counter

import phonenumbers
import pytest

from callrouter.simulator.partners import Answer
from callrouter.simulator.scenarios import MOST_CALLERS, Cast, Scenario, Story, scenarios

NUMBER = "+18885550100"


def offers(scenario: Scenario) -> list[Answer]:
    """The answers that are offers, best first."""
    made = [a for a in (scenario.lmal, scenario.contactability) if a.payout is not None and a.code is None]
    return sorted(made, key=lambda answer: answer.payout or 0, reverse=True)


def test_the_same_seed_gives_the_same_callers() -> None:
    assert scenarios(7, 50, number=NUMBER) == scenarios(7, 50, number=NUMBER)
    assert scenarios(7, 50, number=NUMBER) != scenarios(8, 50, number=NUMBER)


@pytest.mark.parametrize("seed", range(5))
def test_every_story_is_told_from_eight_callers_on(seed: int) -> None:
    assert Counter(s.story for s in scenarios(seed, 8, number=NUMBER)) == Counter(Story)


def test_every_number_is_valid_and_nobody_shares_one() -> None:
    cast = scenarios(1, MOST_CALLERS, number=NUMBER)
    numbers = [s.caller.from_ for s in cast] + [number for s in cast for number in s.phones]
    assert len(set(numbers)) == 3 * MOST_CALLERS
    assert all(phonenumbers.is_valid_number(phonenumbers.parse(number)) for number in numbers)


def test_more_callers_than_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="at most"):
        scenarios(1, MOST_CALLERS + 1, number=NUMBER)


def test_the_best_offer_leads_to_the_phone_of_the_story() -> None:
    for scenario in scenarios(3, 100, number=NUMBER):
        if scenario.story in (Story.UNSOLD_CALLBACK, Story.LEAD_SOLD):
            assert offers(scenario) == []
            continue
        best, other = offers(scenario)
        first, second = scenario.phones[best.number], scenario.phones[other.number]
        assert best.number == scenario.best
        assert second.result == "answer"
        if scenario.story is Story.BRIDGED_SECOND:
            assert first.result in {"busy", "no_answer"}
        if scenario.story is Story.EARLY_HANGUP_RECOVERED:
            assert (first.result, first.talk_s < 5 < second.talk_s) == ("answer", True)


def test_a_quick_pace_shortens_talks_and_rings() -> None:
    for scenario in scenarios(3, 60, number=NUMBER, pace=0.01):
        best = offers(scenario)[0] if offers(scenario) else None
        for phone in scenario.phones.values():
            assert phone.talk_s <= 3
            assert phone.ring_s <= 4
        if best:
            assert best.min_duration_s == 2


def test_partners_answer_each_caller_their_own_way() -> None:
    cast = scenarios(3, 20, number=NUMBER)
    play = Cast(cast)
    for scenario in cast:
        ten = scenario.caller.from_[2:]
        assert play.lmal({"telephone": ten}) is scenario.lmal
        assert play.contactability({"phone": f"+1{ten}"}) is scenario.contactability
    assert play.lmal({"telephone": "9999999999"}).payout is None
    assert play.contactability({}).payout is None
