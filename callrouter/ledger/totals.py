"""What the calls of a period came to: counted in the database, by buyer, plan, day or hour."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, Subquery, Table, case, distinct, func, literal, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.ledger.amended import current_dials
from callrouter.ledger.ending_short import FROM_S, NEAR_S, HangUps, hang_ups, near_misses, suspicious
from callrouter.ledger.tables import answers, calls

QUARTER_MS = 900_000
"""Every time zone is a whole number of quarters of an hour from UTC."""
UNKNOWN = "unknown"
"""Who hung up, where no report says so."""


class By(StrEnum):
    """What a line of the report is about."""

    BUYER = "buyer"
    PLAN = "plan"
    DAY = "day"
    HOUR = "hour"


@dataclass(frozen=True)
class Asked:
    """Which calls: those that started from ``since`` to before ``until`` (epoch seconds)."""

    by: By = By.BUYER
    since: float | None = None
    until: float | None = None
    zone: str = "UTC"
    """Whose days and hours: an IANA name."""
    plan: str | None = None
    buyer: str | None = None
    """Only what this buyer did, and the calls for which it was asked."""


@dataclass
class _Counts:
    """What is added up of one line."""

    calls: int = 0
    n: Counter[str] = field(default_factory=Counter)
    talks: Counter[int] = field(default_factory=Counter)
    endings: Counter[tuple[int, int, str]] = field(default_factory=Counter)

    def add(self, other: "_Counts") -> None:
        self.calls += other.calls
        self.n.update(other.n)
        self.talks.update(other.talks)
        self.endings.update(other.endings)


@dataclass(frozen=True)
class Line:
    """One line: counts, seconds and dollars. ``key`` is the buyer, the plan, the day or the hour."""

    key: str
    calls: int
    """By buyer: those for which it was considered."""
    asked: int
    offered: int
    won: int
    """Auctions in which its offer was the first to be dialled, or posted."""
    dialled: int
    answered: int
    bridged: int
    qualified: int
    expected: Decimal
    average_talk_s: float | None
    median_talk_s: float | None
    near_misses: int
    near_misses_by: dict[str, int]
    """By who hung up: buyer, caller, agent, unknown."""
    hang_ups: HangUps | None
    """By the buyer, near the minimum duration."""
    ends_short: bool
    """Whether it ends more calls just before the minimum duration than chance explains; said of buyers alone."""
    expired: int
    """Offers that could not be dialled in time."""
    left: Decimal
    """By how much they would have paid more than what came instead."""
    disputed_s: int
    """Seconds by which the two sources of the answer timer differ."""


@dataclass(frozen=True)
class Totals:
    """The lines in order of their keys, and all of them together."""

    lines: tuple[Line, ...]
    total: Line


async def totals(connection: AsyncConnection, asked: Asked) -> Totals:
    """Count it."""
    await _at_one_moment(connection)
    counts: dict[str, _Counts] = {}
    named = _named(asked)
    for query, take in ((_answers(asked), _take_sums), (_dials(asked), _take_sums), (_talks(asked), _take_talks),
                        (_endings(asked), _take_endings), (_calls(asked), _take_calls)):  # fmt: skip
        for row in (await connection.execute(query)).mappings():
            take(counts.setdefault(named(row["of"]), _Counts()), dict(row))
    whole = _Counts()
    for one in counts.values():
        whole.add(one)
    whole.calls = (await connection.execute(_all_calls(asked))).scalar_one()
    buyers = len(counts) if asked.by is By.BUYER else 0
    lines = tuple(_line(key, counts[key], buyers) for key in sorted(counts))
    return Totals(lines, _line("total", whole, 0))


async def _at_one_moment(connection: AsyncConnection) -> None:
    """All that is counted is of one moment: lines and total add up while calls end."""
    postgres = connection.dialect.name == "postgresql"
    await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ" if postgres else "BEGIN"))


def _named(asked: Asked) -> Callable[[Any], str]:
    """How a group of rows is called: quarters of an hour by their day or hour in the zone."""
    if asked.by not in (By.DAY, By.HOUR):
        return str
    zone, form = ZoneInfo(asked.zone), "%Y-%m-%d" if asked.by is By.DAY else "%Y-%m-%d %H:00"
    hours: dict[Any, str] = {}

    def name(quarter: Any) -> str:
        if quarter not in hours:
            at = datetime.fromtimestamp(int(quarter) * QUARTER_MS / 1000, UTC).astimezone(zone)
            hours[quarter] = at.strftime(form)
        return hours[quarter]

    return name


def _of(asked: Asked, table: Table | Subquery) -> ColumnElement[Any]:
    if asked.by in (By.DAY, By.HOUR):
        # Inlined: PostgreSQL holds two parameters of one value for two expressions.
        return table.c.started_ms // literal(QUARTER_MS, literal_execute=True)
    column: ColumnElement[Any] = table.c[asked.by.value]
    return column


def _grouped(asked: Asked, table: Table | Subquery, *columns: ColumnElement[Any]) -> Select[Any]:
    of = _of(asked, table)
    return _within(asked, table, select(of.label("of"), *columns)).group_by(of)


def _within(asked: Asked, table: Table | Subquery, query: Select[Any]) -> Select[Any]:
    if asked.since is not None:
        query = query.where(table.c.started_ms >= round(asked.since * 1000))
    if asked.until is not None:
        query = query.where(table.c.started_ms < round(asked.until * 1000))
    if asked.plan is not None:
        query = query.where(table.c.plan == asked.plan)
    if asked.buyer is not None and table is not calls:
        query = query.where(table.c.buyer == asked.buyer)
    return query


def _count(when: ColumnElement[bool], name: str) -> ColumnElement[Any]:
    return func.sum(case((when, 1), else_=0)).label(name)


def _answers(asked: Asked) -> Select[Any]:
    a = answers.c
    return _grouped(
        asked,
        answers,
        _count(a.asked_ms.is_not(None), "asked"),
        _count(a.fate.is_not(None), "offered"),
        _count(a.won, "won"),
        _count(a.fate == "lapsed", "expired"),
        _cents(a.left, "left"),
    )


def _cents(money: ColumnElement[Any], name: str) -> ColumnElement[Any]:
    """A sum of whole cents, as such: the column's own type is dollars."""
    from sqlalchemy import BigInteger, type_coerce

    return func.coalesce(func.sum(type_coerce(money, BigInteger)), 0).label(name)


