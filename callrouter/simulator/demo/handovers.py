"""The warm transfers of the demo: who hands whom over, what the buyers do, how it should end. Pure.

Everybody in a transfer has numbers of their own, so that no story disturbs another.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from callrouter.simulator.carrier import PhoneScript
from callrouter.simulator.partners import Answer

MOST_HANDOVERS = 90
ONE_FOR = 5
"""So many callers for each transfer."""
FEWEST_CALLERS = 8
"""With fewer callers there are no transfers; from here on every story of them is told."""
ZIP = "92101"
MIN_DURATION_S = 3
TALK_S = 6.0
"""Longer than the agent's introduction and the minimum duration."""
ANSWERS_AFTER_S = 0.5


class HandoverStory(StrEnum):
    """How a transfer is meant to go."""

    HANDED_OVER = "handed_over"
    """The buyer answers, the agent introduces the caller and leaves."""
    SECOND_BUYER = "second_buyer"
    """The first buyer does not answer: the next one is rung, and the agent stays meanwhile."""
    AGENT_DROPPED = "agent_dropped"
    """The agent's line drops while the buyer rings: the caller is connected all the same."""
    DIALLED_IN = "dialled_in"
    """The agent's dialler transfers the caller to our number."""
    CANCELLED = "cancelled"
    """The agent changes her mind while the buyer rings, and keeps the caller."""

    @property
    def outcome(self) -> str:
        """The transfer's outcome in the product's records."""
        return "abandoned" if self is HandoverStory.CANCELLED else "bridged"

    @property
    def way(self) -> str:
        """How the buyer is reached."""
        return "dial_in" if self is HandoverStory.DIALLED_IN else "bridge"


@dataclass(frozen=True)
class Handover:
    """One transfer: caller and agent by their numbers, the two buyers' answers, the phones behind all of them."""

    story: HandoverStory
    phone: str
    """The caller's number."""
    agent: str
    lmal: Answer
    contactability: Answer
    phones: Mapping[str, PhoneScript]
    sold_to: str | None
    """The number of the buyer that should get the caller."""


def handovers(seed: int, callers: int) -> list[Handover]:
    """The transfers that go with so many callers, the same for the same seed."""
    if callers < FEWEST_CALLERS:
        return []
    rng = random.Random(f"handovers {seed}")
    stories: Sequence[HandoverStory] = list(HandoverStory)
    count = min(MOST_HANDOVERS, max(len(stories), callers // ONE_FOR))
    return [_handover(rng, no, stories[no % len(stories)]) for no in range(count)]


def _handover(rng: random.Random, no: int, story: HandoverStory) -> Handover:
    first, second = f"+13175550{100 + no}", f"+14145550{100 + no}"
    agent = f"+15035550{100 + no}"
    answers = [
        Answer(rng.uniform(0.1, 0.8), Decimal(rng.randrange(*cents)) / 100, number, MIN_DURATION_S)
        for number, cents in ((first, (2800, 4500)), (second, (900, 2000)))
    ]
    rng.shuffle(answers)
    talks = PhoneScript(ring_s=ANSWERS_AFTER_S, talk_s=TALK_S)
    return Handover(
        story=story,
        phone=f"+16195550{100 + no}",
        agent=agent,
        lmal=answers[0],
        contactability=answers[1],
        phones={
            first: {
                HandoverStory.SECOND_BUYER: PhoneScript(ring_s=1.0, result="no_answer", talk_s=0),
                HandoverStory.AGENT_DROPPED: PhoneScript(ring_s=2.5, talk_s=TALK_S),
                HandoverStory.CANCELLED: PhoneScript(ring_s=15.0, talk_s=TALK_S),
            }.get(story, talks),
            second: talks,
            agent: PhoneScript(ring_s=ANSWERS_AFTER_S, talk_s=3600.0),
        },
        sold_to={HandoverStory.SECOND_BUYER: second, HandoverStory.CANCELLED: None}.get(story, first),
    )
