"""The console behind real HTTP on loopback, over the test's own engine keys, and a browser's manners."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.routing import Route
from uvicorn.server import ServerState

from callrouter.callbacks.outbox import Outbox
from callrouter.calls.reading import Calls
from callrouter.calls.store import CallStore
from callrouter.console.console import Console
from callrouter.console.routes import console_routes
from callrouter.dialplan import Plan
from callrouter.domain.clock import Clock, SystemClock
from callrouter.engine.client import Engine
from callrouter.ledger.reads import Ledger
from callrouter.ledger.upgrade import upgrade
from callrouter.settings import ApiToken, Role
from tests.support.waiting import wait_until

AGENT_TOKEN = "agent-token-of-the-console"
OPS_TOKEN = "ops-token-of-the-console"
TOKENS = (
    ApiToken(role=Role.AGENT, name="ann", token=SecretStr(AGENT_TOKEN)),
    ApiToken(role=Role.OPS, name="olga", token=SecretStr(OPS_TOKEN)),
    ApiToken(role=Role.SYSTEM, name="crm", token=SecretStr("system-token-of-the-console")),
)


@dataclass(frozen=True)
class Page:
    """What a browser got."""

    status: int
    text: str
    headers: Mapping[str, str]

    @property
    def csrf(self) -> str:
        """The token in the page's forms."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.text)
        assert found, self.text[:2000]
        return found.group(1)


class Browser:
    """A client with cookies that does not follow redirects by itself."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.session = session

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Page:
        """Open a page."""
        return await self._ask("GET", path, headers)

    async def post(
        self, path: str, fields: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Page:
        """Send a form, as a page of ours would; ``headers`` may say otherwise."""
        ours = {"Origin": self.url, "Sec-Fetch-Site": "same-origin"}
        return await self._ask("POST", path, {**ours, **(headers or {})}, data=dict(fields or {}))

    async def sign_in(self, token: str = AGENT_TOKEN, then: str = "/console") -> Page:
        """Sign in; the answer is the redirect."""
        return await self.post("/console/sign-in", {"token": token, "next": then})

    @property
    def cookies(self) -> dict[str, str]:
        """What the browser holds for the console, but for the mark that it has signed in before."""
        held = {cookie.key: cookie.value for cookie in self.session.cookie_jar}
        return {name: value for name, value in held.items() if not name.endswith("-known")}

    async def _ask(self, method: str, path: str, headers: Mapping[str, str] | None, **more: Any) -> Page:
        async with self.session.request(
            method, self.url + path, headers=headers, allow_redirects=False, **more
        ) as response:
            return Page(response.status, await response.text(), response.headers)


@asynccontextmanager
async def opened_ledger(folder: Path, clock: Clock | None = None) -> AsyncIterator[Ledger]:
    """An empty SQLite ledger in this folder."""
    url = f"sqlite+aiosqlite:///{folder / 'ledger.sqlite'}"
    await upgrade(url)
    ledger = Ledger(url, clock or SystemClock())
    try:
        yield ledger
    finally:
        await ledger.close()


def console_over(
    engine: Engine,
    ledger: Ledger,
    *,
    clock: Clock | None = None,
    plans: Mapping[str, Plan] | None = None,
    tokens: Sequence[ApiToken] = TOKENS,
    public_url: str = "http://127.0.0.1:8000",
    **more: Any,
) -> Console:
    """A console over real parts."""
    clock = clock or SystemClock()
    outbox = Outbox(engine, clock)
    calls = Calls(CallStore(engine), ledger, outbox, plans or {})
    parts: dict[str, Any] = {"ledger": ledger, **more}
    return Console(
        tokens=tokens,
        engine=engine,
        clock=clock,
        calls=calls,
        callbacks=outbox,
        plans_in_use=lambda: plans or {},
        public_url=public_url,
        **parts,
    )


@asynccontextmanager
async def serving(console: Console, further: Sequence[Route] = ()) -> AsyncIterator[Browser]:
    """Serve the console for the time of the block, and ``further`` routes before it."""
    app = Starlette(routes=[*further, *console_routes(console)])
    app.router.redirect_slashes = False
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
        # Cookies of an address without a name are kept too, as browsers do.
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
            yield Browser(f"http://127.0.0.1:{port}", session)
        await wait_until(lambda: not state.connections and not state.tasks)
    finally:
        server.close()
