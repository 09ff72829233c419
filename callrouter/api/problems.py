"""What the API answers when it cannot do what was asked: ``application/problem+json`` (RFC 9457)."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True)
class WrongKey:
    """One wrong key of a body or query, and what to do about it; never the value."""

    key: str
    remedy: str


@dataclass
class Problem(Exception):
    """Raised by a handler; ends as an answer. ``detail`` holds nothing personal and no secret."""

    status: HTTPStatus
    detail: str
    errors: tuple[WrongKey, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


def wrong_keys(errors: Iterable[tuple[str, str]]) -> Problem:
    """422 with every wrong key and its remedy."""
    found = tuple(WrongKey(key, remedy) for key, remedy in errors)
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"{len(found)} wrong; see errors", found)


def not_found(what: str) -> Problem:
    """404 for a thing that does not exist, or no longer."""
    return Problem(HTTPStatus.NOT_FOUND, f"there is no such {what}")


def answer(problem: Problem) -> Response:
    """The problem as a response."""
    body: dict[str, object] = {
        "type": "about:blank",
        "title": problem.status.phrase,
        "status": problem.status.value,
        "detail": problem.detail,
    }
    if problem.errors:
        body["errors"] = [{"key": error.key, "remedy": error.remedy} for error in problem.errors]
    return Response(
        json.dumps(body),
        status_code=problem.status.value,
        media_type=MEDIA_TYPE,
        headers={**problem.headers, "Cache-Control": "no-store"},
    )
