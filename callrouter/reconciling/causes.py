"""The likely cause of a difference. Pure.

One difference has one cause, so that the sums add up; of several that hold, the first of this order:

1. what they say themselves (a status of duplicate or late): it is their reason, right or wrong;
2. what the contract lets them refuse whatever else is true (duplicate rule, cut-off, an offer that had expired):
   where one of these holds no dispute about seconds can be won;
3. terms that differ (another minimum): with another minimum the same seconds give another answer;
4. seconds that one of our own clocks, or a way of rounding, gives exactly: measured, hence more likely than
5. seconds that nothing explains;
6. what is left: paid or not paid for no visible reason.

A cause that moves money goes before one that only says how a row was found (another clock, a number that was mistyped);
among those that move none, an odd time or number goes before seconds, and seconds before a masked number.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from callrouter.domain.money import dollars
from callrouter.ledger.sold import Sold
from callrouter.reconciling.cause import Cause
from callrouter.reconciling.cells import CENT
from callrouter.reconciling.durations import Talk, Timers, gives, talk_of
from callrouter.reconciling.matching import Matcher, Pair
from callrouter.reconciling.rows import Row, Verdict
from callrouter.reconciling.statement_map import Rounding, Timer

HINT_WITHIN_S = 90 * 86_400
"""Without a rule of theirs an earlier call of the number is worth a word for so long."""

LATE_S = 1
"""The carrier tells the moment of a dial in whole seconds, by its own clock: less proves nothing."""

Told = tuple[Cause, str]


@dataclass(frozen=True, slots=True)
class Period:
    """From when to before when calls should be on the statement; epoch seconds."""

    since: float
    until: float


class Causes:
    """Finds the cause of each difference of one statement."""

    def __init__(self, matcher: Matcher, period: Period, read_since: float) -> None:
        """``read_since``: from when on the ledger was read."""
        self._matcher, self._how, self._period, self._read_since = matcher, matcher.how, period, read_since
        self._rounding_first = self._rounding_is_usual(matcher.found.pairs)

    def _rounding_is_usual(self, pairs: Sequence[Pair]) -> bool:
        """Which of two readings is meant where seconds allow both: the one that their other rows need."""
        alone: Counter[str] = Counter()
        for pair in pairs:
            talk = self._talk(pair)
            if not talk.agrees and bool(talk.other_timer) != bool(talk.other_rounding):
                alone["timer" if talk.other_timer else "rounding"] += 1
        return alone["rounding"] > alone["timer"]

    def _talk(self, pair: Pair) -> Talk:
        return talk_of(pair.row.duration_s, Timers.of(pair.sold), self._how)

    def of_pair(self, pair: Pair) -> Told | None:
        """Why a row and its call differ; ``None``: they agree."""
        theirs, ours = pair.row.amount, pair.sold.expected
        if theirs != ours:
            cause, why = self._of_money(pair)
            found = _how_found(pair)
            return cause, f"{why} ({found})" if found else why
        if pair.oddity is not None:
            return pair.oddity, _how_found(pair)
        return self._of_seconds(pair) or self._of_terms(pair) or _of_mask(pair)

    def _of_money(self, pair: Pair) -> Told:
        row, sold = pair.row, pair.sold
        if row.amount > 0 and sold.expected > 0:
            return self._of_price(row, sold)
        if sold.expected > 0:
            return self._refused(row, sold) or self._of_minimum(pair) or (Cause.NOT_PAID, _no_reason(row, sold))
        return self._of_minimum(pair) or (Cause.PAID_UNEXPECTED, _unexpected(row, sold))

    def _refused(self, row: Row | None, sold: Sold) -> Told | None:
        """What lets them refuse a call, whatever its seconds."""
        verdict = row.verdict if row is not None else None
        duplicate, late = self._duplicate(sold), self._late(sold)
        if verdict is Verdict.DUPLICATE:
            return duplicate or (Cause.DUPLICATE_RULE, f"they call it a duplicate; {self._earlier(sold)}")
        if verdict is Verdict.LATE:
            return late or (Cause.LATE_CALL, "they call it late, and nothing in our ledger says so")
        if verdict is Verdict.REVERSED:
            return self.of_taken_back(sold)
        return duplicate or late

    def _duplicate(self, sold: Sold) -> Told | None:
        within_s = self._how.duplicate_within_s
        before = self._call_before(sold, within_s) if within_s is not None else None
        if before is None:
            return None
        ago = _span(sold.dialled_at - before.dialled_at)
        rule = _span(within_s or 0)
        return Cause.DUPLICATE_RULE, f"they had the number {ago} before, as call {before.sid}: within their {rule}"

    def _earlier(self, sold: Sold) -> str:
        before = self._call_before(sold, HINT_WITHIN_S)
        if before is None:
            since = self._matcher.clock.day_of(max(self._read_since, sold.dialled_at - HINT_WITHIN_S))
            return f"our ledger has no earlier call of the number with them since {since}, from when on it was read"
        return f"they had the number {_span(sold.dialled_at - before.dialled_at)} before, as call {before.sid}"

    def _call_before(self, sold: Sold, within_s: int) -> Sold | None:
        """The latest earlier call of the number that they answered."""
        number = self._matcher.numbers.of(sold)
        places = self._matcher.numbers.places[number] if number is not None else ()
        calls = [self._matcher.calls[place] for place in places] if len(places) > 1 else []
        earlier = [
            one for one in calls if one.answered_at is not None and 0 < sold.dialled_at - one.dialled_at <= within_s
        ]
        return max(earlier, key=lambda one: one.dialled_at, default=None)

    def _late(self, sold: Sold) -> Told | None:
        if sold.offer_expires_at is not None and sold.dialled_at >= sold.offer_expires_at + LATE_S:
            late = _span(sold.dialled_at - sold.offer_expires_at)
            return Cause.LATE_CALL, f"the dial was placed {late} after the offer had expired"
        if self._after_cut_off(sold):
            clock = self._matcher.clock
            return (
                Cause.LATE_CALL,
                f"dialled at {clock.time_of_day(self._theirs(sold))}, after their {self._how.cut_off}",
            )
        return None

    def _after_cut_off(self, sold: Sold) -> bool:
        if self._how.cut_off is None:
            return False
        return self._matcher.clock.time_of_day(self._theirs(sold)) >= self._how.cut_off

    def _theirs(self, sold: Sold) -> float:
        """The dial, by a clock of theirs that may be in another zone than the map says."""
        return sold.dialled_at + self._matcher.found.shifts.whole_s

    def _of_minimum(self, pair: Pair) -> Told | None:
        """Whether the minimum duration was met: by them, by us, and by which seconds."""
        row, sold = pair.row, pair.sold
        their_minimum = sold.min_duration_s if row.minimum_s is None else row.minimum_s
        if row.duration_s is None:
            return None
        paid = row.amount > 0
        theirs_met, ours_met = row.duration_s >= their_minimum, row.duration_s >= sold.min_duration_s
        if theirs_met != paid:
            return None
        if ours_met != paid:
            return Cause.MINIMUM, f"their minimum is {their_minimum} s, the offer's was {sold.min_duration_s} s"
        return self._across(pair) if self._talk(pair).agrees else self._of_seconds(pair)

    def _across(self, pair: Pair) -> Told:
        """Their seconds are ours, and yet one side has the minimum met and the other has not."""
        sold, timers, their_s = pair.sold, Timers.of(pair.sold), pair.row.duration_s or 0
        ours, way, between = self._contract(sold), self._how.rounding, f"the minimum of {sold.min_duration_s} s"
        crossed = {one >= sold.min_duration_s for one in ours} == {their_s < sold.min_duration_s}
        if way is not Rounding.EXACT and crossed and gives(ours, way, their_s, 0):
            return Cause.ROUNDING, f"their {their_s} s are our {_shown(ours)} s, rounded {way.value}, over {between}"
        both = [one for one in timers.all if one in ours or gives((one,), way, their_s, self._how.slack_s)]
        if len({one >= sold.min_duration_s for one in both}) > 1:
            return Cause.TIMER_START, f"{_clocks(sold)}: {between} lies between"
        if self._how.timer is Timer.ACCEPT:
            return (
                Cause.TIMER_START,
                f"their {pair.row.duration_s} s count from when an agent took it ({_clocks(sold)})",
            )
        sides = f"they have {pair.row.duration_s} s and we {_shown(ours)} s"
        return Cause.DURATION, f"{sides}, around a minimum of {sold.min_duration_s} s"

    def _of_seconds(self, pair: Pair) -> Told | None:
        """Why their duration is not ours."""
        talk, sold, their_s = self._talk(pair), pair.sold, pair.row.duration_s
        if talk.agrees:
            return None
        if talk.other_timer is not None and not (talk.other_rounding and self._rounding_first):
            start = "the dial" if talk.other_timer is Timer.DIAL else "the answer"
            return Cause.TIMER_START, f"their {their_s} s count from {start} ({_clocks(sold)})"
        if talk.other_rounding:
            ways = " or ".join(way.value for way in talk.other_rounding)
            return Cause.ROUNDING, f"their {their_s} s are our {_shown(self._contract(sold))} s, rounded {ways}"
        return Cause.DURATION, f"they have {their_s} s where {_clocks(sold)}"

    def _contract(self, sold: Sold) -> tuple[int, ...]:
        timers = Timers.of(sold)
        return timers.by(self._how.timer) or timers.all

    def our_s(self, sold: Sold) -> int | None:
        """The talk by the timer that the contract means."""
        return next(iter(self._contract(sold)), None)

    def _of_terms(self, pair: Pair) -> Told | None:
        row, sold = pair.row, pair.sold
        if row.minimum_s is None or row.minimum_s == sold.min_duration_s:
            return None
        return Cause.MINIMUM, f"their minimum is {row.minimum_s} s, the offer's was {sold.min_duration_s} s"

    def _of_price(self, row: Row, sold: Sold) -> Told:
        what = f"they pay ${dollars(row.amount)} for an offer of ${dollars(sold.payout)}"
        if abs(row.amount - sold.expected) <= CENT:
            return Cause.MONEY_ROUNDING, f"{what}: a cent"
        others = [
            one
            for place in self._matcher.numbers.places.get(self._matcher.numbers.of(sold), ())
            if (one := self._matcher.calls[place]) is not sold and one.caller is not None and one.payout == row.amount
        ]
        if others:
            return Cause.OTHER_OFFER, f"{what}, which is the payout of the same number's call {others[0].sid}"
        return Cause.PAYOUT, what

    def of_missing_row(self, sold: Sold) -> Told:
        """Why a call that they owe us is not on the statement."""
        refused = self._refused(None, sold)
        last_day = self._matcher.clock.midnight(self._period.until - 1 + self._matcher.found.shifts.whole_s)
        if refused is not None and refused[0] is Cause.DUPLICATE_RULE:
            return refused
        if self._after_cut_off(sold) and self._theirs(sold) >= last_day:
            time = self._matcher.clock.time_of_day(self._theirs(sold))
            return Cause.LATE_CALL, f"dialled at {time} of the last day, after their {self._how.cut_off}"
        if refused is not None:
            return refused
        if sold.ended_at is not None and sold.ended_at >= self._period.until:
            return Cause.LATE_CALL, "the call ended after the end of the period"
        talk = "" if self.our_s(sold) is None else f" and lasted {self.our_s(sold)} s"
        return Cause.MISSING_ON_THEIRS, f"the dial was answered{talk}, with a minimum of {sold.min_duration_s} s"

    def of_missing_call(self, row: Row) -> Told:
        """Why a row is of no call of ours."""
        if row.caller is None:
            return Cause.MISSING_ON_OURS, "the number is withheld, and no call of that time has these seconds"
        times = self._matcher.times(row.caller)
        if not times:
            return Cause.MISSING_ON_OURS, "our ledger has no dial of this buyer for the number in or near the period"
        after = bisect_left(times, row.at)
        nearest = min(times[max(after - 1, 0) : after + 1], key=lambda at: abs(at - row.at))
        return Cause.MISSING_ON_OURS, f"the number's nearest call was {_span(abs(nearest - row.at))} away"

    def of_bad_row(self, why: str, sold: Sold | None) -> Told:
        """What is wrong with a bad row, and whose it may be."""
        return Cause.BAD_ROW, why if sold is None else f"{why}; it is likely our call {sold.sid}"

    def of_taken_back(self, sold: Sold | None) -> Told:
        """What a row that takes money back is about."""
        if sold is None:
            return Cause.TAKEN_BACK, "the row takes money back, and our ledger has no call of the number near it"
        met = "qualified" if sold.qualified else "did not qualify"
        return Cause.TAKEN_BACK, f"the row takes money back for our call {sold.sid}, which {met} ({_clocks(sold)})"

    def of_row_twice(self, row: Row, first: Row | None, line: int) -> Told:
        """What a row repeats."""
        other = "" if first is None or first.amount == row.amount else f", there with ${dollars(first.amount)}"
        return Cause.DUPLICATE_ROW, f"the same call is in line {line}{other}"


def _how_found(pair: Pair) -> str:
    off_s = pair.off_s
    if pair.oddity is Cause.TIME_ZONE:
        return f"their time is {_span(abs(off_s))} {'ahead' if off_s > 0 else 'behind'}: another zone, or summer time"
    if pair.oddity is Cause.CLOCK:
        return f"their time is {_span(abs(off_s))} {'ahead' if off_s > 0 else 'behind'}; number and seconds agree"
    if pair.oddity is Cause.LATE_CALL:
        return "they date it into the next day; number and seconds agree"
    if pair.oddity is Cause.NUMBER:
        what = "is withheld" if pair.row.caller is None else "is another"
        return f"their number {what}; time and seconds agree"
    return ""


def _of_mask(pair: Pair) -> Told | None:
    return (
        (Cause.NUMBER, "their number is masked; what is left of it, and the time, agree") if pair.row.masked else None
    )


def _no_reason(row: Row, sold: Sold) -> str:
    theirs = "they state no duration" if row.duration_s is None else f"they have {row.duration_s} s themselves"
    return f"{theirs}, and the minimum is {sold.min_duration_s} s ({_clocks(sold)})"


def _unexpected(row: Row, sold: Sold) -> str:
    theirs = "" if row.duration_s is None else f", they have {row.duration_s} s"
    return f"our dial ended {sold.result} ({_clocks(sold)}){theirs}, and the minimum is {sold.min_duration_s} s"


def _clocks(sold: Sold) -> str:
    """Our clocks of a talk, side by side."""
    timers = Timers.of(sold)
    parts = [f"{_shown(timers.answer)} s from the answer"] if timers.answer else []
    parts += [f"{_shown(timers.dial)} s from the dial"] if timers.dial else []
    return f"we have {', '.join(parts)}" if parts else "we have no seconds"


def _shown(seconds: tuple[int, ...]) -> str:
    return "/".join(map(str, seconds))


def _span(seconds: float) -> str:
    """``40 s``, ``12 min``, ``1.5 h``, ``3 days``."""
    for unit_s, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= unit_s * (2 if unit == "days" else 1):
            return f"{Decimal(seconds / unit_s).quantize(Decimal('0.1')).normalize():f} {unit}"
    return f"{round(seconds)} s"
