"""The test for buyers that end calls short: exact, fair to the honest, and not to be fooled."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import product
from math import comb

import pytest

from callrouter.ledger.ending_short import (
    FEWEST,
    FROM_S,
    NEAR_S,
    HangUps,
    at_least,
    hang_ups,
    near_misses,
    suspicious,
)

LEAST_S = 90
Ending = tuple[int, int, str]


def ending(talk_s: float, by: str, least_s: int = LEAST_S) -> Ending:
    """As the ledger counts a talk."""
    margin_s = int(talk_s) - least_s
    margin_s = FROM_S - 1 if margin_s < FROM_S else min(margin_s, NEAR_S)
    return margin_s, min(least_s, -FROM_S), by


def test_the_probability_is_that_of_counting_every_way_that_it_can_come() -> None:
    for n, p in product(range(1, 8), (0.1, 0.5, 0.83)):
        for k in range(n + 2):
            ways = (ups for ups in product((0, 1), repeat=n) if sum(ups) >= k)
            counted = sum(p ** sum(ups) * (1 - p) ** (n - sum(ups)) for ups in ways)
            assert at_least(k, n, p) == pytest.approx(counted, rel=1e-12)


def test_the_probability_stays_exact_for_many_talks() -> None:
    p = Fraction(1, 3)
    for k, n in ((40, 60), (250, 600), (900, 2_000)):
        exactly = sum(comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k, n + 1))
        assert at_least(k, n, 1 / 3) == pytest.approx(float(exactly), rel=1e-9)


def test_a_test_by_hand() -> None:
    endings = Counter({ending(87, "buyer"): 3, ending(95, "buyer"): 1, ending(200, "caller"): 10})
    found = hang_ups(endings)
    assert found is not None
    near_s, beside_s = 3 * 7.5 + 11 * 10, 3 * 10 + (10 + 5.5) + 10 * 20
    share = near_s / (near_s + beside_s)
    assert (found.short, found.around) == (3, 4)
    assert found.usual == pytest.approx(4 * share)
    assert found.chance == pytest.approx(4 * share**3 * (1 - share) + share**4)


def test_a_talk_has_spent_no_time_before_it_began() -> None:
    """Of a minimum of 5 s, nobody could be on the line 20 s before it."""
    found = hang_ups(Counter({ending(3, "buyer", 5): 1, ending(60, "buyer", 5): 1, ending(9, "buyer", 5): 1}))
    assert found is not None
    near_s, after_s = 3.5 + 5 + 5, 10 + 4.5
    assert found.usual == pytest.approx(2 * near_s / (near_s + after_s))


def test_near_misses_are_the_ten_seconds_before_the_minimum_duration() -> None:
    endings = Counter([ending(talk, by) for talk, by in ((79, "buyer"), (80, "buyer"), (89, "caller"), (90, "buyer"))])
    assert near_misses(endings) == {"buyer": 1, "caller": 1}


def test_nothing_is_said_where_nobody_hung_up_near_it() -> None:
    assert hang_ups({}) is None
    assert hang_ups(Counter({ending(10, "buyer"): 9, ending(300, "buyer"): 9})) is None
    assert hang_ups(Counter({ending(88, "caller"): 9})) is None
    assert suspicious(None, 1) is False


def test_few_near_misses_and_small_differences_prove_nothing() -> None:
    assert suspicious(HangUps(FEWEST, FEWEST, 1.0, 1e-6), 1)
    assert not suspicious(HangUps(FEWEST - 1, FEWEST - 1, 1.0, 1e-6), 1)
    assert not suspicious(HangUps(1_400, 3_000, 1_000.0, 1e-9), 1)
    assert not suspicious(HangUps(20, 25, 8.0, 0.004), 3)


def honest(rng: random.Random, talks: int) -> Iterator[Ending]:
    """Talks that end whenever they end, as people do: early, evenly, or after a usual time."""
    kinds: tuple[Callable[[], float], ...] = (
        lambda: rng.expovariate(1 / 120),
        lambda: rng.uniform(0, 300),
        lambda: rng.lognormvariate(4.6, 0.8),
        lambda: rng.weibullvariate(100, 0.6),
    )
    lengths = rng.choice(kinds)
    return (ending(lengths(), rng.choice(("buyer", "caller"))) for _ in range(talks))


def test_fewer_than_one_in_a_hundred_honest_buyers_are_flagged() -> None:
    rng = random.Random(1)
    flagged = sum(suspicious(hang_ups(Counter(honest(rng, 200))), 1) for _ in range(2_000))
    assert flagged < 20


@pytest.mark.parametrize("seed", range(10))
def test_a_buyer_that_ends_twenty_of_two_hundred_talks_short_is_flagged(seed: int) -> None:
    rng = random.Random(seed)
    endings = Counter(honest(rng, 180))
    endings[ending(LEAST_S - 3, "buyer")] += 20
    assert suspicious(hang_ups(endings), 3)


def test_callers_who_hang_up_just_before_it_are_not_held_against_the_buyer() -> None:
    endings = Counter(honest(random.Random(1), 180))
    endings[ending(LEAST_S - 3, "caller")] += 20
    assert not suspicious(hang_ups(endings), 1)


def test_a_buyer_that_never_lets_a_talk_reach_the_minimum_is_flagged_too() -> None:
    assert suspicious(hang_ups(Counter({ending(LEAST_S - 3, "buyer"): 20})), 3)
