"""Maps of statements: every mistake at once, each with its key and remedy."""

from pathlib import Path

import pytest

from callrouter.errors import ConfigurationError
from callrouter.reconciling.statement_map import Rounding, map_at, read_map

GOOD = "columns: {caller: Caller, at: When, payout: Paid}\n"


def mistakes_of(text: str) -> dict[str, str]:
    with pytest.raises(ConfigurationError) as caught:
        read_map(text.encode(), "map.yaml")
    assert {one.where for one in caught.value.mistakes} == {"map.yaml"}
    return {one.key: one.remedy for one in caught.value.mistakes}


def test_every_mistake_of_a_map_is_told_at_once() -> None:
    found = mistakes_of(
        "columns: {caler: Caller, at: When, payout: Paid}\ntime_zone: Mars/Olympus\nrounding: up_7\ntolerance_s: none\n"
        "time_formats: ['%H:%M']\nencoding: utf-99\ncut_off: 22h\n"
    )
    assert found["columns.caler"] == "unknown key; did you mean caller?"
    assert found["columns.caller"] == "it is required; add it"
    assert found["time_zone"] == "write a time zone that exists, such as America/New_York"
    assert found["rounding"].startswith("write 'exact'")
    assert found["tolerance_s"] == "write a whole number"
    assert found["time_formats"].endswith("%Y, %m, %d is missing")
    assert "cp1252" in found["encoding"]
    assert "cut_off" in found


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("columns: {caller: Caller, payout: Paid}", "columns.at"),
        ("columns: {caller: Caller, at: When, date: Day, payout: Paid}", "columns.at"),
        ("columns: {caller: Caller, at: When, payout: Paid, status: State}", "statuses"),
        (GOOD + "statuses: {paid: yes}", "columns.status"),
        (GOOD + "may_lack: [duration]", "may_lack"),
        (GOOD + "time_formats: ['%m/%d/%Y %I:%M']", "time_formats"),
        ("just text", "file"),
        ("columns: [", "line 1, column 11"),
    ],
)
def test_what_does_not_go_together_is_told(text: str, key: str) -> None:
    assert key in mistakes_of(text)


def test_a_word_that_means_two_things_is_refused() -> None:
    text = "columns: {caller: C, at: W, payout: P, status: S}\nstatuses: {paid: [ok, yes], unpaid: ['no', OK]}"
    assert "ok" in mistakes_of(text)["statuses"]


def test_the_map_that_ships_is_good_and_needs_little() -> None:
    how = map_at(None)
    assert how.time_zone == "UTC"
    assert how.rounding is Rounding.EXACT
    assert set(how.may_lack) >= {"duration", "status"}


def test_a_map_that_is_not_there_is_a_mistake_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"mine\.yaml: file: cannot be read"):
        map_at(tmp_path / "mine.yaml")


def test_keys_that_disagree_are_told_together_with_those_that_are_wrong() -> None:
    found = mistakes_of(
        "columns: {caller: C, payout: P, status: S}\ntime_zone: Mars/Olympus\nmay_lack: [minimum]\n"
        "statuses: {paid: [ok], unpaid: [OK]}\n"
    )
    assert set(found) == {"columns.at", "time_zone", "may_lack", "statuses"}
    assert set(mistakes_of("columns: {caller: C, at: A, payout: P, status: S}\nrounding: up_7\n")) == {
        "rounding",
        "statuses",
    }


def test_whatever_stands_in_a_map_is_refused_with_words(tmp_path: Path) -> None:
    for text in ("columns: 3", "columns: [a]", "columns: {at: {}}\nstatuses: [x]", "statuses: {paid: {a: 1}}",
                 "columns: {status: S}\nstatuses: {paid: [1, ok]}\nmay_lack: duration"):  # fmt: skip
        assert mistakes_of(text)
