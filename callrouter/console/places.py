"""Whose sign-ins are counted together: those from one address; a browser that has signed in before counts by itself.

Behind a proxy, or in one office, everybody has one address. Without the second rule whoever guesses tokens there would
keep out those who have one.
"""

import hashlib
import hmac
import ipaddress

from starlette.requests import Request
from starlette.responses import Response

from callrouter.console.console import Console
from callrouter.console.sessions import CONSOLE_ROLES, cookie_name
from callrouter.settings import ApiToken

KNOWN_S = 180 * 86_400
"""How long a browser stays known, from its last sign-in."""


def place_of(console: Console, request: Request) -> str:
    """Where a sign-in comes from, as a digest: an address is personal."""
    mark = _known(console, request.cookies.get(_cookie(console), ""))
    return hashlib.sha256(f"sign-in {_address(request)} {mark}".encode()).hexdigest()[:32]


def mark_known(console: Console, response: Response, token: ApiToken) -> None:
    """Let the browser show from now on that it has signed in with this token. It signs nobody in."""
    response.set_cookie(
        _cookie(console), _mark(token), max_age=KNOWN_S, path="/", secure=console.secure, httponly=True, samesite="lax",
    )  # fmt: skip


def _address(request: Request) -> str:
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address) or address.ipv4_mapped is not None:
        return host
    # A household is given that many addresses at least: each would be a place of its own.
    return str(ipaddress.ip_network((int(address), 64), strict=False))


def _known(console: Console, given: str) -> str:
    """The mark, if it is that of a token in use. One for each token: nobody makes more of them by signing in again."""
    marks = [_mark(token) for token in console.tokens if token.role in CONSOLE_ROLES]
    return next((mark for mark in marks if hmac.compare_digest(mark.encode(), given.encode("utf-8", "replace"))), "")


def _mark(token: ApiToken) -> str:
    return hmac.new(token.token.get_secret_value().encode(), b"callrouter: a known browser", hashlib.sha256).hexdigest()


def _cookie(console: Console) -> str:
    return f"{cookie_name(console)}-known"