def _dials(asked: Asked) -> Select[Any]:
    dial = current_dials().subquery()
    d = dial.c
    return _grouped(
        asked,
        dial,
        func.count().label("dialled"),
        _count(or_(d.answered_ms.is_not(None), d.talk_s > 0), "answered"),
        _count(d.result == "bridged", "bridged"),
        _count(d.qualified, "qualified"),
        _cents(d.expected, "expected"),
        func.coalesce(func.sum(func.abs(d.answer_leg_s - d.answer_action_s)), 0).label("disputed"),
    )


def _talks(asked: Asked) -> Select[Any]:
    dial = current_dials().subquery()
    query = _grouped(asked, dial, dial.c.talk_s.label("talk_s"), func.count().label("n"))
    return query.where(dial.c.result == "bridged", dial.c.talk_s.is_not(None)).group_by(dial.c.talk_s)


def _endings(asked: Asked) -> Select[Any]:
    """Talks by how far from the minimum duration they ended, what is far away in one heap on each side."""
    dial = current_dials().subquery()
    margin = case(
        (dial.c.margin_s < FROM_S, literal(FROM_S - 1, literal_execute=True)),
        (dial.c.margin_s > NEAR_S, literal(NEAR_S, literal_execute=True)),
        else_=dial.c.margin_s,
    ).label("margin")
    least = case(
        (dial.c.min_duration_s > -FROM_S, literal(-FROM_S, literal_execute=True)), else_=dial.c.min_duration_s
    ).label("least")
    query = _grouped(asked, dial, margin, least, dial.c.ended_by.label("ended_by"), func.count().label("n"))
    return query.where(dial.c.margin_s.is_not(None), dial.c.min_duration_s > 0).group_by(
        "margin", "least", dial.c.ended_by
    )


def _calls(asked: Asked) -> Select[Any]:
    if asked.by is By.BUYER or asked.buyer is not None:
        return _grouped(asked, answers, func.count(distinct(answers.c.sid)).label("calls"))
    return _grouped(asked, calls, func.count().label("calls"))


def _all_calls(asked: Asked) -> Select[Any]:
    if asked.buyer is not None:
        return _within(asked, answers, select(func.count(distinct(answers.c.sid))))
    return _within(asked, calls, select(func.count()).select_from(calls))


def _take_sums(counts: _Counts, row: dict[str, Any]) -> None:
    counts.n.update({name: int(value or 0) for name, value in row.items() if name != "of"})


def _take_talks(counts: _Counts, row: dict[str, Any]) -> None:
    counts.talks[int(row["talk_s"])] += int(row["n"])


def _take_endings(counts: _Counts, row: dict[str, Any]) -> None:
    counts.endings[int(row["margin"]), int(row["least"]), row["ended_by"] or UNKNOWN] += int(row["n"])


def _take_calls(counts: _Counts, row: dict[str, Any]) -> None:
    counts.calls += int(row["calls"])


def _line(key: str, counts: _Counts, buyers: int) -> Line:
    n, near = counts.n, near_misses(counts.endings)
    by_buyer = hang_ups(counts.endings)
    talked = sum(counts.talks.values())
    return Line(
        key=key,
        calls=counts.calls,
        asked=n["asked"],
        offered=n["offered"],
        won=n["won"],
        dialled=n["dialled"],
        answered=n["answered"],
        bridged=n["bridged"],
        qualified=n["qualified"],
        expected=Decimal(n["expected"]).scaleb(-2),
        average_talk_s=sum(s * count for s, count in counts.talks.items()) / talked if talked else None,
        median_talk_s=_median(counts.talks) if talked else None,
        near_misses=sum(near.values()),
        near_misses_by=near,
        hang_ups=by_buyer,
        ends_short=buyers > 0 and suspicious(by_buyer, buyers),
        expired=n["expired"],
        left=Decimal(n["left"]).scaleb(-2),
        disputed_s=n["disputed"],
    )


def _median(talks: Counter[int]) -> float:
    middle = sum(talks.values())
    ordered = sorted(talks.items())
    return (_nth(ordered, (middle - 1) // 2) + _nth(ordered, middle // 2)) / 2


def _nth(ordered: Sequence[tuple[int, int]], no: int) -> int:
    for value, count in ordered:
        if no < count:
            return value
        no -= count
    raise IndexError(no)
