"""A record without the people whom it is about. Pure.

What may stay is listed, not what must go: a key that is not in the lists below goes.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, TypeAlias

ERASED = "erased"
"""The key of a record that says that its person was taken out; the value is ``true``."""

MASK = "[number]"
"""Too long to lie between two digits of a number."""

Shape: TypeAlias = "Mapping[str, Shape] | None"
"""The keys that an object keeps, ``*`` for all others; ``None`` is a plain value."""


def _plain(*names: str) -> dict[str, Shape]:
    return dict.fromkeys(names)


_OFFER = _plain(
    "number", "payout", "min_duration_s", "min_duration_stated", "received_at", "expires_at", "provider"
)  # fmt: skip
_RESULT: Shape = {
    **_plain("auction", "no", "buyer", "step", "reason", "buyer_code", "elapsed_s", "asked_at", "payout"),
    **_plain("sent_at", "bid_received_at", "bid_age_s"),
    "offer": _OFFER,
}
"""Of a call's result or post, and of a step of a sale."""
_SALE: dict[str, Shape] = {
    **_plain("id", "sid", "plan", "state", "why", "buyer", "payout", "payout_stated", "lead_ref", "at_ms", "callback"),
    "results": _RESULT,
}
_TIMER = _plain("leg", "action")
_ATTEMPT: Shape = {
    **_plain("no", "buyer", "number", "payout", "min_duration_s", "min_duration_stated", "offer_age_s"),
    **_plain("received_at", "expires_at", "ring_timeout_s", "decided_at", "initiated_at", "ringing_at"),
    **_plain("answered_at", "ended_at", "result", "ended_by", "bridged_s", "qualified", "margin_s", "expected_payout"),
    **_plain("revision"),
    "timers": {"dial": _TIMER, "answer": _TIMER, "accept": _TIMER},
}
_PARTY = _plain(
    "role", "no", "ordered_at", "ringing_at", "answered_at", "joined_at", "left_at", "why_left"
)  # fmt: skip
_RULES: Shape = {**_plain("policy", "max_wait_s", "min_offers", "max_attempts"), "tiers": _plain("*")}
_DECISION: Shape = {
    **_plain("form", "at", "auction", "after", "beliefs", "vertical", "since", "deadline_at", "tries_left", "choice"),
    **_plain("because", "buyer", "until", "worth_now", "worth_waiting", "horizon_s", "second_costs", "news"),
    **_plain("answered"),
    "rules": _RULES,
    "offers": _plain(
        *("buyer", "payout", "min_duration_s", "dial_by", "answers", "talks", "stays", "worth", "newcomer")
    ),
    "awaited": _plain("buyer", "asked_at", "until", "chance", "within_s", "newcomer", "worth"),
}
KEPT: Shape = {
    **_SALE,
    **_plain("kind", "to", "outcome", "qualified", "min_duration_s", "bridged_s", "margin_s", "expected_payout"),
    **_plain("started_at", "ended_at", "zip", "region", ERASED),
    "posts": _RESULT,
    "attempts": _ATTEMPT,
    "decisions": _DECISION,
    "callback": _plain("id", "due_at", "why"),
    "sale": _SALE,
    "transfer": {**_plain("way", "completed_at"), "parties": _PARTY},
    "events": _plain("at", "event", "detail"),
}
"""Of a call's record, and of a sale's."""

EMPTIED = frozenset({"from", "exchange", "detail", "agent", "opened_by", "address"})
"""What goes and leaves its key with a null, for whoever reads it: numbers and names, what buyers were sent and answered
(masked, but no mask is perfect), and in what words they declined."""

_NAMES_SOMEBODY = frozenset({"transfer_opened"})
"""Events whose detail is who did it."""
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z", re.ASCII)
_ID = re.compile(r"(?:[a-z]+-)?[A-Z]{2}[0-9a-f]{32}(?:-[0-9]+)?", re.ASCII)
"""Times and the carrier's ids: digits that are no number, whatever they look like."""


def without_person(record_json: str, known_as: str | None = None, number: str | None = None) -> str:
    """A call's or a sale's record, as JSON, without caller and agent; zip, region, times, results and money stay.

    ``known_as`` comes in the place of the caller's number. ``number`` (E.164) is looked for in the words that stay,
    too. A record that cannot be read is emptied: nobody knows what is in it.
    """
    try:
        record = json.loads(record_json)
    except (ValueError, RecursionError):
        record = {}
    if not isinstance(record, dict):
        record = {}
    kept = _kept(record, KEPT, _pattern(number))
    if "from" in kept:
        kept["from"] = known_as
    return json.dumps({**kept, ERASED: True}, separators=(",", ":"))


def words_without(number: str | None, words: str) -> str:
    """Words in which the number does not stand any more."""
    return str(_without_number(words, _pattern(number)))


def _kept(value: Any, shape: Shape, number: re.Pattern[str] | None) -> Any:
    if isinstance(value, list):
        return [_kept(one, shape, number) for one in value]
    if isinstance(value, dict):
        return None if shape is None else _kept_keys(value, shape, number)
    return None if shape is not None or value is None else _without_number(value, number)


def _kept_keys(value: dict[str, Any], shape: Mapping[str, Shape], number: re.Pattern[str] | None) -> dict[str, Any]:
    shapes = {**dict.fromkeys(value, shape["*"]), **shape} if "*" in shape else shape
    known = {key: one for key, one in value.items() if key in shapes or key in EMPTIED}
    kept = {key: _kept(one, shapes[key], number) if key in shapes else None for key, one in known.items()}
    if kept.get("event") in _NAMES_SOMEBODY:
        kept["detail"] = None
    return kept


def _without_number(value: Any, number: re.Pattern[str] | None) -> Any:
    if number is None or isinstance(value, bool):
        return value
    if not isinstance(value, str):
        return None if number.search(str(value)) else value
    return value if _TIME.fullmatch(value) or _ID.fullmatch(value) else number.sub(MASK, value)


def _pattern(number: str | None) -> re.Pattern[str] | None:
    """A North American number however it is written; any other as it is."""
    digits = re.sub(r"\D", "", number or "")
    if not digits:
        return None
    if len(digits) < 10:
        return re.compile(re.escape(digits))
    return re.compile(r"(?:\+?1\D{0,3})?" + r"\D{0,3}".join(digits[-10:]))
