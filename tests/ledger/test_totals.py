"""Totals against the same sums in plain Python, on both databases."""

import asyncio
from collections import Counter
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from callrouter.ledger.reads import Ledger
from callrouter.ledger.totals import Asked, By, Line
from tests.ledger.month import START, counted, middle, month, rows_of, sold

ADDITIVE = (
    *("asked", "offered", "won", "dialled", "answered", "bridged", "qualified", "expected", "near_misses", "expired"),
    *("left", "disputed_s"),
)
AT = datetime(2026, 11, 20, 18, tzinfo=UTC).timestamp()


def figures(line: Line) -> dict[str, Any]:
    """A line as `counted` has it."""
    near = {f"near by {who}": count for who, count in line.near_misses_by.items()}
    return {name: getattr(line, name) for name in (*ADDITIVE, "calls")} | near


def expected(of: dict[str, Any]) -> dict[str, Any]:
    near = {name: count for name, count in of.items() if name.startswith("near by") and count}
    return {name: of.get(name, 0) for name in (*ADDITIVE, "calls")} | near


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_months_figures_are_those_that_its_records_add_up_to(ledger: Ledger, seed: int) -> None:
    records = month(seed, 400, START, 31)
    await ledger.add(rows_of(records))
    for by, zones in {By.BUYER: ("UTC",), By.PLAN: ("UTC",), By.DAY: ("America/New_York", "Europe/Berlin"),
                      By.HOUR: ("America/New_York", "Asia/Kathmandu")}.items():  # fmt: skip
        for zone in zones:
            found = await ledger.totals(Asked(by=by, zone=zone))
            wanted = counted(records, by, zone)
            assert [line.key for line in found.lines] == sorted(wanted)
            for line in found.lines:
                of = wanted[line.key]
                assert figures(line) == expected(of), (by, zone, line.key)
                talks = of.get("talks", [])
                assert line.median_talk_s == middle(talks)
                assert line.average_talk_s == (pytest.approx(sum(talks) / len(talks)) if talks else None)
            for name in ADDITIVE:
                assert getattr(found.total, name) == sum(getattr(line, name) for line in found.lines), (by, name)
            assert found.total.calls == len(records)
            if by is not By.BUYER:
                assert sum(line.calls for line in found.lines) == len(records)
    total = (await ledger.totals(Asked())).total
    assert total.expected == sum(Decimal(record["expected_payout"]) for record in records)


async def test_a_question_about_one_plan_and_buyer_is_about_these_alone(ledger: Ledger) -> None:
    records = month(3, 300, START, 31)
    await ledger.add(rows_of(records))
    of_plan = [record for record in records if record["plan"] == "home"]
    found = await ledger.totals(Asked(plan="home"))
    assert {line.key: figures(line) for line in found.lines} == {
        key: expected(of) for key, of in counted(of_plan, By.BUYER, "UTC").items()
    }
    mine = counted(of_plan, By.BUYER, "UTC")["bolt"]
    for by in By:
        found = await ledger.totals(Asked(by=by, plan="home", buyer="bolt"))
        assert figures(found.total) == expected(mine), by
        assert sum(line.calls for line in found.lines) == mine["calls"]


async def test_a_period_begins_with_its_first_moment_and_ends_before_its_last(ledger: Ledger) -> None:
    await ledger.add(rows_of(sold(no, "acme", 100, at=AT + no) for no in range(5)))
    found = await ledger.totals(Asked(since=AT + 1, until=AT + 3))
    assert (found.total.calls, found.total.expected) == (2, Decimal("40.00"))


async def test_what_is_reported_later_counts_once_and_moves_the_clocks_but_not_the_money(ledger: Ledger) -> None:
    record = sold(1, "acme", 100, at=AT)
    record["attempts"][0]["timers"] = {"answer": {"leg": None, "action": 100}}
    late = {**record, "attempts": [{**record["attempts"][0], "timers": {"answer": {"leg": 97, "action": 100}}}]}
    await ledger.add(rows_of([record]))
    assert (await ledger.totals(Asked())).total.disputed_s == 0
    await ledger.add(rows_of([], [(late, 2), (late, 3)]))
    line = (await ledger.totals(Asked())).total
    assert (line.dialled, line.bridged, line.qualified, line.expected) == (1, 1, 1, Decimal("20.00"))
    assert (line.disputed_s, line.median_talk_s) == (3, 100)


async def test_the_median_of_an_even_number_of_talks_is_between_the_two_in_the_middle(ledger: Ledger) -> None:
    await ledger.add(rows_of(sold(no, "acme", talk, at=AT + no) for no, talk in enumerate((10, 300, 20, 21))))
    line = (await ledger.totals(Asked())).total
    assert (line.median_talk_s, line.average_talk_s) == (20.5, 87.75)


async def test_nothing_is_no_line_and_a_total_of_zeros(ledger: Ledger) -> None:
    found = await ledger.totals(Asked(by=By.HOUR, zone="America/New_York"))
    assert found.lines == ()
    zeros = {field.name: getattr(found.total, field.name) for field in fields(found.total) if field.name != "key"}
    assert {name for name, value in zeros.items() if value} == set()


async def test_a_buyer_that_ends_every_talk_short_is_flagged_among_honest_ones(ledger: Ledger) -> None:
    talks = [(buyer, 87 if buyer == "acme" else 20 + 13 * (no % 20)) for no in range(40) for buyer in ("acme", "bolt")]
    await ledger.add(rows_of(sold(no, buyer, talk, at=AT + no) for no, (buyer, talk) in enumerate(talks)))
    acme, bolt = (await ledger.totals(Asked())).lines
    assert (acme.ends_short, acme.near_misses_by) == (True, {"buyer": 40})
    assert bolt.ends_short is False
    by_plan = await ledger.totals(Asked(by=By.PLAN))
    assert [line.ends_short for line in by_plan.lines] == [False]


async def test_lines_and_total_are_of_one_moment_while_calls_end(ledger: Ledger) -> None:
    async def ends() -> None:
        for no in range(60):
            await ledger.add(rows_of([sold(no, "acme", 100, at=AT + no)]))

    seen: Counter[int] = Counter()
    async with asyncio.TaskGroup() as group:
        ending = group.create_task(ends())
        while not ending.done():
            found = await ledger.totals(Asked(by=By.DAY))
            total = found.total
            assert (total.asked, total.bridged, sum(line.calls for line in found.lines)) == (total.calls,) * 3
            seen[total.calls] += 1
    assert len(seen) > 3
