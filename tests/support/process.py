"""The service as a process of its own, to be killed and started again."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import aiohttp

from tests.support.watched import leaks


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ServiceProcess:
    """``callrouter serve`` with its own environment. Its log goes to ``log``, one file over all starts."""

    def __init__(self, environ: Mapping[str, str], port: int, log: Path) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("CALLROUTER_", "TWILIO_"))}
        self._environ = {**kept, **environ}
        self._port = port
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start, without waiting until it serves."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "callrouter", "serve", "--host", "127.0.0.1", "--port", str(self._port)),
                env=self._environ,
                stdout=log,
                stderr=log,
            )

    async def ready(self, timeout_s: float = 20.0) -> None:
        """Wait until it says that it is ready."""
        async with asyncio.timeout(timeout_s), aiohttp.ClientSession() as session:
            while True:
                assert self._process is not None
                assert self._process.returncode is None, self._log.read_text()[-2000:]
                try:
                    async with session.get(f"http://127.0.0.1:{self._port}/readyz") as response:
                        if response.status == 200:
                            return
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.05)

    async def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def stop(self) -> int:
        """SIGTERM; the exit status."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        status = await self._process.wait()
        assert leaks(self._log.read_text(errors="replace")) == []
        return status


class Balancer(Mapping[str, str]):
    """The simulated carrier's host map for several instances: each request goes to the next that is not lost."""

    def __init__(self, public_url: str, instances: Sequence[str]) -> None:
        self._public_url = public_url
        self._instances = dict(enumerate(instances))
        self._turn = 0

    def lose(self, number: int) -> None:
        """Send nothing more to this instance."""
        del self._instances[number]

    def __getitem__(self, public_url: str) -> str:
        if public_url != self._public_url:
            raise KeyError(public_url)
        self._turn += 1
        return list(self._instances.values())[self._turn % len(self._instances)]

    def __iter__(self) -> Iterator[str]:
        return iter((self._public_url,))

    def __len__(self) -> int:
        return 1
