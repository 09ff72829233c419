"""Rows and calls that number and time do not bring together: by signs that clocks, people and screens leave. Pure."""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from callrouter.ledger.sold import Sold
from callrouter.reconciling.cause import Cause
from callrouter.reconciling.cells import fits
from callrouter.reconciling.durations import Timers, is_this_talk
from callrouter.reconciling.matching import Matcher, Pair, known_part
from callrouter.reconciling.rows import UNKNOWN_DIGIT, BadRow, Row
from callrouter.reconciling.shifts import step_of
from callrouter.reconciling.times import DAY_S

FURTHEST_CLOCK_S = 4 * 3600
"""A clock that is off by no whole quarter-hours is believed to be off by so much at most."""
FAR_S = 2 * DAY_S
"""No clock, and no date, is off by more."""
SAME_MOMENT_S = 5
SHORTEST_TALK_S = 10
"""Shorter talks are too alike to tell whose they are without a number."""

_ORDER = (None, Cause.TIME_ZONE, Cause.LATE_CALL, Cause.CLOCK)


def same_call_again(matcher: Matcher) -> None:
    """Rows whose call another row has already: the same number at the same moment."""
    found = matcher.found
    if not found.rows:
        return
    callers = {row.caller for row in found.rows.values()}
    taken: defaultdict[str, list[Row]] = defaultdict(list)
    for pair in found.pairs:
        if pair.row.caller is not None and pair.row.caller in callers:
            taken[pair.row.caller].append(pair.row)
    for line, row in list(found.rows.items()):
        same = [other for other in taken.get(row.caller or "", ()) if _same(row, other, matcher.how.slack_s)]
        if same:
            found.twice[line] = same[0].line
            del found.rows[line]


def _same(row: Row, other: Row, slack_s: int) -> bool:
    """Where a time is a minute or a day, a number may well have called twice in it: then the seconds must be alike."""
    if abs(other.at - row.at) > SAME_MOMENT_S:
        return False
    if row.span_s == 0 or row.duration_s is None or other.duration_s is None:
        return True
    return abs(row.duration_s - other.duration_s) <= slack_s


def far(matcher: Matcher) -> None:
    """Rows of a number that the ledger knows, at a time that only another clock, or the next day, explains."""
    found = matcher.found
    candidates = []
    for line, row in found.rows.items():
        calls = matcher.by_time(row.caller or "") if row.whole else ()
        near = calls[bisect_left(calls, (row.at - FAR_S, 0)) : bisect_right(calls, (row.at + FAR_S, 0))]
        for place in (place for _, place in near if place in found.calls):
            sign = _clock_sign(matcher, row, matcher.calls[place])
            if sign is not None:
                oddity, off_s = sign
                candidates.append((_ORDER.index(oddity), abs(off_s), line, place, oddity, off_s))
    for _, _, line, place, oddity, off_s in sorted(candidates, key=lambda one: one[:4]):
        if line in found.rows and place in found.calls:
            found.pair(line, place, oddity, off_s)


def _clock_sign(matcher: Matcher, row: Row, call: Sold) -> tuple[Cause | None, int] | None:
    """How their time of this call can have come about, and by how much it is off; ``None``: in no way."""
    if row.duration_s is None:
        if row.amount not in (call.expected, call.payout):
            return None
    elif not is_this_talk(row.duration_s, Timers.of(call), matcher.how):
        return None
    off_s = row.at - matcher.moment(call) - matcher.found.shifts.whole_s
    if abs(off_s) <= matcher.how.tolerance_s:
        return None, 0  # its day seemed shifted, and this row is not
    if (step := step_of(off_s, matcher.how.tolerance_s)) is not None:
        return Cause.TIME_ZONE, step
    if abs(off_s - DAY_S) <= matcher.how.tolerance_s or _begins_next_day(matcher, row, call):
        return Cause.LATE_CALL, round(off_s)
    return (Cause.CLOCK, round(off_s)) if abs(off_s) <= FURTHEST_CLOCK_S else None


def _begins_next_day(matcher: Matcher, row: Row, call: Sold) -> bool:
    clock, at = matcher.clock, row.at - matcher.found.shifts.whole_s
    return row.at == clock.midnight(row.at) and at == clock.midnight(matcher.moment(call), days=1)


def numbers(matcher: Matcher) -> None:
    """Rows whose number was withheld, mistyped or is the dialled one, at the time and with the seconds of a call."""
    found = matcher.found
    dialled = {call.number for call in matcher.calls}
    places = sorted(found.calls, key=lambda place: matcher.moment(found.calls[place]))
    times = [matcher.moment(found.calls[place]) for place in places]
    reach_s = matcher.how.tolerance_s
    candidates: list[tuple[int, int]] = []
    for line, row in found.rows.items():
        at = row.at - matcher.shift_s(row)
        near = places[bisect_left(times, at - reach_s) : bisect_right(times, at + row.span_s + reach_s)]
        candidates += [(line, place) for place in near if _may_be_slip(matcher, row, found.calls[place], dialled)]
    rows, calls = Counter(line for line, _ in candidates), Counter(place for _, place in candidates)
    for line, place in candidates:
        if rows[line] == 1 == calls[place]:
            # Whom the ledger no longer knows, the row may well know: that is no difference.
            known = matcher.numbers.of(found.calls[place]) is not None
            found.pair(line, place, Cause.NUMBER if known and not found.rows[line].masked else None)


