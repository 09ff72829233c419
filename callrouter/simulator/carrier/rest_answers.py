"""What every part of the REST side answers with: refusals, pages and times."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate
from typing import TypeVar
from urllib.parse import urlencode

T = TypeVar("T")
Answer = tuple[int, dict[str, object] | None]
"""A status and a body; without a body the answer is empty."""


@dataclass
class RestError(Exception):
    """A refusal in the carrier's own terms."""

    status: int
    code: int
    message: str


def not_found() -> RestError:
    """There is no such thing, or no longer."""
    return RestError(404, 20404, "The requested resource was not found")


def paged(
    name: str, found: Sequence[T], shown: Callable[[T], dict[str, object]], params: Mapping[str, str], path: str
) -> dict[str, object]:
    """One page of ``found`` under ``name``, with the carrier's links to the others."""
    size = min(max(int(params.get("PageSize", "50")), 1), 1000)
    page = int(params.get("Page", "0"))
    here = found[page * size : (page + 1) * size]
    filters = {key: value for key, value in params.items() if key not in {"Page", "PageToken"}}

    def uri(number: int) -> str:
        return f"{path}.json?{urlencode({**filters, 'PageSize': size, 'Page': number})}"

    return {
        name: [shown(each) for each in here],
        "page": page,
        "page_size": size,
        "start": page * size,
        "end": page * size + max(len(here) - 1, 0),
        "uri": uri(page),
        "first_page_uri": uri(0),
        "previous_page_uri": uri(page - 1) if page else None,
        "next_page_uri": uri(page + 1) if (page + 1) * size < len(found) else None,
    }


def epoch(text: str) -> float:
    """Epoch seconds of a date or time in a filter. Raises `RestError`."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise RestError(400, 20001, "Not a date") from error
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def in_time(at: float, name: str, params: Mapping[str, str]) -> bool:
    """Whether a time passes the filters ``name``, ``name>`` and ``name<``. The carrier's times are whole seconds."""
    whole = float(int(at))
    after, before, day = params.get(f"{name}>"), params.get(f"{name}<"), params.get(name)
    if after and whole < epoch(after):
        return False
    if before and whole > epoch(before) + (86_399 if len(before) == len("2026-01-01") else 0):
        return False
    return not day or 0 <= whole - epoch(day) < 86_400


def rfc2822(at: float | None) -> str | None:
    """The time as the REST side writes it."""
    return None if at is None else formatdate(at).replace("-0000", "+0000")
