"""A record without the person whom it is about. Pure."""

import json
from typing import Any

ERASED = "erased"
"""The key of a record that says that its person was erased; the value is ``true``."""

_PERSONAL = ("exchange",)
"""What buyers were sent and answered: masked, but no mask is perfect."""


def without_person(record_json: str) -> str:
    """A record's JSON without the number and without what went to buyers; zip, results and money stay.

    A record that cannot be read is emptied: nobody knows what is in it.
    """
    try:
        record = json.loads(record_json)
    except (ValueError, RecursionError):
        record = {}
    if not isinstance(record, dict):
        record = {}
    kept = {key: _answers(value) if key in ("results", "posts") else value for key, value in record.items()}
    if "from" in kept:
        kept["from"] = None
    if isinstance(kept.get("transfer"), dict):
        kept["transfer"] = _without_caller(kept["transfer"])
    return json.dumps({**kept, ERASED: True}, separators=(",", ":"))


def _answers(results: Any) -> Any:
    if not isinstance(results, list):
        return results
    return [{**r, **dict.fromkeys(_PERSONAL)} if isinstance(r, dict) else r for r in results]


def _without_caller(transfer: dict[str, Any]) -> dict[str, Any]:
    """The agent stays; the caller's leg loses its address."""
    parties = [
        {**party, "address": None} if isinstance(party, dict) and party.get("role") == "caller" else party
        for party in transfer.get("parties") or ()
    ]
    return {**{k: v for k, v in transfer.items() if k not in ("caller", "call_token")}, "parties": parties}
