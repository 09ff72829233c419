"""The policy in virtual time over what buyers usually do."""

from decimal import Decimal

import pytest

from callrouter.auction.known import Asked, Known
from callrouter.commands.usual_course import Course, Reply, course
from callrouter.domain.decision import Because, Choice, PolicyName, Rules
from tests.auctions.believing import Stated, StatedBeliefs

SINCE = 1_795_000_000.0
QUICK = Reply("quick", 0.5, Decimal(18), 60)
SLOW = Reply("slow", 4.0, Decimal(60), 90)
BELIEVED = StatedBeliefs(
    {
        "quick": Stated(offers=((0.0, 0.0), (0.4, 0.0), (0.6, 1.0)), typical=((18.0, 60),)),
        "slow": Stated(offers=((0.0, 0.0), (3.0, 0.0), (5.0, 0.9)), typical=((60.0, 90),)),
    }
)


def start(policy: PolicyName = "expected_value", deadline_s: float = 10.0, tries: int = 4) -> Known:
    """Both were just asked."""
    end = SINCE + deadline_s
    awaited = tuple(Asked(buyer, SINCE, end) for buyer in ("quick", "slow"))
    return Known("explain", "auto", SINCE, end, tries, (), awaited, Rules(policy=policy))


def dials(found: Course) -> list[tuple[str | None, float]]:
    """Who is dialled, and when since the start."""
    return [(d.buyer, round(d.at - SINCE, 2)) for d in found.decisions if d.choice is Choice.DIAL]


def test_the_caller_is_held_for_the_offer_that_is_worth_it_and_the_other_comes_next() -> None:
    found = course(start(), [SLOW, QUICK], BELIEVED)
    assert dials(found) == [("slow", 4.0), ("quick", 16.0)]
    assert found.decisions[-1].because is Because.NOTHING_LEFT


def test_how_long_a_wait_would_last_is_how_long_it_lasts_when_nobody_else_answers() -> None:
    (kept,) = course(start(), [SLOW, QUICK], BELIEVED).kept
    alone = course(start(), [QUICK], BELIEVED)
    assert dials(alone)[0] == (kept.buyer, round(kept.until - SINCE, 2))
    assert kept.at == SINCE + 0.5
    assert 4.0 < kept.until - SINCE <= 10.0


def test_without_a_reply_that_is_worth_waiting_for_it_is_dialled_at_once() -> None:
    worse = StatedBeliefs({**BELIEVED.buyers, "slow": Stated(answers=0.05, typical=((20.0, 90),))})
    found = course(start(), [SLOW, QUICK], worse)
    assert dials(found)[0] == ("quick", 0.5)
    assert found.kept == ()


def test_an_offer_that_lapsed_while_others_rang_is_not_dialled() -> None:
    found = course(start(), [SLOW, Reply("quick", 0.5, Decimal(18), 60, lasts_s=10.0)], BELIEVED)
    assert dials(found) == [("slow", 4.0)]


def test_a_reply_without_an_offer_ends_the_wait_for_it() -> None:
    found = course(start(), [Reply("slow", 2.0), QUICK], BELIEVED)
    assert dials(found) == [("quick", 2.0)]


def test_no_more_is_dialled_than_the_plan_allows() -> None:
    assert dials(course(start(tries=1), [SLOW, QUICK], BELIEVED)) == [("slow", 4.0)]


@pytest.mark.parametrize("replies", [[], [Reply("quick", 0.5)]])
def test_when_nobody_offers_it_ends_with_the_auction(replies: list[Reply]) -> None:
    found = course(start(), replies, BELIEVED)
    last = found.decisions[-1]
    assert (last.choice, round(last.at - SINCE, 3)) == (Choice.GIVE_UP, 10.0)


def test_the_highest_payout_waits_for_everybody() -> None:
    found = course(start("highest_payout"), [Reply("slow", 4.0, Decimal(10), 90), QUICK], BELIEVED)
    assert dials(found) == [("quick", 4.0), ("slow", 16.0)]
