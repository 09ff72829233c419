"""What every API path has in common: authorisation, methods, and one form for everything that goes wrong."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from callrouter.api.auth import authenticate, require
from callrouter.api.problems import Problem, answer
from callrouter.errors import EngineUnavailable, NotFound
from callrouter.settings import ApiToken, Role

log = logging.getLogger("callrouter.api")

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@dataclass(frozen=True)
class Action:
    """What one method of a path does, and who may do it."""

    roles: frozenset[Role]
    handle: Callable[[Request], Awaitable[Response]]


def endpoint(path: str, tokens: Sequence[ApiToken], actions: Mapping[str, Action]) -> Route:
    """A route that answers each request with its action's response or with a problem, never anything else.

    Paths hold telephone numbers, so the log names the route and not the path.
    """

    async def serve(request: Request) -> Response:
        try:
            holder = authenticate(request.headers.get("authorization"), tokens)
            action = actions.get("GET" if request.method == "HEAD" else request.method)
            if action is None:
                allowed = ", ".join(sorted(actions))
                raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, f"use {allowed}", headers={"Allow": allowed})
            require(holder, action.roles)
            return await action.handle(request)
        except Problem as problem:
            return answer(problem)
        except NotFound:
            return answer(Problem(HTTPStatus.NOT_FOUND, "there is no such thing"))
        except EngineUnavailable:
            log.warning("engine unavailable for an API request", extra={"route": path})
            detail = "the engine does not answer; try again shortly"
            return answer(Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": "2"}))
        except Exception:  # the last line of defence: the integrator gets JSON, we get a log line
            log.exception("API request failed", extra={"route": path, "method": request.method})
            return answer(Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "this failed on our side; it is logged"))

    return Route(path, serve, methods=list(METHODS), name=path)


def json_answer(content: Any, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """A JSON response that no cache keeps: answers hold personal data."""
    return JSONResponse(content, status_code=status.value, headers={"Cache-Control": "no-store"})
