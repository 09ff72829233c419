"""All routes of the JSON API, over what the application gives it."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callrouter.api.callbacks import CallbackBook, callback_routes
from callrouter.api.callers import caller_routes
from callrouter.api.calls import CallReader, call_routes
from callrouter.api.endpoint import METHODS
from callrouter.api.problems import answer, not_found
from callrouter.engine.client import Engine
from callrouter.settings import ApiToken


@dataclass(frozen=True)
class ApiDeps:
    """What the API works on."""

    tokens: Sequence[ApiToken]
    engine: Engine
    calls: CallReader
    callbacks: CallbackBook


def routes(deps: ApiDeps) -> list[Route]:
    """Callers, calls and callbacks, each behind its roles; every other path of the API is a problem, 404."""
    return [
        *caller_routes(deps.tokens, deps.engine),
        *call_routes(deps.tokens, deps.calls),
        *callback_routes(deps.tokens, deps.callbacks),
        Route("/api/{path:path}", _no_such_path, methods=list(METHODS)),
    ]


async def _no_such_path(request: Request) -> Response:
    return answer(not_found("path"))
