"""A statement's rows against our calls, from first match to the last cent. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import median_low

from callrouter.ledger.sold import Sold
from callrouter.reconciling.cause import Cause
from callrouter.reconciling.causes import Causes, Period
from callrouter.reconciling.finding import Finding, Note, Ours, Reconciled, Theirs
from callrouter.reconciling.leftovers import (
    call_taken_back,
    calls_of_bad_rows,
    calls_of_masked,
    far,
    numbers,
    same_call_again,
)
from callrouter.reconciling.matching import Hashes, Matcher, Pair
from callrouter.reconciling.rows import BadRow, Row
from callrouter.reconciling.shifts import FURTHEST_S, Shifts
from callrouter.reconciling.statement_map import StatementMap
from callrouter.reconciling.times import DAY_S, TimeReader

LONGEST_S = 186 * DAY_S
"""Rows further than this from the middle one have a wrong date: they do not widen the period."""
HABIT_ROWS = 10
"""Fewer rows than these are told one by one, whatever they have in common."""

_HABITS = {
    Cause.TIMER_START: "most durations count from another moment than the contract's; set timer in the map, or object",
    Cause.ROUNDING: "most durations are rounded in another way than the map says",
    Cause.CLOCK: "most times are off by more than tolerance_s",
    Cause.NUMBER: "most numbers are masked",
    Cause.MINIMUM: "most minimum durations are not the offers'",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """From when to before when the operator wants to look; epoch seconds, ``None``: the statement's own period."""

    since: float | None = None
    until: float | None = None

    def has(self, moment: float) -> bool:
        """Whether it is of this period."""
        return (self.since is None or self.since <= moment) and (self.until is None or moment < self.until)


WHOLE = Asked()


def ledger_period(rows: Iterable[Row | BadRow], how: StatementMap, asked: Asked = WHOLE) -> Period | None:
    """The calls that a statement's rows may be of: its days, and what another zone, late dates and duplicates need.

    ``None`` when no row has a time and no period was asked for.
    """
    times = [row.at for row in rows if row.at is not None]
    if times:
        middle = median_low(times)
        times = [at for at in times if abs(at - middle) <= LONGEST_S]
    times += [moment for moment in (asked.since, asked.until) if moment is not None]
    if not times:
        return None
    around_s = FURTHEST_S + 2 * DAY_S
    before_s = max(around_s, how.duplicate_within_s or 0)
    return Period(min(times) - before_s, max(times) + around_s)


def reconcile(
    rows: Iterable[Row | BadRow],
    calls: Iterable[Sold],
    how: StatementMap,
    hashes: Hashes | None = None,
    asked: Asked = WHOLE,
) -> Reconciled:
    """Compare. ``calls`` are those of `ledger_period`; ``hashes`` finds numbers of which the ledger has the hash."""
    good: list[Row] = []
    bad: list[BadRow] = []
    back: list[Row] = []
    for row in rows:
        if isinstance(row, BadRow):
            bad.append(row)
        else:
            (back if row.amount < 0 else good).append(row)
    matcher = Matcher(good, list(calls), how, hashes, [*back, *bad])
    matcher.near()
    same_call_again(matcher)
    far(matcher)
    numbers(matcher)
    read = ledger_period([*good, *back, *bad], how, asked)
    return _Comparison(matcher, good, bad, back, asked, read.since if read else 0.0).result()


