"""Statements made up: calls as our ledger has them, and rows as a buyer writes them, with each kind of difference.

Every story has a number and a time of its own; what is to be found of it is known by its rows' references and its
calls' sids, so that the rows may stand in any order.
"""

import csv
import io
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from callrouter.ledger.sold import Sold
from callrouter.reconciling.cause import Cause
from callrouter.reconciling.finding import Finding
from callrouter.reconciling.statement_map import StatementMap, read_map

MAP = b"""
columns: {caller: Caller, date: Date, time: Time, duration: Secs, payout: Paid, status: Status, number: Target,
  reference: Ref, minimum: Min}
time_formats: ['%m/%d/%Y %I:%M:%S %p']
time_zone: America/Chicago
duplicate_within_s: 2592000
cut_off: '22:00'
statuses: {paid: [paid], unpaid: [refused], duplicate: [dupe]}
"""
CHICAGO = ZoneInfo("America/Chicago")
HEADS = ("Ref", "Caller", "Date", "Time", "Secs", "Paid", "Status", "Target", "Min")
DAY_S = 86_400
FIRST_DAY = datetime(2026, 10, 5, tzinfo=CHICAGO).timestamp()
TARGET = "+18005550199"

Cells = dict[str, str]
Expected = set[tuple[Cause, str]]


def the_map(**changes: object) -> StatementMap:
    """The map of these statements."""
    return StatementMap.model_validate({**read_map(MAP, "map.yaml").model_dump(exclude_unset=True), **changes})


def number_of(no: int) -> str:
    """A different number for every story, neighbours unlike."""
    return f"+1214{2_000_000 + no * 7_919_317 % 8_000_000}"


def a_call(no: int, at: float, talk_s: int = 130, ring_s: int = 11, payout: str = "25.00", sid: str = "") -> Sold:
    """A dial that was answered ``at`` and must last 90 s."""
    qualified = talk_s >= 90
    return Sold(
        sid=sid or f"CA{no}", dial_no=1, plan="auto", caller=number_of(no), number=TARGET, payout=Decimal(payout),
        min_duration_s=90, called_at=at - ring_s - 20, dialled_at=at - ring_s, answered_at=at, ended_at=at + talk_s,
        dial_s=talk_s + ring_s, answer_s=talk_s, action_s=talk_s, result="bridged", ended_by="caller",
        qualified=qualified, expected=Decimal(payout) if qualified else Decimal(0),
    )  # fmt: skip


def a_row(call: Sold, ref: str = "", off_s: float = 3, secs: int | None = None, **cells: str) -> Cells:
    """The row of a call, as an honest buyer writes it, with some cells changed."""
    at = datetime.fromtimestamp((call.answered_at or call.dialled_at) + off_s, CHICAGO)
    ten = (call.caller or "")[2:]
    row = {
        "Ref": ref or f"R-{call.sid}",
        "Caller": f"({ten[:3]}) {ten[3:6]}-{ten[6:]}",
        "Date": at.strftime("%m/%d/%Y"),
        "Time": at.strftime("%I:%M:%S %p"),
        "Secs": str(call.answer_s if secs is None else secs),
        "Paid": f"${call.expected}",
        "Status": "paid" if call.expected else "refused",
        "Target": call.number,
        "Min": "90",
    }
    return {**row, **{name.capitalize(): value for name, value in cells.items()}}


@dataclass
class Story:
    """Calls, rows, and what is to be found."""

    calls: list[Sold]
    rows: list[Cells]
    expected: Expected

    @classmethod
    def of(cls, call: Sold, row: Cells | None, cause: Cause | None) -> "Story":
        """One call and its row."""
        found = set() if cause is None else {(cause, row["Ref"] if row else call.sid)}
        return cls([call], [row] if row else [], found)


Kind = Callable[[int, float], Story]


def _earlier(no: int, at: float, payout: str = "25.00") -> tuple[Sold, Cells]:
    call = a_call(no, at - 3 * DAY_S + 300, payout=payout, sid=f"CA{no}-before")
    return call, a_row(call)


def clean(no: int, at: float) -> Story:
    return Story.of(call := a_call(no, at, 95 + no % 400), a_row(call), None)


def clean_short(no: int, at: float) -> Story:
    return Story.of(call := a_call(no, at, 10 + no % 70), a_row(call), None)


