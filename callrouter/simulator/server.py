"""An aiohttp server on loopback."""

import asyncio

from aiohttp import web


class LoopbackServer:
    """Serves one handler for every path on 127.0.0.1; port 0 takes a free one."""

    def __init__(self, app: web.Application, port: int = 0) -> None:
        self._app = app
        self._wanted_port = port
        self._runner: web.AppRunner | None = None
        self._site: web.TCPSite | None = None
        self.port = port

    @property
    def base_url(self) -> str:
        """``http://127.0.0.1:PORT``, known after `start`."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen."""
        self._runner = web.AppRunner(self._app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await self.listen()

    async def listen(self) -> None:
        """Open the port (again, after `refuse`)."""
        assert self._runner is not None, "start the server first"  # noqa: S101 - a programmer's mistake
        self._site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await self._site.start()
        self.port = int(self._runner.addresses[0][1])

    async def refuse(self) -> None:
        """Close the port: new connections are refused, open ones are kept."""
        if self._site is not None:
            await self._site.stop()
            self._site = None

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
            await asyncio.sleep(0)
