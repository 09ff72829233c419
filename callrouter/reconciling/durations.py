"""Whose seconds: which of our timers, and which way of rounding, gives their duration. Pure."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from callrouter.ledger.sold import Sold
from callrouter.reconciling.statement_map import Rounding, StatementMap, Timer


def rounded(seconds: int, how: Rounding) -> int:
    """Seconds as they would show them."""
    if how is Rounding.EXACT:
        return seconds
    if how is Rounding.DOWN_60:
        return seconds // 60 * 60
    if how is Rounding.NEAREST_60:
        return int((Decimal(seconds) / 60).to_integral_value(ROUND_HALF_UP)) * 60
    unit = int(how.value.removeprefix("up_"))
    return -(-seconds // unit) * unit


@dataclass(frozen=True, slots=True)
class Timers:
    """What our clocks of one talk say, by who started them."""

    dial: tuple[int, ...]
    answer: tuple[int, ...]

    @classmethod
    def of(cls, sold: Sold) -> "Timers":
        """Of one dial; an unanswered one has an answer timer of 0."""
        answer = tuple(dict.fromkeys(s for s in (sold.answer_s, sold.action_s) if s is not None))
        if not answer and sold.answered_at is None:
            answer = (0,)
        return cls(() if sold.dial_s is None else (sold.dial_s,), answer)

    def by(self, timer: Timer) -> tuple[int, ...]:
        """Those that the contract means; our nearest to ``accept`` is the answer."""
        return self.dial if timer is Timer.DIAL else self.answer

    @property
    def all(self) -> tuple[int, ...]:
        return (*self.answer, *self.dial)


@dataclass(frozen=True, slots=True)
class Talk:
    """How their duration of a call comes out of ours."""

    agrees: bool
    """By the contract's timer and rounding, or because they state none."""
    other_timer: Timer | None = None
    """Whose seconds it is instead."""
    other_rounding: tuple[Rounding, ...] = ()
    """How it was rounded instead."""


AGREES = Talk(True)


def talk_of(their_s: int | None, timers: Timers, how: StatementMap) -> Talk:
    """What explains their duration. One that nothing explains neither agrees nor has another timer or rounding."""
    if their_s is None or not timers.all:
        return AGREES
    ours = timers.by(how.timer) or timers.all
    if gives(ours, how.rounding, their_s, how.slack_s) or (how.timer is Timer.ACCEPT and _accepted(their_s, ours, how)):
        return AGREES
    others = [timer for timer in (Timer.ANSWER, Timer.DIAL) if timers.by(timer) != ours]
    other = next((t for t in others if gives(timers.by(t), how.rounding, their_s, how.slack_s)), None)
    ways = [way for way in Rounding if gives(ours, way, their_s, 0)]
    return Talk(False, other, tuple(ways))


def is_this_talk(their_s: int | None, timers: Timers, how: StatementMap) -> bool:
    """Whether their duration is that of this talk by one of our timers; also when they state none."""
    found = talk_of(their_s, timers, how)
    return found.agrees or found.other_timer is not None


def gives(ours: tuple[int, ...], way: Rounding, their_s: int, slack_s: int) -> bool:
    """Whether their seconds come out of one of ours, with so many seconds between two clocks."""
    return any(rounded(max(one + d, 0), way) == their_s for one in ours for d in range(-slack_s, slack_s + 1))


def _accepted(their_s: int, ours: tuple[int, ...], how: StatementMap) -> bool:
    """Whether an agent of theirs may have taken the call so long after the answer."""
    low, high = min(ours) - how.accept_within_s - how.slack_s, max(ours) + how.slack_s
    return rounded(max(low, 0), how.rounding) <= their_s <= rounded(high, how.rounding)
