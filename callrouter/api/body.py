"""Request bodies: JSON objects of bounded size, read in bounded time, checked with every mistake at once."""

import difflib
import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, NoReturn, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from callrouter.api.problems import Problem, wrong_keys
from callrouter.request_body import BodyTooLarge, whole_body

M = TypeVar("M", bound=BaseModel)

MAX_BODY_BYTES = 64 * 1024
READ_TIMEOUT_S = 10.0


async def read_body(request: Request) -> bytes:
    """The body as it came; it is read once. Raises `Problem` 400, 408 or 413."""
    if not hasattr(request.state, "raw_body"):
        request.state.raw_body = await _read(request)
    raw: bytes = request.state.raw_body
    return raw


async def read_object(request: Request, *, optional: bool = False) -> dict[str, Any]:
    """The body, a JSON object; with ``optional`` no body at all is an empty one. Raises `Problem` 400, 408 or 413."""
    raw = await read_body(request)
    if optional and not raw:
        return {}
    try:
        content = json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Problem(HTTPStatus.BAD_REQUEST, "the body is not JSON") from None
    if not isinstance(content, dict):
        raise Problem(HTTPStatus.BAD_REQUEST, "the body is not a JSON object")
    return content


def checked(model: type[M], content: dict[str, Any]) -> M:
    """``content`` as the model has it. Raises `Problem` 422 with every wrong key."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        found: dict[str, str] = {}
        for detail in error.errors(include_url=False, include_input=False):
            place = _place(detail["loc"], content)
            key = ".".join(place) or "body"
            remedy = detail.get("ctx", {}).get("error") or detail["msg"]
            if detail["type"] == "extra_forbidden":
                remedy = _unknown(place, model)
            found[key] = f"{found[key]}; or: {remedy}" if key in found else str(remedy)
        raise wrong_keys(found.items()) from None


async def _read(request: Request) -> bytes:
    try:
        return await whole_body(request, MAX_BODY_BYTES, READ_TIMEOUT_S)
    except BodyTooLarge:
        detail = f"the body may have {MAX_BODY_BYTES // 1024} KiB at most"
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail, headers={"Connection": "close"}) from None
    except TimeoutError:
        raise Problem(HTTPStatus.REQUEST_TIMEOUT, "the body did not arrive in time") from None
    except ClientDisconnect:
        raise Problem(HTTPStatus.BAD_REQUEST, "the body did not arrive") from None


def _place(where: tuple[int | str, ...], content: object) -> list[str]:
    """The keys that lead there, without the words of its own that pydantic appends for a union's members."""
    keys: list[str] = []
    for part in where[:4]:
        if not isinstance(content, dict):
            break
        keys.append(str(part)[:64])
        content = content.get(part)
    return keys


def _unknown(place: Sequence[str], model: type[BaseModel]) -> str:
    *above, name = place
    known = _inner(model, above).model_fields
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
    return f"unknown; did you mean {near[0]}?" if near else f"unknown; known are {', '.join(known) or 'none'}"


def _inner(model: type[BaseModel], keys: Sequence[str]) -> type[BaseModel]:
    """The model of an object inside another one; a field's model may be one of several types."""
    for key in keys:
        of = model.model_fields[key].annotation
        models = [type_ for type_ in (of, *get_args(of)) if isinstance(type_, type) and issubclass(type_, BaseModel)]
        model = models[0]
    return model


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
