"""What one cell of a statement means. Pure; whoever cannot be read says why without the cell's text."""

import re
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache

from callrouter.domain.money import ABSURD
from callrouter.reconciling.rows import UNKNOWN_DIGIT

CENT = Decimal("0.01")
LONGEST_S = 86_400

_PLAIN_NUMBER = re.compile(r"(?:\+?1)?([2-9]\d{9})", re.ASCII)
_AS_FLOAT = re.compile(r"(\d{10,11})\.0+", re.ASCII)
_FOREIGN = re.compile(r"\+[2-9]\d{6,14}", re.ASCII)
_SHORTENED = re.compile(r"\d(\.\d+)?[eE]\+?\d+", re.ASCII)
_PUNCTUATION = re.compile(r"[\s().\-/]|^tel:|^=|[\"']", re.ASCII)
_MASKED = re.compile(r"(?:\+?1)?([\dx*#?•]{10})", re.ASCII | re.IGNORECASE)
_LAST_FOUR = re.compile(r"[x*#?•]*(\d{4})", re.IGNORECASE)
_WITHHELD = frozenset(
    ("", "anonymous", "restricted", "private", "unknown", "unavailable", "blocked", "withheld", "na", "none", "null")
)

_AMOUNT = re.compile(r"(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?", re.ASCII)
_CURRENCY = re.compile(r"USD|US\$|\$|\s", re.IGNORECASE)

_CLOCK = re.compile(r"(?:(\d{1,3}):)?(\d{1,4}):(\d{2})", re.ASCII)
_UNITS = re.compile(
    r"(?:(\d+)h(?:ours?|rs?)?)?(?:(\d+)m(?:in(?:ute)?s?)?)?(?:(\d+)s(?:ec(?:ond)?s?)?)?\.?", re.ASCII | re.IGNORECASE
)


class UnreadableCell(ValueError):
    """Why a cell means nothing to us."""


def read_caller(text: str) -> str | None:
    """E.164; ten characters with ``?`` for each masked digit; ``None`` for withheld. Raises `UnreadableCell`."""
    plain = _PUNCTUATION.sub("", _AS_FLOAT.sub(r"\1", text.strip()))
    if match := _PLAIN_NUMBER.fullmatch(plain):
        return f"+1{match[1]}"
    if plain.casefold() in _WITHHELD:
        return None
    if _FOREIGN.fullmatch(plain):
        return plain
    if (match := _MASKED.fullmatch(plain)) and not match[1].isdecimal():
        return _with_unknown(match[1])
    if match := _LAST_FOUR.fullmatch(plain):
        return UNKNOWN_DIGIT * 6 + match[1]
    if _SHORTENED.fullmatch(text.strip()):
        raise UnreadableCell("the number was shortened by a spreadsheet; export the column as text")
    raise UnreadableCell("the number is not a telephone number")


def _with_unknown(ten: str) -> str | None:
    """Of a masked number only the last four, or the first six, are of use; ``None`` with fewer."""
    pattern = "".join(digit if digit.isdecimal() else UNKNOWN_DIGIT for digit in ten)
    useful = pattern[-4:].isdecimal() or pattern[:6].isdecimal()
    return pattern if useful else None


def fits(pattern: str, number: str) -> bool:
    """Whether a masked number may be this one (E.164)."""
    ten = number[-len(pattern) :]
    return len(ten) == len(pattern) and all(p in (UNKNOWN_DIGIT, d) for p, d in zip(pattern, ten, strict=True))


@lru_cache(maxsize=8192)  # a statement has few different ones: quicker, and one object for all equal cells
def read_duration(text: str, *, in_minutes: bool, comma: bool = False) -> int | None:
    """Whole seconds of ``95``, ``1:35``, ``0:01:35``, ``1m 35s``; ``None`` when empty. Raises `UnreadableCell`.

    With ``comma`` the comma is the decimal mark: ``1,5``.
    """
    plain = re.sub(r"\s", "", text)
    if comma:
        plain = plain.replace(",", ".")
    if plain.casefold() in ("", "-", "n/a"):
        return None
    try:
        found = _clock_s(plain, in_minutes=in_minutes)
    except InvalidOperation:
        raise UnreadableCell("the duration is not one, such as 95 or 1:35") from None
    if not 0 <= found <= LONGEST_S:
        raise UnreadableCell("the duration is not between 0 and a day")
    return found


def _clock_s(plain: str, *, in_minutes: bool) -> int:
    if match := _CLOCK.fullmatch(plain):
        return int(match[1] or 0) * 3600 + int(match[2]) * 60 + int(match[3])
    if (match := _UNITS.fullmatch(plain)) and any(match.groups()):
        return int(match[1] or 0) * 3600 + int(match[2] or 0) * 60 + int(match[3] or 0)
    amount = Decimal(plain) * (60 if in_minutes else 1)
    if not amount.is_finite():
        raise InvalidOperation
    return int(amount.to_integral_value(ROUND_HALF_UP))


@lru_cache(maxsize=8192)
def read_amount(text: str, *, comma: bool) -> Decimal:
    """Dollars to the cent of ``$1,250.00``, ``-25``, ``(25.00)``; an empty cell is 0. Raises `UnreadableCell`.

    With ``comma`` the comma is the decimal mark: ``1.250,00``.
    """
    plain = _CURRENCY.sub("", text)
    negative = plain.startswith("-") or (plain.startswith("(") and plain.endswith(")")) or plain.endswith("-")
    plain = plain.strip("-()")
    if comma:
        plain = plain.replace(".", "\0").replace(",", ".").replace("\0", ",")
    if plain == "":
        return Decimal(0)
    if not _AMOUNT.fullmatch(plain):
        raise UnreadableCell("the amount is not money, such as 25.00")
    amount = Decimal(plain.replace(",", ""))
    if amount > ABSURD:
        raise UnreadableCell(f"the amount is more than {ABSURD} for one call")
    amount = amount.quantize(CENT, ROUND_HALF_UP)
    return -amount if negative else amount
