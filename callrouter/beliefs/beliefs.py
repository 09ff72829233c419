"""All that is believed, as one thing that learns lesson by lesson and answers the policy's questions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import fsum

from callrouter.beliefs.alarms import KEPT_SHARE, Alarm
from callrouter.beliefs.lessons import Forgiven, Held, Lesson, Rang, Replied, TalkBegan, TalkEnded
from callrouter.beliefs.rates import POOL_DIALS, POOL_RATE, SEEN_AS_POOL, Answers, Patience, Rings
from callrouter.beliefs.replies import NEWCOMERS_OFFER, ReplyTimes
from callrouter.beliefs.talk import Curve, TalkEvidence, guessed

OUTCOME_FADE = 0.998
OFFER_FADE = 0.9995
POOL_FADE = 0.999
CALLS_LIKE_POOL = 8.0
"""How many imaginary calls of a buyer are drawn from its vertical's curve."""
CALLS_LIKE_GUESS = 10.0
SLOT_S = 5.0
"""Talks in progress count at their length a moment ago, so that a curve serves for some seconds."""
LONGEST_TALK_S = 5 * 3600.0
"""A talk that began longer ago is over, and its end was never told."""
ANSWERED_RING_S, FAILED_RING_S = 6.0, 12.0


@dataclass(slots=True)
class BuyerBeliefs:
    """What is believed of one buyer."""

    answers: Answers = field(default_factory=Answers)
    ring: Rings = field(default_factory=lambda: Rings(ANSWERED_RING_S))
    failing: Rings = field(default_factory=lambda: Rings(FAILED_RING_S))
    replies: ReplyTimes = field(default_factory=ReplyTimes)
    talks: dict[str, TalkEvidence] = field(default_factory=dict)
    """By vertical."""
    alarms: dict[str, Alarm] = field(default_factory=dict)
    """Of talks, by vertical."""


