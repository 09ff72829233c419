"""When offers come, against numbers worked out by hand."""

from itertools import pairwise
from math import exp, inf
from random import Random
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callrouter.beliefs.beliefs import Beliefs
from callrouter.beliefs.lessons import Replied
from callrouter.beliefs.replies import NEWCOMERS_OFFER, ReplyTimes

EIGHT = [(1.0, "offer"), (2.0, "offer"), (5.0, "offer"), (2.5, "no"), *[(20.0, "silent")] * 4]


def test_a_newcomer_offers_in_six_of_ten_pings_after_three_seconds_in_the_mean() -> None:
    chances = ReplyTimes().offered_within(0.0, [3.0, 1_000.0])
    assert chances == pytest.approx([0.6 * (1 - exp(-1)), 0.6])


def test_of_a_newcomer_that_has_been_silent_less_is_expected() -> None:
    silent = 0.6 * exp(-1) + 0.4
    chances = ReplyTimes().offered_within(3.0, [6.0, 1_000.0])
    assert chances == pytest.approx([0.6 * (exp(-1) - exp(-2)) / silent, 0.6 * exp(-1) / silent])


def test_own_pings_are_joined_by_two_imaginary_ones() -> None:
    replies = ReplyTimes.of(EIGHT, [])
    assert replies.offered_within(0.0, [2.0, 6.0]) == pytest.approx(
        [(2 + 1.2 * (1 - exp(-2 / 3))) / 10, (3 + 1.2 * (1 - exp(-2))) / 10]
    )


def test_after_a_while_only_those_count_that_were_still_silent_then() -> None:
    replies = ReplyTimes.of(EIGHT, [])
    # At 3 s three of eight had answered; one of the five that had not offered at 5 s.
    at_risk = 5 + 2 * (0.6 * exp(-1) + 0.4)
    assert replies.offered_within(3.0, [4.0, 6.0]) == pytest.approx(
        [1.2 * (exp(-1) - exp(-4 / 3)) / at_risk, (1 + 1.2 * (exp(-1) - exp(-2))) / at_risk]
    )


def test_a_ping_that_was_cut_off_is_at_risk_for_half_of_the_stretch_in_which_it_was() -> None:
    replies = ReplyTimes.of([*EIGHT, (4.0, "cut")], [])
    # To 3 s nobody was cut off, and then one of six that were silent.
    early, late = 1.2 * (1 - exp(-1)), 1.2 * (exp(-1) - exp(-2))
    by_three = (2 + early) / 11
    still_silent = 1 - (3 + early) / 11
    assert replies.offered_within(0.0, [3.0, 6.0]) == pytest.approx(
        [by_three, by_three + still_silent * (1 + late) / (11 - 3 - early - 1 / 2)]
    )
    assert replies.offered_within(5.5, [6.0])[0] == pytest.approx(
        1.2 * (exp(-5.5 / 3) - exp(-2)) / (4 + 2 * (0.6 * exp(-5.5 / 3) + 0.4))
    )


def test_callers_who_leave_early_do_not_make_buyers_look_fast() -> None:
    """Of pings that are silent when the caller leaves, as many would still have been offered to as of the others."""
    random = Random(7)
    replies = ReplyTimes()
    share, mean_s, patience_s, seen, found = 0.5, 4.0, 12.0, 200, []
    for _ in range(60):
        for _ in range(seen):
            offer_s = random.expovariate(1 / mean_s) if random.random() < share else inf
            leaves_s = random.expovariate(1 / patience_s)
            ended = "offer" if offer_s <= min(leaves_s, 10.0) else "cut" if leaves_s < 10.0 else "silent"
            replies.add(min(offer_s, leaves_s, 10.0), ended)
        found.append(replies.offered_within(1.0, [1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 9.0])[-1])
    silent = share * exp(-1 / mean_s) + 1 - share
    assert fmean(found) == pytest.approx(share * (exp(-1 / mean_s) - exp(-9 / mean_s)) / silent, abs=0.015)


def test_where_all_pings_were_cut_off_only_the_imaginary_ones_tell() -> None:
    replies = ReplyTimes.of([(0.4, "cut")] * 200, [])
    assert replies.offered_within(1.0, [2.0, 8.0]) == ReplyTimes().offered_within(1.0, [2.0, 8.0])
    (chance,) = replies.offered_within(0.0, [1.0])
    assert 0 < chance < ReplyTimes().offered_within(0.0, [1.0])[0]


def test_two_hundred_pings_and_twelve_offers_are_remembered() -> None:
    replies = ReplyTimes()
    for number in range(50):
        replies.add(1.0, "offer")
        replies.offers.append((float(number), 60))
    assert [payout for payout, _ in replies.offers] == [float(number) for number in range(38, 50)]
    for _ in range(200):
        replies.add(20.0, "silent")
    assert len(replies.pings) == 200
    assert replies.offered_within(0.0, [5.0]) == pytest.approx([1.2 * (1 - exp(-5 / 3)) / 202])


def test_what_a_newcomer_offers_is_a_guess() -> None:
    beliefs = Beliefs()
    assert list(beliefs.typical_offers("new")) == [NEWCOMERS_OFFER] == [(25.0, 90)]
    beliefs.learn(1, Replied("new", 2.0, "no"), 0.0)
    assert list(beliefs.typical_offers("new")) == [NEWCOMERS_OFFER]
    beliefs.learn(2, Replied("new", 2.0, "offer", 31.5, 120), 0.0)
    assert list(beliefs.typical_offers("new")) == [(31.5, 120)]


pings = st.lists(
    st.tuples(st.floats(0, 30), st.sampled_from(["offer", "no", "silent", "cut"])).map(
        lambda ping: (20.0, "silent") if ping[1] == "silent" else ping
    ),
    max_size=230,
)


@settings(max_examples=60, deadline=None)
@given(pings, st.floats(0, 25), st.lists(st.floats(0, 20), min_size=1, max_size=6))
def test_it_is_a_chance_that_only_grows(seen: list[tuple[float, str]], silent_s: float, after_s: list[float]) -> None:
    moments = sorted(silent_s + seconds for seconds in after_s)
    chances = ReplyTimes.of(seen, []).offered_within(silent_s, moments)
    assert all(0.0 <= chance <= 1.0 for chance in chances)
    assert all(earlier <= later + 1e-12 for earlier, later in pairwise(chances))
