"""Dialplans taken up again while running: good files at once, bad files never."""

import asyncio
import logging
import os
from pathlib import Path

import pytest

from callrouter.domain.call import CallKind
from callrouter.plans import PlanBook, Plans
from tests.configuration.plan_files import ENVIRON, anything_goes, plan_text, written
from tests.support.virtual_time import VirtualClock, virtual
from tests.support.waiting import wait_until

ONE, TWO = ("a.yaml", plan_text("one", "+18885550100")), ("b.yaml", plan_text("two", "+18885550102"))
SLOW = "auction: {deadline_s: 5}\n"


def open_book(folder: Path, *files: tuple[str, str]) -> PlanBook:
    return PlanBook(written(folder, files or (ONE, TWO)), ENVIRON, anything_goes)


def change(folder: Path, name: str, text: str, second: int = 100) -> None:
    (folder / name).write_text(text, encoding="utf-8")
    os.utime(folder / name, (1_700_000_000 + second,) * 2)


def errors(caplog: pytest.LogCaptureFixture) -> list[list[str]]:
    return [vars(record)["mistakes"] for record in caplog.records if record.levelno >= logging.ERROR]


def test_nothing_changed_is_nothing_done(tmp_path: Path) -> None:
    book = open_book(tmp_path)
    before = book.current
    assert not book.refresh().changed
    assert book.current is before


def test_a_changed_file_is_taken_up_and_a_new_one_too(tmp_path: Path) -> None:
    book = open_book(tmp_path)
    change(tmp_path, "a.yaml", ONE[1] + SLOW)
    change(tmp_path, "c.yaml", plan_text("three", "+18885550103"))
    assert book.refresh().taken == ("a.yaml", "c.yaml")
    assert book.current.by_name["one"].auction.deadline_s == 5
    assert book.current.by_number["+18885550103"][1] is CallKind.INBOUND


def test_a_broken_file_is_refused_whole_while_a_good_one_is_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    book = open_book(tmp_path)
    change(tmp_path, "a.yaml", ONE[1] + SLOW + "bridge: {ring_s: 1, max_attempts: 99}\n")
    change(tmp_path, "b.yaml", TWO[1] + SLOW)
    report = book.refresh()
    assert report.taken == ("b.yaml",)
    assert [mistake.key for mistake in report.refused] == ["bridge.ring_s", "bridge.max_attempts"]
    assert book.problems == report.refused
    assert book.current.by_name["one"].auction.deadline_s == 10
    assert book.current.by_name["two"].auction.deadline_s == 5
    assert [len(found) for found in errors(caplog)] == [2]


