"""What the API's bodies and answers are made of."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from callrouter.domain.phone import caller_number

MoneyText = Annotated[str, Field(pattern=r"^\d+\.\d\d$", examples=["25.00"])]
"""Dollars."""
TimeText = Annotated[str, Field(json_schema_extra={"format": "date-time"}, examples=["2026-11-21T02:25:00.000Z"])]
"""RFC 3339, UTC."""
PlanName = Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,64}$", examples=["auto-insurance"])]
PHONE_PATTERN = r"\+1[2-9][0-9]{2}[2-9][0-9]{6}"
PHONE_REMEDY = "write a North American number in service, such as +1 and ten digits"


def phone(text: str) -> str:
    """The E.164 form of a person's number. Raises `ValueError` with the remedy."""
    number = caller_number(text)
    if number is None:
        raise ValueError(PHONE_REMEDY)
    return number


Phone = Annotated[
    str,
    AfterValidator(phone),
    Field(json_schema_extra={"pattern": f"^{PHONE_PATTERN}$"}, examples=["+15125550123"]),
]
"""A number of the North American plan, E.164 once it is read; other ways of writing it are read too."""


class Part(BaseModel):
    """The base of what is answered. More keys may come."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class Wanted(BaseModel):
    """The base of what is sent: unknown keys are refused, and types are not converted."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


class Nothing(Wanted):
    """An empty object; it may be left out."""


class Record(Part):
    """What is kept as JSON and shown as it was kept; keys beyond those named here may be there."""

    model_config = ConfigDict(extra="allow")


class WrongKeyShown(Part):
    """One wrong key."""

    key: str
    """Which key of the body, query or path; inner keys behind dots."""
    remedy: str
    """What to do about it."""


class ProblemShown(Part):
    """RFC 9457."""

    type: str
    title: str
    """The status in words."""
    status: int
    detail: str
    """What is wrong and what to do."""
    errors: list[WrongKeyShown] = []
    """With 422: every wrong key."""
