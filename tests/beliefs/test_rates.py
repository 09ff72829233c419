"""Answer rates, rings and patience, against numbers worked out by hand."""

from math import exp

import pytest

from callrouter.beliefs.beliefs import Beliefs, BuyerBeliefs
from callrouter.beliefs.lessons import Forgiven, Held, Lesson, Rang, Replied
from callrouter.beliefs.rates import Answers, Patience, Rings


def taught(*lessons: Lesson) -> Beliefs:
    """Beliefs that have learned these."""
    beliefs = Beliefs()
    for number, lesson in enumerate(lessons, 1):
        beliefs.learn(number, lesson, 0.0)
    return beliefs


def test_of_nobody_seven_in_ten_are_believed_to_answer() -> None:
    assert Beliefs().answers("anybody") == pytest.approx(0.7)


def test_a_buyers_answer_rate_is_shrunk_to_the_pools() -> None:
    beliefs = Beliefs()
    beliefs.buyers = {"a": BuyerBeliefs(Answers(answered=3.0, dials=10.0))}
    # The pool: (0.7 x 10 + 3) / (10 + 10) = 0.5; the buyer: (6 x 0.5 + 3) / (6 + 10).
    assert beliefs.answers_of_all() == pytest.approx(0.5)
    assert beliefs.answers("a") == pytest.approx(0.375)
    assert beliefs.answers("newcomer") == pytest.approx(0.5)


def test_each_own_dial_makes_the_older_ones_worth_a_little_less() -> None:
    beliefs = taught(Rang("a", True, 5.0), Rang("a", False, 20.0), Rang("a", False, 20.0))
    answers = beliefs.buyers["a"].answers
    assert answers.answered == pytest.approx(0.998**2)
    assert answers.dials == pytest.approx(1 + 0.998 + 0.998**2)
    assert beliefs.dials("a") == answers.dials


def test_each_offer_makes_dials_worth_a_little_less_and_a_decline_does_not() -> None:
    offered = taught(Rang("a", True, 5.0), Replied("a", 1.0, "offer", 20.0, 60))
    declined = taught(Rang("a", True, 5.0), Replied("a", 1.0, "no"))
    assert offered.buyers["a"].answers.dials == pytest.approx(0.9995)
    assert declined.buyers["a"].answers.dials == 1.0


def test_a_written_off_buyer_is_believed_in_again_after_many_offers() -> None:
    beliefs = taught(*(Rang("a", False, 20.0) for _ in range(60)), *(Rang("b", True, 5.0) for _ in range(60)))
    before = beliefs.answers("a")
    for number in range(4_000):
        beliefs.learn(beliefs.version + 1, Replied("a", 1.0, "offer", 20.0, 60), float(number))
    assert before < 0.1
    # What is left of sixty dials in vain: less than nine, against six as the pool.
    assert beliefs.answers("a") > 0.3


def test_a_forgiven_buyer_is_a_newcomer_that_replies_as_fast_as_before() -> None:
    lessons: list[Lesson] = [Replied("a", 2.0, "offer", 20.0, 60), *(Rang("a", False, 20.0) for _ in range(30))]
    beliefs = taught(*lessons, Forgiven("a"))
    assert beliefs.answers("a") == pytest.approx(beliefs.answers("newcomer"))
    assert beliefs.dials("a") == 0.0
    assert list(beliefs.typical_offers("a")) == [(20.0, 60)]
    assert beliefs.offers_within("a", 0.0, [3.0]) == taught(*lessons).offers_within("a", 0.0, [3.0])


def test_a_lesson_is_learned_once() -> None:
    beliefs = taught(Rang("a", True, 5.0))
    beliefs.learn(1, Rang("a", True, 5.0), 0.0)
    assert beliefs.dials("a") == 1.0
    assert beliefs.version == 1


def test_how_long_a_phone_rings() -> None:
    beliefs = taught(Rang("a", True, 10.0), Rang("a", False, 2.0))
    # Four imaginary rings of 6 s when it is answered, of 12 s when it is not.
    assert beliefs.ring_s("a") == pytest.approx((4 * 6 + 10) / 5)
    assert beliefs.failing_s("a") == pytest.approx((4 * 12 + 2) / 5)
    assert (beliefs.ring_s("newcomer"), beliefs.failing_s("newcomer")) == (6.0, 12.0)


def test_older_rings_fade() -> None:
    rings = Rings(6.0)
    rings.add(10.0)
    rings.add(20.0)
    assert rings.expected_s == pytest.approx((24 + 10 * 0.99 + 20) / (4 + 1.99))


def test_callers_are_believed_to_leave_four_in_four_minutes() -> None:
    assert Beliefs().leave_per_s("auto", "hold") == pytest.approx(4 / 240)
    assert Beliefs().leave_per_s("auto", "ring") == pytest.approx(4 / 240)


def test_hold_and_ring_are_learned_apart() -> None:
    beliefs = taught(Held("auto", "hold", 60.0, True))
    assert beliefs.leave_per_s("auto", "ring") == pytest.approx(4 / 240)
    # All callers: (4 + 1) / (240 + 60); this vertical's: ((5 / 300) x 240 + 1) / (240 + 60).
    assert beliefs.leave_per_s("legal", "hold") == pytest.approx(5 / 300)
    assert beliefs.leave_per_s("auto", "hold") == pytest.approx((5 / 300 * 240 + 1) / 300)


def test_a_verticals_callers_are_believed_to_be_like_all_until_they_show_otherwise() -> None:
    patient = [Held("auto", "hold", 10.0, False)] * 100
    hasty = [Held("legal", "hold", 10.0, True)] * 100
    beliefs = taught(*patient, *hasty)
    assert beliefs.leave_per_s("auto", "hold") < 0.015 < 0.04 < beliefs.leave_per_s("other", "hold")
    assert beliefs.leave_per_s("other", "hold") < 0.06 < 0.08 < beliefs.leave_per_s("legal", "hold")


def test_what_callers_did_is_forgotten_over_twenty_thousand_seconds() -> None:
    patience = Patience(left=10.0, exposed_s=1_000.0)
    patience.add(20_000.0, left=False)
    assert patience.left == pytest.approx(10 * exp(-1))
    assert patience.exposed_s == pytest.approx(1_000 * exp(-1) + 20_000)
