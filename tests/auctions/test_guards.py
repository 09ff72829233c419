"""What of a buyer's guards needs only the call and the clock."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from callrouter.auction.guards import lowest, refused
from callrouter.auction.seats import bucket, digest
from callrouter.buyers.base import Ask
from callrouter.dialplan.guards import Guards, Per
from callrouter.domain.caller import Caller
from callrouter.domain.reasons import Reason

OFFICE = {"mon": ["09:00-12:00", "13:00-17:30"], "sat": ["10:00-24:00"], "holidays": ["2026-11-23"]}
MONDAY, HOLIDAY, SATURDAY, SUNDAY = "2026-11-16", "2026-11-23", "2026-11-21", "2026-11-22"


def ask(state: str | None = "TX", zip_code: str | None = "78701", floor: str = "5") -> Ask:
    caller = Caller(phone="+15125550123", zip=zip_code, state=state)
    return Ask("CA1", 1, caller, Decimal(floor), "auto")


def at(day: str, time: str, zone: str = "America/New_York") -> float:
    return datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("day", "time", "why"),
    [
        (MONDAY, "08:59:59", "opens 09:00"),
        (MONDAY, "09:00:00", None),
        (MONDAY, "11:59:59", None),
        (MONDAY, "12:00:00", "opens 13:00"),
        (MONDAY, "12:59:59", "opens 13:00"),
        (MONDAY, "13:00:00", None),
        (MONDAY, "17:29:59", None),
        (MONDAY, "17:30:00", "closed at 17:30"),
        (HOLIDAY, "10:00:00", "a holiday"),
        (SATURDAY, "23:59:59", None),
        (SUNDAY, "00:00:00", "closed today"),
    ],
)
def test_a_buyer_is_asked_in_its_hours_only_and_its_breaks_and_holidays_are_none(
    day: str, time: str, why: str | None
) -> None:
    decline = refused(Guards.model_validate({"hours": OFFICE}), ask(), at(day, time))
    found = (decline.reason, decline.detail) if decline else None
    assert found == (why and (Reason.NOT_CALLED_HOURS, why))


def test_hours_are_those_of_the_buyers_own_zone() -> None:
    guards = Guards.model_validate({"hours": OFFICE, "time_zone": "Pacific/Honolulu"})
    assert refused(guards, ask(), at(MONDAY, "10:00")) is not None
    assert refused(guards, ask(), at(MONDAY, "10:00", "Pacific/Honolulu")) is None


def test_hours_without_a_day_are_never_open() -> None:
    decline = refused(Guards.model_validate({"hours": {}}), ask(), at(MONDAY, "10:00"))
    assert decline is not None
    assert decline.reason is Reason.NOT_CALLED_HOURS


@pytest.mark.parametrize(
    ("guards", "state", "zip_code", "reason"),
    [
        ({"states": ["TX", "OK"]}, "TX", "78701", None),
        ({"states": ["OK"]}, "TX", "78701", Reason.NOT_CALLED_STATE),
        ({"states": ["OK"]}, None, None, Reason.NOT_CALLED_STATE),
        ({"not_states": ["TX"]}, "TX", "78701", Reason.NOT_CALLED_STATE),
        ({"not_states": ["TX"]}, "OK", "73008", None),
        ({"not_states": ["TX"]}, None, None, None),
        ({"zips": ["787", "73008"]}, "TX", "78701", None),
        ({"zips": ["787", "73008"]}, "OK", "73008", None),
        ({"zips": ["787", "73008"]}, "OK", "73009", Reason.NOT_CALLED_ZIP),
        ({"zips": ["787"]}, None, None, Reason.NOT_CALLED_ZIP),
        ({"not_zips": ["787"]}, "TX", "78701", Reason.NOT_CALLED_ZIP),
        ({"not_zips": ["787"]}, "TX", "78801", None),
        ({"not_zips": ["787"]}, None, None, None),
        ({}, None, None, None),
    ],
)
def test_a_buyer_is_asked_for_callers_of_its_places_only(
    guards: dict[str, Any], state: str | None, zip_code: str | None, reason: Reason | None
) -> None:
    decline = refused(Guards.model_validate(guards), ask(state, zip_code), at(MONDAY, "10:00"))
    assert (decline.reason if decline else None) is reason
    assert decline is None or (decline.detail and (zip_code or "-") not in decline.detail), "no personal data"


@pytest.mark.parametrize(("plans", "own", "floor"), [("5", "12.50", "12.50"), ("20", "12.50", "20"), ("5", "0", "5")])
def test_the_higher_floor_holds(plans: str, own: str, floor: str) -> None:
    assert lowest(Guards.model_validate({"floor": own}), ask(floor=plans)) == Decimal(floor)


@pytest.mark.parametrize(
    ("per", "before", "after", "same"),
    [
        ("hour", "2026-11-16T09:59:59", "2026-11-16T10:00:00", False),
        ("hour", "2026-11-16T10:00:00", "2026-11-16T10:59:59", True),
        ("day", "2026-11-16T23:59:59", "2026-11-17T00:00:00", False),
        ("day", "2026-11-16T00:00:00", "2026-11-16T23:59:59", True),
        ("month", "2026-11-30T23:59:59", "2026-12-01T00:00:00", False),
        ("month", "2026-11-01T00:00:00", "2026-11-30T23:59:59", True),
        ("ever", "2026-11-30T23:59:59", "2031-12-01T00:00:00", True),
    ],
)
def test_caps_begin_anew_with_the_calendar_of_their_zone(per: Per, before: str, after: str, same: bool) -> None:
    zone = "America/Denver"
    first, second = (datetime.fromisoformat(t).replace(tzinfo=ZoneInfo(zone)).timestamp() for t in (before, after))
    assert (bucket(per, zone, first) == bucket(per, zone, second)) is same


def test_the_hour_that_comes_twice_when_clocks_go_back_is_two_hours() -> None:
    first = datetime(2026, 11, 1, 1, 30, tzinfo=ZoneInfo("America/New_York")).timestamp()
    assert bucket("hour", "America/New_York", first) != bucket("hour", "America/New_York", first + 3600)
    assert bucket("day", "America/New_York", first) == bucket("day", "America/New_York", first + 3600)


def test_a_number_is_not_in_the_key_that_stands_for_it() -> None:
    assert "5125550123" not in digest("+15125550123")
    assert digest("+15125550123") != digest("+15125550124")
