"""Recorded decisions made again: exactly the same, or named."""

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from callrouter.domain.decision import Rules
from callrouter.replaying.changes import changes_of
from callrouter.replaying.past import past_of
from callrouter.replaying.replay import replayed
from callrouter.replaying.totals import Change, totals
from tests.replaying.pieced import pieced_as_recorded
from tests.replaying.simulated import Day, FromLog, recorded_day, world_of

RULES = {
    "expected value": Rules(max_attempts=3),
    "expected value, bounded": Rules(max_attempts=3, max_wait_s=3, min_offers=2),
    "highest payout": Rules(policy="highest_payout", max_wait_s=5, max_attempts=3),
    "priority": Rules(policy="priority", max_attempts=3, tiers={"0": (2, 1.0), "1": (1, 2.0), "2": (1, 1.0)}),
}


@cache
def day(rules: str = "expected value", scenario: str = "P03_five_mixed", calls: int = 120) -> Day:
    return recorded_day(world_of(scenario, 7, calls), RULES[rules])


@pytest.mark.parametrize("rules", RULES)
async def test_a_day_under_its_own_settings_comes_out_exactly_and_to_the_cent(rules: str) -> None:
    made = day(rules)
    beliefs = FromLog(made.lessons)
    found = await replayed(made.feed(), beliefs, changes_of(["floor=0"]))
    assert found.different == []
    assert found.made == sum(len(record["decisions"]) for record in made.records) > 500
    assert beliefs.begun == 0  # each lesson was folded once for all calls
    total = totals(found.compared, "plan").total
    assert round(total.money.was, 2) == round(float(made.came_to["rev"].sum()), 2)
    assert total.money == Change(total.money.was, total.money.was, 0.0, 0.0)
    assert [one for one in found.compared if one.was != one.would] == []
    assert total.left is not None
    assert total.left.was == pytest.approx(made.came_to["aband"].mean())


def _worth(decision: dict[str, Any]) -> None:
    decision["worth_now"] += 0.0001


def _until(decision: dict[str, Any]) -> None:
    decision["until"] += 0.001


def _payout(decision: dict[str, Any]) -> None:
    decision["offers"][0]["payout"] = "99.00"


@pytest.mark.parametrize(("of", "change"), [("worth_now", _worth), ("until", _until), ("worth_now", _payout)])
async def test_a_record_that_was_altered_is_found_out(of: str, change: Callable[[dict[str, Any]], None]) -> None:
    made = recorded_day(world_of("P01_two_slow_worth_it", 3, 20), RULES["expected value"])
    record, decision = next(
        (record, decision)
        for record in made.records
        for decision in record["decisions"]
        if decision["because"] == "worth_waiting" and decision["news"] and len(decision["offers"]) == 1
    )
    change(decision)
    found = await replayed(made.feed(), FromLog(made.lessons))
    first = found.different[0]
    assert (first.sid, first.at) == (record["sid"], decision["at"])
    assert of in first.was
    assert first.was[of] != first.now[of]


async def test_decisions_whose_beliefs_are_not_kept_are_counted_and_left_out_of_what_ifs() -> None:
    made = day()
    below = made.lessons[len(made.lessons) // 2][0]
    found = await replayed(made.feed(), FromLog(made.lessons, forgotten_below=below), changes_of(["max_wait_s=1"]))
    gone = [r for r in made.records if any(d["beliefs"] < below for d in r["decisions"])]
    assert 0 < found.forgotten_calls == len(gone) < found.calls
    assert found.different == []
    assert {one.sid for one in found.compared} == {r["sid"] for r in made.records} - {r["sid"] for r in gone}


async def test_calls_that_overlap_have_their_beliefs_folded_once() -> None:
    made = day("expected value", "P01_two_slow_worth_it", 40)
    # As if all had begun at once: every walk is under way at the same time.
    for record in made.records:
        assert record["decisions"]
    beliefs = FromLog(made.lessons)

    async def feed() -> Any:
        for record in reversed(made.records):
            yield made.records[0]["decisions"][0]["since"], record

    found = await replayed(feed(), beliefs)
    assert (found.different, beliefs.begun, found.calls) == ([], 0, len(made.records))


@pytest.mark.parametrize("scenario", ["P03_five_mixed", "P10_nobody_answers"])
def test_what_is_known_at_any_moment_is_pieced_together_as_it_was(scenario: str) -> None:
    offers = sum(pieced_as_recorded(past_of(record)) for record in day("expected value", scenario).records)
    assert offers > 200
