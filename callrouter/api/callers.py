"""What is known about a person before they call: told by web forms and CRMs, kept for a time, used by the flow."""

import ipaddress
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Annotated

import redis.asyncio as redis
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callrouter.api.auth import ANYONE
from callrouter.api.body import checked, read_object
from callrouter.api.endpoint import Action, endpoint, json_answer
from callrouter.api.problems import not_found, wrong_keys
from callrouter.domain.caller import Caller
from callrouter.domain.phone import caller_number
from callrouter.engine.client import Engine
from callrouter.places import zips
from callrouter.settings import ApiToken

log = logging.getLogger("callrouter.api")

PATH = "/api/v1/callers/{phone}"
DEFAULT_TTL_S = 7 * 86_400
MAX_FIELDS_CHARS = 8_192
MAX_TTL_S = 30 * 86_400


def _email(text: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", text, re.ASCII):
        raise ValueError("write an e-mail address")
    return text


def _ip(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError("write an IPv4 or IPv6 address") from None


def _zip(text: str) -> str:
    if not _FIVE_DIGITS.fullmatch(text):
        raise ValueError("write five digits")
    if zips.lookup(text) is None:
        raise ValueError("there is no such zip code")
    return text


def _state(text: str) -> str:
    if not _TWO_CAPITALS.fullmatch(text):
        raise ValueError("write two capital letters")
    if text not in _MILITARY and not zips.zones_of_state(text):
        raise ValueError("there is no such state")
    return text


_FIVE_DIGITS = re.compile(r"\d{5}", re.ASCII)
_TWO_CAPITALS = re.compile(r"[A-Z]{2}")
_MILITARY = frozenset({"AA", "AE", "AP"})
"""States of the mail that lie in no time zone."""

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
_Zip = Annotated[_Text, AfterValidator(_zip)]
_State = Annotated[_Text, AfterValidator(_state)]
_Email = Annotated[_Text, AfterValidator(_email)]
_FieldName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")]
_FieldText = Annotated[str, StringConstraints(max_length=2000)]


def _not_too_much(fields: dict[str, str | int | bool]) -> dict[str, str | int | bool]:
    # Each value is looked for in what buyers are sent and answer, to be masked in the record.
    if sum(len(name) + len(str(value)) for name, value in fields.items()) > MAX_FIELDS_CHARS:
        raise ValueError(f"shorten them to {MAX_FIELDS_CHARS} characters in all")
    return fields


class CallerBody(BaseModel):
    """The body of ``PUT``; every key is optional, ``null`` is the same as leaving it out."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    zip: _Zip | None = None
    state: _State | None = None
    first_name: _Text | None = None
    last_name: _Text | None = None
    email: _Email | None = None
    address: _Text | None = None
    city: _Text | None = None
    ip: Annotated[_Text, AfterValidator(_ip)] | None = None
    consent: bool | None = None
    fields: Annotated[
        dict[_FieldName, _FieldText | int | bool], Field(max_length=100), AfterValidator(_not_too_much)
    ] = {}
    ttl_s: int = Field(default=DEFAULT_TTL_S, ge=1, le=MAX_TTL_S)


def caller_routes(tokens: Sequence[ApiToken], engine: Engine) -> list[Route]:
    """``PUT``, ``GET`` and ``DELETE`` of one caller."""

    async def put(request: Request) -> Response:
        phone = _phone(request)
        body = checked(CallerBody, await read_object(request))
        caller = Caller(phone=phone, **body.model_dump(exclude={"ttl_s"}))
        await engine.set(engine.keys.caller(phone), caller.model_dump_json(), body.ttl_s)
        return json_answer(_shown(caller, body.ttl_s))

    async def get(request: Request) -> Response:
        phone = _phone(request)
        caller = await known_caller(engine, phone)
        if caller is None:
            raise not_found("caller")
        return json_answer(_shown(caller, await _ttl_s(engine, phone)))

    async def delete(request: Request) -> Response:
        if not await engine.delete(engine.keys.caller(_phone(request))):
            raise not_found("caller")
        return Response(status_code=204)

    actions = {"PUT": Action(ANYONE, put), "GET": Action(ANYONE, get), "DELETE": Action(ANYONE, delete)}
    return [endpoint(PATH, tokens, actions)]


async def known_caller(engine: Engine, phone: str) -> Caller | None:
    """What was told about this E.164 number, or ``None``. Raises `EngineUnavailable`."""
    stored = await engine.get(engine.keys.caller(phone))
    if stored is None:
        return None
    try:
        return Caller.model_validate_json(stored)
    except ValidationError:
        # Written by another release: a caller that we do not know is asked, which is better than a failed call.
        log.error("stored caller is unreadable and left out")
        return None


def _phone(request: Request) -> str:
    phone = caller_number(request.path_params["phone"])
    if phone is None:
        raise wrong_keys([("phone", "write a North American number in service, such as +1 and ten digits")])
    return phone


def _shown(caller: Caller, ttl_s: int) -> Mapping[str, object]:
    return {**caller.model_dump(mode="json"), "ttl_s": ttl_s}


async def _ttl_s(engine: Engine, phone: str) -> int:
    async def ttl(client: redis.Redis) -> int:
        return await client.ttl(engine.keys.caller(phone))

    return max(0, await engine.raw("ttl", ttl, again=True))
