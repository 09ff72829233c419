"""Days by somebody's clock: from which moment to which a report or an export goes. Pure."""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DEFAULT_DAYS = 7
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_ODD_YEARS = (1971, 9000)
"""What is outside is a slip of the hand, and some of it no epoch time."""


@dataclass(frozen=True)
class Period:
    """From ``since`` to before ``until`` (epoch seconds); ``None`` is without that end."""

    since: float | None = None
    until: float | None = None

    def words(self, zone: str) -> str:
        """``2026-11-15 to 2026-11-21 (America/Chicago)``: the last day is in it; with the times where it is of parts
        of days."""
        start = _shown(self.since, zone, first=True) or "the first call"
        end = _shown(self.until, zone, first=False) or "now"
        return f"{start if start == end else f'{start} to {end}'} ({zone})"


def zone_of(name: str) -> str:
    """The name, where it is one of a time zone. Raises `ValueError` with the remedy."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("write an IANA time zone, such as America/New_York or UTC") from None
    return name


def period_of(first: str | None, last: str | None, zone: str) -> Period:
    """The period from one day to another, which is in it, by the zone's clock; or from and to RFC 3339 times.

    Raises `ValueError` with the option and the remedy.
    """
    since, until = _moment("--from", first, zone, 0), _moment("--to", last, zone, 1)
    if since is not None and until is not None and until <= since:
        raise ValueError("--to: write a day that is not before --from")
    return Period(since, until)


def recent_if_open(period: Period, now: float, zone: str) -> Period:
    """The period, whose missing ends are made so that it is `DEFAULT_DAYS` long and ends with today at the latest."""
    until = period.until if period.until is not None else midnight(day_of(now, zone), zone, 1)
    if period.since is not None:
        return Period(period.since, max(until, period.since))
    return Period(midnight(day_of(until - 0.001, zone), zone, 1 - DEFAULT_DAYS), until)


def day_of(at: float, zone: str) -> date:
    """The day of an epoch time."""
    return datetime.fromtimestamp(at, ZoneInfo(zone)).date()


def midnight(day: date, zone: str, days: int = 0) -> float:
    """When the day so many days later begins: its first moment, also where clocks are changed at midnight."""
    return datetime.combine(day + timedelta(days=days), time.min, ZoneInfo(zone)).timestamp()


def _moment(option: str, text: str | None, zone: str, days: int) -> float | None:
    if text is None:
        return None
    remedy = f"{option}: write a day as YYYY-MM-DD, or a time such as 2026-11-21T02:25:00Z"
    try:
        if _DAY.fullmatch(text):
            day = date.fromisoformat(text)
            at, year = midnight(day, zone, days), day.year
        else:
            told = datetime.fromisoformat(text)
            at, year = told.timestamp(), told.year
            if told.tzinfo is None:
                raise ValueError(remedy)
    except (ValueError, OverflowError):
        raise ValueError(remedy) from None
    if not _ODD_YEARS[0] <= year <= _ODD_YEARS[1]:
        raise ValueError(remedy)
    return at


def _shown(at: float | None, zone: str, *, first: bool) -> str | None:
    if at is None:
        return None
    moment = datetime.fromtimestamp(at, ZoneInfo(zone))
    if midnight(moment.date(), zone) == at:
        return (moment.date() if first else moment.date() - timedelta(days=1)).isoformat()
    return moment.strftime("%Y-%m-%d %H:%M:%S").removesuffix(":00")
