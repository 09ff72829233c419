"""The real application behind a real server, on the running loop."""

import uvicorn
from uvicorn.server import Server

from callrouter.app import App
from callrouter.server import uvicorn_options


class Served:
    """``async with Served(app) as served``: HTTP on loopback at ``served.url``.

    Uvicorn's own main loop, which wakes ten times a second for the Date header, is left out: in virtual time it
    would be most of the work.
    """

    def __init__(self, app: App) -> None:
        self.app = app
        self._server = Server(uvicorn.Config(app, **uvicorn_options("127.0.0.1", 0)))
        self.url = ""

    async def __aenter__(self) -> "Served":
        config = self._server.config
        config.load()
        self._server.lifespan = config.lifespan_class(config)
        await self._server.startup()
        assert self._server.started, "the application did not start; its log says why"
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._server.shutdown()
