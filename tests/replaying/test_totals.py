"""What the interval holds, and what groups come to."""

import random
from collections.abc import Mapping

import pytest

from callrouter.domain.decision import Rules
from callrouter.replaying.changes import changes_of
from callrouter.replaying.replay import Compared, replayed
from callrouter.replaying.tally import Comes, Tally
from callrouter.replaying.totals import Change, totals
from tests.replaying.simulated import FromLog, lived, recorded_day, world_of


def comes(dials: Mapping[str, float], hold_s: float = 1.0, left: float = 0.0) -> Comes:
    tally = Tally()
    tally.hold(hold_s)
    for buyer, brings in dials.items():
        tally.dials(buyer, brings)
    tally.leaves(left)
    return tally.comes


def test_plans_and_buyers_have_a_line_each_and_the_total_is_the_same() -> None:
    compared = [
        Compared("1", "auto", comes({"a": 20.0}, 2.0), comes({"b": 30.0}, 4.0)),
        Compared("2", "auto", comes({"a": 0.0}, 2.0, 1.0), comes({"a": 20.0}, 1.0)),
        Compared("3", "solar", comes({}, 5.0), comes({}, 5.0)),
    ]
    of_plans, of_buyers = totals(compared, "plan"), totals(compared, "buyer")
    assert of_plans.total == of_buyers.total
    assert [(line.key, line.calls, line.money.was, line.money.would) for line in of_plans.lines] == [
        ("auto", 2, 20.0, 50.0),
        ("solar", 1, 0.0, 0.0),
    ]
    assert [(line.key, line.calls, line.dials_were, line.dials_would) for line in of_buyers.lines] == [
        ("a", 2, 2.0, 1.0),
        ("b", 1, 0.0, 1.0),
    ]
    auto, solar = of_plans.lines
    assert auto.hold_s is not None
    assert auto.left is not None
    assert (auto.hold_s.was, auto.hold_s.would, auto.left.was, auto.left.would) == (2.0, 2.5, 0.5, 0.0)
    assert solar.money == Change(0.0, 0.0, 0.0, 0.0)


def test_no_calls_come_to_nothing() -> None:
    total = totals([], "plan").total
    assert (total.calls, total.money, total.hold_s) == (0, Change(0, 0, 0, 0), Change(0, 0, 0, 0))


def test_one_call_that_differs_tells_nothing_of_others() -> None:
    total = totals([Compared("1", "auto", comes({}), comes({"a": 20.0}))], "plan").total
    assert total.money.high == float("inf")


def test_the_interval_has_the_difference_nineteen_times_of_twenty() -> None:
    """Calls of which some are valued by expectation: what is to be expected of such calls is in it, and so is what
    these calls come to when the dials are made."""
    rng, tries, expected, realised = random.Random(3), 400, 0, 0
    for _ in range(tries):
        compared, truth = [], 0.0
        for no in range(80):
            was = 30.0 if rng.random() < 0.5 else 0.0
            if rng.random() < 0.4:
                chance = rng.choice((0.2, 0.5))
                tally = Tally()
                tally.would_dial("a", 50.0, chance, known=1e9)
                would = tally.comes
                truth += (50.0 if rng.random() < chance else 0.0) - was
            else:
                would = comes({"b": was})
            compared.append(Compared(str(no), "auto", comes({"b": was}), would))
        money = totals(compared, "plan").total.money
        expected += money.low <= 80 * 0.4 * (50 * 0.35 - 15) <= money.high
        realised += money.low <= truth <= money.high
    assert 0.93 <= expected / tries <= 1
    assert 0.93 <= realised / tries <= 1


def test_what_little_is_known_of_makes_the_interval_wider() -> None:
    def width(known: float) -> float:
        tally = Tally()
        tally.would_dial("a", 50.0, 0.5, known)
        money = totals([Compared(str(no), "auto", comes({}), tally.comes) for no in range(50)], "plan").total.money
        return money.high - money.low

    assert width(1) > 3 * width(1_000)


@pytest.mark.parametrize(
    ("rules", "what_if", "other"),
    [
        (Rules(max_attempts=3), "policy=highest_payout max_wait_s=2", Rules(policy="highest_payout", max_wait_s=2)),
        (Rules(policy="highest_payout", max_wait_s=5), "policy=expected_value max_wait_s=none", Rules()),
    ],
)
async def test_days_that_are_really_lived_under_other_settings_come_out_within_the_interval(
    rules: Rules, what_if: str, other: Rules
) -> None:
    rules, other = (one.model_copy(update={"max_attempts": 3}) for one in (rules, other))
    inside, off, days = 0, 0.0, 8
    for seed in range(days):
        world = world_of("P03_five_mixed", seed, 100)
        day = recorded_day(world, rules)
        found = await replayed(day.feed(), FromLog(day.lessons), changes_of(what_if.split()))
        money, truth = totals(found.compared, "plan").total.money, float(lived(world, other)["rev"].sum())
        inside += money.low <= truth - money.was <= money.high
        off += (money.would - truth) / days / truth
    assert inside >= days - 1
    assert abs(off) < 0.15