class Beliefs:
    """Lessons go in by `learn`; what is asked is answered from memory. ``version`` is the last lesson's number.

    It changes in place: whoever decides must not be interrupted meanwhile.
    """

    def __init__(self) -> None:
        self.version = 0
        self.learned_at = 0.0
        """When the last lesson was given, epoch seconds."""
        self.buyers: dict[str, BuyerBeliefs] = {}
        self.pool: dict[str, TalkEvidence] = {}
        """The talks of all buyers, by vertical."""
        self.patience: dict[tuple[str, str], Patience] = {}
        """By vertical, and what is heard (``hold``, ``ring``); the vertical ``""`` is all of them."""
        self.talking: dict[str, tuple[str, str, float]] = {}
        """Talks in progress: which → buyer, vertical, since (epoch s)."""
        self.on_alarm: Callable[[str, str], None] = lambda buyer, of: None
        """Told of each alarm: the buyer, and whether of ``answers`` or ``talks``."""
        self._curves: dict[tuple[str, str], Curve] = {}
        self._lengths: dict[tuple[str, str], list[float]] | None = None
        """How long talks in progress last, by buyer and vertical; the buyer ``""`` is all of them."""
        self._slot = 0
        self._answers_of_all: float | None = None

    # -- what the policy asks -------------------------------------------------------------------------------------

    def answers(self, buyer: str) -> float:
        """The chance that this buyer's phone is picked up."""
        known = self.buyers.get(buyer)
        pool = self.answers_of_all()
        if known is None:
            return pool
        return (SEEN_AS_POOL * pool + known.answers.answered) / (SEEN_AS_POOL + known.answers.dials)

    def answers_of_all(self) -> float:
        """The chance that anybody's phone is picked up."""
        if self._answers_of_all is None:
            everybody = [known.answers for known in self.buyers.values()]
            # Summed exactly: in which order buyers were first heard of must not show in the last digit.
            answered = fsum((POOL_RATE * POOL_DIALS, *(answers.answered for answers in everybody)))
            dials = fsum((POOL_DIALS, *(answers.dials for answers in everybody)))
            self._answers_of_all = answered / dials
        return self._answers_of_all

    def talks(self, buyer: str, vertical: str, min_s: float, now: float) -> float:
        """The chance that a talk with this buyer lasts its minimum duration."""
        self._at(now)
        curve = self._curves.get((buyer, vertical))
        if curve is None:
            known = self.buyers.get(buyer)
            evidence = known.talks.get(vertical) if known else None
            like = self._pool_curve(vertical).up_to
            curve = Curve(evidence or TalkEvidence(), self._going_on(vertical, buyer), like, CALLS_LIKE_POOL)
            self._curves[buyer, vertical] = curve
        return curve.lasts(min_s)

    def talks_of_all(self, vertical: str, min_s: float, now: float) -> float:
        """The chance that a talk with anybody lasts so long."""
        self._at(now)
        return self._pool_curve(vertical).lasts(min_s)

    def ring_s(self, buyer: str) -> float:
        """How long this buyer's phone rings until it is picked up."""
        known = self.buyers.get(buyer)
        return known.ring.expected_s if known else ANSWERED_RING_S

    def failing_s(self, buyer: str) -> float:
        """How long a dial of this buyer takes that fails."""
        known = self.buyers.get(buyer)
        return known.failing.expected_s if known else FAILED_RING_S

    def offers_within(self, buyer: str, silent_s: float, later_s: Sequence[float]) -> list[float]:
        """The chance that a buyer silent for so long offers by each of these moments, in seconds since the ask."""
        known = self.buyers.get(buyer)
        return (known.replies if known else _UNKNOWN).offered_within(silent_s, later_s)

    def typical_offers(self, buyer: str) -> Sequence[tuple[float, int]]:
        """What it has offered lately: payout and minimum duration."""
        known = self.buyers.get(buyer)
        return known.replies.offers if known and known.replies.offers else (NEWCOMERS_OFFER,)

    def leave_per_s(self, vertical: str, hearing: str) -> float:
        """The share of callers that leave in a second of ``hold`` or ``ring``."""
        everybody = self.patience.get(("", hearing), _NOBODY).leave_per_s()
        own = self.patience.get((vertical, hearing))
        return own.leave_per_s(everybody) if own else everybody

    def dialled(self, buyer: str) -> bool:
        """Whether anything is known of its phone, or of talks with it."""
        known = self.buyers.get(buyer)
        return known is not None and (known.answers.dials > 0 or bool(known.talks))

    def heard(self, buyer: str) -> bool:
        """Whether anything is known of its replies."""
        known = self.buyers.get(buyer)
        return known is not None and bool(known.replies.pings)

    def dials(self, buyer: str) -> float:
        """How many dials the evidence on its answers amounts to."""
        known = self.buyers.get(buyer)
        return known.answers.dials if known else 0.0

    # -- what it learns -------------------------------------------------------------------------------------------

    def learn(self, version: int, lesson: Lesson | None, at: float) -> None:
        """Take the lesson of this number, given ``at`` (epoch s); one that was taken already changes nothing.

        ``None`` is one that this version of the program does not know: it only counts.
        """
        if version <= self.version:
            return
        self.version, self.learned_at = version, max(at, self.learned_at)
        self._answers_of_all = None
        match lesson:
            case Replied():
                self._replied(lesson)
            case Held():
                for vertical in ("", lesson.vertical):
                    self.patience.setdefault((vertical, lesson.hearing), Patience()).add(lesson.seconds, lesson.left)
            case Rang():
                self._rang(lesson)
            case TalkBegan():
                self._forget_endless(at)
                self.talking[lesson.talk] = (lesson.buyer, lesson.vertical, lesson.at)
                self._drop_curves()
            case TalkEnded():
                self._talked(lesson, at)
            case Forgiven():
                self._forgive(lesson.buyer)
        self._answers_of_all = None  # also what was asked for while learning

    def _of(self, buyer: str) -> BuyerBeliefs:
        known = self.buyers.get(buyer)
        if known is None:
            known = self.buyers[buyer] = BuyerBeliefs()
        return known

    def _replied(self, lesson: Replied) -> None:
        known = self._of(lesson.buyer)
        known.replies.add(lesson.after_s, lesson.ended)
        if lesson.ended == "offer":
            known.replies.offers.append((lesson.payout, lesson.min_s))
            known.answers.fade(OFFER_FADE)
            for vertical, evidence in known.talks.items():
                evidence.fade(OFFER_FADE)
                self._curves.pop((lesson.buyer, vertical), None)  # what is believed hangs on the version alone

    def _rang(self, lesson: Rang) -> None:
        known, expected = self._of(lesson.buyer), self.answers(lesson.buyer)
        known.answers.fade(OUTCOME_FADE)
        if known.answers.add(expected, lesson.answered):
            self.on_alarm(lesson.buyer, "answers")
        (known.ring if lesson.answered else known.failing).add(lesson.ring_s)

    def _talked(self, lesson: TalkEnded, at: float) -> None:
        known, vertical = self._of(lesson.buyer), lesson.vertical
        expected = self.talks(lesson.buyer, vertical, lesson.min_s, at)
        self.talking.pop(lesson.talk, None)
        evidence = known.talks.setdefault(vertical, TalkEvidence())
        evidence.fade(OUTCOME_FADE)
        evidence.add(lesson.seconds, cut=lesson.cut)
        pool = self.pool.setdefault(vertical, TalkEvidence())
        pool.fade(POOL_FADE)
        pool.add(lesson.seconds, cut=lesson.cut)
        long_enough = lesson.seconds >= lesson.min_s
        if lesson.min_s > 0 and (long_enough or not lesson.cut):
            alarm = known.alarms.setdefault(vertical, Alarm())
            run = alarm.notes(expected, 1.0 if long_enough else 0.0, lesson.seconds)
            if run is not None:
                evidence.fade(KEPT_SHARE)
                for seconds in run:
                    evidence.add(seconds, weight=1 - KEPT_SHARE)
                self.on_alarm(lesson.buyer, "talks")
        self._drop_curves()

    def _forget_endless(self, at: float) -> None:
        """Talks whose end was never told."""
        for talk in [talk for talk, (_, _, since) in self.talking.items() if at - since > LONGEST_TALK_S]:
            del self.talking[talk]

    def _forgive(self, buyer: str) -> None:
        """Its answers and talks are forgotten; how fast it replies is no fault of anybody."""
        known = self._of(buyer)
        known.answers, known.talks, known.alarms = Answers(), {}, {}
        self._curves.clear()

    # -- curves ---------------------------------------------------------------------------------------------------

    def _at(self, now: float) -> None:
        slot = int(now // SLOT_S)
        if slot != self._slot:
            self._slot = slot
            if self.talking:
                self._drop_curves()

    def _drop_curves(self) -> None:
        """Who talks, or for how long, is another."""
        self._curves.clear()
        self._lengths = None

    def _going_on(self, vertical: str, buyer: str = "") -> Sequence[float]:
        if self._lengths is None:  # sorted out once for all buyers: there may be thousands
            self._lengths, now = {}, self._slot * SLOT_S
            for of, in_, since in self.talking.values():
                if 0 < now - since < LONGEST_TALK_S:
                    self._lengths.setdefault((of, in_), []).append(now - since)
                    self._lengths.setdefault(("", in_), []).append(now - since)
        return self._lengths.get((buyer, vertical), ())

    def _pool_curve(self, vertical: str) -> Curve:
        curve = self._curves.get(("", vertical))
        if curve is None:
            evidence = self.pool.get(vertical, TalkEvidence())
            curve = Curve(evidence, self._going_on(vertical), guessed, CALLS_LIKE_GUESS)
            self._curves["", vertical] = curve
        return curve


_UNKNOWN = ReplyTimes()
_NOBODY = Patience()
