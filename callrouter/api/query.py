"""Query parameters: checked against a model, with every mistake at once."""

from datetime import UTC, datetime, time
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema
from starlette.requests import Request

from callrouter.api.body import checked
from callrouter.api.problems import wrong_keys

M = TypeVar("M", bound=BaseModel)

TWICE = "give it once"


class QueryModel(BaseModel):
    """The base of what queries are checked against; fields' docstrings describe the parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class NoQuery(QueryModel):
    """For a path without parameters: one that is given is refused."""


def read_query(model: type[M], request: Request) -> M:
    """The query as the model has it. Raises `Problem` 422 for each parameter that is wrong, unknown or given twice."""
    given: dict[str, Any] = {}
    wrong: list[tuple[str, str]] = []
    for name, value in request.query_params.multi_items():
        if name in given and (name, TWICE) not in wrong:
            wrong.append((name, TWICE))
        given[name] = value.strip()
    if wrong:
        raise wrong_keys((name[:40], remedy) for name, remedy in wrong)
    return checked(model, given)


def whole(text: str) -> int:
    """Reads a whole number. Raises `ValueError` with the remedy."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError("write a whole number")
    return int(text)


def moment(text: str) -> float:
    """Reads an RFC 3339 time, or a date, which is its midnight in UTC; epoch seconds."""
    try:
        # A plus sign that was not escaped arrives as a space.
        at = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        if at.tzinfo is None and (at.time() != time.min or "T" in text):
            raise ValueError
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise ValueError("write a time such as 2026-11-21T02:25:00Z, or a date such as 2026-11-21") from None


WHOLE = BeforeValidator(whole)
Moment = Annotated[
    float,
    BeforeValidator(moment),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-21T02:25:00Z"]}),
]
"""Epoch seconds, from an RFC 3339 time or a date."""
