"""What is known about a person before they call: told by web forms and CRMs, kept for a time, used by the flow."""

import ipaddress
import logging
import re
from typing import Annotated

import redis.asyncio as redis
from pydantic import AfterValidator, Field, StringConstraints, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from callrouter.api.auth import ANYONE
from callrouter.api.endpoint import Action, Door, Endpoint, PathParameter, body_of, endpoint, json_answer
from callrouter.api.problems import not_found, wrong_keys
from callrouter.api.shapes import PHONE_PATTERN, PHONE_REMEDY, Part, Wanted
from callrouter.domain.caller import Caller
from callrouter.domain.phone import caller_number
from callrouter.engine.client import Engine
from callrouter.places import zips

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
_Zip = Annotated[_Text, AfterValidator(_zip), Field(json_schema_extra={"pattern": r"^\d{5}$"}, examples=["78701"])]
_State = Annotated[_Text, AfterValidator(_state), Field(json_schema_extra={"pattern": "^[A-Z]{2}$"}, examples=["TX"])]
_Email = Annotated[
    _Text, AfterValidator(_email), Field(json_schema_extra={"format": "email"}, examples=["ann@example.com"])
]
_FieldName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")]
_FieldText = Annotated[str, StringConstraints(max_length=2000)]


def _not_too_much(fields: dict[str, str | int | bool]) -> dict[str, str | int | bool]:
    # Each value is looked for in what buyers are sent and answer, to be masked in the record.
    if sum(len(name) + len(str(value)) for name, value in fields.items()) > MAX_FIELDS_CHARS:
        raise ValueError(f"shorten them to {MAX_FIELDS_CHARS} characters in all")
    return fields


class CallerFacts(Wanted):
    """What may be told of a person; every key is optional, ``null`` is the same as leaving it out."""

    zip: _Zip | None = None
    """Where they live, five digits."""
    state: _State | None = None
    first_name: _Text | None = None
    last_name: _Text | None = None
    email: _Email | None = None
    address: _Text | None = None
    city: _Text | None = None
    ip: Annotated[_Text, AfterValidator(_ip)] | None = None
    """From where they filled in a form."""
    consent: bool | None = None
    """Whether their data may be sold as a lead."""
    fields: Annotated[
        dict[_FieldName, _FieldText | int | bool],
        Field(default_factory=dict, max_length=100),
        AfterValidator(_not_too_much),
    ]
    """Extras under the partners' own names."""


class CallerBody(CallerFacts):
    """What is told of a person before they call."""

    ttl_s: int = Field(default=DEFAULT_TTL_S, ge=1, le=MAX_TTL_S)
    """For how long it is kept, in seconds."""


class CallerShown(Part):
    """What is known of a person."""

    phone: str
    """E.164."""
    zip: str | None
    state: str | None
    first_name: str | None
    last_name: str | None
    email: str | None
    address: str | None
    city: str | None
    ip: str | None
    consent: bool | None
    fields: dict[str, str | int | bool]
    ttl_s: int
    """For how much longer it is kept, in seconds."""


def caller_routes(door: Door, engine: Engine) -> list[Endpoint]:
    """``PUT``, ``GET`` and ``DELETE`` of one caller."""

    async def put(request: Request) -> Response:
        phone = _phone(request)
        body = body_of(request, CallerBody)
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

    actions = {
        "PUT": Action(
            *(ANYONE, put, "Tell what is known of a person", "It replaces all that was told before."),
            body=CallerBody,
            answers={200: CallerShown},
            refusals=(422,),
        ),
        "GET": Action(*(ANYONE, get, "What is known of a person"), answers={200: CallerShown}, refusals=(404, 422)),
        "DELETE": Action(
            *(ANYONE, delete, "Forget what is known of a person", "Records of calls are not touched."),
            answers={204: None},
            refusals=(404, 422),
        ),
    }
    phone = PathParameter("phone", PHONE_PATTERN, "The person's number; any usual way of writing it.", "+15125550123")
    return [endpoint(PATH, door, actions, [phone])]


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
        raise wrong_keys([("phone", PHONE_REMEDY)])
    return phone


def _shown(caller: Caller, ttl_s: int) -> CallerShown:
    return CallerShown.model_validate({**caller.model_dump(), "ttl_s": ttl_s})


async def _ttl_s(engine: Engine, phone: str) -> int:
    async def ttl(client: redis.Redis) -> int:
        return await client.ttl(engine.keys.caller(phone))

    return max(0, await engine.raw("ttl", ttl, again=True))
