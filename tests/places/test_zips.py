"""The shipped tables, and reading zips from keys and speech."""

import gzip

import pytest

from callrouter.places import build
from callrouter.places.zips import Place, lookup, read_zip, zones_of_number, zones_of_state


def test_the_shipped_tables_are_what_the_package_gives() -> None:
    rows = build.source_rows()
    packed = (build.FOLDER / build.ZIPS).read_bytes()
    assert gzip.decompress(packed).decode() == build.zips_text(rows)
    assert packed[4:8] == b"\0\0\0\0", "the time in the header must be 0"
    assert (build.FOLDER / build.AREA_CODES).read_text() == build.area_codes_text(rows)


def test_every_zone_in_the_tables_exists() -> None:
    from zoneinfo import available_timezones

    lines = (build.FOLDER / build.AREA_CODES).read_text().splitlines()
    zones = {zone for line in lines for zone in line.split(",")[1].split()}
    text = gzip.decompress((build.FOLDER / build.ZIPS).read_bytes()).decode()
    zones |= {line.split(",")[2] for line in text.splitlines()} - {""}
    assert zones <= available_timezones()
    assert len(text.splitlines()) > 42_000


@pytest.mark.parametrize(
    ("zip_code", "state", "zone"),
    [
        ("78701", "TX", "America/Chicago"),
        ("37403", "TN", "America/New_York"),
        ("32401", "FL", "America/Chicago"),
        ("86503", "AZ", "America/Denver"),
        ("83801", "ID", "America/Los_Angeles"),
        ("00501", "NY", "America/New_York"),
        ("99634", "AK", "America/Anchorage"),
        ("09001", "AE", None),
    ],
)
def test_a_zip_gives_its_state_and_zone(zip_code: str, state: str, zone: str | None) -> None:
    assert lookup(zip_code) == Place(zip_code, state, zone)


@pytest.mark.parametrize("nothing", ["00000", "7870", "787011", "", "abcde", "99999"])
def test_what_is_no_zip_is_nowhere(nothing: str) -> None:
    assert lookup(nothing) is None


def test_a_state_has_all_of_its_zones() -> None:
    assert zones_of_state("tx") == {"America/Chicago", "America/Denver"}
    assert zones_of_state("AE") == frozenset()
    assert zones_of_state("ZZ") == frozenset()


@pytest.mark.parametrize(
    ("number", "zones"),
    [
        ("+15125550100", {"America/Chicago"}),
        ("+18505550100", {"America/Chicago", "America/New_York"}),
        ("+18005550100", set()),
        ("+19005550100", set()),
        ("+15005550006", set()),
        ("+16045550100", {"America/Vancouver", "America/Los_Angeles"}),
        ("nonsense", set()),
        ("+1234", set()),
    ],
)
def test_a_number_may_be_wherever_its_area_code_is(number: str, zones: set[str]) -> None:
    assert zones_of_number(number) == zones


@pytest.mark.parametrize(
    ("said", "zip_code"),
    [
        ("78701", "78701"),
        ("78701#", "78701"),
        ("*78701", "78701"),
        ("seven eight seven oh one", "78701"),
        ("7 8 7 0 1.", "78701"),
        ("7-8-7-0-1", "78701"),
        ("my zip is 78701", "78701"),
        ("It's 787 01, thank you", "78701"),
        ("78,701", "78701"),
        ("78701-1234", "78701"),
        ("seventy eight seven zero one", "78701"),
        ("seventy-eight seven oh one", "78701"),
        ("nine double oh one three", "90013"),
        ("nine double zero one three", "90013"),
        ("double one two oh one", "11201"),
        ("nine oh two ten", "90210"),
        ("nine zero two one zero", "90210"),
        ("nine oh to one oh", "90210"),
        ("for one oh one seven", "41017"),
        ("one oh one hundred", None),
        ("seven eight seven hundred", None),
        ("ninety two one twenty", "92120"),
        ("it's for 78701", "78701"),
        ("78702 no wait 78701", "78701"),
        ("78701 78701", "78701"),
        ("7 8 7 0 1 7 8 7 0 1", "78701"),
        ("00000", None),
        ("7870", None),
        ("787011", None),
        ("5125550142", None),
        ("I don't know", None),
        ("one double", None),
        ("", None),
        (None, None),
    ],
)
def test_a_zip_is_read_from_keys_and_speech(said: str | None, zip_code: str | None) -> None:
    assert read_zip(said) == zip_code
