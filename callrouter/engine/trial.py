"""Tries whether a shared engine would take us in, and changes nothing in it."""

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from callrouter.engine.client import COMMAND_TIMEOUT_S


async def trouble_with(url: str) -> str | None:
    """What stands in the way of an engine at this URL, as a remedy without secrets; ``None`` when nothing does."""
    engine = redis.Redis.from_url(
        url,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=COMMAND_TIMEOUT_S,
        socket_connect_timeout=COMMAND_TIMEOUT_S,
    )
    try:
        role, *_ = await engine.role()
    except NoPermissionError:  # it may be told to keep that to itself
        return None
    except AuthenticationError:
        return "the engine refuses us; check the user and the password"
    except (RedisError, OSError) as error:
        return f"the engine does not answer: {_why(error)}"
    finally:
        await engine.aclose()
    if role in (b"slave", "slave"):
        return "the engine is a replica, which takes no writes; name the primary"
    return None


def _why(error: Exception) -> str:
    """Without the address, which may hold a password."""
    cause = error.__cause__ or error.__context__ or error
    return (getattr(cause, "strerror", None) or type(cause).__name__).lower()