def clean_short_left_out(no: int, at: float) -> Story:
    return Story.of(a_call(no, at, 10 + no % 70), None, None)


def clean_called_again_at_once(no: int, at: float) -> Story:
    """Cut off after 4 s, and 40 s later once more: near in time, told apart by seconds."""
    first, second = a_call(no, at, 4), a_call(no, at + 44, 140, sid=f"CA{no}-again")
    return Story([first, second], [a_row(second, off_s=-25)], set())


def timer_start(no: int, at: float) -> Story:
    call = a_call(no, at, 85, ring_s=9)
    return Story.of(call, a_row(call, secs=94, paid="25.00", status="paid"), Cause.TIMER_START)


def timer_start_without_money(no: int, at: float) -> Story:
    return Story.of(call := a_call(no, at, 133, ring_s=13), a_row(call, secs=146), Cause.TIMER_START)


def rounding(no: int, at: float) -> Story:
    call = a_call(no, at, 85, ring_s=14)
    return Story.of(call, a_row(call, secs=90, paid="25.00", status="paid"), Cause.ROUNDING)


def duration(no: int, at: float) -> Story:
    call = a_call(no, at, 120)
    return Story.of(call, a_row(call, secs=71, paid="0", status="refused"), Cause.DURATION)


def duration_without_money(no: int, at: float) -> Story:
    return Story.of(call := a_call(no, at, 200), a_row(call, secs=163), Cause.DURATION)


def duplicate_rule(no: int, at: float) -> Story:
    before, row = _earlier(no, at)
    call = a_call(no, at)
    refused = a_row(call, paid="25.00", status="dupe")
    return Story([before, call], [row, refused], {(Cause.DUPLICATE_RULE, refused["Ref"])})


def duplicate_left_out(no: int, at: float) -> Story:
    before, row = _earlier(no, at)
    call = a_call(no, at)
    return Story([before, call], [row], {(Cause.DUPLICATE_RULE, call.sid)})


def late_for_the_offer(no: int, at: float) -> Story:
    call = a_call(no, at)
    call = replace(call, offer_expires_at=call.dialled_at - 4)
    return Story.of(call, a_row(call, paid="0", status="refused"), Cause.LATE_CALL)


def late_in_the_evening(no: int, at: float) -> Story:
    local = datetime.fromtimestamp(at, CHICAGO).replace(hour=22, minute=1 + no % 55, second=17)
    call = a_call(no, local.timestamp())
    return Story.of(call, a_row(call, paid="0", status="refused"), Cause.LATE_CALL)


def dated_into_the_next_day(no: int, at: float) -> Story:
    return Story.of(call := a_call(no, at), a_row(call, off_s=DAY_S + 2), Cause.LATE_CALL)


def payout(no: int, at: float) -> Story:
    return Story.of(call := a_call(no, at), a_row(call, paid="22.50"), Cause.PAYOUT)


def other_offer(no: int, at: float) -> Story:
    before, row = _earlier(no, at, "31.00")
    call = a_call(no, at)
    wrong = a_row(call, paid="31.00")
    return Story([before, call], [row, wrong], {(Cause.OTHER_OFFER, wrong["Ref"])})


def money_rounding(no: int, at: float) -> Story:
    return Story.of(call := a_call(no, at), a_row(call, paid="24.99"), Cause.MONEY_ROUNDING)


def minimum(no: int, at: float) -> Story:
    call = a_call(no, at, 110)
    return Story.of(call, a_row(call, paid="0", status="refused", min="120"), Cause.MINIMUM)


def not_paid(no: int, at: float) -> Story:
    call = a_call(no, at, 140)
    return Story.of(call, a_row(call, paid="0", status="refused"), Cause.NOT_PAID)


def paid_unexpected(no: int, at: float) -> Story:
    call = a_call(no, at, 41)
    return Story.of(call, a_row(call, paid="25.00", status="paid"), Cause.PAID_UNEXPECTED)


def missing_on_theirs(no: int, at: float) -> Story:
    return Story.of(a_call(no, at), None, Cause.MISSING_ON_THEIRS)


def missing_on_ours(no: int, at: float) -> Story:
    row = a_row(a_call(no, at))
    return Story([], [row], {(Cause.MISSING_ON_OURS, row["Ref"])})


