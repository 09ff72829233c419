"""What is kept of a decision besides what `known_at` needs."""

from decimal import Decimal

import pytest

from callrouter.auction.known import Asked, InHand, Known
from callrouter.auction.policy import decide
from callrouter.auction.recorded import known_at, recorded
from callrouter.beliefs.beliefs import Beliefs
from callrouter.beliefs.lessons import Rang
from callrouter.domain.decision import Decision, PolicyName, Rules

NOW = 1_790_000_000.0


@pytest.mark.parametrize("policy", ["expected_value", "highest_payout", "priority"])
def test_an_offer_of_a_buyer_that_was_never_dialled_is_marked(policy: PolicyName) -> None:
    beliefs = Beliefs()
    beliefs.learn(1, Rang("old", True, 5.0), NOW - 60)
    offers = tuple(InHand(buyer, Decimal(20), 60, NOW + 20) for buyer in ("old", "new"))
    known = Known("CA1", "auto", NOW - 2, NOW + 8, 3, offers, (), Rules(policy=policy))
    kept = recorded(known, decide(known, beliefs, NOW), NOW, auction=1, after="close", beliefs=beliefs.version)
    assert {offer.buyer: offer.newcomer for offer in kept.offers} == {"old": False, "new": True}


def test_of_a_wait_in_which_only_buyers_declined_no_more_is_kept_than_who() -> None:
    beliefs, rules = Beliefs(), Rules(policy="highest_payout")
    offer = InHand("first", Decimal(20), 60, NOW + 20)
    buyers = tuple(Asked(f"buyer{no}", NOW - 1, NOW + 8) for no in range(20))
    decisions: list[Decision] = []
    facts = [Known("CA1", "auto", NOW - 1, NOW + 8, 3, (offer,), buyers[no:], rules) for no in range(20)]
    facts.append(Known("CA1", "auto", NOW - 1, NOW + 8, 3, (offer,), (), rules))
    for no, known in enumerate(facts):
        at = NOW + no / 10
        verdict = decide(known, beliefs, at)
        decisions.append(recorded(known, verdict, at, auction=1, after="reply", beliefs=0, earlier=decisions))
    assert [decision.answered for decision in decisions[1:4]] == [("buyer0",), ("buyer1",), ("buyer2",)]
    assert max(len(decision.model_dump_json(exclude_none=True)) for decision in decisions[1:20]) < 400
    assert known_at(decisions, "CA1") == facts
    assert decisions[-1].offers, "the dial has its ranking"