def test_a_refusal_is_told_once_a_change_and_ends_when_mended(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    book = open_book(tmp_path)
    change(tmp_path, "a.yaml", "plan: [", 100)
    book.refresh()
    book.refresh()
    assert len(errors(caplog)) == 1
    change(tmp_path, "a.yaml", "plan: {", 101)
    book.refresh()
    assert len(errors(caplog)) == 2
    change(tmp_path, "a.yaml", ONE[1] + SLOW, 102)
    assert book.refresh().taken == ("a.yaml",)
    assert book.problems == ()


def test_the_last_good_plan_survives_any_number_of_broken_ones(tmp_path: Path) -> None:
    book = open_book(tmp_path)
    good = book.current.by_name["one"]
    for second in range(5):
        change(tmp_path, "a.yaml", "nonsense: " * second, 100 + second)
        book.refresh()
        assert book.current.by_name["one"] == good


def test_a_deleted_file_takes_its_plan_away(tmp_path: Path) -> None:
    book = open_book(tmp_path)
    (tmp_path / "a.yaml").unlink()
    assert book.refresh().dropped == ("a.yaml",)
    assert book.current.numbers == {"+18885550102"}


def test_a_renamed_file_keeps_its_plan(tmp_path: Path) -> None:
    book = open_book(tmp_path)
    (tmp_path / "a.yaml").rename(tmp_path / "z.yaml")
    assert book.refresh().changed
    assert set(book.current.by_name) == {"one", "two"}


def test_an_emptied_or_removed_folder_keeps_every_plan(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "plans"
    folder.mkdir()
    book = open_book(folder)
    for name in ("a.yaml", "b.yaml"):
        (folder / name).unlink()
    assert not book.refresh().changed
    folder.rmdir()
    book.refresh()
    assert set(book.current.by_name) == {"one", "two"}
    assert len(book.problems) == len(errors(caplog)) == 1
    folder.mkdir()
    written(folder, [ONE, TWO])
    book.refresh()
    assert not book.problems


def test_of_two_files_with_one_number_the_newer_is_refused(tmp_path: Path) -> None:
    book = open_book(tmp_path)
    change(tmp_path, "a.yaml", plan_text("one", "+18885550199"), 201)
    change(tmp_path, "b.yaml", plan_text("two", "+18885550199"), 200)
    report = book.refresh()
    assert report.taken == ("b.yaml",)
    assert [(mistake.where, mistake.key) for mistake in report.refused] == [("a.yaml", "numbers")]
    assert book.current.numbers == {"+18885550100", "+18885550199"}


def test_a_number_that_another_plan_in_use_has_is_refused_until_it_is_free(tmp_path: Path) -> None:
    book = open_book(tmp_path)
    change(tmp_path, "c.yaml", plan_text("three", "+18885550100"))
    assert not book.refresh().changed
    assert "+18885550100; a.yaml" in book.problems[0].remedy
    assert book.refresh().refused == ()
    change(tmp_path, "a.yaml", plan_text("one", "+18885550107"))
    assert set(book.refresh().taken) == {"a.yaml", "c.yaml"}
    assert book.current.by_number["+18885550100"][0].plan == "three"
    assert book.problems == ()


def test_two_plans_may_swap_their_numbers_in_one_go(tmp_path: Path) -> None:
    book = open_book(tmp_path)
    change(tmp_path, "a.yaml", plan_text("one", "+18885550102"))
    change(tmp_path, "b.yaml", plan_text("two", "+18885550100"))
    assert book.refresh().taken == ("a.yaml", "b.yaml")
    assert book.current.by_number["+18885550102"][0].plan == "one"


def test_a_plan_that_falls_back_keeps_its_number_from_a_new_one(tmp_path: Path) -> None:
    book = open_book(tmp_path)
    change(tmp_path, "a.yaml", plan_text("one", "+18885550102"), 100)
    change(tmp_path, "b.yaml", plan_text("two", "+18885550100") + "broken: 1\n", 101)
    report = book.refresh()
    assert report.taken == ()
    assert {mistake.where for mistake in report.refused} == {"a.yaml", "b.yaml"}
    assert book.current.by_number["+18885550102"][0].plan == "two"
    assert book.current.by_number["+18885550100"][0].plan == "one"


def test_other_files_of_the_folder_are_left_alone(tmp_path: Path) -> None:
    book = open_book(tmp_path, ONE, ("README.md", "x"), (".#a.yaml", "["), ("schema.json", "{}"))
    assert set(book.current.by_name) == {"one"}


@virtual
async def test_a_change_is_watched_and_taken_up_when_it_stands_still(clock: VirtualClock, tmp_path: Path) -> None:
    book = open_book(tmp_path)
    seen: list[Plans] = []
    watching = asyncio.create_task(book.watch(clock, seen.append))
    await asyncio.sleep(1.5)
    change(tmp_path, "a.yaml", ONE[1])
    changed_at = clock.monotonic()
    await asyncio.sleep(1.0)
    change(tmp_path, "a.yaml", ONE[1] + SLOW, 101)
    await asyncio.sleep(0.9)
    assert seen == []
    await wait_until(lambda: seen)
    assert clock.monotonic() - changed_at <= 3.0
    assert seen == [book.current]
    assert book.current.by_name["one"].auction.deadline_s == 5
    watching.cancel()
