"""All routes of the console: the way in, and each screen's own."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callrouter.console import agent, buyers, call_page, callbacks, callers, live, log, money, signing, static_files
from callrouter.console.console import Console
from callrouter.console.forms import Trouble
from callrouter.console.pages import AGENTS, HOME, guarded, problem_page
from callrouter.console.sessions import Session


def console_routes(console: Console) -> list[Route]:
    """Every screen behind its roles; any other path under ``/console`` is a page that says so."""
    return [
        *static_files.routes(),
        *signing.routes(console),
        *agent.routes(console),
        *live.routes(console),
        *log.routes(console),
        *call_page.routes(console),
        *callbacks.routes(console),
        *callers.routes(console),
        *buyers.routes(console),
        *money.routes(console),
        *_otherwise(console),
    ]


def _otherwise(console: Console) -> list[Route]:
    """What no screen answers, another method too: it gets a page with everything that guards the others."""
    no_such_page = guarded(console, AGENTS, _no_such_page)

    async def answer(request: Request) -> Response:
        if request.method in _METHODS:
            return await no_such_page(request)
        headers = {"Allow": ", ".join(_METHODS)}
        return problem_page(
            request, None, Trouble(HTTPStatus.METHOD_NOT_ALLOWED, "this cannot be done here", headers=headers)
        )

    routes = [Route(path, answer) for path in (HOME, f"{HOME}/{{path:path}}")]
    for route in routes:
        route.methods = None  # every method
    return routes


_METHODS = ("GET", "HEAD", "POST")


async def _no_such_page(request: Request, session: Session) -> Response:
    raise Trouble(HTTPStatus.NOT_FOUND, "there is no such page", "use the navigation above")
