"""The dialler's wire format: ``lead/add`` and ``lead/cancel`` of its API document. Pure."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from callrouter.callbacks.outcome import DeliveryOutcome
from callrouter.dialplan import Callback

_DETAIL_CHARS = 200
_READ_CHARS = 2000
_EMAIL = re.compile(r"[^\s\"'<>@]+@[^\s\"'<>@]+")
_LONG_NUMBER = re.compile(r"\+?\d[\d\s().-]{5,}\d")
_NOTHING_TO_CANCEL = ("not found", "already processed")


@dataclass(frozen=True)
class DiallerRequest:
    """One POST: the key goes into the query, the body is JSON."""

    path: str
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Reply:
    """What the dialler made of it. ``detail`` holds no personal data."""

    outcome: DeliveryOutcome
    detail: str = ""


def build_add(payload: Mapping[str, Any], account: Callback, delays_s: int, *, test: bool = False) -> DiallerRequest:
    """Schedule a call to the person in ``delays_s``; the plan's stand-ins fill what we don't know."""
    stand_in = account.stand_in
    data = {"zip": "zip", "state": "state", "plan": "plan", "call": "sid", "why": "why"}
    known = {name: payload[ours] for name, ours in data.items() if payload.get(ours) is not None}
    body: dict[str, Any] = {
        "email": payload.get("email") or stand_in.email,
        "first_name": payload.get("first_name") or stand_in.first_name,
        "surname": payload.get("last_name") or stand_in.surname,
        "mobile": national(payload["phone"]),
        "type": account.type,
        "delays": delays_s,
        "data": json.dumps(known),
    }
    if account.subtype:
        body["subtype"] = account.subtype
    if test:
        body["test"] = "true"
    return DiallerRequest("/lead/add", body)


def build_cancel(payload: Mapping[str, Any], account: Callback) -> DiallerRequest:
    """Take back what is scheduled for the person under the plan's type."""
    return DiallerRequest("/lead/cancel", {"type": account.type, "mobile": national(payload["phone"])})


def national(e164: str) -> str:
    """Ten digits for a North American number, as in the document's own example; others as they are."""
    return e164[2:] if re.fullmatch(r"\+1\d{10}", e164) else e164


def parse_add(status: int, body: str, sent: Mapping[str, Any]) -> Reply:
    """The reply to ``lead/add``; ``sent`` is the request's body, whose values are struck from the detail."""
    found = _object(body)
    if status == 400 and found is not None:
        return Reply(DeliveryOutcome.PERMANENT, _field_errors(found, body, sent))
    if status != 200 or found is None:
        return _unclear(status, body, sent)
    if _text(found.get("test")) == "ok":
        return Reply(DeliveryOutcome.TEST_OK)
    error = _text(found.get("error"))
    if error == "unknown type":
        return Reply(DeliveryOutcome.PERMANENT, "Unknown Type: mend callback.type in the dialplan")
    if _true(found.get("saved")):
        if error == "existing contact":
            return Reply(DeliveryOutcome.EXISTING)
        if error == "another call is already scheduled":
            return Reply(DeliveryOutcome.ALREADY_SCHEDULED)
        if _true(found.get("processed")) and not error:
            return Reply(DeliveryOutcome.DELIVERED)
    return _unclear(status, body, sent)


def parse_cancel(status: int, body: str, sent: Mapping[str, Any]) -> Reply:
    """The reply to ``lead/cancel``."""
    found = _object(body)
    if status == 400 and found is not None:
        return Reply(DeliveryOutcome.PERMANENT, _field_errors(found, body, sent))
    if status != 200 or found is None:
        return _unclear(status, body, sent)
    if _text(found.get("error")) == "unknown type":
        return Reply(DeliveryOutcome.PERMANENT, "Unknown Type: mend callback.type in the dialplan")
    if _true(found.get("cancelled")):
        return Reply(DeliveryOutcome.CANCELLED)
    if _text(found.get("warning")) in _NOTHING_TO_CANCEL:
        return Reply(DeliveryOutcome.NOTHING_TO_CANCEL, _text(found.get("warning")))
    return _unclear(status, body, sent)


def _object(body: str) -> Mapping[str, Any] | None:
    try:
        found = json.loads(body.lstrip("\ufeff"))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _true(value: object) -> bool:
    return value is True or _text(value) == "true"


def _text(value: object) -> str:
    return value.strip().lower() if isinstance(value, str) else ""


def _unclear(status: int, body: str, sent: Mapping[str, Any]) -> Reply:
    """Not one of the documented replies: tried again, and what it said is kept."""
    return Reply(DeliveryOutcome.TRANSIENT, f"HTTP {status}: {_scrubbed(body, sent.values())}".strip(": "))


def _field_errors(found: Mapping[str, Any] | None, body: str, sent: Mapping[str, Any]) -> str:
    """``{"email": {"0": "…"}}`` as ``email: …``."""
    if not found:
        return _unclear(400, body, sent).detail
    lines = []
    for field, errors in found.items():
        said = errors.values() if isinstance(errors, dict) else errors if isinstance(errors, list) else [errors]
        lines.append(f"{field}: {' '.join(str(text) for text in said)}")
    return _scrubbed("; ".join(lines), sent.values())


def _scrubbed(text: str, values: Iterable[object]) -> str:
    """One short line without the person's data: the values that were sent, addresses, long numbers."""
    text = " ".join(text[:_READ_CHARS].split())
    for value in sorted((v for v in values if isinstance(v, str) and len(v) > 1), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", "…", text, flags=re.IGNORECASE)
    return _LONG_NUMBER.sub("…", _EMAIL.sub("…", text))[:_DETAIL_CHARS]
