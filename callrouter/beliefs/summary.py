"""What is believed of buyers and callers, in the few numbers that a person looks at. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from callrouter.beliefs.beliefs import Beliefs, BuyerBeliefs
from callrouter.beliefs.replies import IMAGINED_MEAN_S, IMAGINED_SHARE

TALKS_S = (60, 90, 120)
"""The minimum durations that buyers usually ask for, seconds."""
NEWCOMERS_MEDIAN_S = 0.693 * IMAGINED_MEAN_S
"""When half of a newcomer's offers are believed to have come."""


@dataclass(frozen=True, slots=True)
class TalkSummary:
    """How long a buyer's talks last in one vertical."""

    vertical: str
    seen: float
    """How many talks the evidence amounts to."""
    going_on: int
    lasts: tuple[float, ...]
    """The chance that a talk lasts each of `TALKS_S`."""
    alarms: int
    """How often talks began to be disappointingly short."""


@dataclass(frozen=True, slots=True)
class BuyerSummary:
    """One buyer. What nothing was seen of is believed as of a newcomer, and ``pings`` or ``dials`` are 0."""

    buyer: str
    answers: float
    """The chance that its phone is picked up."""
    dials: float
    """How many dials the evidence amounts to."""
    answer_alarms: int
    """How often its phone began to be picked up disappointingly seldom."""
    pings: int
    offer_share: float
    """Of its pings that were not cut off, those that ended with an offer; of a newcomer, what is imagined."""
    offer_after_s: float | None
    """The median of its offers."""
    answer_after_s: float | None
    """The median of whatever it answers."""
    typical: tuple[float, int] | None
    """The payout (dollars) and minimum duration (s) that is the middle of its last offers."""
    talks: tuple[TalkSummary, ...]

    @property
    def newcomer(self) -> bool:
        """Whether nothing at all was seen of it."""
        return self.pings == 0 and self.dials == 0 and not self.talks

    @property
    def alarms(self) -> int:
        """How often it was caught getting worse."""
        return self.answer_alarms + sum(talk.alarms for talk in self.talks)


@dataclass(frozen=True, slots=True)
class PatienceSummary:
    """How long callers of a vertical stay."""

    vertical: str
    hold_mean_s: float
    """For how many seconds a caller holds on average before leaving."""
    ring_mean_s: float
    seen_s: float
    """Seconds of hold from which that is known."""


def summary_of(beliefs: Beliefs, buyer: str, now: float) -> BuyerSummary:
    """What is believed of one buyer at ``now`` (epoch s), also of one that was never seen."""
    known = beliefs.buyers.get(buyer) or BuyerBeliefs()
    offered = [seconds for seconds, ended in known.replies.pings if ended == "offer"]
    answered = [seconds for seconds, ended in known.replies.pings if ended in ("offer", "no")]
    whole = sum(1 for _, ended in known.replies.pings if ended != "cut")
    return BuyerSummary(
        buyer=buyer,
        answers=beliefs.answers(buyer),
        dials=known.answers.dials,
        answer_alarms=known.answers.alarm.tripped,
        pings=len(known.replies.pings),
        offer_share=len(offered) / whole if whole else IMAGINED_SHARE,
        offer_after_s=median(offered) if offered else None,
        answer_after_s=median(answered) if answered else None,
        typical=middle_offer(known.replies.offers),
        talks=tuple(_talks(beliefs, known, buyer, vertical, now) for vertical in _verticals(beliefs, known, buyer)),
    )


def patience_of(beliefs: Beliefs, vertical: str) -> PatienceSummary:
    """How long callers of one vertical are believed to stay; ``""`` is everybody."""
    seen = beliefs.patience.get((vertical, "hold"))
    return PatienceSummary(
        vertical=vertical,
        hold_mean_s=1.0 / beliefs.leave_per_s(vertical, "hold"),
        ring_mean_s=1.0 / beliefs.leave_per_s(vertical, "ring"),
        seen_s=seen.exposed_s if seen else 0.0,
    )


def verticals_of(beliefs: Beliefs) -> list[str]:
    """Every vertical of which anything was seen."""
    return sorted({vertical for vertical, _ in beliefs.patience if vertical} | set(beliefs.pool))


def middle_offer(offers: Sequence[tuple[float, int]]) -> tuple[float, int] | None:
    """The offer in the middle, by payout: one that was really made."""
    return sorted(offers)[len(offers) // 2] if offers else None


def _verticals(beliefs: Beliefs, known: BuyerBeliefs, buyer: str) -> list[str]:
    return sorted({*known.talks, *(vertical for of, vertical, _ in beliefs.talking.values() if of == buyer)})


def _talks(beliefs: Beliefs, known: BuyerBeliefs, buyer: str, vertical: str, now: float) -> TalkSummary:
    evidence, alarm = known.talks.get(vertical), known.alarms.get(vertical)
    return TalkSummary(
        vertical=vertical,
        seen=evidence.weight if evidence else 0.0,
        going_on=sum(1 for of, in_, _ in beliefs.talking.values() if (of, in_) == (buyer, vertical)),
        lasts=tuple(beliefs.talks(buyer, vertical, seconds, now) for seconds in TALKS_S),
        alarms=alarm.tripped if alarm else 0,
    )