class _Comparison:
    """One statement, matched, on its way to findings and sums."""

    def __init__(
        self,
        matcher: Matcher,
        good: Sequence[Row],
        bad: Sequence[BadRow],
        back: Sequence[Row],
        asked: Asked,
        read_since: float,
    ) -> None:
        self._matcher, self._found, self._asked = matcher, matcher.found, asked
        self._all = len(good) + len(bad) + len(back)
        self._rows = {row.line: row for row in good if self._inside(row)}
        self._back = [row for row in back if self._inside(row)]
        self._bad = [row for row in bad if row.at is None or asked.has(row.at)]
        self._pairs = [pair for pair in self._found.pairs if pair.row.line in self._rows]
        self._period = _period(self._days(), matcher.clock, self._found.shifts, asked)
        self._causes = Causes(matcher, self._period, read_since)

    def _days(self) -> list[tuple[float, float]]:
        """Each row's time, and the same by our clock where the call is known; both by their zone.

        Bad rows only where there are no others.
        """
        whole_s, moment = self._found.shifts.whole_s, self._matcher.moment
        return (
            [(pair.row.at, moment(pair.sold) + whole_s) for pair in self._pairs]
            or [(row.at, row.at) for row in self._rows.values()]
            or [(row.at, row.at) for row in self._bad if row.at is not None]
        )

    def _inside(self, row: Row) -> bool:
        return self._asked.has(row.at - self._matcher.shift_s(row))

    def result(self) -> Reconciled:
        """Every row and every call that they owe us, once."""
        due = {p: call for p, call in self._found.calls.items() if self._is_due(call)}
        of_bad = list(calls_of_bad_rows(self._matcher, self._bad, due))
        attached = {place for _, place in of_bad if place is not None}
        missing = [call for place, call in due.items() if place not in attached]
        of_pairs = [one for pair in self._pairs if (one := self._of_pair(pair)) is not None]
        habits = _habits(of_pairs, len(self._pairs))
        of_pairs = [one for one in of_pairs if one.money != 0 or one.cause not in habits]
        findings = [*of_pairs, *self._of_rows(), *self._of_bad_rows(of_bad, due)]
        findings.sort(key=lambda one: one.theirs.line if one.theirs else 0)
        findings += [self._of_missing(call) for call in sorted(missing, key=self._matcher.moment)]
        kept = len(self._rows) + len(self._bad) + len(self._back)
        ours = [pair.sold.expected for pair in self._pairs] + [call.expected for call in due.values()]
        theirs = [row.amount for some in (self._rows.values(), self._back, self._bad) for row in some]
        return Reconciled(
            tuple(findings), (*self._of_clock(), *habits.values()), self._period.since, self._period.until,
            rows=kept, outside=self._all - kept, bad_rows=len(self._bad),
            matched=len(self._pairs), agreed=len(self._pairs) - len(of_pairs),
            theirs=sum(theirs, Decimal(0)), ours=sum(ours, Decimal(0)),
        )  # fmt: skip

    def _is_due(self, call: Sold) -> bool:
        return call.expected > 0 and self._period.since <= self._matcher.moment(call) < self._period.until

    def _of_pair(self, pair: Pair) -> Finding | None:
        told = self._causes.of_pair(pair)
        return None if told is None else Finding(*told, _theirs(pair.row), self._ours(pair.sold))

    def _ours(self, sold: Sold, *, counted: bool = True) -> Ours:
        at, seconds = self._matcher.moment(sold), self._causes.our_s(sold)
        return Ours(sold.sid, sold.dial_no, sold.caller, at, seconds, sold.expected if counted else None)

    def _of_rows(self) -> Iterator[Finding]:
        """Rows that have no call of their own."""
        for line, row in self._rows.items():
            if line in self._found.rows:
                yield Finding(*self._causes.of_missing_call(row), _theirs(row), None)
            elif line in self._found.twice:
                first = self._found.twice[line]
                yield Finding(*self._causes.of_row_twice(row, self._rows.get(first), first), _theirs(row), None)
        masked = calls_of_masked(self._found.pairs) if self._back else {}
        for row in self._back:
            sold = call_taken_back(self._matcher, row, masked)
            ours = None if sold is None else self._ours(sold, counted=False)
            yield Finding(*self._causes.of_taken_back(sold), _theirs(row), ours)

    def _of_bad_rows(self, of_bad: Iterable[tuple[BadRow, int | None]], due: dict[int, Sold]) -> Iterator[Finding]:
        for row, place in of_bad:
            sold = None if place is None else due[place]
            theirs = Theirs(row.line, row.reference, row.caller, row.at, None, row.amount)
            yield Finding(*self._causes.of_bad_row(row.why, sold), theirs, None if sold is None else self._ours(sold))

    def _of_missing(self, sold: Sold) -> Finding:
        return Finding(*self._causes.of_missing_row(sold), None, self._ours(sold))

    def _of_clock(self) -> Iterator[Note]:
        shifts = self._found.shifts
        by = Counter(pair.off_s for pair in self._pairs if pair.oddity is None and pair.off_s)
        if shifts.whole_s:
            rows, off = by[shifts.whole_s], _hours(shifts.whole_s)
            yield Note(Cause.TIME_ZONE, f"the whole statement is {off}; matched with that taken off", rows)
        for day, off_s in shifts.days_s.items():
            rows = sum(pair.off_s == off_s and self._matcher.clock.day_of(pair.row.at) == day for pair in self._pairs)
            off = _hours(off_s) if off_s else "not shifted as the rest is"
            if rows:
                yield Note(Cause.TIME_ZONE, f"{day} is {off}: summer time began or ended on another day for them", rows)


def _theirs(row: Row) -> Theirs:
    return Theirs(row.line, row.reference, row.caller, row.at, row.duration_s, row.amount)


def _period(days: Sequence[tuple[float, float]], clock: TimeReader, shifts: Shifts, asked: Asked) -> Period:
    """Whole days of their clock, from the first row that is of a call to the last, where nothing was asked.

    A day counts where both clocks are of it: a call around midnight, or one that is dated into the next day, does not
    make a whole day of calls missing.
    """
    since, until = asked.since, asked.until
    if since is None:
        since = clock.midnight(min(map(max, days))) - shifts.whole_s if days else until or 0.0
    if until is None:
        until = clock.midnight(max(map(min, days)), days=1) - shifts.whole_s if days else since
    return Period(since, until)


def _habits(findings: Sequence[Finding], pairs: int) -> dict[Cause, Note]:
    """What holds for most rows and moves no money: told once, instead of row by row."""
    counts = Counter(one.cause for one in findings if one.money == 0)
    return {
        cause: Note(cause, evidence, counts[cause])
        for cause, evidence in _HABITS.items()
        if counts[cause] >= HABIT_ROWS and 2 * counts[cause] > pairs
    }


def _hours(off_s: int) -> str:
    hours = Decimal(abs(off_s)) / 3600
    return f"{hours.normalize():f} h {'ahead of' if off_s > 0 else 'behind'} our clock"
