"""Why a call went the way it went, for its page: the story, and the offers in the order of the choice. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from callrouter.calls.reason_words import BY, WORTH_IS, percent, seconds, unbroken, within_s
from callrouter.calls.reasons import Seen, decisions_of, final, told
from callrouter.console.moments import Record, epoch
from callrouter.console.plain_words import reason_words, result_words
from callrouter.domain.decision import Awaited, Choice, Rated

_SOON_S = 0.05
"""Between a decision and the dial that it led to."""


@dataclass(frozen=True)
class Paragraph:
    """One step of the story."""

    after: str
    headline: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Ranked:
    """One offer in hand, as it was weighed."""

    buyer: str
    payout: str
    minimum: str
    answers: str
    talks: str
    stays: str
    worth: str
    place: str
    """Of the plan's own order."""
    came: str


@dataclass(frozen=True)
class Expected:
    """One buyer that had not answered."""

    buyer: str
    until: str
    chance: str
    worth: str
    came: str


@dataclass(frozen=True)
class Decided:
    """Everything of it that the page shows."""

    story: tuple[Paragraph, ...]
    when: str
    """Which moment the tables are of."""
    by: str
    """What the policy does."""
    meaning: str | None
    """What worth means; ``None`` where nothing was reckoned."""
    priorities: bool
    ranking: tuple[Ranked, ...]
    within: str | None
    """The chances of those awaited are of this time."""
    awaited: tuple[Expected, ...]


def decided(record: Record) -> Decided | None:
    """The decisions of a call; ``None`` of a record that has none."""
    decisions = decisions_of(record)
    if not decisions:
        return None
    arrived = epoch(record.get("started_at")) or decisions[0].since
    steps = told(decisions, arrived=arrived, transfer=record.get("kind") == "transfer")
    story = tuple(Paragraph(_s(t.after_s), unbroken(t.headline), tuple(map(unbroken, t.lines))) for t in steps)
    last = final(decisions)
    rules = last.rules if last else decisions[0].rules
    policy = rules.policy if rules else "expected_value"
    by_worth = policy == "expected_value"
    span_s = within_s(last.awaited) if last and by_worth else None
    return Decided(
        story=story,
        when=_when(last, arrived) if last else "",
        by=BY[policy],
        meaning=WORTH_IS if by_worth else None,
        priorities=policy == "priority",
        ranking=tuple(_ranked(offer, last, record) for offer in last.offers) if last else (),
        within=None if span_s is None else unbroken(seconds(span_s)),
        awaited=tuple(_expected(buyer, last, record, arrived) for buyer in _by_promise(last)) if last else (),
    )


def _when(last: Seen, arrived: float) -> str:
    decision = last.decision
    moment = f"At {_s(decision.at - arrived)}"
    return f"{moment}, when {decision.buyer} was chosen." if decision.choice is Choice.DIAL else f"{moment}."


def _ranked(offer: Rated, last: Seen, record: Record) -> Ranked:
    tier = last.rules.tiers.get(offer.buyer)
    return Ranked(
        buyer=offer.buyer,
        payout=f"${offer.payout:.2f}",
        minimum=unbroken(f"{offer.min_duration_s} s") if offer.min_duration_s else "none named",
        answers=unbroken(percent(offer.answers)),
        talks=unbroken(percent(offer.talks)) if offer.min_duration_s else "–",
        stays=unbroken(percent(offer.stays)),
        worth=f"${offer.worth:.2f}",
        place=f"{tier[0]}, weight {tier[1]:g}" if tier else "–",
        came=_came(offer.buyer, last, record),
    )


def _came(buyer: str, last: Seen, record: Record) -> str:
    """What came of the offer from then on."""
    since = last.decision.at - _SOON_S
    for post in record.get("posts") or ():
        if post["buyer"] == buyer and (epoch(post.get("sent_at")) or 0.0) >= since and post["reason"] != "offer":
            return reason_words(post["reason"])
    dials = [a for a in record.get("attempts") or () if (epoch(a.get("decided_at")) or 0.0) >= since]
    mine = [a for a in dials if a["buyer"] == buyer]
    if mine:
        return result_words(mine[-1]["result"])
    return "not dialled so far" if record.get("outcome") is None else "was not dialled"


def _by_promise(last: Seen) -> Sequence[Awaited]:
    return sorted(last.awaited, key=lambda buyer: (-(buyer.chance or 0.0) * (buyer.worth or 0.0), buyer.buyer))


def _expected(buyer: Awaited, last: Seen, record: Record, arrived: float) -> Expected:
    until = min(buyer.until, last.decision.deadline_at)
    return Expected(
        buyer=buyer.buyer,
        until=_s(until - arrived),
        chance="–" if buyer.chance is None else unbroken(percent(buyer.chance)),
        worth="–" if buyer.worth is None else f"${buyer.worth:.2f}",
        came=_answered(buyer.buyer, last, record),
    )


def _answered(buyer: str, last: Seen, record: Record) -> str:
    """What the buyer answered after all."""
    for result in record.get("results") or ():
        if result["buyer"] == buyer and result["auction"] == last.decision.auction:
            made, after = result.get("offer"), _s(float(result.get("elapsed_s") or 0.0))
            return f"offered ${made['payout']} after {after}" if made else reason_words(result["reason"])
    return reason_words(None)


def _s(seconds_: float) -> str:
    return unbroken(f"{max(0.0, seconds_):.1f} s")
