"""Live parts of a page: server-sent events that carry the fragment anew whenever it has changed."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus

import anyio
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from callrouter.console.console import Console
from callrouter.console.forms import Trouble
from callrouter.console.pages import security_headers
from callrouter.console.sessions import Session, session_at
from callrouter.errors import EngineUnavailable, LedgerUnavailable, NotFound

MAX_STREAMS = 6
"""Live pages that one session may have open at one instance."""
CHECK_SESSION_EVERY_S = 5.0
STOP_S = 2.0
"""How long a stopping server waits for a stream to end; less than it waits for everything."""
SIGNED_OUT = "signed-out"
"""The event that sends a page to the sign-in."""
OVER = "over"
"""The event after which there is nothing more to come."""

log = logging.getLogger("callrouter.console")
# At its finest level it logs what it sends: callers' data.
logging.getLogger("sse_starlette.sse").setLevel(logging.INFO)


def live(
    console: Console,
    request: Request,
    session: Session,
    render: Callable[[], Awaitable[str]],
    every_s: float = 0.5,
) -> Response:
    """A stream of what ``render`` gives, sent when it has changed, until the client or this instance goes.

    An instance that is leaving sends one and ends: the page asks again, and is answered by another. Raises `Trouble`.
    """
    if request.method == "HEAD":
        return Response(headers=security_headers())
    if console.streams.get(session.digest, 0) >= MAX_STREAMS:
        raise Trouble(HTTPStatus.TOO_MANY_REQUESTS, "too many live pages are open", "close some of them")
    return _Counted(console.streams, session.digest, _changes(console, session, render, every_s))


class _Counted(EventSourceResponse):
    """A stream that is counted for as long as it is served, also when its client goes before the first event."""

    def __init__(self, streams: dict[str, int], digest: str, content: AsyncIterator[ServerSentEvent]) -> None:
        super().__init__(
            content,
            headers=security_headers(),
            sep="\n",
            send_timeout=10,
            # The stream sees by itself that the instance leaves, and ends whole; cut off, it would be called an error.
            shutdown_event=anyio.Event(),
            shutdown_grace_period=STOP_S,
        )
        self._streams = streams
        self._digest = digest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Nothing is awaited between `live`'s look and this: of many requests at once each sees those before it.
        streams, digest = self._streams, self._digest
        streams[digest] = streams.get(digest, 0) + 1
        try:
            await super().__call__(scope, receive, send)
        finally:
            streams[digest] -= 1
            if not streams[digest]:
                del streams[digest]


async def _changes(
    console: Console, session: Session, render: Callable[[], Awaitable[str]], every_s: float
) -> AsyncIterator[ServerSentEvent]:
    sent: str | None = None
    text: str | None
    checked_at = console.clock.monotonic()
    while True:
        try:
            if console.clock.monotonic() - checked_at >= CHECK_SESSION_EVERY_S:
                checked_at = console.clock.monotonic()
                if await session_at(console, session.digest) is None:
                    yield ServerSentEvent("signed out", event=SIGNED_OUT)
                    return
            text = await render()
        except (EngineUnavailable, LedgerUnavailable):
            text = sent  # the page stays as it is; the next round tries again
        except NotFound:
            yield ServerSentEvent("over", event=OVER)
            return
        except Exception:
            log.exception("a live page failed")
            return
        if text is not None and text != sent:
            sent = text
            yield ServerSentEvent(text)
        if console.leaving():
            return
        await asyncio.sleep(every_s)
