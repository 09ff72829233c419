"""Signing in and out. Bad sign-ins are slowed down: each place's after a few, everybody's after many."""

import asyncio
import math
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from callrouter.api.auth import find_token
from callrouter.console.console import Console
from callrouter.console.forms import Trouble, from_elsewhere, read_form
from callrouter.console.pages import (
    HOME,
    NAVIGATION,
    SIGN_IN,
    guarded,
    problem_page,
    redirect,
    render,
    safe_next,
    security_headers,
)
from callrouter.console.places import mark_known, place_of
from callrouter.console.sessions import (
    CONSOLE_ROLES,
    Session,
    close_session,
    drop_cookie,
    find_session,
    open_session,
    set_cookie,
)
from callrouter.engine.keys import SIGN_IN_TTL_S

FREE_TRIES = 5
FIRST_WAIT_S = 5
LONGEST_WAIT_S = 300
EVERYBODYS_TRIES = 50
"""With more than so many bad sign-ins lately, from wherever, each answer takes `EVERYBODYS_DELAY_S`."""
EVERYBODYS_DELAY_S = 2.0
_EVERYBODY = "all"
_NEVER = 1_000_000_000


def routes(console: Console) -> list[Route]:
    """The way in, the way out, and the first page."""

    async def sign_in(request: Request) -> Response:
        try:
            if request.method == "POST":
                return await _sign_in(console, request)
            if await find_session(console, request) is not None:
                return RedirectResponse(HOME, HTTPStatus.SEE_OTHER, security_headers())
            wanted = safe_next(request.query_params.get("next"))
            return render(request, None, "sign_in.html", next=wanted, wrong=None)
        except Exception as error:  # noqa: BLE001 - told and logged there
            return problem_page(request, None, error)

    async def sign_out(request: Request, session: Session) -> Response:
        await close_session(console, session)
        response = redirect(request, SIGN_IN)
        drop_cookie(console, response)
        return response

    async def home(request: Request, session: Session) -> Response:
        return redirect(request, NAVIGATION[session.role][0][1])

    return [
        Route(SIGN_IN, sign_in, methods=["GET", "POST"]),
        Route("/console/sign-out", guarded(console, CONSOLE_ROLES, sign_out), methods=["POST"]),
        Route(HOME, guarded(console, CONSOLE_ROLES, home)),
        Route(f"{HOME}/", guarded(console, CONSOLE_ROLES, home)),
    ]


async def _sign_in(console: Console, request: Request) -> Response:
    form = await read_form(request)
    if from_elsewhere(request, console.public_url):
        raise Trouble(HTTPStatus.FORBIDDEN, "this form is from another site", f"sign in at {SIGN_IN}")
    wanted = safe_next(form.get("next"))
    place = place_of(console, request)
    wait_s, _ = await _try(console, place, FREE_TRIES)
    if wait_s:
        return _blocked(request, wanted, wait_s)
    _, tries = await _try(console, _EVERYBODY, _NEVER)
    if tries > EVERYBODYS_TRIES:
        await asyncio.sleep(EVERYBODYS_DELAY_S)
    token = find_token(form.get("token", ""), [token for token in console.tokens if token.role in CONSOLE_ROLES])
    if token is None:
        wrong = "This token is not one of an agent or of operations."
        return render(request, None, "sign_in.html", status=HTTPStatus.UNAUTHORIZED, next=wanted, wrong=wrong)
    await _try(console, place, FREE_TRIES, step="good")
    await _try(console, _EVERYBODY, _NEVER, step="good")
    before = await find_session(console, request)
    if before is not None:
        await close_session(console, before)
    session_id, _ = await open_session(console, token)
    response = redirect(request, wanted)
    set_cookie(console, response, session_id)
    mark_known(console, response, token)
    return response


async def _try(console: Console, place: str, free: int, *, step: str = "try") -> tuple[float, int]:
    """Seconds to wait before this place's next try, and how many it has made lately."""
    engine = console.engine
    wait_ms, tries = await engine.run(
        "sign_in",
        [engine.keys.sign_ins(place)],
        [engine.time_arg(), free, FIRST_WAIT_S * 1000, LONGEST_WAIT_S * 1000, SIGN_IN_TTL_S * 1000, step],
    )
    return int(wait_ms) / 1000, int(tries)


def _blocked(request: Request, wanted: str, wait_s: float) -> Response:
    seconds = math.ceil(wait_s)
    wrong = f"Too many sign-ins with a wrong token. Try again in {seconds} {'second' if seconds == 1 else 'seconds'}."
    headers = {"Retry-After": str(seconds)}
    status = HTTPStatus.TOO_MANY_REQUESTS
    return render(request, None, "sign_in.html", status=status, headers=headers, next=wanted, wrong=wrong)
