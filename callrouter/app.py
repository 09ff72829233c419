"""The ASGI application: routes, and an instance for as long as it serves."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from random import Random

from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from callrouter.api.routes import ApiDeps, routes
from callrouter.domain.clock import Clock
from callrouter.engine.keys import Keys
from callrouter.instance import Instance
from callrouter.settings import Settings


class App:
    """A Starlette application whose carrier and API routes come with the instance that its lifespan opens."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        clock: Clock,
        rng: Random,
        *,
        keys: Keys | None = None,
        own_engine: bool = True,
    ) -> None:
        self.instance = Instance(settings, environ, clock, rng, keys=keys, own_engine=own_engine)
        self._router = Router(
            [
                Route("/healthz", self._healthz, methods=["GET"]),
                Route("/readyz", self._readyz, methods=["GET"]),
                Route("/metrics", self._metrics, methods=["GET"]),
            ],
            redirect_slashes=False,
        )
        self.failure: Exception | None = None
        """Why the instance did not start."""
        self._asgi = Starlette(lifespan=self._lifespan)
        self._asgi.router.routes = self._router.routes
        self._asgi.router.redirect_slashes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._asgi(scope, receive, send)

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        instance = self.instance
        try:
            try:
                await instance.start()
            except Exception as error:
                self.failure = error
                raise
            self._router.routes.extend(instance.webhooks.routes())
            deps = ApiDeps(instance.settings.api_tokens, instance.engine, instance.calls, instance.outbox)
            self._router.routes.extend(routes(deps))
            yield
        finally:
            # Also after half a start: an engine that was started is not left behind.
            await instance.stop()

    async def _healthz(self, request: Request) -> Response:
        return JSONResponse({"status": "ok", "instance": self.instance.name})

    async def _readyz(self, request: Request) -> Response:
        why = await self.instance.unready()
        # Broken files are told but do not stop service: the last good plans go on.
        broken = [str(mistake) for mistake in self.instance.plan_book.problems]
        body = {"status": "unready" if why else "ready", "reasons": why, "dialplans_refused": broken}
        return JSONResponse(body, status_code=503 if why else 200)

    async def _metrics(self, request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(self.instance.metrics.registry), headers={"content-type": content_type})
