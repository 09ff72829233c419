"""The API behind real HTTP on loopback, over a real engine and the real outbox."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import aiohttp
import uvicorn
from pydantic import SecretStr
from starlette.applications import Starlette
from uvicorn.server import ServerState

from callrouter.api.calls import Record
from callrouter.api.routes import ApiDeps, routes
from callrouter.callbacks.outbox import Outbox
from callrouter.domain.clock import SystemClock
from callrouter.engine.client import Engine
from callrouter.errors import EngineUnavailable
from callrouter.settings import ApiToken, Role
from tests.api.desk import ScriptedDesk
from tests.support.waiting import wait_until

TOKENS = tuple(ApiToken(role=role, name=role.value, token=SecretStr(f"{role.value}-token-0123456789")) for role in Role)

OUR_NUMBERS = frozenset({"+18885550100", "+18885550101"})


class Calls:
    """Calls at hand, read as the application's reader would."""

    def __init__(self) -> None:
        self.living: list[Record] = []
        self.ended: list[Record] = []
        self.asked: list[Mapping[str, Any]] = []
        self.out = False

    async def live(self) -> Sequence[Record]:
        if self.out:
            raise EngineUnavailable("get: ConnectionError")
        return self.living

    async def get(self, sid: str) -> Record | None:
        return next((call for call in (*self.living, *self.ended) if call["sid"] == sid), None)

    async def find(self, *, limit: int, before: str | None, **wanted: Any) -> Sequence[Record]:
        self.asked.append(wanted)
        sids = [call["sid"] for call in self.ended]
        start = sids.index(before) + 1 if before else 0
        return self.ended[start : start + limit]


class Api:
    """A client of the served API."""

    def __init__(
        self, url: str, session: aiohttp.ClientSession, calls: Calls, outbox: Outbox, desk: ScriptedDesk
    ) -> None:
        self.desk = desk
        self.url = url
        self.session = session
        self.calls = calls
        self.outbox = outbox

    async def ask(
        self, method: str, path: str, *, role: str | None = "ops", headers: Mapping[str, str] | None = None, **more: Any
    ) -> tuple[int, Any, Mapping[str, str]]:
        """Status, JSON body (``None`` when empty) and headers."""
        authorisation = {"Authorization": f"Bearer {role}-token-0123456789"} if role else {}
        sent = {**authorisation, **(headers or {})}
        async with self.session.request(method, self.url + path, headers=sent, **more) as response:
            text = await response.text()
            body: Any = json.loads(text) if text else None
            if response.status >= 400:
                assert response.content_type == "application/problem+json"
                assert body["status"] == response.status
                assert body["title"]
            return response.status, body, dict(response.headers)


@asynccontextmanager
async def serving(engine: Engine, tokens: Sequence[ApiToken] = TOKENS) -> AsyncIterator[Api]:
    """Serve the API over this engine for the time of the block."""
    calls, outbox, desk = Calls(), Outbox(engine, SystemClock()), ScriptedDesk()
    deps = ApiDeps(
        tokens=tokens,
        engine=engine,
        clock=SystemClock(),
        rng=random.Random(1),
        calls=calls,
        callbacks=outbox,
        transfers=desk,
        own_numbers=OUR_NUMBERS,
        shows_payout=lambda plan, role: role is not Role.AGENT or plan == "open",
    )
    app = Starlette(routes=routes(deps))
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", ws="none")
    config.load()
    state = ServerState()
    protocol: Any = config.http_protocol_class
    # The protocol alone: the server around it takes 0.2 s to stop, for each test.
    server = await asyncio.get_running_loop().create_server(
        partial(protocol, config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    port = server.sockets[0].getsockname()[1]
    try:
        async with aiohttp.ClientSession() as session:
            yield Api(f"http://127.0.0.1:{port}", session, calls, outbox, desk)
        await wait_until(lambda: not state.connections and not state.tasks)
    finally:
        server.close()
