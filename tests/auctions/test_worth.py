"""What an order of dials is worth, in cases that one can reckon by hand, and by how much waiting must be worth more."""

from decimal import Decimal

import pytest

from callrouter.auction.known import Asked, InHand, Known
from callrouter.auction.policy import decide
from callrouter.auction.verdict import Verdict
from callrouter.auction.worth import Dial, best_plan, value_of
from callrouter.domain.decision import Because, Choice, Rules
from tests.auctions.believing import StatedBeliefs

NOW = 1_790_000_000.0


def test_a_dial_that_may_not_take_place_uses_up_as_much_of_a_try() -> None:
    likely, sure = Dial(10.0, 0.5, 12.0, "likely", there=0.5), Dial(8.0, 0.5, 12.0, "sure")
    # Half a dial of the one; with 0.75 the caller is still there, and half a try is left for the other.
    assert value_of([likely, sure], 1, NOW) == pytest.approx(0.5 * 10 + 0.75 * 0.5 * 8)
    assert value_of([likely, sure], 2, NOW) == pytest.approx(0.5 * 10 + 0.75 * 8)


def test_a_poorer_offer_comes_first_when_only_so_both_can_be_dialled() -> None:
    best = Dial(10.0, 0.5, 12.0, "best", answers=0.5)
    soon_gone, patient = (Dial(9.0, 0.5, 12.0, "poorer", dial_by=NOW + s, answers=0.5) for s in (5, 30))
    first, worth = best_plan([best, soon_gone], [], 3, NOW)
    assert first is soon_gone
    assert worth == pytest.approx(9 + 0.5 * 10)
    first, worth = best_plan([best, patient], [], 3, NOW)
    assert first is best
    assert worth == pytest.approx(10 + 0.5 * 9)


def _with_hold_hazard(hold: float) -> Verdict:
    in_hand = (InHand("alpha", Decimal(20), 60, NOW + 60),)
    known = Known("CA1", "auto", NOW - 1, NOW + 15, 3, in_hand, (Asked("bravo", NOW - 1, NOW + 15),), Rules())
    return decide(known, StatedBeliefs(hold=hold), NOW)


def _gain(hold: float) -> float:
    """By which part waiting is worth more than dialling now."""
    verdict = _with_hold_hazard(hold)
    assert verdict.worth_waiting is not None
    assert verdict.worth_now is not None
    return verdict.worth_waiting / verdict.worth_now - 1.0


@pytest.mark.parametrize(("gain", "choice"), [(0.0005, Choice.DIAL), (0.0009, Choice.DIAL), (0.0012, Choice.WAIT)])
def test_a_caller_is_not_held_for_less_than_a_thousandth(gain: float, choice: Choice) -> None:
    low, high = 0.0, 1.0  # the more callers leave, the less waiting is worth
    assert _gain(low) > gain > _gain(high)
    while _gain(low) - gain > 0.00002:
        middle = (low + high) / 2
        low, high = (middle, high) if _gain(middle) >= gain else (low, middle)
    verdict = _with_hold_hazard(low)
    assert verdict.choice is choice
    assert verdict.because is (Because.WORTH_WAITING if choice is Choice.WAIT else Because.NOT_WORTH_WAITING)
