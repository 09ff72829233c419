"""How a screen is made.

To add one: a template in ``templates/`` that extends ``base.html`` (block ``main``; set ``title``), and a module with
``routes(console) -> list[Route]``, each route's endpoint made by ``guarded(console, roles, handler)`` with a handler
``async def (request, session) -> Response`` that ends in ``render(request, session, "screen.html", **values)``. Name
the module in ``routes.py``, and the screen in `NAVIGATION`. Forms hold ``{{ csrf() }}``; htmx sends the same as a
header. What a person did wrong is ``raise Trouble(status, why, remedy)``. Live parts: ``events.live``.
"""

import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from http import HTTPStatus
from importlib import resources
from typing import Any
from urllib.parse import quote, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from callrouter.console.console import Console
from callrouter.console.forms import Trouble, from_elsewhere, read_form
from callrouter.console.sessions import Session, csrf_holds, find_session
from callrouter.errors import EngineUnavailable, LedgerUnavailable, NotFound
from callrouter.settings import Role

log = logging.getLogger("callrouter.console")

HOME = "/console"
SIGN_IN = "/console/sign-in"
AGENTS = frozenset({Role.AGENT, Role.OPS})
OPERATIONS = frozenset({Role.OPS})

NAVIGATION: Mapping[Role, tuple[tuple[str, str], ...]] = {
    Role.AGENT: (("Transfer", "/console/transfer"),),
    Role.OPS: (
        ("Live", "/console/live"),
        ("Calls", "/console/calls"),
        ("Money", "/console/money"),
        ("Buyers", "/console/buyers"),
        ("Callbacks", "/console/callbacks"),
        ("Callers", "/console/callers"),
        ("Transfer", "/console/transfer"),
    ),
}
"""What each role can go to; the first is its home."""

Handler = Callable[[Request, Session], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]

_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'{connect}; "
    "font-src 'self'; media-src 'self'{media}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_PHONE_CONNECT = (
    " wss://voice-js.roaming.twilio.com https://eventgw.twilio.com https://media.twiliocdn.com https://sdk.twilio.com"
)
_PHONE_MEDIA = " mediastream: https://media.twiliocdn.com https://sdk.twilio.com"


def security_headers(*, phone: bool = False) -> dict[str, str]:
    """What every answer of the console carries; ``phone`` lets the page reach the carrier's browser phone as well."""
    csp = _CSP.format(connect=_PHONE_CONNECT if phone else "", media=_PHONE_MEDIA if phone else "")
    return {
        "Content-Security-Policy": csp,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": f"microphone=({'self' if phone else ''}), camera=(), geolocation=()",
        "Cache-Control": "no-store",
    }


