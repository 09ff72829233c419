"""Callers' numbers as carriers send them, and the numbers that buyers may make us dial."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.domain.phone import BadTarget, caller_number, check_target

OURS = frozenset({"+18885550100"})


@pytest.mark.parametrize("raw", ["+15125550123", "15125550123", "5125550123", "(512) 555-0123", " +1 512-555-0123 "])
def test_a_caller_id_becomes_e164(raw: str) -> None:
    assert caller_number(raw) == "+15125550123"


@pytest.mark.parametrize(
    "raw",
    [
        None, "", "anonymous", "Anonymous", "unknown", "restricted", "+266696687", "266696687", "+7378742833",
        "7378742833", "+2562533", "+8656696", "+86282452253", "+442079460000", "+15", "+1512555012", "+11125550123",
        "+15120550123", "+13335551234", "sip:alice@example.com", "client:bob", "+1512555012३", "++15125550123",
    ],
)  # fmt: skip
def test_a_caller_that_nobody_can_call_back_has_no_number(raw: str | None) -> None:
    assert caller_number(raw) is None


@pytest.mark.parametrize(
    "raw", ["+18885550142", "8885550142", "1-888-555-0142", "(888) 555.0142", "tel:+18885550142", " 18885550142 "]
)
def test_a_target_becomes_e164(raw: str) -> None:
    assert check_target(raw, own=OURS, caller=None) == "+18885550142"


def test_canadian_targets_are_dialled() -> None:
    assert check_target("6045550123", own=OURS, caller=None) == "+16045550123"


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ("911", "North American"), ("311", "North American"), ("+442079460000", "North American"),
        ("", "North American"),
        ("01188212345678", "North American"), ("8885550142x12", "North American"), ("1-800-FLOWERS", "North American"),
        ("*67 8885550142", "North American"), ("sip:+18885550142@x", "North American"),
        ("888555014२", "North American"),
        ("9115550142", "N11"), ("2129115550", "N11"), ("2124110000", "N11"),
        ("9005551234", "premium"), ("2129761234", "premium"), ("5005550006", "personal"),
        ("3335551234", "service"), ("8095551234", "region"), ("8765551234", "region"), ("7875551234", "region"),
        ("8885550100", "own"), ("5125550123", "caller"),
    ],
)  # fmt: skip
def test_a_number_that_a_buyer_must_not_make_us_dial_is_refused(raw: str, why: str) -> None:
    with pytest.raises(BadTarget, match=why) as refused:
        check_target(raw, own=OURS, caller="+15125550123")
    assert raw == "" or raw not in str(refused.value)


def test_a_region_that_the_plan_allows_is_dialled() -> None:
    assert check_target("8765551234", own=OURS, caller=None, allow_regions=("JM",)) == "+18765551234"
    with pytest.raises(BadTarget):
        check_target("9005551234", own=OURS, caller=None, allow_regions=("JM",))


@given(st.text(max_size=30) | st.from_regex(r"\+?1?[0-9 ().-]{7,14}", fullmatch=True))
def test_any_text_is_either_refused_or_a_dialable_number(raw: str) -> None:
    try:
        number = check_target(raw, own=OURS, caller=None)
    except BadTarget:
        return
    assert number.isascii()
    assert len(number) == 12
    assert number.startswith("+1")
    assert check_target(number, own=OURS, caller=None) == number
    assert caller_number(number) in (number, None)
