"""What every API path has in common: authorisation, methods, checked bodies and queries, and what goes wrong."""

import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from callrouter.api.auth import authenticate, require
from callrouter.api.body import checked, read_body, read_object
from callrouter.api.problems import Problem, answer, not_found
from callrouter.api.query import read_query
from callrouter.api.replies import HEADER, Replies
from callrouter.errors import EngineUnavailable, LedgerUnavailable, NotFound
from callrouter.settings import ApiToken, Role
from callrouter.transfers.desk import TransferRefused

M = TypeVar("M", bound=BaseModel)

log = logging.getLogger("callrouter.api")


@dataclass(frozen=True)
class Action:
    """What one method of a path does, and who may do it. The OpenAPI document says what stands here."""

    roles: frozenset[Role]
    handle: Callable[[Request], Awaitable[Response]]
    about: str = ""
    """One line for integrators."""
    more: str = ""
    """What else they should know."""
    query: type[BaseModel] | None = None
    """What the query is checked against; the handler has it from `query_of`."""
    body: type[BaseModel] | None = None
    """What the body is checked against; the handler has it from `body_of`."""
    body_optional: bool = False
    """Whether no body at all is the same as an empty object."""
    answers: Mapping[int, type[BaseModel] | None] = field(default_factory=dict)
    """What is answered when it went well: the status, and the shape of the body if there is one."""
    refusals: tuple[int, ...] = ()
    """The statuses of problems that the handler itself raises."""


@dataclass(frozen=True)
class PathParameter:
    """A part of a path that is filled in."""

    name: str
    pattern: str
    """What it looks like, a regular expression of the whole."""
    about: str
    example: str
    of: str | None = None
    """What there is none of when it does not look like that; ``None``: the handler says what is wrong."""


@dataclass(frozen=True)
class Door:
    """What every path stands behind: who may come in, and what was answered before."""

    tokens: Sequence[ApiToken]
    replies: Replies


class Endpoint(Route):
    """A route that answers each request with its action's response or with a problem, never anything else.

    Paths hold telephone numbers, so the log names the route and not the path.
    """

    def __init__(
        self, path: str, door: Door, actions: Mapping[str, Action], parameters: Sequence[PathParameter]
    ) -> None:
        super().__init__(path, self._serve, name=path)
        # Every method comes here, also one that nobody has heard of: its answer is a problem too.
        self.methods = None
        self.actions = actions
        self.parameters = tuple(parameters)
        self._door = door

    async def _serve(self, request: Request) -> Response:
        return await self._answered(request, self._let_in)

    async def _let_in(self, request: Request) -> Response:
        holder = authenticate(request.headers.get("authorization"), self._door.tokens)
        action = self.actions.get("GET" if request.method == "HEAD" else request.method)
        if action is None:
            allowed = ", ".join(sorted(self.actions))
            raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, f"use {allowed}", headers={"Allow": allowed})
        require(holder, action.roles)
        request.state.holder = holder

        async def act() -> Response:
            return await self._answered(request, lambda asked: self._act(asked, action))

        if request.method != "POST" or HEADER not in request.headers:
            return await act()
        return await self._door.replies.once(request, holder, await read_body(request), act)

    async def _act(self, request: Request, action: Action) -> Response:
        for parameter in self.parameters:
            given = request.path_params[parameter.name]
            if parameter.of is not None and not re.fullmatch(parameter.pattern, given, re.ASCII):
                raise not_found(parameter.of)
        if action.query is not None:
            request.state.query = read_query(action.query, request)
        if action.body is not None:
            request.state.body = checked(action.body, await read_object(request, optional=action.body_optional))
        return await action.handle(request)

    async def _answered(self, request: Request, act: Callable[[Request], Awaitable[Response]]) -> Response:
        try:
            return await act(request)
        except Problem as problem:
            return answer(problem)
        except NotFound:
            return answer(Problem(HTTPStatus.NOT_FOUND, "there is no such thing"))
        except TransferRefused as refused:
            return answer(Problem(HTTPStatus.CONFLICT, str(refused)))
        except EngineUnavailable:
            log.warning("engine unavailable for an API request", extra={"route": self.path})
            return _out("engine")
        except LedgerUnavailable:
            log.warning("ledger unavailable for an API request", extra={"route": self.path})
            return _out("ledger")
        except Exception:  # the last line of defence: the integrator gets JSON, we get a log line
            log.exception("API request failed", extra={"route": self.path, "method": request.method})
            return answer(Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "this failed on our side; it is logged"))


def _out(what: str) -> Response:
    detail = f"the {what} does not answer; try again shortly"
    return answer(Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": "2"}))


def endpoint(
    path: str, door: Door, actions: Mapping[str, Action], parameters: Sequence[PathParameter] = ()
) -> Endpoint:
    """A path with what each of its methods does; ``parameters`` describes the parts in braces."""
    return Endpoint(path, door, actions, parameters)


def holder_of(request: Request) -> ApiToken:
    """The token that a handler's request came with."""
    holder: ApiToken = request.state.holder
    return holder


def query_of(request: Request, model: type[M]) -> M:
    """The query of a handler's request, which its action says is such a model."""
    return _of(model, request.state.query)


def body_of(request: Request, model: type[M]) -> M:
    """The body of a handler's request, which its action says is such a model."""
    return _of(model, request.state.body)


def _of(model: type[M], checked_before: BaseModel) -> M:
    if not isinstance(checked_before, model):
        raise TypeError(f"the action names {type(checked_before).__name__}, its handler {model.__name__}")
    return checked_before


def json_answer(content: BaseModel | Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK) -> Response:
    """A JSON response that no cache keeps: answers hold personal data."""
    shown = content.model_dump(mode="json") if isinstance(content, BaseModel) else dict(content)
    return JSONResponse(shown, status_code=status.value, headers={"Cache-Control": "no-store"})
