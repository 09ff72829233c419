"""Which row is which call: by number and time, one to one; then, for what is left, by ever weaker signs. Pure.

A weaker sign is only looked at when no stronger one is left, so it can never take a call from its own row:

1. the whole number, and the time within tolerance;
2. the digits that are not masked, and the time;
3. withheld on both sides: the time, and seconds that are this talk's;
4. the number, the seconds, and a time that is off in a way that clocks are (`far`);
5. the time and the seconds, and a number that may be a slip or was left out (`numbers`).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, field
from itertools import chain

from callrouter.ledger.sold import Sold
from callrouter.reconciling.assignment import best_pairs
from callrouter.reconciling.cause import Cause
from callrouter.reconciling.cells import fits
from callrouter.reconciling.durations import Timers, is_this_talk
from callrouter.reconciling.rows import UNKNOWN_DIGIT, BadRow, Row
from callrouter.reconciling.shifts import Shifts, find_shifts
from callrouter.reconciling.statement_map import Moment, StatementMap
from callrouter.reconciling.times import DAY_S, TimeReader

Hashes = Callable[[str], str]
"""The keyed hash of a number (E.164), as the ledger has it after a plan's retention."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A row and the call that it is of."""

    row: Row
    sold: Sold
    oddity: Cause | None = None
    """Why they were not found by number and time alone."""
    off_s: int = 0
    """By how many seconds their time is off, when that is the oddity or their clock is another."""


@dataclass
class Matched:
    """Every row and every call, once each."""

    pairs: list[Pair] = field(default_factory=list)
    twice: dict[int, int] = field(default_factory=dict)
    """Rows that are there before: line by line."""
    rows: dict[int, Row] = field(default_factory=dict)
    """Those that are left, by line."""
    calls: dict[int, Sold] = field(default_factory=dict)
    """Those that are left, by their place."""
    shifts: Shifts = field(default_factory=Shifts)

    def pair(self, line: int, place: int, oddity: Cause | None = None, off_s: int = 0) -> None:
        """Row and call are one."""
        self.pairs.append(Pair(self.rows.pop(line), self.calls.pop(place), oddity, off_s))


class Numbers:
    """The calls of each number, also of numbers that the ledger only has the hash of."""

    def __init__(self, callers: Iterable[str | None], calls: Sequence[Sold], matches_hash: Hashes | None) -> None:
        by_hash: dict[str, str] = {}
        if matches_hash is not None and any((call.caller or "").startswith("#") for call in calls):
            known = {caller for caller in callers if caller and UNKNOWN_DIGIT not in caller}
            # Of one person the ledger may have the hash of an older call and the number of a newer one.
            known |= {call.caller for call in calls if call.caller and not call.caller.startswith("#")}
            by_hash = {matches_hash(number): number for number in known}
        self._by_hash = by_hash
        self.places: defaultdict[str | None, list[int]] = defaultdict(list)
        for place, call in enumerate(calls):
            self.places[self.of(call)].append(place)

    def of(self, call: Sold) -> str | None:
        """The caller's number: E.164, or its hash when neither a row nor another call has that number."""
        return self._by_hash.get(call.caller, call.caller) if call.caller else None


