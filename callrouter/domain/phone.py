"""Phone numbers of the North American plan (NANP): a caller's, and those that a buyer names as targets."""

import re
from collections.abc import Collection, Container

import phonenumbers
from phonenumbers import PhoneNumberType

_DIALLED = re.compile(r"(?:\+1|1)?([2-9][0-9]{2})([2-9][0-9]{2})([0-9]{4})", re.ASCII)
_PUNCTUATION = re.compile(r"[\s().\-]", re.ASCII)

_WITHHELD = frozenset({"7378742833"})
"""What carriers send for a withheld number and also reads as a number: RESTRICTED on a keypad."""

_ORDINARY = frozenset(
    {
        PhoneNumberType.FIXED_LINE,
        PhoneNumberType.MOBILE,
        PhoneNumberType.FIXED_LINE_OR_MOBILE,
        PhoneNumberType.TOLL_FREE,
        PhoneNumberType.VOIP,
    }
)
_HOME_REGIONS = frozenset({"US", "CA"})
_OUR_REGIONS = _HOME_REGIONS | {"PR", "VI", "GU", "AS", "MP"}
"""The regions whose people we call back: the United States with its territories, and Canada."""
_COSTLY = frozenset({"900"})


class BadTarget(ValueError):
    """A buyer named a number that we do not dial; ``why`` says it without the number."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


def caller_number(raw: str | None) -> str | None:
    """The E.164 form of a caller id as a carrier sends it, or ``None`` when nobody can be called back on it.

    Withheld, malformed and foreign numbers are ``None``: no buyer and no dialler of ours can use them.
    """
    text = _PUNCTUATION.sub("", raw or "")
    if text in _WITHHELD:
        return None
    match = _DIALLED.fullmatch(text)
    if match is None:
        return None
    number = f"+1{''.join(match.groups())}"
    area, exchange, _ = match.groups()
    if area in _COSTLY or exchange == "976" or area.endswith("11") or exchange.endswith("11"):
        return None
    parsed = phonenumbers.parse(number)
    usable = phonenumbers.is_valid_number(parsed) and phonenumbers.number_type(parsed) in _ORDINARY
    return number if usable and phonenumbers.region_code_for_number(parsed) in _OUR_REGIONS else None


def check_target(raw: str, *, own: Container[str], caller: str | None, allow_regions: Collection[str] = ()) -> str:
    """The E.164 form of the transfer number that a buyer named.

    ``own`` are our numbers, ``allow_regions`` the NANP regions beyond US and CA that the plan allows.
    Raises `BadTarget` for every number that a buyer must not make us dial.
    """
    match = _DIALLED.fullmatch(_PUNCTUATION.sub("", raw.strip().removeprefix("tel:")))
    if match is None:
        raise BadTarget("not a North American number")
    area, exchange, _ = match.groups()
    number = f"+1{''.join(match.groups())}"
    if area.endswith("11") or exchange.endswith("11"):
        raise BadTarget("a service code (N11)")
    if area == "900" or exchange == "976":
        raise BadTarget("premium rate")
    parsed = phonenumbers.parse(number)
    if not phonenumbers.is_valid_number(parsed):
        raise BadTarget("not a number in service")
    if phonenumbers.number_type(parsed) not in _ORDINARY:
        raise BadTarget("premium rate or a personal number")
    region = phonenumbers.region_code_for_number(parsed)
    if region not in _HOME_REGIONS and region not in allow_regions:
        raise BadTarget("a region that the plan does not allow")
    if number in own:
        raise BadTarget("one of our own numbers")
    if number == caller:
        raise BadTarget("the caller's own number")
    return number
