"""What every part of a dialplan is made of: its kinds of values, and what to tell who wrote a wrong one."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

E164_PATTERN = r"^\+1[2-9]\d{2}[2-9]\d{6}$"
TIME_PATTERN = r"^([01]\d|2[0-3]):[0-5]\d$"
NAME_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,39}$"
REGION_PATTERN = r"^[A-Z]{2}$"
URL_PATTERN = r"^https?://[^\s/?#]+[^\s]*$"
URL_WITHOUT_QUERY_PATTERN = r"^https?://[^\s/?#]+[^\s?#]*$"
EMAIL_PATTERN = r"^[^@\s]+@[^@\s]+$"
AUDIO_PATTERN = r"^(tone|https?://[^\s]+)$"
FILE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
DAY_PATTERN = r"^\d{4}-\d{2}-\d{2}$"
ZIP_PREFIX_PATTERN = r"^\d{1,5}$"
SPAN_PATTERN = r"^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$"
ZONE_PATTERN = r"^[A-Za-z_]+(/[A-Za-z0-9_+-]+){0,2}$"

_STATES = """
AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA RI SC
SD TN TX UT VT VA WA WV WI WY DC PR VI GU AS MP AA AE AP
"""
STATES = frozenset(_STATES.split())
"""The states, the district, the territories and the military's regions, as zips have them."""

PATTERN_REMEDIES: Mapping[str, str] = {
    E164_PATTERN: "write a North American number as +1 and ten digits, in quotes, such as '+18885550100'",
    TIME_PATTERN: "write a time of day as HH:MM, in quotes, such as '08:00'",
    NAME_PATTERN: "use small letters, digits, dash and underscore, at most 40, beginning with a letter or digit",
    REGION_PATTERN: "write a region as two capital letters, such as PR",
    URL_PATTERN: "write an absolute URL beginning with http:// or https://",
    URL_WITHOUT_QUERY_PATTERN: "write an absolute URL beginning with http:// or https://, without a ? or #",
    EMAIL_PATTERN: "write an e-mail address",
    AUDIO_PATTERN: "write tone, or an absolute URL beginning with http:// or https://",
    FILE_PATTERN: "name a file that lies beside the dialplan, without a folder, such as lead.xml.j2",
    DAY_PATTERN: "write a day as YYYY-MM-DD, in quotes, such as '2026-12-25'",
    ZIP_PREFIX_PATTERN: "write a zip, or the digits that zips begin with, in quotes, such as '787'",
    SPAN_PATTERN: "write a span of the day as HH:MM-HH:MM, in quotes, such as '09:00-17:30'",
    ZONE_PATTERN: "write a time zone, such as America/New_York",
}
"""What to tell an operator whose value does not match."""


def _quoted(raw: object) -> object:
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        raise ValueError("put it in quotes: YAML reads it as a number")
    return raw


def _exact(raw: object) -> object:
    return str(raw) if isinstance(raw, float) else raw


def _as_text(raw: object) -> object:
    if isinstance(raw, bool):
        raise ValueError("put it in quotes, as the partner wants to read it")
    return str(raw) if isinstance(raw, int | float) else raw


def _known_day(raw: object) -> object:
    text = str(raw)
    try:
        date.fromisoformat(text)
    except ValueError:
        raise ValueError("write a day that exists, as YYYY-MM-DD, in quotes, such as '2026-12-25'") from None
    return text


def _known_state(raw: object) -> object:
    if isinstance(raw, str) and raw not in STATES:
        raise ValueError("write a state as two capital letters, such as TX; in quotes, so that NO is none")
    return raw


E164 = Annotated[str, StringConstraints(pattern=E164_PATTERN), BeforeValidator(_quoted)]
Dollars = Annotated[
    Decimal,
    BeforeValidator(_exact),
    Field(ge=0, le=10_000, decimal_places=2),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 10_000}),
]
TimeOfDay = Annotated[str, StringConstraints(pattern=TIME_PATTERN), BeforeValidator(_quoted)]
Span = Annotated[str, StringConstraints(pattern=SPAN_PATTERN), BeforeValidator(_quoted)]
Day = Annotated[str, StringConstraints(pattern=DAY_PATTERN), BeforeValidator(_known_day)]
State = Annotated[str, StringConstraints(pattern=REGION_PATTERN), BeforeValidator(_known_state)]
ZipPrefix = Annotated[str, StringConstraints(pattern=ZIP_PREFIX_PATTERN), BeforeValidator(_quoted)]
Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
Region = Annotated[str, StringConstraints(pattern=REGION_PATTERN)]
Constant = Annotated[str, BeforeValidator(_as_text), WithJsonSchema({"type": ["string", "number", "boolean"]})]


class Section(BaseModel):
    """A part of a dialplan: frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def mistake(key: str, remedy: str) -> PydanticCustomError:
    """What is wrong with ``key``, seen from the section that checks it."""
    return PydanticCustomError("mistake", "{remedy}", {"key": key, "remedy": remedy})
