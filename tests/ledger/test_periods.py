"""Days by somebody's clock."""

from datetime import UTC, date, datetime

import pytest

from callrouter.ledger.periods import Period, midnight, period_of, recent_if_open, zone_of

HOUR_S, DAY_S = 3_600, 86_400
NOW = datetime(2026, 11, 21, 2, 25, tzinfo=UTC).timestamp()


def hours(day: date, zone: str) -> float:
    """How long a day is."""
    return (midnight(day, zone, 1) - midnight(day, zone)) / HOUR_S


def test_a_day_is_as_long_as_its_clock_says() -> None:
    assert hours(date(2026, 11, 20), "America/New_York") == 24
    assert hours(date(2026, 11, 1), "America/New_York") == 25
    assert hours(date(2026, 3, 8), "America/New_York") == 23
    # In Havana clocks go from midnight to one, and back from one to midnight.
    assert (hours(date(2026, 3, 8), "America/Havana"), hours(date(2026, 11, 1), "America/Havana")) == (23, 25)


def test_the_last_day_is_in_the_period() -> None:
    period = period_of("2026-11-20", "2026-11-21", "America/Chicago")
    assert period == Period(datetime(2026, 11, 20, 6, tzinfo=UTC).timestamp(), NOW - 8_700 + DAY_S + 6 * HOUR_S)
    assert period.words("America/Chicago") == "2026-11-20 to 2026-11-21 (America/Chicago)"
    assert period_of("2026-11-20", "2026-11-20", "UTC").words("UTC") == "2026-11-20 (UTC)"


def test_times_are_taken_as_they_are() -> None:
    period = period_of("2026-11-20T18:00:00Z", "2026-11-20T13:30:00-05:00", "UTC")
    assert period.until is not None
    assert period.since is not None
    assert period.until - period.since == HOUR_S / 2
    assert period.words("UTC") == "2026-11-20 18:00 to 2026-11-20 18:30 (UTC)"


def test_without_days_it_is_the_last_seven_today_included() -> None:
    """In Chicago it is still the twentieth."""
    assert recent_if_open(Period(), NOW, "America/Chicago").words("America/Chicago") == (
        "2026-11-14 to 2026-11-20 (America/Chicago)"
    )
    assert recent_if_open(Period(), NOW, "UTC").words("UTC") == "2026-11-15 to 2026-11-21 (UTC)"
    until = period_of(None, "2026-11-10", "UTC")
    assert recent_if_open(until, NOW, "UTC").words("UTC") == "2026-11-04 to 2026-11-10 (UTC)"
    since = period_of("2026-10-01", None, "UTC")
    assert recent_if_open(since, NOW, "UTC").words("UTC") == "2026-10-01 to 2026-11-21 (UTC)"


@pytest.mark.parametrize(
    ("first", "last", "says"),
    [
        ("yesterday", None, "--from: write a day"),
        (None, "2026-13-01", "--to: write a day"),
        ("2026-11-20T18:00:00", None, "--from: write a day"),
        ("0001-01-01", None, "--from: write a day"),
        (None, "9999-12-31", "--to: write a day"),
        ("2026-11-21", "2026-11-20", "--to: write a day that is not before"),
    ],
)
def test_what_is_no_day_is_told_with_the_option(first: str | None, last: str | None, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        period_of(first, last, "America/New_York")


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../etc/passwd", "America", "/etc/localtime"])
def test_what_is_no_zone_is_told(name: str) -> None:
    with pytest.raises(ValueError, match="IANA"):
        zone_of(name)
    assert zone_of("Asia/Kathmandu") == "Asia/Kathmandu"
