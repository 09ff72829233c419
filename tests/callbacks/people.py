"""Values for the tests of callbacks."""

from collections.abc import Mapping
from typing import Any

from callrouter.dialplan import Callback

PERSON: Mapping[str, Any] = {
    "plan": "auto",
    "phone": "+15125550142",
    "zip": "78701",
    "state": "TX",
    "first_name": None,
    "last_name": None,
    "email": None,
    "sid": "CA1",
    "why": "unsold",
    "wanted_at": 1_795_200_600.0,
}
"""The payload of a callback job: an afternoon in Austin, ten minutes after the virtual clock's start."""


def account(url: str = "https://dialler.example/api", **changes: Any) -> Callback:
    """A plan's callback section."""
    stand_in = {"first_name": "Caller", "surname": "Unknown", "email": "callback@example.com"}
    fields = {"url": url, "key": "s3cr3t&key", "type": "motor-trade", "stand_in": stand_in} | changes
    return Callback.model_validate(fields)
