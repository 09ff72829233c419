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
from callrouter.carrier.twilio.browser import browser_token
from callrouter.console.console import Console
from callrouter.console.routes import console_routes
from callrouter.domain.clock import Clock
from callrouter.engine.keys import Keys
from callrouter.instance import Instance
from callrouter.settings import Settings

PHONE_TOKEN_TTL_S = 3600
"""A browser phone's token; its script asks for the next one in time."""


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
        books: str | None = None,
    ) -> None:
        self._clock = clock
        self._rng = rng
        self.instance = Instance(settings, environ, clock, rng, keys=keys, own_engine=own_engine, books=books)
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
            deps = ApiDeps(
                tokens=instance.settings.api_tokens,
                engine=instance.engine,
                clock=self._clock,
                rng=self._rng,
                calls=instance.calls,
                callbacks=instance.outbox,
                buyers=instance.buyers,
                transfers=instance.desk,
                own_numbers=instance.own_numbers,
                shows_payout=instance.shows_payout,
            )
            self._router.routes.extend(routes(deps))
            self._router.routes.extend(console_routes(self._console()))
            yield
        finally:
            # Also after half a start: an engine that was started is not left behind.
            await instance.stop()

    def _console(self) -> Console:
        instance, settings = self.instance, self.instance.settings
        return Console(
            tokens=settings.api_tokens,
            engine=instance.engine,
            clock=self._clock,
            calls=instance.calls,
            callbacks=instance.outbox,
            plans_in_use=lambda: instance.plan_book.current.by_name,
            public_url=settings.public_url,
            desk=instance.desk,
            ledger=instance.ledger,
            buyers=instance.buyers,
            phone_token=self._phone_token if settings.twilio_api_key else None,
            leaving=lambda: instance.draining,
        )

    def _phone_token(self, identity: str) -> str:
        settings = self.instance.settings
        secret = settings.twilio_api_secret.get_secret_value()
        account, key = settings.twilio_account_sid, settings.twilio_api_key
        return browser_token(account, key, secret, identity, PHONE_TOKEN_TTL_S, self._clock.now())

    async def _healthz(self, request: Request) -> Response:
        return JSONResponse({"status": "ok", "instance": self.instance.name})

    async def _readyz(self, request: Request) -> Response:
        why = await self.instance.unready()
        # Broken files are told but do not stop service: the last good plans go on. Nor does a ledger that is out: were
        # all instances to leave their proxy for it, no caller would be served.
        broken = [str(mistake) for mistake in self.instance.plan_book.problems]
        body = {
            "status": "unready" if why else "ready",
            "reasons": why,
            "warnings": await self.instance.warnings(),
            "dialplans_refused": broken,
        }
        return JSONResponse(body, status_code=503 if why else 200)

    async def _metrics(self, request: Request) -> Response:
        await self.instance.books.refresh(self.instance.engine)
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(self.instance.metrics.registry), headers={"content-type": content_type})
