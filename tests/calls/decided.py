"""Calls decided by the real policy over beliefs that a test has taught, and their records."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from callrouter.auction.known import Asked, InHand, Known
from callrouter.auction.policy import decide
from callrouter.auction.recorded import After, recorded
from callrouter.beliefs.beliefs import Beliefs
from callrouter.beliefs.lessons import Held, Lesson, Rang, Replied, TalkEnded
from callrouter.domain.decision import Choice, Decision, Rules

START = 1_795_200_000.0
"""When the calls arrive."""
SPAN_S = 10.0
"""From the auction's start to its deadline."""


class Taught:
    """Beliefs, taught in a few words."""

    def __init__(self) -> None:
        self.beliefs = Beliefs()

    def lesson(self, lesson: Lesson, count: int = 1) -> "Taught":
        for _ in range(count):
            self.beliefs.learn(self.beliefs.version + 1, lesson, START - 60)
        return self

    def buyer(
        self, name: str, pays: float, *, after_s: float, offers: int = 20, refuses: int = 0, minimum: int = 60,
        answers: int = 20, silent: int = 0, talks: int = 15, short: int = 5,
    ) -> "Taught":  # fmt: skip
        """How often it has offered, refused, answered its phone, and talked long or for some seconds only."""
        self.lesson(Replied(name, after_s, "offer", pays, minimum), offers)
        self.lesson(Replied(name, after_s, "no"), refuses)
        self.lesson(Rang(name, True, 5.0), answers).lesson(Rang(name, False, 15.0), silent)
        self.lesson(TalkEnded(name, "auto", "t", 300.0, minimum), talks)
        return self.lesson(TalkEnded(name, "auto", "t", 8.0, minimum), short)

    def callers(self, seconds: float = 500.0, left: int = 5) -> "Taught":
        """How patient callers are, held and while it rings."""
        for hearing in ("hold", "ring"):
            self.lesson(Held("auto", hearing, seconds / 10, False), 10)
            self.lesson(Held("auto", hearing, 0.0, True), left)
        return self


class Decided:
    """One call, decided at each look; times are seconds since its arrival."""

    def __init__(self, taught: Taught, rules: Rules | None = None, *, since: float = 0.0) -> None:
        self.taught, self.rules, self.since, self.auction = taught, rules or Rules(), since, 1
        self.decisions: list[Decision] = []
        self.in_hand: dict[str, InHand] = {}
        self.awaited: dict[str, Asked] = {}
        self.tries_left = self.rules.max_attempts
        self.until = since

    def asked(self, *buyers: str, at: float | None = None, until: float = SPAN_S) -> "Decided":
        """These buyers are asked now."""
        start = START + (self.since if at is None else at)
        self.awaited |= {buyer: Asked(buyer, start, start + until) for buyer in buyers}
        return self

    def anew(self, at: float, *buyers: str) -> "Decided":
        """Another auction begins."""
        self.since, self.auction = at, self.auction + 1
        self.awaited, self.in_hand = {}, {}
        return self.asked(*buyers)

    def offered(self, at: float, buyer: str, pays: str, minimum: int = 60, lives_s: float = 25.0) -> "Decided":
        """A buyer's offer comes, and what to do is decided."""
        return self.late(buyer, at, pays, minimum, lives_s).decided(at, "reply")

    def late(self, buyer: str, at: float, pays: str, minimum: int = 60, lives_s: float = 25.0) -> "Decided":
        """A buyer's offer comes while another is dialled."""
        self.awaited.pop(buyer, None)
        self.in_hand[buyer] = InHand(buyer, Decimal(pays), minimum, START + at + lives_s)
        return self

    def refused(self, at: float, buyer: str) -> "Decided":
        """A buyer answers that it does not want the call."""
        self.awaited.pop(buyer, None)
        return self.decided(at, "reply")

    def failed(self, at: float) -> "Decided":
        """What was dialled came to nothing."""
        return self.decided(at, "dial")

    def decided(self, at: float, after: After = "look") -> "Decided":
        """What to do is decided; a buyer that is dialled has no offer in hand any more."""
        beliefs = self.taught.beliefs
        known = Known(
            sid="CA1", vertical="auto", since=START + self.since, deadline_at=START + self.since + SPAN_S,
            tries_left=self.tries_left, in_hand=tuple(self.in_hand.values()), awaited=tuple(self.awaited.values()),
            rules=self.rules,
        )  # fmt: skip
        verdict = decide(known, beliefs, START + at)
        decision = recorded(
            known,
            verdict,
            START + at,
            auction=self.auction,
            after=after,
            beliefs=beliefs.version,
            earlier=self.decisions,
        )
        self.decisions.append(decision)
        self.until = at if verdict.until is None else verdict.until - START
        if verdict.choice is Choice.DIAL:
            self.in_hand.pop(verdict.buyer or "")
            self.tries_left -= 1
        return self

    def looked(self, until: float) -> "Decided":
        """Nothing happens until then: it is looked again as often as the policy wants."""
        while self.decisions[-1].choice is Choice.WAIT and self.until < until - 1e-6:
            self.decided(self.until)
        return self

    @property
    def last(self) -> Decision:
        return self.decisions[-1]


def dumped(decisions: Sequence[Decision]) -> list[dict[str, Any]]:
    """As the record of a call has them."""
    return [decision.model_dump(mode="json") for decision in decisions]


def one_after_another() -> Decided:
    """The first is dialled at once and fails, the next one's offer has come late."""
    taught = Taught().callers().buyer("letsmakealead", 38, after_s=0.6)
    taught.buyer("contactability", 17, after_s=6.0, minimum=90)
    call = Decided(taught).asked("letsmakealead", "contactability").decided(0.0, "start")
    call.offered(0.6, "letsmakealead", "38.00").late("contactability", 6.0, "17.00", 90)
    return call.failed(12.0)


def market() -> Taught:
    """One buyer is quick and pays little, one takes some seconds and is worth more, one mostly refuses."""
    taught = Taught().callers()
    taught.buyer("letsmakealead", 18, after_s=0.6)
    taught.buyer("contactability", 34, after_s=3.6, offers=26, refuses=6, minimum=90)
    return taught.buyer("callconnect", 9, after_s=2.0, offers=4, refuses=28, minimum=120, answers=6, silent=14)


def waited() -> Decided:
    """Three seconds on hold for a better offer, which comes."""
    call = Decided(market(), since=0.0).asked("letsmakealead", "contactability", "callconnect")
    return (
        call.decided(0.0)
        .offered(0.6, "letsmakealead", "18.00")
        .looked(2.0)
        .refused(2.0, "callconnect")
        .looked(3.6)
        .offered(3.6, "contactability", "34.00", 90)
    )


def not_waited() -> Decided:
    """The best comes first, and is dialled at once."""
    taught = Taught().callers().buyer("letsmakealead", 38, after_s=0.6)
    taught.buyer("contactability", 17, after_s=3.6, minimum=90).buyer("callconnect", 9, after_s=5, offers=4, refuses=28)
    call = Decided(taught).asked("letsmakealead", "contactability", "callconnect")
    return call.decided(0.0, "start").offered(0.6, "letsmakealead", "38.00")
