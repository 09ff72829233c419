"""The person on the line, as far as we know them."""

from collections.abc import Mapping

from callrouter.domain.values import Value


class Caller(Value):
    """What is known about a caller. ``phone`` is E.164, or ``None`` when withheld or malformed."""

    phone: str | None = None
    zip: str | None = None
    state: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    address: str | None = None
    city: str | None = None
    ip: str | None = None
    consent: bool | None = None
    fields: Mapping[str, str | int | bool] = {}
    """Partner-specific extras under the partners' own names, as ``PUT /api/v1/callers`` gave them."""

    def updated(self, **known: object) -> "Caller":
        """This caller with what is newly known; ``None`` never erases."""
        return self.model_copy(update={key: value for key, value in known.items() if value is not None})
