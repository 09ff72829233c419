"""The zip table, and which time zones a zip, a state or a number may lie in."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from sys import intern

import phonenumbers
from phonenumbers import PhoneNumberType
from phonenumbers import timezone as number_timezone

from callrouter.places.spoken import digit_runs

_FOLDER = resources.files("callrouter.places")
_UNKNOWN = "Etc/Unknown"
_SOMEWHERE = frozenset({PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a zip is. ``zone`` is an IANA name, ``None`` for military zips."""

    zip: str
    state: str
    zone: str | None


@cache
def _table() -> Mapping[str, tuple[str, str]]:
    """zip → (state, zone); 40 ms at the first use."""
    text = gzip.decompress((_FOLDER / "zips.csv.gz").read_bytes()).decode("ascii")
    table = {}
    for line in text.splitlines():
        zip_code, state, zone = line.split(",")
        table[zip_code] = (intern(state), intern(zone))
    return table


@cache
def _states() -> Mapping[str, frozenset[str]]:
    zones: dict[str, set[str]] = {}
    for state, zone in _table().values():
        zones.setdefault(state, set())
        if zone:
            zones[state].add(zone)
    return {state: frozenset(found) for state, found in zones.items()}


@cache
def _area_codes() -> Mapping[str, frozenset[str]]:
    lines = (_FOLDER / "area_codes.csv").read_text(encoding="ascii").splitlines()
    return {code: frozenset(zones.split()) for code, zones in (line.split(",") for line in lines)}


def lookup(zip_code: str) -> Place | None:
    """The place of a five-digit zip; ``None`` when there is no such zip."""
    found = _table().get(zip_code)
    return Place(zip_code, found[0], found[1] or None) if found else None


def read_zip(said: str | None) -> str | None:
    """The zip in keypad input (``78701#``) or speech (``my zip is seven eight seven oh one``), if it exists.

    Of several, the last: people correct themselves. Nine digits are a zip and its extension.
    """
    for homophones in (False, True):
        runs = digit_runs(said or "", homophones=homophones)
        if found := [zip_code for run in runs if (zip_code := _zip_of(run))]:
            return found[-1]
    return None


def _zip_of(run: str) -> str | None:
    if len(run) == 10 and run[:5] == run[5:]:
        run = run[:5]
    if len(run) not in (5, 9):
        return None
    return run[:5] if run[:5] in _table() else None


def zones_of_state(state: str) -> frozenset[str]:
    """Every zone that the state (two letters) has a zip in; none for an unknown state."""
    return _states().get(state.strip().upper(), frozenset())


def zones_of_number(e164: str) -> frozenset[str]:
    """Every zone that the number's area code serves; none for toll-free and other numbers that are nowhere.

    Two sources together: ``phonenumbers`` names one zone for an area code that has two (850, 270), and the
    zip table knows only the United States.
    """
    try:
        number = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return frozenset()
    if phonenumbers.number_type(number) not in _SOMEWHERE:
        return frozenset()
    zones = frozenset(number_timezone.time_zones_for_number(number)) - {_UNKNOWN}
    if number.country_code == 1:
        zones |= _area_codes().get(str(number.national_number)[:3], frozenset())
    return zones


def warm() -> None:
    """Load the tables now, so that no caller waits for it."""
    _states()
    _area_codes()
