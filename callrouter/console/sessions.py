"""Who is signed in: a random id in a cookie, and behind its digest in the engine whose it is.

A session ends with its sign-out, after `IDLE_S` without a request, after `LONGEST_S` at the latest, and as soon as the
API token that it was opened with is no longer configured.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import redis.asyncio as redis
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from callrouter.console.console import Console
from callrouter.engine.client import Engine
from callrouter.settings import ApiToken, Role

IDLE_S = 3600
LONGEST_S = 12 * 3600
COOKIE = "callrouter"
CONSOLE_ROLES = frozenset({Role.AGENT, Role.OPS})


@dataclass(frozen=True)
class Session:
    """One signed-in person."""

    digest: str
    """Of the id in the cookie: where the session is kept."""
    role: Role
    name: str
    """The name of the API token."""
    csrf: str
    """What every form of this session carries."""


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True)

    token: str
    csrf: str
    started_at: float


def cookie_name(console: Console) -> str:
    """With https the name makes browsers refuse a cookie that another host or a plain page has set."""
    return f"__Host-{COOKIE}" if console.secure else COOKIE


async def open_session(console: Console, token: ApiToken) -> tuple[str, Session]:
    """A new session and the id for its cookie. Raises `EngineUnavailable`."""
    # The system's randomness, never a seeded one: an id that can be guessed is a way in.
    session_id = secrets.token_urlsafe(32)
    kept = _Kept(token=_token_digest(token), csrf=secrets.token_urlsafe(32), started_at=console.clock.now())
    digest = _digest(session_id)
    await console.engine.set(console.engine.keys.session(digest), kept.model_dump_json(), IDLE_S)
    return session_id, _session(digest, kept, token)


async def find_session(console: Console, request: Request) -> Session | None:
    """The session of a request's cookie, its pause counted from now. Raises `EngineUnavailable`."""
    session_id = request.cookies.get(cookie_name(console), "")
    return await session_at(console, _digest(session_id)) if session_id else None


async def session_at(console: Console, digest: str) -> Session | None:
    """The session behind this digest, if it still is one; being used, it lives on."""
    engine = console.engine
    stored = await _get_and_renew(engine, engine.keys.session(digest))
    try:
        kept = _Kept.model_validate_json(stored) if stored else None
    except ValidationError:
        kept = None
    if kept is None:
        return None
    token = _configured(kept.token, console.tokens)
    if token is None or console.clock.now() >= kept.started_at + LONGEST_S:
        await engine.delete(engine.keys.session(digest))
        return None
    return _session(digest, kept, token)


async def close_session(console: Console, session: Session) -> None:
    """Sign out; the cookie is worth nothing from now on."""
    await console.engine.delete(console.engine.keys.session(session.digest))


def set_cookie(console: Console, response: Response, session_id: str) -> None:
    """Give the browser its id."""
    response.set_cookie(
        cookie_name(console), session_id, max_age=LONGEST_S, path="/", secure=console.secure, httponly=True,
        samesite="lax",
    )  # fmt: skip


def drop_cookie(console: Console, response: Response) -> None:
    """Take it back."""
    response.delete_cookie(cookie_name(console), path="/", secure=console.secure, httponly=True, samesite="lax")


def csrf_holds(session: Session, given: str) -> bool:
    """Whether a form or header carries this session's own token."""
    return hmac.compare_digest(session.csrf.encode(), given.encode("utf-8", "surrogateescape"))


def _session(digest: str, kept: _Kept, token: ApiToken) -> Session:
    return Session(digest, token.role, token.name, kept.csrf)


def _configured(token_digest: str, tokens: Sequence[ApiToken]) -> ApiToken | None:
    allowed = (token for token in tokens if token.role in CONSOLE_ROLES)
    return next((token for token in allowed if hmac.compare_digest(_token_digest(token), token_digest)), None)


def _token_digest(token: ApiToken) -> str:
    return _digest(f"{token.role.value}:{token.name}:{token.token.get_secret_value()}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


async def _get_and_renew(engine: Engine, key: str) -> str | None:
    async def getex(client: redis.Redis) -> str | None:
        return cast("str | None", await client.getex(key, ex=IDLE_S))

    return await engine.raw("getex", getex, again=True)
