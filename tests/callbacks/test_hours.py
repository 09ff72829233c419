"""When a person may be called back."""

from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from callrouter.callbacks.hours import call_back_at, candidate_zones
from callrouter.dialplan import Hours

ALL_DAY = Hours()
AUSTIN = "+15125550142"


def at(text: str, zone: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def hours(opens: str, closes: str) -> Hours:
    return Hours.model_validate({"from": opens, "to": closes})


def test_within_hours_the_call_comes_after_the_delay() -> None:
    now = at("2026-11-20T12:00", "America/Chicago")
    assert call_back_at(now, 600, ALL_DAY, AUSTIN, "78701", "TX") == now + 600


def test_in_the_evening_it_waits_for_the_next_morning() -> None:
    now = at("2026-11-20T20:55", "America/Chicago")
    expected = at("2026-11-21T08:00", "America/Chicago")
    assert call_back_at(now, 600, ALL_DAY, AUSTIN, "78701", "TX") == expected


def test_nine_in_the_evening_is_too_late_and_eight_in_the_morning_is_not() -> None:
    nine = at("2026-11-20T21:00", "America/Chicago")
    eight = at("2026-11-21T08:00", "America/Chicago")
    assert call_back_at(nine - 61, 0, ALL_DAY, AUSTIN, "78701", "TX") == nine - 61
    assert call_back_at(nine - 60, 0, ALL_DAY, AUSTIN, "78701", "TX") == eight, "the phone would ring after nine"
    assert call_back_at(nine, 0, ALL_DAY, AUSTIN, "78701", "TX") == eight
    assert call_back_at(eight, 0, ALL_DAY, AUSTIN, "78701", "TX") == eight


def test_the_zip_and_the_area_code_must_both_agree() -> None:
    morning_in_new_york = at("2026-11-20T08:30", "America/New_York")
    expected = at("2026-11-20T08:00", "America/Los_Angeles")
    assert call_back_at(morning_in_new_york, 0, ALL_DAY, "+12125550142", "90013", "CA") == expected
    evening_in_california = at("2026-11-20T18:30", "America/Los_Angeles")
    expected = at("2026-11-21T08:00", "America/Los_Angeles")
    assert call_back_at(evening_in_california, 0, ALL_DAY, "+12125550142", "90013", "CA") == expected


def test_without_a_zip_every_zone_of_the_state_counts() -> None:
    assert candidate_zones(None, None, "TX") == {"America/Chicago", "America/Denver"}
    assert candidate_zones(AUSTIN, "99999", "TX") == {"America/Chicago", "America/Denver"}
    assert candidate_zones(AUSTIN, "78701", "TX") == {"America/Chicago"}
    assert candidate_zones(AUSTIN, None, None) == {"America/Chicago"}


def test_an_area_code_in_two_zones_counts_as_both() -> None:
    evening = at("2026-11-20T20:30", "America/Chicago")
    assert call_back_at(evening, 0, ALL_DAY, "+18505550142", None, None) == at("2026-11-21T08:00", "America/Chicago")


@pytest.mark.parametrize(("phone", "zip_code", "state"), [(None, None, None), ("+18885550142", "", None)])
def test_nobody_is_called_when_nothing_is_known_of_where_they_are(
    phone: str | None, zip_code: str | None, state: str | None
) -> None:
    assert call_back_at(1_795_200_000, 0, ALL_DAY, phone, zip_code, state) is None


def test_the_plan_can_narrow_the_hours_and_not_widen_them() -> None:
    seven = at("2026-11-20T07:00", "America/Chicago")
    assert call_back_at(seven, 0, hours("10:00", "12:00"), AUSTIN, "78701", None) == seven + 3 * 3600
    assert call_back_at(seven, 0, hours("00:00", "23:59"), AUSTIN, "78701", None) == seven + 3600
    assert call_back_at(seven, 0, hours("05:00", "08:00"), AUSTIN, "78701", None) is None


def test_zones_that_never_agree_mean_no_call() -> None:
    assert call_back_at(1_795_200_000, 0, hours("12:00", "13:00"), "+12125550142", "90013", "CA") is None


def test_the_morning_after_the_clocks_change_is_eight_by_the_new_time() -> None:
    saturday_evening = at("2027-03-13T22:00", "America/Chicago")
    moment = call_back_at(saturday_evening, 0, ALL_DAY, AUSTIN, "78701", "TX")
    assert moment == at("2027-03-14T08:00", "America/Chicago")
    assert moment - saturday_evening == 9 * 3600


PHONES = st.sampled_from([None, AUSTIN, "+18505550142", "+12125550142", "+18085550142", "+16715550142"])
ZIPS = st.sampled_from([None, "78701", "90013", "32401", "86503", "96910", "96813", "09001", "99999"])
STATES = st.sampled_from([None, "TX", "AK", "IN", "HI"])
TIMES = st.sampled_from([f"{hour:02}:{minute}" for hour in range(24) for minute in ("00", "30")])


@settings(max_examples=120, deadline=None)
@example(1_772_953_200, 0, AUSTIN, "90013", None, ("08:00", "21:00"))  # the night the clocks go forward
@example(1_793_509_200, 600, "+12125550142", "86503", None, ("08:00", "21:00"))  # … and back
@given(
    st.integers(1_770_000_000, 1_810_000_000),
    st.integers(0, 86_400),
    PHONES,
    ZIPS,
    STATES,
    st.tuples(TIMES, TIMES).filter(lambda pair: pair[0] < pair[1]),
)
def test_the_moment_is_lawful_everywhere_and_no_earlier_minute_is(
    now: int, delay_s: int, phone: str | None, zip_code: str | None, state: str | None, pair: tuple[str, str]
) -> None:
    zones = [ZoneInfo(name) for name in candidate_zones(phone, zip_code, state)]
    opens, closes = max(pair[0], "08:00"), min(pair[1], "21:00")

    def lawful(moment: float) -> bool:
        local = [datetime.fromtimestamp(moment, zone).time() for zone in zones]
        return bool(zones) and all(time.fromisoformat(opens) <= t < time.fromisoformat(closes) for t in local)

    wanted = now + delay_s
    moment = call_back_at(now, delay_s, hours(*pair), phone, zip_code, state)
    until = wanted + 2 * 86_400 if moment is None else moment
    assert moment is None or (moment >= wanted and lawful(moment))
    if opens < closes:
        assert not any(lawful(minute) for minute in range(wanted, int(until), 60) if minute < until)