@cache
def environment() -> Environment:
    """The templates, everything escaped, unknown names an error."""
    env = Environment(
        loader=PackageLoader("callrouter.console"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.globals["asset"] = asset_url
    return env


@cache
def asset_url(name: str) -> str:
    """The address of a file of ``static/``: it changes with the content, so that it may be cached for good."""
    content = (resources.files("callrouter.console") / "static" / name).read_bytes()
    return f"{HOME}/static/{hashlib.sha256(content).hexdigest()[:16]}/{name}"


def fragment(session: Session | None, template: str, **values: Any) -> str:
    """A template's text, for a part of a page."""
    csrf = Markup('<input type="hidden" name="csrf" value="{}">').format(session.csrf if session else "")
    return environment().get_template(template).render(session=session, csrf=lambda: csrf, **values)


def render(
    request: Request,
    session: Session | None,
    template: str,
    *,
    status: HTTPStatus = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
    phone_page: bool = False,
    **values: Any,
) -> HTMLResponse:
    """A page, or a fragment, with everything that guards it; a ``phone_page`` may use the browser as a phone."""
    navigation = NAVIGATION[session.role] if session else ()
    text = fragment(session, template, navigation=navigation, path=request.url.path, **values)
    return HTMLResponse(text, status.value, {**security_headers(phone=phone_page), **(headers or {})})


def redirect(request: Request, path: str) -> Response:
    """To another screen, whether a form or htmx asked."""
    if is_htmx(request):
        return Response(status_code=HTTPStatus.NO_CONTENT, headers={**security_headers(), "HX-Redirect": path})
    return RedirectResponse(path, HTTPStatus.SEE_OTHER, security_headers())


def safe_next(wanted: str | None, fallback: str = HOME) -> str:
    """Where to go after signing in: a page of the console and nothing else."""
    wanted = wanted or ""
    try:
        parts = urlsplit(wanted) if wanted.isascii() and wanted.isprintable() else None
    except ValueError:
        parts = None
    inside = parts is not None and not parts.scheme and not parts.netloc and "\\" not in wanted
    if not inside or parts is None or not f"{parts.path}/".startswith(f"{HOME}/") or ".." in parts.path:
        return fallback
    return fallback if parts.path.startswith(SIGN_IN) else wanted


def guarded(console: Console, roles: frozenset[Role], handler: Handler) -> Endpoint:
    """The handler for those who are signed in with one of these roles; what goes wrong is told in words.

    Everything but GET needs the session's CSRF token, and a page of ours that it came from.
    """

    async def serve(request: Request) -> Response:
        session = None
        try:
            session = await find_session(console, request)
            if session is None:
                return _sign_in_first(request)
            if request.method not in ("GET", "HEAD"):
                await _check_origin(console, request, session)
            if session.role not in roles:
                raise Trouble(HTTPStatus.FORBIDDEN, "this page is not for agents", "ask operations")
            return await handler(request, session)
        except Exception as error:  # noqa: BLE001 - the last line of defence, told and logged there
            return problem_page(request, session, error)

    return serve


def problem_page(request: Request, session: Session | None, error: Exception) -> Response:
    """Whatever went wrong, as a page, or as a fragment for htmx."""
    trouble = _told(request, error)
    headers = dict(trouble.headers)
    values: dict[str, Any] = {"why": trouble.why, "remedy": trouble.remedy}
    if is_htmx(request):
        headers |= {"HX-Retarget": "#problem", "HX-Reswap": "innerHTML"}
        return render(request, session, "problem_part.html", status=trouble.status, headers=headers, **values)
    return render(request, session, "problem.html", status=trouble.status, headers=headers, **values)


def _told(request: Request, error: Exception) -> Trouble:
    if isinstance(error, Trouble):
        return error
    if isinstance(error, NotFound):
        return Trouble(HTTPStatus.NOT_FOUND, "there is no such thing, or no longer", "look it up again")
    if isinstance(error, EngineUnavailable | LedgerUnavailable):
        what = "the engine" if isinstance(error, EngineUnavailable) else "the ledger of finished calls"
        log.warning("console request without what it needs", extra={"what": what})
        return Trouble(
            HTTPStatus.SERVICE_UNAVAILABLE, f"{what} does not answer", "try again in a moment",
            headers={"Retry-After": "2"},
        )  # fmt: skip
    route = request.scope.get("route")
    fields = {"route": getattr(route, "path", ""), "method": request.method}
    log.error("console request failed", extra=fields, exc_info=error)
    return Trouble(HTTPStatus.INTERNAL_SERVER_ERROR, "this failed on our side, and is logged", "try again")


def _sign_in_first(request: Request) -> Response:
    if is_htmx(request):
        headers = {**security_headers(), "HX-Redirect": SIGN_IN}
        return Response(status_code=HTTPStatus.UNAUTHORIZED, headers=headers)
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    target = f"{SIGN_IN}?next={quote(wanted, safe='/')}" if request.method == "GET" and wanted != HOME else SIGN_IN
    return RedirectResponse(target, HTTPStatus.SEE_OTHER, security_headers())


async def _check_origin(console: Console, request: Request, session: Session) -> None:
    form = await read_form(request)
    request.state.form = form
    given = request.headers.get("x-csrf-token") or form.get("csrf", "")
    if from_elsewhere(request, console.public_url) or not csrf_holds(session, given):
        raise Trouble(
            HTTPStatus.FORBIDDEN, "this form is from an earlier sign-in, or from another site",
            "open the page again and repeat it",
        )  # fmt: skip


def is_htmx(request: Request) -> bool:
    """Whether a part of a page is asked for, and not a page."""
    return request.headers.get("hx-request") == "true"
