"""When a person may be called back: by the plan's hours and the law's, wherever they could be. Pure."""

from datetime import datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from callrouter.dialplan import Hours
from callrouter.places.zips import lookup, zones_of_number, zones_of_state

LAWFUL_FROM = time(8)
LAWFUL_TO = time(21)
"""The hours in which a person may be called, in their own time (47 CFR 64.1200(c)(1))."""

RINGS_WITHIN_S = 60
"""What may pass between the moment that the dialler is told and the phone's ringing: hours end that much earlier."""

_HORIZON_S = 14 * 86_400
"""Zones that do not agree within this never will."""


def candidate_zones(phone: str | None, zip_code: str | None, state: str | None) -> frozenset[str]:
    """Every zone that the person could be in: the zip's and the area code's.

    Without a known zip also all of the state's. Empty when nothing is known.
    """
    zones = zones_of_number(phone) if phone else frozenset()
    place = lookup(zip_code) if zip_code else None
    if place:
        # A military zip has no zone: its people can be anywhere, whatever their area code says.
        return zones | {place.zone} if place.zone else frozenset()
    return zones | (zones_of_state(state) if state else frozenset())


def call_back_at(
    now: float, delay_s: float, hours: Hours, phone: str | None, zip_code: str | None, state: str | None
) -> float | None:
    """The first lawful moment from ``now + delay_s`` on, epoch seconds.

    Lawful is within the plan's hours and 08:00 to 21:00 in every candidate zone, with `RINGS_WITHIN_S` to spare.
    ``None`` when no zone is known, or when the zones have no such moment in common: then the person is not called.
    """
    opens = max(time.fromisoformat(hours.from_), LAWFUL_FROM)
    closes = _earlier(min(time.fromisoformat(hours.to), LAWFUL_TO), RINGS_WITHIN_S)
    zones = [_zone(name) for name in sorted(candidate_zones(phone, zip_code, state))]
    if not zones or opens >= closes:
        return None
    wanted = moment = now + delay_s
    while moment <= wanted + _HORIZON_S:
        later = max(_open_from(moment, zone, opens, closes) for zone in zones)
        if later == moment:
            return moment
        moment = later
    return None


def _earlier(end: time, seconds: int) -> time:
    left = max(0, end.hour * 3600 + end.minute * 60 - seconds)
    return time(left // 3600, left // 60 % 60, left % 60)


def _open_from(moment: float, zone: ZoneInfo, opens: time, closes: time) -> float:
    """The first moment from ``moment`` on that lies within the hours in this zone."""
    local = datetime.fromtimestamp(moment, zone)
    if opens <= local.time() < closes:
        return moment
    day = local.date() if local.time() < opens else local.date() + timedelta(days=1)
    # Clocks change at night, outside the lawful hours: the opening always exists, and once.
    return datetime.combine(day, opens, zone).timestamp()


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