def row_twice(no: int, at: float) -> Story:
    call = a_call(no, at)
    rows = [a_row(call), a_row(call, ref=f"R-{call.sid}-again")]
    return Story([call], rows, {(Cause.DUPLICATE_ROW, "one of " + call.sid)})


def taken_back(no: int, at: float) -> Story:
    call = a_call(no, at)
    back = a_row(call, ref=f"R-{call.sid}-back", off_s=3600, paid="(25.00)")
    return Story([call], [a_row(call), back], {(Cause.TAKEN_BACK, back["Ref"])})


def bad_number(no: int, at: float) -> Story:
    return Story.of(call := a_call(no, at), a_row(call, caller="2.145E+09"), Cause.BAD_ROW)


def bad_time(no: int, at: float) -> Story:
    return Story.of(call := a_call(no, at), a_row(call, date="13/45/2026"), Cause.BAD_ROW)


def bad_money(no: int, at: float) -> Story:
    return Story.of(call := a_call(no, at), a_row(call, paid="25 or so"), Cause.BAD_ROW)


def withheld(no: int, at: float) -> Story:
    return Story.of(call := a_call(no, at, 95 + no % 400), a_row(call, caller="Anonymous"), Cause.NUMBER)


def mistyped(no: int, at: float) -> Story:
    call = a_call(no, at, 95 + no % 400)
    ten = (call.caller or "")[2:]
    return Story.of(call, a_row(call, caller=f"{ten[:9]}{(int(ten[9]) + 5) % 10}"), Cause.NUMBER)


def masked(no: int, at: float) -> Story:
    call = a_call(no, at)
    return Story.of(call, a_row(call, caller=f"XXX-XXX-{(call.caller or '')[-4:]}"), Cause.NUMBER)


def another_zone(no: int, at: float) -> Story:
    return Story.of(call := a_call(no, at), a_row(call, off_s=3600 + 4), Cause.TIME_ZONE)


def wrong_clock(no: int, at: float) -> Story:
    return Story.of(call := a_call(no, at), a_row(call, off_s=-1300), Cause.CLOCK)


CLEAN: tuple[Kind, ...] = (clean, clean_short, clean_short_left_out, clean_called_again_at_once)
KINDS: tuple[Kind, ...] = (
    timer_start, timer_start_without_money, rounding, duration, duration_without_money, duplicate_rule,
    duplicate_left_out, late_for_the_offer, late_in_the_evening, dated_into_the_next_day, payout, other_offer,
    money_rounding, minimum, not_paid, paid_unexpected, missing_on_theirs, missing_on_ours, row_twice, taken_back,
    bad_number, bad_time, bad_money, withheld, mistyped, masked, another_zone, wrong_clock,
)  # fmt: skip


@dataclass
class Statement:
    """A file's text, our ledger, and what is to be found."""

    text: str
    calls: list[Sold]
    expected: Expected


def statement_of(kinds: Sequence[Kind], seed: int = 0, apart_s: float = 600, per_day: int = 60) -> Statement:
    """A statement of these stories, from 8 in the morning on, in an order that the seed chooses."""
    stories = list(stories_of(kinds, apart_s, per_day))
    rows = [row for story in stories for row in story.rows]
    random.Random(seed).shuffle(rows)
    calls = sorted((call for story in stories for call in story.calls), key=lambda call: call.dialled_at)
    return Statement(csv_text(rows), calls, set().union(*(story.expected for story in stories)))


def stories_of(kinds: Sequence[Kind], apart_s: float, per_day: int) -> Iterator[Story]:
    """One story after the other, so many a day."""
    for no, kind in enumerate(kinds):
        day, place = divmod(no, per_day)
        yield kind(no, FIRST_DAY + (day + 4) * DAY_S + 8 * 3600 + place * apart_s)


def csv_text(rows: Sequence[Cells]) -> str:
    """A file of these rows."""
    out = io.StringIO()
    writer = csv.DictWriter(out, HEADS)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def told(findings: Sequence[Finding]) -> list[tuple[Cause, str]]:
    """What was found, in the words of `Expected`."""
    return sorted((one.cause, _key(one)) for one in findings)


def _key(one: Finding) -> str:
    if one.theirs is None:
        return one.ours.sid if one.ours else ""
    reference = one.theirs.reference
    if one.cause is Cause.DUPLICATE_ROW:  # which of two equal rows counts depends on their order
        return "one of " + reference.removeprefix("R-").removesuffix("-again")
    return reference
