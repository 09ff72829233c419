"""How a call would go if every buyer did what it usually does: the policy itself, in virtual time. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from callrouter.auction.known import Believed, InHand, Known
from callrouter.auction.policy import decide
from callrouter.auction.recorded import After, recorded
from callrouter.auction.verdict import Verdict
from callrouter.domain.decision import Choice, Decision

_MOST_LOOKS = 2_000
"""A guard: a call is looked at every half second, and once for each reply."""
_A_MOMENT_S = 1e-6


@dataclass(frozen=True)
class Reply:
    """What a buyer usually does."""

    buyer: str
    after_s: float
    """Since it was asked."""
    payout: Decimal | None = None
    """Dollars; ``None``: it makes no offer that can be taken."""
    min_s: int = 0
    lasts_s: float = 30.0
    """For how long after its reply the dial of its offer may be decided."""


@dataclass(frozen=True)
class Kept:
    """A wait with an offer in hand, as long as it would be if nobody else replied."""

    at: float
    until: float
    """Epoch seconds, both."""
    buyer: str | None
    """Who would be dialled then."""


@dataclass(frozen=True)
class Course:
    """What is decided, in order. Every dial fails, so that all that may follow is seen."""

    decisions: tuple[Decision, ...]
    kept: tuple[Kept, ...]


def course(start: Known, replies: Sequence[Reply], believed: Believed) -> Course:
    """What follows from the first question on; ``start`` has everybody in ``awaited``, and no offer."""
    return _Call(start, replies, believed).to_the_end()


class _Call:
    """The call as it goes on."""

    def __init__(self, start: Known, replies: Sequence[Reply], believed: Believed) -> None:
        self._since, self._known, self._believed = start.since, start, believed
        self._coming = sorted(replies, key=lambda reply: (reply.after_s, reply.buyer))
        self._decisions: list[Decision] = []
        self._kept: list[Kept] = []

    def to_the_end(self) -> Course:
        """Every decision until nothing is left to do."""
        now = self._since
        after: After = "look"
        for _ in range(_MOST_LOOKS):
            news = self._take(now)
            verdict = decide(self._known, self._believed, now)
            self._note(verdict, now, "reply" if news and after != "dial" else after)
            if verdict.choice is Choice.GIVE_UP:
                break
            if verdict.choice is Choice.DIAL and verdict.buyer is not None:
                now, after = self._dial_fails(verdict.buyer, now), "dial"
                continue
            if news and verdict.ranking:
                self._kept.append(self._alone(now))
            now, after = self._next(verdict, now), "look"
        return Course(tuple(self._decisions), tuple(self._kept))

    def _note(self, verdict: Verdict, now: float, after: After) -> None:
        decision = recorded(
            self._known,
            verdict,
            now,
            auction=1,
            after=after,
            beliefs=self._believed.version,
            earlier=self._decisions,
        )
        self._decisions.append(decision)

    def _take(self, now: float) -> bool:
        """The replies that are there by now; whether there were any."""
        here = [reply for reply in self._coming if self._since + reply.after_s <= now + _A_MOMENT_S]
        for reply in here:
            self._coming.remove(reply)
            awaited = tuple(asked for asked in self._known.awaited if asked.buyer != reply.buyer)
            in_hand = self._known.in_hand
            if reply.payout is not None:
                by = self._since + reply.after_s + reply.lasts_s
                in_hand = (*in_hand, InHand(reply.buyer, reply.payout, reply.min_s, by))
            self._known = replace(self._known, awaited=awaited, in_hand=in_hand)
        return bool(here)

    def _next(self, verdict: Verdict, now: float) -> float:
        """When something may change: a reply, or the next look."""
        moments = [self._since + reply.after_s for reply in self._coming]
        if verdict.until is not None:
            moments.append(verdict.until)
        return max(min(moments, default=self._known.deadline_at), now + _A_MOMENT_S)

    def _dial_fails(self, buyer: str, now: float) -> float:
        """Nobody picks up: when the next one can be dialled."""
        in_hand = tuple(offer for offer in self._known.in_hand if offer.buyer != buyer)
        self._known = replace(self._known, in_hand=in_hand, tries_left=self._known.tries_left - 1)
        return now + self._believed.failing_s(buyer)

    def _alone(self, now: float) -> Kept:
        """The wait that begins now, if nobody replied any more."""
        began = now
        for _ in range(_MOST_LOOKS):
            verdict = decide(self._known, self._believed, now)
            if verdict.choice is not Choice.WAIT or verdict.until is None:
                return Kept(began, now, verdict.buyer)
            now = max(verdict.until, now + _A_MOMENT_S)
        return Kept(began, now, None)
