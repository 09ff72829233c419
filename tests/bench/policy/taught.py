"""Beliefs about many buyers as months of calls leave them, and calls to decide on; all from one seed."""

from collections.abc import Iterator
from decimal import Decimal
from random import Random

from callrouter.auction.known import Asked, InHand, Known
from callrouter.beliefs.beliefs import Beliefs
from callrouter.beliefs.lessons import Held, Lesson, Rang, Replied, TalkBegan, TalkEnded
from callrouter.domain.decision import Rules

BUYERS = 20
START = 1_790_000_000.0
RULES = Rules()
_TRIES = 4
_WAIT_S = 20.0


class Traffic:
    """Calls of twenty buyers: what each teaches, and the decisions that it asks for."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self.names = [f"buyer-{number:02}" for number in range(BUYERS)]
        self.now = START
        self._calls = 0
        self._talks: list[tuple[str, str, float]] = []

    def lessons_of_a_call(self) -> Iterator[Lesson]:
        """In the order of life; the talk of an earlier call ends meanwhile."""
        random = self._random
        self.now += random.expovariate(1 / 5)
        self._calls += 1
        buyer = random.choice(self.names)
        for name in self.names:
            yield self._reply(name)
        yield Held("auto", "hold", random.expovariate(1 / 2), random.random() < 0.03)
        answered = random.random() < 0.75
        yield Held("auto", "ring", random.uniform(3, 20), False)
        yield Rang(buyer, answered, random.uniform(3, 20))
        if answered:
            talk = f"CA{self._calls}/1"
            self._talks.append((buyer, talk, self.now))
            yield TalkBegan(buyer, "auto", talk, self.now)
        while self._talks and self.now - self._talks[0][2] > 150:
            who, which, since = self._talks.pop(0)
            yield TalkEnded(who, "auto", which, self.now - since - random.uniform(0, 140), 90)

    def _reply(self, name: str) -> Replied:
        random = self._random
        if random.random() < 0.1:
            return Replied(name, _WAIT_S, "silent")
        after_s = random.lognormvariate(0.5, 0.6)
        if random.random() < 0.4:
            return Replied(name, after_s, "no")
        return Replied(name, after_s, "offer", round(random.uniform(10, 60), 2), random.choice((30, 60, 90, 120)))

    def decisions_of_a_call(self) -> Iterator[tuple[Known, float]]:
        """As its auction goes on: each reply brings a decision, and each dial that failed."""
        random, since = self._random, self.now
        replies = sorted((self._reply(name).after_s, name) for name in self.names)
        in_hand: list[InHand] = []
        awaited = {name: Asked(name, since, since + _WAIT_S) for _, name in replies}
        for after_s, name in replies:
            del awaited[name]
            if random.random() < 0.7:
                payout = Decimal(random.randrange(1_000, 6_000)) / 100
                in_hand.append(InHand(name, payout, random.choice((30, 60, 90, 120)), since + after_s + 30))
            known = Known(
                sid=f"CA{self._calls}",
                vertical="auto",
                since=since,
                deadline_at=since + _WAIT_S,
                tries_left=random.randint(1, _TRIES),
                in_hand=tuple(in_hand),
                awaited=tuple(awaited.values()),
                rules=RULES,
            )
            yield known, since + after_s


def taught_by(calls: int, traffic: Traffic) -> Beliefs:
    """Beliefs that have learned from so many calls."""
    beliefs = Beliefs()
    for _ in range(calls):
        for lesson in traffic.lessons_of_a_call():
            beliefs.learn(beliefs.version + 1, lesson, traffic.now)
    return beliefs