def _may_be_slip(matcher: Matcher, row: Row, call: Sold, dialled: Collection[str]) -> bool:
    if (row.duration_s or SHORTEST_TALK_S) < SHORTEST_TALK_S:
        return False
    if row.duration_s is None and row.amount != call.expected:
        return False
    ours = matcher.numbers.of(call)
    unknown = ours is None or (ours.startswith("#") and row.masked) or row.caller is None
    alike = unknown or row.caller in dialled or _one_slip(row.caller or "", ours or "")
    return alike and is_this_talk(row.duration_s, Timers.of(call), matcher.how)


def _one_slip(theirs: str, ours: str) -> bool:
    """One digit is another, or two neighbours have changed places."""
    if len(theirs) != len(ours):
        return False
    differ = [no for no, (one, other) in enumerate(zip(theirs, ours, strict=True)) if one != other]
    if len(differ) == 2:
        first, second = differ
        return second == first + 1 and theirs[first] == ours[second] and theirs[second] == ours[first]
    return len(differ) == 1


def calls_of_bad_rows(
    matcher: Matcher, bad: Iterable[BadRow], due: Collection[int]
) -> Iterator[tuple[BadRow, int | None]]:
    """Each bad row, with the one call that is left for it: ``due`` are the places of those that they owe us."""
    found = matcher.found
    bad = list(bad)
    near = _Near(matcher, bad)
    waiting = {place for place in due if place in found.calls}
    for one in bad:
        likely = [p for p in near.places(one) if p in waiting and _may_be_of(matcher, one, found.calls[p])]
        same = [place for place in likely if found.calls[place].expected == one.amount]
        place = next((some[0] for some in (likely, same) if len(some) == 1), None)
        if place is not None:
            waiting.discard(place)
        yield one, place


class _Near:
    """The few calls that a bad row is worth comparing with: of its number, or else of its time."""

    def __init__(self, matcher: Matcher, bad: Iterable[BadRow]) -> None:
        self._matcher, calls = matcher, matcher.found.calls
        timed = sorted((matcher.moment(call), place) for place, call in calls.items())
        self._times, self._by_time = [at for at, _ in timed], [place for _, place in timed]
        masked = {one.caller for one in bad if one.caller and UNKNOWN_DIGIT in one.caller}
        self._by_part = matcher.free_by_part({known_part(caller) for caller in masked})

    def places(self, bad: BadRow) -> Sequence[int]:
        """Where they stand among the calls."""
        if bad.caller is not None:
            if UNKNOWN_DIGIT in bad.caller:
                return self._by_part.get(known_part(bad.caller), ())
            return self._matcher.numbers.places.get(bad.caller, ())
        if bad.at is None:
            return ()
        at, reach_s = bad.at - self._matcher.shift_s(bad), self._matcher.how.tolerance_s
        return self._by_time[bisect_left(self._times, at - reach_s) : bisect_right(self._times, at + reach_s)]


def _may_be_of(matcher: Matcher, bad: BadRow, call: Sold) -> bool:
    if bad.caller is None and bad.at is None:
        return False
    if bad.at is not None and abs(bad.at - matcher.shift_s(bad) - matcher.moment(call)) > matcher.how.tolerance_s:
        return False
    number = matcher.numbers.of(call) or ""
    return bad.caller is None or bad.caller == number or fits(bad.caller, number)


def calls_of_masked(pairs: Iterable[Pair]) -> Mapping[str | None, Sequence[Sold]]:
    """The calls that rows with a masked number were found to be of, by what the rows have for a number."""
    calls: defaultdict[str | None, list[Sold]] = defaultdict(list)
    for pair in pairs:
        if pair.row.masked:
            calls[pair.row.caller].append(pair.sold)
    return calls


def call_taken_back(matcher: Matcher, row: Row, masked: Mapping[str | None, Sequence[Sold]]) -> Sold | None:
    """The call whose money this row takes back: the nearest of its number that was there before it."""
    calls = [matcher.calls[place] for place in matcher.numbers.places.get(row.caller, ())] if row.caller else []
    calls += masked.get(row.caller, ())
    at = row.at - matcher.shift_s(row) + DAY_S
    earlier = [call for call in calls if matcher.moment(call) <= at]
    return min(earlier, key=lambda call: abs(row.at - matcher.moment(call)), default=None)