class Matcher:
    """Matches one statement's rows with the calls of its buyer."""

    def __init__(
        self,
        rows: Sequence[Row],
        calls: Sequence[Sold],
        how: StatementMap,
        hashes: Hashes | None,
        others: Iterable[Row | BadRow] = (),
    ) -> None:
        """``others``: rows that are not to be matched, and whose numbers are asked for all the same."""
        self.how, self.calls = how, calls
        self.clock = TimeReader(how.time_formats, how.time_zone)
        self.numbers = Numbers((row.caller for row in chain(rows, others)), calls, hashes)
        self.found = Matched(calls=dict(enumerate(calls)))
        self._by_time: dict[str, list[tuple[float, int]]] = {}
        self._take(rows)
        self.found.shifts = self._shifts()

    def _take(self, rows: Iterable[Row]) -> None:
        """Two rows of one second, one number, one duration and one amount are the same row."""
        seen: dict[object, int] = {}
        for row in rows:
            first = seen.setdefault((row.caller, row.at, row.duration_s, row.amount), row.line)
            if first != row.line and row.span_s == 0:
                self.found.twice[row.line] = first
            else:
                self.found.rows[row.line] = row

    def moment(self, call: Sold) -> float:
        """The moment of a call that their time is of."""
        if self.how.at_is is Moment.CALL:
            return call.called_at
        if self.how.at_is is Moment.DIAL or call.answered_at is None:
            return call.dialled_at
        return call.ended_at or call.answered_at if self.how.at_is is Moment.END else call.answered_at

    def _shifts(self) -> Shifts:
        timed = [row for row in self.found.rows.values() if row.caller is not None and row.span_s < DAY_S - 1]
        parts = self.free_by_part({known_part(row.caller or "") for row in timed if row.masked})

        def times_of(key: object) -> Sequence[float]:
            if not isinstance(key, tuple):
                return self.times(str(key))
            return sorted(self.moment(self.calls[place]) for place in parts.get(key, ()))

        votes = ((known_part(row.caller or "") if row.masked else row.caller, row.at) for row in timed)
        return find_shifts(votes, times_of, self.clock.day_of, self.how.tolerance_s)

    def times(self, number: str) -> Sequence[float]:
        """When a number's calls were, sorted."""
        return [at for at, _ in self.by_time(number)]

    def by_time(self, number: str) -> Sequence[tuple[float, int]]:
        """The calls of a number: their times, sorted, each with its place."""
        places = self.numbers.places.get(number, ())
        if len(places) < 2:  # nearly all: not worth keeping
            return [(self.moment(self.calls[place]), place) for place in places]
        if number not in self._by_time:
            self._by_time[number] = sorted((self.moment(self.calls[place]), place) for place in places)
        return self._by_time[number]

    def shift_s(self, row: Row | BadRow) -> int:
        """How far ahead of ours their clock was when they wrote this row."""
        if row.at is None or self.found.shifts == Shifts():
            return 0
        return self.found.shifts.of(self.clock.day_of(row.at))

    def near(self) -> None:
        """Steps 1 to 3."""
        whole: defaultdict[str, list[int]] = defaultdict(list)
        masked: defaultdict[tuple[int, str], list[int]] = defaultdict(list)
        withheld = []
        for line, row in self.found.rows.items():
            if row.caller is None:
                withheld.append(line)
            elif UNKNOWN_DIGIT in row.caller:
                masked[known_part(row.caller)].append(line)
            else:
                whole[row.caller].append(line)
        for number, lines in whole.items():
            if number in self.numbers.places:
                self._assign(lines, self.numbers.places[number])
        if masked:
            parts = self.free_by_part(set(masked))
            for part, lines in masked.items():
                self._assign(lines, parts.get(part, ()), masked=True)
        self._assign(withheld, [place for place in self.numbers.places[None] if place in self.found.calls], blind=True)

    def free_by_part(self, wanted: Set[tuple[int, str]]) -> dict[tuple[int, str], list[int]]:
        """The calls that are left, by what is known of masked numbers."""
        parts: defaultdict[tuple[int, str], list[int]] = defaultdict(list)
        starts = {start for start, _ in wanted}
        if not starts:
            return parts
        for place, call in self.found.calls.items():
            number = self.numbers.of(call) or ""
            for start in starts if number.startswith("+1") else ():
                part = (start, number[-4:] if start else number[2:8])
                if part in wanted:
                    parts[part].append(place)
        return parts

    def _assign(
        self, lines: Sequence[int], places: Sequence[int], *, masked: bool = False, blind: bool = False
    ) -> None:
        if not lines or not places:
            return
        rows = [self.found.rows[line] for line in lines]
        calls = [self.calls[place] for place in places]
        shifts = [self.shift_s(row) for row in rows]

        def cost(row_no: int, call_no: int) -> float | None:
            row, call = rows[row_no], calls[call_no]
            if masked and not fits(row.caller or "", self.numbers.of(call) or ""):
                return None
            if blind and not is_this_talk(row.duration_s, Timers.of(call), self.how):
                return None
            return self._cost(row, call, shifts[row_no])

        reach_s = self.how.tolerance_s + max(
            row.span_s + (0 if row.other_at is None else abs(row.other_at - row.at)) for row in rows
        )
        times = [row.at - shift for row, shift in zip(rows, shifts, strict=True)]
        for row_no, call_no in list(best_pairs(times, [self.moment(call) for call in calls], reach_s, cost)):
            self.found.pair(lines[row_no], places[call_no], off_s=shifts[row_no])

    def _cost(self, row: Row, call: Sold, shift_s: int) -> float | None:
        """Time counts most; seconds, money, number and answer tell calls apart that are close in time."""
        distance_s = row.distance_s(self.moment(call) + shift_s)
        if distance_s > self.how.tolerance_s:
            return None
        cost = distance_s / self.how.tolerance_s
        seconds = Timers.of(call).all
        if row.duration_s is not None and seconds:
            cost += min(60, *(abs(row.duration_s - one) for one in seconds)) / 60
        cost += 0 if row.amount == call.expected else 0.25
        cost += 0.25 if call.answered_at is None else 0
        return cost + (0.5 if row.number is not None and row.number != call.number else 0)


def known_part(pattern: str) -> tuple[int, str]:
    """What is left of a masked number: the last four digits, or the first six, and how many stand before them."""
    return (6, pattern[-4:]) if pattern[-4:].isdecimal() else (0, pattern[:6])
