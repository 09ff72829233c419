"""What holds of every decision, whatever is known and believed."""

import json
from dataclasses import replace
from decimal import Decimal
from random import Random

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from callrouter.auction.known import Asked, InHand, Known
from callrouter.auction.policy import decide
from callrouter.auction.recorded import known_at, recorded
from callrouter.domain.decision import Choice, Decision, PolicyName, Rules
from tests.auctions.believing import Stated, StatedBeliefs, said

NOW = 1_790_000_000.0
BUYERS = [f"buyer-{letter}" for letter in "abcdef"]
POLICIES: tuple[PolicyName, ...] = ("expected_value", "highest_payout", "priority")

lightly = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
chances = st.floats(0, 1)
moments = st.floats(-20, 40).map(lambda s: NOW + round(s, 3))


@st.composite
def stated(draw: st.DrawFn) -> Stated:
    """One buyer: its curves are sound, everything else may be odd."""
    lasts = sorted(draw(st.lists(chances, min_size=3, max_size=3)), reverse=True)
    offered = sorted(draw(st.lists(st.floats(0, 0.999), min_size=3, max_size=3)))
    return Stated(
        answers=draw(chances),
        talks=((0.0, 1.0), *zip((30.0, 90.0, 600.0), lasts, strict=True)),
        ring_s=draw(st.floats(0, 30)),
        failing_s=draw(st.floats(0, 40)),
        offers=((0.0, 0.0), *zip((1.0, 5.0, 15.0), offered, strict=True)),
        typical=tuple(draw(st.lists(st.tuples(st.floats(0, 200), st.integers(0, 900)), min_size=1, max_size=4))),
    )


@st.composite
def beliefs(draw: st.DrawFn) -> StatedBeliefs:
    return StatedBeliefs(
        buyers={buyer: draw(stated()) for buyer in BUYERS}, hold=draw(st.floats(0, 2)), ring=draw(st.floats(0, 2))
    )


def rules(policy: PolicyName | None = None) -> st.SearchStrategy[Rules]:
    return st.builds(
        Rules,
        policy=st.sampled_from(POLICIES) if policy is None else st.just(policy),
        max_wait_s=st.none() | st.floats(0, 40),
        min_offers=st.integers(1, 4),
        tiers=st.dictionaries(st.sampled_from(BUYERS), st.tuples(st.integers(1, 3), st.floats(0, 10)), max_size=8),
    )


payouts = st.decimals(0, 200, places=2)


@st.composite
def knowns(draw: st.DrawFn, policy: PolicyName | None = None) -> Known:
    """Any call: offers that have lapsed, times that are up, tries that are spent."""
    offering = draw(st.lists(st.sampled_from(BUYERS), unique=True, max_size=5))
    asked = draw(st.lists(st.sampled_from(BUYERS), unique=True, max_size=5))
    return Known(
        sid=draw(st.sampled_from(["CA1", "CA2", "CA3"])),
        vertical="auto",
        since=NOW - draw(st.floats(0, 20)),
        deadline_at=draw(moments),
        tries_left=draw(st.integers(0, 5)),
        in_hand=tuple(InHand(b, draw(payouts), draw(st.integers(0, 900)), draw(moments)) for b in offering),
        awaited=tuple(Asked(b, NOW - draw(st.floats(0, 20)), draw(moments)) for b in asked),
        rules=draw(rules(policy)),
    )


@lightly
@given(knowns(), beliefs())
def test_only_an_offer_that_is_in_hand_and_alive_is_dialled(known: Known, believed: StatedBeliefs) -> None:
    verdict = decide(known, believed, NOW)
    alive = {offer.buyer for offer in known.in_hand if offer.dial_by >= NOW}
    assert {dial.buyer for dial in verdict.ranking} <= alive
    if verdict.choice is Choice.DIAL:
        assert verdict.buyer in alive
        assert known.tries_left > 0


@lightly
@given(knowns(), beliefs())
def test_nobody_waits_beyond_the_plans_bound(known: Known, believed: StatedBeliefs) -> None:
    verdict = decide(known, believed, NOW)
    if verdict.choice is Choice.WAIT:
        in_hand = any(offer.dial_by >= NOW for offer in known.in_hand)
        assert verdict.until is not None
        assert NOW < verdict.until <= (known.wait_until if in_hand else known.deadline_at)


@lightly
@given(knowns(), beliefs())
def test_a_wait_is_for_somebody_and_giving_up_leaves_nothing(known: Known, believed: StatedBeliefs) -> None:
    verdict = decide(known, believed, NOW)
    alive = any(offer.dial_by >= NOW for offer in known.in_hand)
    answering = any(min(asked.until, known.deadline_at) > NOW for asked in known.awaited)
    if verdict.choice is Choice.WAIT:
        assert answering
    assert (verdict.choice is Choice.GIVE_UP) == (known.tries_left == 0 or not (alive or answering))


@lightly
@given(knowns(), beliefs(), chances)
def test_more_patient_callers_are_never_dialled_earlier(known: Known, believed: StatedBeliefs, less: float) -> None:
    if decide(known, believed, NOW).choice is Choice.WAIT:
        assert decide(known, believed.but(hold=believed.hold * less), NOW).choice is Choice.WAIT


