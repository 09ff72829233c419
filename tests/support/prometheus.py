"""A real Prometheus on a free port of loopback, and its checker `promtool`.

Where they are missing a test is skipped with a word, unless ``STACK_TESTS=required``: then it fails.
"""

import asyncio
import math
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import aiohttp
import pytest

from tests.support.process import free_port

READY_WITHIN_S = 20.0
ENDS_WITHIN_S = 10.0
_POLL_S = 0.05


def cannot_run(why: str) -> NoReturn:
    """Skip the test, or fail it when ``STACK_TESTS=required``."""
    if os.environ.get("STACK_TESTS") == "required":
        pytest.fail(why)
    pytest.skip(why)


def program(name: str) -> str:
    """Where this program is. Without it the test is skipped, or fails when ``STACK_TESTS=required``."""
    found = shutil.which(name)
    if found is None:
        cannot_run(f"there is no {name} on the PATH; install it, or leave these tests to CI")
    return found


def promtool(*arguments: str | Path, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``promtool`` with these arguments in ``folder``; look at its ``returncode``, ``stdout`` and ``stderr``."""
    command = [program("promtool"), *(str(argument) for argument in arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)


class BadQuery(Exception):
    """Prometheus refused an expression; the text says why."""


@dataclass(frozen=True)
class Series:
    """One series of an answer: its labels, and its samples as (Unix time in seconds, value)."""

    labels: Mapping[str, str]
    samples: Sequence[tuple[float, float]]

    @property
    def finite(self) -> list[float]:
        """The values that are numbers."""
        return [value for _, value in self.samples if math.isfinite(value)]


class Prometheus:
    """A Prometheus that answers at ``url``."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session

    async def query(self, expr: str) -> list[Series]:
        """The value now. Raises `BadQuery`."""
        data = await self._answer("query", {"query": expr})
        return [_series(one, [one["value"]]) for one in data["result"]]

    async def query_range(self, expr: str, start_s: float, end_s: float, step_s: float = 1.0) -> list[Series]:
        """The values between two Unix times. Raises `BadQuery`."""
        params = {"query": expr, "start": f"{start_s:.3f}", "end": f"{end_s:.3f}", "step": f"{step_s:g}"}
        data = await self._answer("query_range", params)
        return [_series(one, one["values"]) for one in data["result"]]

    async def rules(self) -> list[dict[str, Any]]:
        """Every rule that it evaluates, with its health."""
        data = await self._answer("rules", {})
        return [rule for group in data["groups"] for rule in group["rules"]]

    async def _answer(self, what: str, params: Mapping[str, str]) -> Any:
        async with self._session.get(f"{self.url}/api/v1/{what}", params=params) as response:
            answer = await response.json(content_type=None)
        if answer["status"] != "success":
            raise BadQuery(f"{params.get('query', what)}: {answer.get('error')}")
        return answer["data"]


def _series(one: Mapping[str, Any], samples: Sequence[tuple[float, str]]) -> Series:
    return Series(one["metric"], [(at, float(value)) for at, value in samples])


@asynccontextmanager
async def running_prometheus(config: Path, folder: Path) -> AsyncIterator[Prometheus]:
    """``async with running_prometheus(prometheus_yml, tmp_path) as prometheus``; its data and log go to ``folder``."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    log = folder / "prometheus.log"
    command = (
        *(program("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={folder / 'prometheus-data'}"),
        *(f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"),
    )
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(*command, stdout=output, stderr=output)
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
            await _ready(session, url, process, log)
            yield Prometheus(url, session)
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(ENDS_WITHIN_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _ready(session: aiohttp.ClientSession, url: str, process: asyncio.subprocess.Process, log: Path) -> None:
    async with asyncio.timeout(READY_WITHIN_S):
        while True:
            assert process.returncode is None, _last_words(log)
            try:
                async with session.get(f"{url}/-/ready") as response:
                    if response.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(_POLL_S)


def _last_words(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]
