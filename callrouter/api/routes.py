"""All routes of the JSON API, over what the application gives it."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.routing import Route

from callrouter.api.callbacks import CallbackBook, callback_routes
from callrouter.api.callers import caller_routes
from callrouter.api.calls import CallReader, call_routes
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
    """Callers, calls and callbacks, each behind its roles."""
    return [
        *caller_routes(deps.tokens, deps.engine),
        *call_routes(deps.tokens, deps.calls),
        *callback_routes(deps.tokens, deps.callbacks),
    ]
