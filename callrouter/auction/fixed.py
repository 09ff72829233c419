"""The policies of contracts: the highest payout, and a ring tree of priorities and weights. Pure."""

import hashlib
from collections.abc import Callable, Sequence
from math import inf, log

from callrouter.auction.known import Asked, InHand, Known
from callrouter.auction.verdict import Verdict
from callrouter.auction.worth import Weighing
from callrouter.domain.decision import Because, Choice, Rules


def by_payout(known: Known, alive: Sequence[InHand], answering: Sequence[Asked], weighing: Weighing) -> Verdict:
    """The highest payout, once all have answered; of equal ones the shorter minimum duration, then the name."""
    order = sorted(alive, key=lambda offer: (-offer.payout, offer.min_s, offer.buyer))
    return _when(known, order, answering, weighing, lambda asked: True)


def by_priority(known: Known, alive: Sequence[InHand], answering: Sequence[Asked], weighing: Weighing) -> Verdict:
    """By the plan's priorities; within one, buyers take turns by their weights.

    It waits for nobody who would be served after the best in hand.
    """
    rules = known.rules
    order = sorted(alive, key=lambda offer: turn(known.sid, offer.buyer, rules))
    first = turn(known.sid, order[0].buyer, rules)
    return _when(known, order, answering, weighing, lambda asked: turn(known.sid, asked.buyer, rules) < first)


def turn(sid: str, buyer: str, rules: Rules) -> tuple[int, float, str]:
    """Where a buyer stands in the order of one call: by priority, and at random by weight, the same at each look."""
    priority, weight = rules.tiers.get(buyer, (1, 1.0))
    digest = hashlib.sha256(f"{sid} {buyer}".encode()).digest()
    drawn = (int.from_bytes(digest[:8]) + 1) / (2**64 + 1)
    # The smallest of exponential times with these rates comes first in proportion to the rates.
    return (priority, -log(drawn) / weight if weight > 0 else inf, buyer)


def _when(
    known: Known,
    order: Sequence[InHand],
    answering: Sequence[Asked],
    weighing: Weighing,
    waited_for: Callable[[Asked], bool],
) -> Verdict:
    now, bound = weighing.now, known.wait_until
    ranking = tuple(weighing.dial(offer) for offer in order)
    verdict = Verdict(Choice.DIAL, Because.ALL_ANSWERED, buyer=order[0].buyer, ranking=ranking, weighing=weighing)
    if not answering:
        return verdict
    if now >= bound:
        return verdict.but(because=Because.LONGEST_WAIT)
    if now >= order[0].lapses_at:
        return verdict.but(because=Because.OFFER_LAPSES)
    ahead = [asked for asked in answering if waited_for(asked)]
    until = min(bound, order[0].lapses_at, max(min(asked.until, known.deadline_at) for asked in ahead or answering))
    if ahead:
        return verdict.but(choice=Choice.WAIT, because=Because.OTHERS_ANSWERING, until=until)
    if len(order) < known.rules.min_offers:
        return verdict.but(choice=Choice.WAIT, because=Because.TOO_FEW_OFFERS, until=until)
    return verdict.but(because=Because.SERVED_FIRST)