@st.composite
def dominated(draw: st.DrawFn) -> tuple[Known, StatedBeliefs, str, str]:
    """A call in which one buyer's offer is better than another's in some way, and worse in none."""
    policy = draw(st.sampled_from(POLICIES[:2]))  # with priorities it is contracts that decide
    known, believed = draw(knowns(policy)), draw(beliefs())
    worse = InHand("worse", draw(payouts), draw(st.integers(0, 900)), draw(moments))
    better = InHand(
        "better",
        worse.payout + draw(st.decimals("0.01", 50, places=2)),
        worse.min_s - draw(st.integers(0, worse.min_s)),
        worse.dial_by,
    )
    phone = replace(draw(stated()), answers=draw(st.floats(0.01, 1)))
    finer = replace(
        phone,
        answers=draw(st.floats(phone.answers, 1)),
        ring_s=phone.ring_s * draw(chances),
        failing_s=phone.failing_s * draw(chances),
    )
    lasts = [0.01 + 0.99 * chance for _, chance in phone.talks]
    longer = [max(*pair) for pair in zip(lasts, (chance for _, chance in draw(stated()).talks), strict=True)]
    ends = [seconds for seconds, _ in phone.talks]
    buyers = {
        **believed.buyers,
        "worse": replace(phone, talks=tuple(zip(ends, lasts, strict=True))),
        "better": replace(finer, talks=tuple(zip(ends, longer, strict=True))),
    }
    believed = believed.but(buyers=buyers, ring=min(believed.ring, 0.5))
    return replace(known, in_hand=(worse, better, *known.in_hand)), believed, "better", "worse"


@lightly
@given(dominated())
def test_a_better_offer_never_loses_to_a_dominated_one(case: tuple[Known, StatedBeliefs, str, str]) -> None:
    """Both lapse at once, and the worse one can still follow: else it may be right to dial it while it lasts."""
    known, believed, better, worse = case
    assume(known.in_hand[0].dial_by >= NOW + believed.failing_s(better))
    verdict = decide(known, believed, NOW)
    assert verdict.buyer != worse
    places = [dial.buyer for dial in verdict.ranking]
    if worse in places and verdict.buyer == better:
        assert places.index(better) < places.index(worse)


@pytest.mark.parametrize("policy", POLICIES)
@lightly
@given(data=st.data(), believed=beliefs(), random=st.randoms(use_true_random=False))
def test_the_order_of_arrival_decides_nothing(
    policy: PolicyName, data: st.DataObject, believed: StatedBeliefs, random: Random
) -> None:
    known = data.draw(knowns(policy))
    in_hand, awaited = list(known.in_hand), list(known.awaited)
    random.shuffle(in_hand)
    random.shuffle(awaited)
    shuffled = replace(known, in_hand=tuple(in_hand), awaited=tuple(awaited))
    assert said(decide(shuffled, believed, NOW)) == said(decide(known, believed, NOW))


@lightly
@given(st.lists(knowns(), min_size=1, max_size=4), beliefs())
def test_what_is_kept_of_a_call_reproduces_its_decisions(knowns: list[Known], believed: StatedBeliefs) -> None:
    knowns = [replace(known, sid="CA1") for known in knowns for _ in range(2)]  # the second look knows no news
    kept: list[Decision] = []
    for number, known in enumerate(knowns):
        decision = recorded(
            known,
            decide(known, believed, NOW + number / 8),
            NOW + number / 8,
            auction=1 + number // 4,
            after="look",
            beliefs=1,
            earlier=kept,
        )
        kept.append(decision)
    texts = json.dumps([decision.model_dump(mode="json") for decision in kept])
    read = [Decision.model_validate(document) for document in json.loads(texts)]
    assert read == kept
    for known, again, decision in zip(knowns, known_at(read, "CA1"), read, strict=True):
        assert said(decide(again, believed, decision.at)) == said(decide(known, believed, decision.at))


@lightly
@given(knowns(), beliefs())
def test_the_same_is_decided_twice(known: Known, believed: StatedBeliefs) -> None:
    assert said(decide(known, believed, NOW)) == said(decide(known, believed, NOW))


@lightly
@given(knowns("expected_value"), beliefs())
def test_dollars_of_a_decision_are_sound(known: Known, believed: StatedBeliefs) -> None:
    verdict = decide(known, believed, NOW)
    if verdict.worth_now is not None:
        highest = max(
            *(float(offer.payout) for offer in known.in_hand),
            *(payout for buyer in BUYERS for payout, _ in believed.typical_offers(buyer)),
        )
        assert 0 <= verdict.worth_now <= highest * known.tries_left + 1e-6
        assert 0 <= (verdict.worth_waiting or 0.0) <= highest * known.tries_left + 1e-6


def test_an_offer_can_be_dialled_until_its_very_last_moment() -> None:
    known = Known("CA1", "auto", NOW - 5, NOW + 5, 3, (InHand("buyer-a", Decimal(20), 60, NOW),), (), Rules())
    assert decide(known, StatedBeliefs(), NOW).choice is Choice.DIAL
    assert decide(known, StatedBeliefs(), NOW + 0.001).choice is Choice.GIVE_UP


def test_an_offer_that_is_about_to_lapse_is_dialled_and_not_weighed_again_a_moment_before() -> None:
    """Waking up takes some milliseconds: an offer is let go because a better one is worth it, never by them."""
    offers = ((0.0, 0.0), (1.0, 0.0), (1.25, 0.1))
    believed = StatedBeliefs(buyers={"buyer-a": Stated(), "buyer-b": Stated(offers=offers, typical=((100.0, 60),))})
    in_hand = InHand("buyer-a", Decimal(20), 60, NOW + 0.252)
    known = Known("CA1", "auto", NOW - 1, NOW + 9, 3, (in_hand,), (Asked("buyer-b", NOW - 1, NOW + 9),), Rules())
    assert decide(known, believed, NOW).choice is Choice.DIAL
    later = replace(known, in_hand=(replace(in_hand, dial_by=NOW + 5),))
    assert decide(later, believed, NOW).choice is Choice.WAIT
