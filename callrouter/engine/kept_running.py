"""Starts the embedded engine again when it has died; its append-only file has every acknowledged write."""

import asyncio
import logging
import subprocess
from pathlib import Path

from callrouter.domain.clock import Clock
from callrouter.engine import embedded
from callrouter.engine.client import Engine
from callrouter.errors import EngineUnavailable

EVERY_S = 0.5

log = logging.getLogger("callrouter")


async def keep_running(engine: Engine, data_dir: Path, clock: Clock) -> None:
    """Look every half second, for ever."""
    while True:
        await asyncio.sleep(EVERY_S)
        try:
            await engine.ping()
        except EngineUnavailable:
            log.error("the embedded engine is out; starting it")
            try:
                with clock.busy():
                    await asyncio.to_thread(embedded.ensure_running, data_dir)
            except (EngineUnavailable, OSError, subprocess.SubprocessError) as error:
                log.error("the embedded engine did not start", extra={"why": str(error)})
