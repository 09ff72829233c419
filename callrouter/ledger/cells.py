"""One value out of a record, as a column takes it, or ``None``. Pure.

Nothing in a record can make a value that a database refuses: one bad call must not hold up the others.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

T = TypeVar("T", int, None)


def read(record_json: str) -> Mapping[str, Any]:
    """The record; empty when it cannot be read."""
    try:
        record = json.loads(record_json)
    except (ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def objects(record: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    """The objects of a list; whatever else stands in it is passed over."""
    found = record.get(name)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def text(record: Mapping[str, Any], name: str, most: int) -> str | None:
    """A text of so many characters at most."""
    value = record.get(name)
    return storable(value)[:most] if isinstance(value, str) else None


def storable(text: str) -> str:
    """Without what databases refuse: NUL, and halves of surrogate pairs."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def whole(value: object) -> int | None:
    """A whole number from 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**31:
        return None
    return int(value)


def signed(value: object) -> int | None:
    """A whole number."""
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**31) < value < 2**31:
        return None
    return value


def money(value: object) -> Decimal | None:
    """Dollars and cents."""
    if not isinstance(value, str):
        return None
    try:
        amount = Decimal(value)
    except InvalidOperation:
        return None
    return amount.quantize(Decimal("0.01")) if amount.is_finite() and abs(amount) < 10**9 else None


def epoch_ms(value: object, otherwise: T) -> int | T:
    """Milliseconds of an RFC 3339 time."""
    if not isinstance(value, str):
        return otherwise
    try:
        return round(datetime.fromisoformat(value).timestamp() * 1000)
    except (ValueError, OverflowError):
        return otherwise
