"""How a proxy in front learns that an instance leaves, before it is gone."""

from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from callrouter.domain.clock import Clock

LOOKED_AT = "/readyz"
STAY_S = 4.0
"""How long a leaving instance serves on for a proxy that watches it: two looks of one that looks every second."""
WATCHED_WITHIN_S = 10.0
"""Two looks at ``/readyz`` within this time make a watcher; one may be a person's, or a script's that has ended."""


class Leaving:
    """The application around which this stands, with two additions.

    It notes who looks at ``/readyz``, and while the instance leaves every answer closes its connection, so that a
    proxy has none open that it might use the moment the server is gone.
    """

    def __init__(self, app: ASGIApp, clock: Clock, leaves: Callable[[], bool]) -> None:
        self._app = app
        self._clock = clock
        self._leaves = leaves
        self._looks: tuple[float, ...] = ()
        """When the last two looks were, on the clock's monotonic time."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["path"] == LOOKED_AT:
            self._looks = (*self._looks[-1:], self._clock.monotonic())

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start" and self._leaves():
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
            await send(message)

        await self._app(scope, receive, answer)

    def stay_s(self) -> float:
        """For how many seconds to serve on before the end; 0 where nobody watches ``/readyz``."""
        now = self._clock.monotonic()
        recent = [at for at in self._looks if now - at <= WATCHED_WITHIN_S]
        return STAY_S if len(recent) > 1 else 0.0
