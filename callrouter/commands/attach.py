"""Looking into a deployment from its own machine: the engine and the ledger that its instances use."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from callrouter import logs
from callrouter.callbacks.outbox import Outbox
from callrouter.calls.reading import Calls
from callrouter.calls.store import CallStore
from callrouter.domain.clock import Clock, SystemClock
from callrouter.engine import embedded
from callrouter.engine.client import Engine
from callrouter.errors import CallrouterError, EngineUnavailable
from callrouter.ledger.database import ledger_url
from callrouter.ledger.number_hash import NumberHash
from callrouter.ledger.reads import Ledger
from callrouter.ledger.trouble import in_words
from callrouter.ledger.upgrade import upgrade
from callrouter.settings import Settings, ledger_setting, read_settings


@dataclass(frozen=True)
class Attached:
    """What operations look at."""

    calls: Calls
    outbox: Outbox
    clock: Clock


@asynccontextmanager
async def attached(environ: Mapping[str, str]) -> AsyncIterator[Attached]:
    """The engine and the ledger of the environment's settings; an embedded engine that was down is up meanwhile.

    Raises `ConfigurationError` for wrong settings and `CallrouterError` when there is nothing to look at.
    """
    settings = read_settings(environ, serving=False)
    logs.configure_logging(sys.stderr, level="ERROR", secrets=settings.secrets)
    clock = SystemClock()
    was_up = bool(settings.redis_url) or _listens(embedded.socket_path(settings.data_dir))
    engine = await _engine(settings, clock)
    try:
        ledger = await _ledger(settings, clock)
        try:
            outbox = Outbox(engine, clock)
            with _engine_named(settings):
                yield Attached(Calls(CallStore(engine), ledger, outbox, {}), outbox, clock)
        finally:
            await ledger.close()
    finally:
        await engine.close()
        if not was_up:
            await asyncio.to_thread(embedded.stop_if_last, settings.data_dir)


@asynccontextmanager
async def attached_engine(environ: Mapping[str, str]) -> AsyncIterator[Engine]:
    """The engine alone; no ledger is needed. Raises what `attached` raises."""
    settings = read_settings(environ, serving=False)
    logs.configure_logging(sys.stderr, level="ERROR", secrets=settings.secrets)
    was_up = bool(settings.redis_url) or _listens(embedded.socket_path(settings.data_dir))
    engine = await _engine(settings, SystemClock())
    try:
        with _engine_named(settings):
            yield engine
    finally:
        await engine.close()
        if not was_up:
            await asyncio.to_thread(embedded.stop_if_last, settings.data_dir)


def engine_exists(settings: Settings) -> bool:
    """Whether there is an engine to look into: a service has run with these settings, or a shared engine is named."""
    return bool(settings.redis_url) or (settings.data_dir / "engine").is_dir()


@asynccontextmanager
async def attached_ledger(environ: Mapping[str, str]) -> AsyncIterator[Ledger]:
    """The ledger alone; no engine is needed. Raises what `attached` raises."""
    settings = read_settings(environ, serving=False)
    logs.configure_logging(sys.stderr, level="ERROR", secrets=settings.secrets)
    if not settings.database_url and not (settings.data_dir / "ledger.db").is_file():
        raise CallrouterError(
            f"no ledger in {settings.data_dir.absolute()}; set CALLROUTER_DATA_DIR or CALLROUTER_DATABASE_URL"
        )
    ledger = await _ledger(settings, SystemClock())
    try:
        yield ledger
    finally:
        await ledger.close()


async def _engine(settings: Settings, clock: Clock) -> Engine:
    if settings.redis_url:
        return Engine.at_url(settings.redis_url, clock, client_name="callrouter-command")
    if not engine_exists(settings):
        raise CallrouterError(
            f"no service has run in {settings.data_dir.absolute()}; set CALLROUTER_DATA_DIR or CALLROUTER_REDIS_URL"
        )
    path = await asyncio.to_thread(embedded.ensure_running, settings.data_dir)
    return Engine.at_socket(str(path), clock, client_name="callrouter-command")


@contextmanager
def _engine_named(settings: Settings) -> Iterator[None]:
    """An engine that does not answer is told with what to look at."""
    try:
        yield
    except EngineUnavailable as error:
        remedy = "CALLROUTER_REDIS_URL" if settings.redis_url else "CALLROUTER_DATA_DIR"
        raise EngineUnavailable(f"the engine does not answer ({error}); check {remedy}") from error


async def _ledger(settings: Settings, clock: Clock) -> Ledger:
    from sqlalchemy.exc import SQLAlchemyError

    url = ledger_url(settings.database_url, settings.data_dir)
    try:
        await upgrade(url, clock)
    except (SQLAlchemyError, OSError) as error:
        why, remedy = in_words(error), ledger_setting(settings)
        raise CallrouterError(f"the ledger does not answer: {why}; check {remedy}") from error
    return Ledger(url, clock, NumberHash(settings.number_key.get_secret_value(), settings.data_dir))


def _listens(path: Path) -> bool:
    """Whether an engine is there already, which is then not ours to end."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(1.0)
            probe.connect(str(path))
    except OSError:
        return False
    return True
