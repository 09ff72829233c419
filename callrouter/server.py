"""``callrouter serve``: uvicorn around the application, ended in the right order."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from random import SystemRandom
from types import FrameType
from typing import Any

import uvicorn

from callrouter import logs
from callrouter.app import App
from callrouter.domain.clock import SystemClock
from callrouter.settings import Settings

RESTART_AFTER_S = 1.0

log = logging.getLogger("callrouter")


class DrainingServer(uvicorn.Server):
    """On the first signal the instance drains while webhooks are still answered; then the server stops.

    A second signal stops at once.
    """

    def __init__(self, config: uvicorn.Config, app: App) -> None:
        super().__init__(config)
        self._app = app
        self._draining: asyncio.Task[None] | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._draining is not None:
            super().handle_exit(sig, frame)
            return
        log.info("stopping: no new auctions, live ones finish", extra={"signal": signal.Signals(sig).name})
        self._draining = asyncio.get_event_loop().create_task(self._drain())

    async def _drain(self) -> None:
        try:
            await self._app.instance.drain()
        finally:
            self.should_exit = True


def uvicorn_options(host: str, port: int) -> dict[str, Any]:
    """How the server is set up, here and in tests."""
    return {
        "host": host,
        "port": port,
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "lifespan": "on",
        "timeout_keep_alive": 75,
        "timeout_graceful_shutdown": 5,
    }


def serve(settings: Settings, environ: Mapping[str, str], host: str, port: int) -> int:
    """Serve until told to stop. Returns the exit status; raises `ConfigurationError` for broken dialplans."""
    app = App(settings, environ, SystemClock(), SystemRandom())
    secrets = {*settings.secrets, *app.instance.plan_book.current.secrets}
    redaction = logs.configure_logging(sys.stderr, secrets=secrets)
    app.instance.on_plans = lambda plans: redaction.hide(plans.secrets)
    server = DrainingServer(uvicorn.Config(app, **uvicorn_options(host, port)), app)
    log.info("serving", extra={"instance": app.instance.name, "host": host, "port": port})
    server.run()
    return 0 if server.started else 1


def serve_many(host: str, port: int, workers: int) -> int:
    """Several independent instances on consecutive ports, each started again if it dies."""
    children = {port + i: _child(host, port + i) for i in range(workers)}
    stopping = False

    def stop(sig: int, frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True
        for process in children.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    while not stopping:
        time.sleep(RESTART_AFTER_S)
        for own_port, process in list(children.items()):
            if not stopping and process.poll() is not None:
                if process.returncode == 2:  # configuration: starting again cannot help
                    stop(signal.SIGTERM, None)
                    break
                children[own_port] = _child(host, own_port)
    return max(abs(process.wait()) for process in children.values())


def _child(host: str, port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "callrouter", "serve", "--host", host, "--port", str(port)]
    return subprocess.Popen(command, env=os.environ.copy())  # noqa: S603 - our own program
