"""``callrouter serve``: uvicorn around the application, ended in the right order."""

import asyncio
import gc
import logging
import signal
import subprocess
import sys
from collections.abc import Mapping
from random import SystemRandom
from socket import gethostname, socket
from types import FrameType
from typing import Any

import uvicorn

from callrouter import logs
from callrouter.app import App
from callrouter.domain.clock import SystemClock
from callrouter.errors import CallrouterError
from callrouter.leaving import Leaving
from callrouter.settings import Settings, ledger_setting

log = logging.getLogger("callrouter")


class DrainingServer(uvicorn.Server):
    """On the first signal (SIGTERM, SIGINT, SIGHUP) the instance drains while it still answers; then the server stops.

    Where a proxy watches it, it first serves on until that sends nothing more.
    A second signal stops at once, and the process then ends by that signal.
    """

    def __init__(self, config: uvicorn.Config, app: App, leaving: Leaving) -> None:
        super().__init__(config)
        self._app = app
        self._leaving = leaving
        self._draining: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Start, and say so when it is done. What the server says of a failed start is left out: we tell why."""
        words = logging.getLogger("uvicorn.error")
        words.addFilter(_nothing)
        try:
            await super().startup(sockets)
        finally:
            words.removeFilter(_nothing)
        if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # ignored under nohup
            signal.signal(signal.SIGHUP, self.handle_exit)
        # What a started program has, it keeps: no collection need go through it again, while all callers wait.
        gc.collect()
        gc.freeze()
        place = {"host": self.config.host, "port": self.config.port}
        log.info("serving", extra={"instance": self._app.instance.name, **place})

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._draining is not None:
            super().handle_exit(sig, frame)
            return
        stay_s = self._leaving.stay_s()
        fields = {"signal": signal.Signals(sig).name, "serves_on_s": stay_s}
        log.info("stopping: unready, no new auctions after that, live ones finish", extra=fields)
        self._draining = asyncio.get_event_loop().create_task(self._drain(stay_s))

    async def _drain(self, stay_s: float) -> None:
        try:
            await self._app.instance.drain(stay_s)
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
    """Serve until told to stop. Returns the exit status.

    Raises `ConfigurationError` for broken dialplans, and `CallrouterError` in one line when it cannot start.
    """
    clock = SystemClock()
    place = f"{gethostname()}:{port}"
    app = App(settings, environ, clock, SystemRandom(), books=place)
    secrets = {*settings.secrets, *app.instance.plan_book.current.secrets}
    redaction = logs.configure_logging(sys.stderr, secrets=secrets)
    app.instance.on_plans = lambda plans: redaction.hide(plans.secrets)
    leaving = Leaving(app, clock, lambda: app.instance.draining)
    server = DrainingServer(uvicorn.Config(leaving, **uvicorn_options(host, port)), app, leaving)
    try:
        server.run()
    except SystemExit:  # uvicorn's way to give a start up
        if app.failure is not None:
            raise _told(app.failure, settings) from app.failure
        raise CallrouterError(f"cannot listen on {host} port {port}") from None
    return 0 if server.started else 1


def _told(failure: Exception, settings: Settings) -> Exception:
    """Why the instance did not start, in one line that names the remedy; what is nobody's fault but ours as it is."""
    from sqlalchemy.exc import SQLAlchemyError

    from callrouter.ledger.trouble import in_words

    if isinstance(failure, CallrouterError):
        return failure
    if isinstance(failure, SQLAlchemyError) or (settings.database_url and isinstance(failure, OSError)):
        return CallrouterError(f"the ledger does not open: {in_words(failure)}; check {ledger_setting(settings)}")
    if isinstance(failure, OSError):
        place = failure.filename or settings.data_dir
        why = (failure.strerror or type(failure).__name__).lower()
        return CallrouterError(f"cannot use {place}: {why}; set CALLROUTER_DATA_DIR")
    if isinstance(failure, subprocess.SubprocessError):
        return CallrouterError("the embedded engine did not start in time; set CALLROUTER_REDIS_URL or try again")
    return failure


def _nothing(record: logging.LogRecord) -> bool:
    return False
