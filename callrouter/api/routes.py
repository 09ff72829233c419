"""All routes of the JSON API, over what the application gives it."""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from random import Random

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callrouter.api.buyers import BuyerBook, buyer_routes
from callrouter.api.callbacks import CallbackBook, callback_routes
from callrouter.api.callers import caller_routes
from callrouter.api.calls import CallReader, ShowsPayout, call_routes
from callrouter.api.docs import docs_routes
from callrouter.api.endpoint import Door, Endpoint
from callrouter.api.openapi import document
from callrouter.api.problems import answer, not_found
from callrouter.api.replies import Replies
from callrouter.api.transfers import TransferDesk, transfer_routes
from callrouter.domain.clock import Clock
from callrouter.engine.client import Engine
from callrouter.settings import ApiToken


@dataclass(frozen=True)
class ApiDeps:
    """What the API works on."""

    tokens: Sequence[ApiToken]
    engine: Engine
    clock: Clock
    rng: Random
    calls: CallReader
    callbacks: CallbackBook
    transfers: TransferDesk
    own_numbers: Container[str]
    """The numbers on which the plans take calls."""
    shows_payout: ShowsPayout
    buyers: BuyerBook | None = None
    """Without it there are no paths of buyers."""


def routes(deps: ApiDeps) -> list[Route]:
    """The API, each path behind its roles, and what describes it; every other path of the API is a problem, 404."""
    found = endpoints(deps)
    described = document(found)
    lost = Route("/api/{path:path}", _no_such_path)
    lost.methods = None  # every method
    return [*found, *docs_routes(described), lost]


def endpoints(deps: ApiDeps) -> list[Endpoint]:
    """Every path that the OpenAPI document describes."""
    door = Door(deps.tokens, Replies(deps.engine, deps.rng))
    return [
        *transfer_routes(door, deps.transfers, deps.clock, deps.own_numbers),
        *caller_routes(door, deps.engine),
        *call_routes(door, deps.calls, deps.shows_payout),
        *callback_routes(door, deps.callbacks),
        *(buyer_routes(door, deps.buyers) if deps.buyers else ()),
    ]


async def _no_such_path(request: Request) -> Response:
    return answer(not_found("path"))
