"""Who is asking: bearer tokens, compared in constant time."""

import hashlib
import hmac
from collections.abc import Sequence
from http import HTTPStatus

from callrouter.api.problems import Problem
from callrouter.settings import ApiToken, Role

ANYONE = frozenset(Role)
OPERATORS = frozenset({Role.OPS, Role.SYSTEM})


def authenticate(header: str | None, tokens: Sequence[ApiToken]) -> ApiToken:
    """The token that an ``Authorization`` header holds. Raises `Problem` 401."""
    scheme, _, given = (header or "").strip().partition(" ")
    holder = find_token(given.strip(), tokens) if scheme.lower() == "bearer" else None
    if holder is None:
        challenge = 'Bearer realm="callrouter"' + (', error="invalid_token"' if header else "")
        detail = "send Authorization: Bearer and a token of CALLROUTER_API_TOKENS"
        raise Problem(HTTPStatus.UNAUTHORIZED, detail, headers={"WWW-Authenticate": challenge})
    return holder


def find_token(given: str, tokens: Sequence[ApiToken]) -> ApiToken | None:
    """The token equal to ``given``; takes equally long for every wrong one."""
    digest = _digest(given)
    found = None
    for token in tokens:
        if hmac.compare_digest(digest, _digest(token.token.get_secret_value())):
            found = token
    return found


def require(holder: ApiToken, roles: frozenset[Role]) -> None:
    """Raises `Problem` 403 when the holder's role is none of these."""
    if holder.role not in roles:
        raise Problem(HTTPStatus.FORBIDDEN, f"the role {holder.role.value} may not do this")


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
