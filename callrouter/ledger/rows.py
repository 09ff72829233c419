"""The record of a call, or of a lead's sale, as a row of the ledger. Pure."""

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from callrouter.domain.clock import rfc3339

T = TypeVar("T", int, None)

UNREADABLE = "unreadable"
"""The outcome of a row whose record could not be read: it is kept, so that nothing is lost unseen."""


def row_of(sid: str, record_json: str, received_ms: int) -> dict[str, Any]:
    """The columns for one stream entry; ``received_ms`` stands in for a start that the record does not name.

    Nothing in a record can make a row that a database refuses: one bad call must not hold up the others.
    """
    record = _read(record_json)
    return {
        "sid": _storable(sid)[:64],
        "plan": _text(record, "plan", 64) or "",
        "kind": _text(record, "kind", 16) or "",
        "from_number": _text(record, "from", 32),
        "to_number": _text(record, "to", 32),
        "outcome": _text(record, "outcome", 16) or UNREADABLE,
        "qualified": record["qualified"] if isinstance(record.get("qualified"), bool) else None,
        "buyer": _text(record, "buyer", 64),
        "payout": _money(record.get("payout")),
        "min_duration_s": _whole(record.get("min_duration_s")),
        "bridged_s": _whole(record.get("bridged_s")),
        "started_ms": _epoch_ms(record.get("started_at"), received_ms),
        "ended_ms": _epoch_ms(record.get("ended_at"), None),
        "record": _storable(record_json),
    }


def sale_row_of(sale_id: str, record_json: str, received_ms: int) -> dict[str, Any]:
    """The columns for one stream entry of a sale; as safe as `row_of`."""
    record = _read(record_json)
    ended_ms = record.get("at_ms")
    if isinstance(ended_ms, bool) or not isinstance(ended_ms, int) or not 0 <= ended_ms < 2**52:
        ended_ms = received_ms
    return {
        "id": _storable(sale_id)[:80],
        "sid": _text(record, "sid", 64) or "",
        "plan": _text(record, "plan", 64) or "",
        "state": _text(record, "state", 16) or UNREADABLE,
        "buyer": _text(record, "buyer", 64),
        "payout": _money(record.get("payout")),
        "lead_ref": _text(record, "lead_ref", 128),
        "ended_ms": ended_ms,
        "record": _storable(record_json),
    }


def sale_document(record_json: str, ended_ms: int) -> dict[str, Any]:
    """What a row of `sale_row_of` says, as a call's record shows it."""
    record = {name: value for name, value in _read(record_json).items() if name != "at_ms"}
    return {**record, "at": rfc3339(ended_ms / 1000)}


def _read(record_json: str) -> Mapping[str, Any]:
    try:
        record = json.loads(record_json)
    except (ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def _text(record: Mapping[str, Any], name: str, most: int) -> str | None:
    value = record.get(name)
    return _storable(value)[:most] if isinstance(value, str) else None


def _storable(text: str) -> str:
    """Without what databases refuse: NUL, and halves of surrogate pairs."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _whole(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**31:
        return None
    return int(value)


def _money(value: object) -> Decimal | None:
    if not isinstance(value, str):
        return None
    try:
        amount = Decimal(value)
    except InvalidOperation:
        return None
    return amount.quantize(Decimal("0.01")) if amount.is_finite() and abs(amount) < 10**9 else None


def _epoch_ms(value: object, otherwise: T) -> int | T:
    if not isinstance(value, str):
        return otherwise
    try:
        return round(datetime.fromisoformat(value).timestamp() * 1000)
    except (ValueError, OverflowError):
        return otherwise
