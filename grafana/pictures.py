"""Makes the pictures of the dashboards from nothing: ``python -m grafana.pictures``.

Plays ``callrouter demo`` under a real Prometheus that scrapes it each second, and draws what it saw. Needs
``prometheus`` on the PATH, and about four minutes.
"""

import argparse
import asyncio
import re
import shutil
import socket
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp

from callrouter.domain.clock import Clock, SystemClock
from grafana.build import HERE
from grafana.draw import pictures, write
from grafana.drawing import Span

PICTURES = HERE / "pictures"
STEP_S = 5.0
SEES_THE_END_S = 6.0
"""How long Prometheus goes on after the last call: two scrapes and more."""
READY_WITHIN_S = 20.0
ENDS_WITHIN_S = 30.0


async def from_demo(calls: int, rate: float, clock: Clock) -> dict[str, str]:
    """File name and SVG of every dashboard, of a demo that is played now. Raises `RuntimeError`."""
    command = (sys.executable, "-m", "callrouter", "demo", "--keep", "--calls", str(calls), "--rate", f"{rate:g}")
    demo = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
    try:
        target = await _said(demo, r"at http://([\d.:]+)")
        started = clock.now()
        with TemporaryDirectory(prefix="callrouter-pictures-") as folder:
            url, prometheus = await _prometheus(Path(folder), target)
            try:
                await _said(demo, r"^Where to look")
                await asyncio.sleep(SEES_THE_END_S)
                now = clock.now()
                return await pictures(url, now, Span((now - started) // STEP_S * STEP_S, STEP_S))
            finally:
                await _end(prometheus)
    finally:
        await _end(demo)


async def _said(demo: Process, pattern: str) -> str:
    """Wait for a line of the demo with this pattern; its first group, or the whole match."""
    assert demo.stdout is not None  # noqa: S101 - a pipe was asked for
    async for raw in demo.stdout:
        said = raw.decode(errors="replace")
        sys.stdout.write(said)
        found = re.search(pattern, said)
        if found:
            return found[found.re.groups]
    raise RuntimeError("the demo ended before its time; it says why above")


async def _prometheus(folder: Path, target: str) -> tuple[str, Process]:
    """Start one that scrapes ``target`` each second, with the shipped rules; its URL when it is ready."""
    program = shutil.which("prometheus")
    if program is None:
        raise RuntimeError("there is no prometheus on the PATH")
    config = folder / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s, evaluation_interval: 5s}\n"
        f"rule_files: ['{HERE}/prometheus/rules/*.yml']\n"
        "scrape_configs:\n"
        "  - job_name: callrouter\n"
        f"    static_configs: [{{targets: ['{target}'], labels: {{instance: router-1}}}}]\n"
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        listens = f"127.0.0.1:{probe.getsockname()[1]}"
    options = (f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address={listens}")
    process = await asyncio.create_subprocess_exec(program, *options, "--log.level=error")
    try:
        async with asyncio.timeout(READY_WITHIN_S), aiohttp.ClientSession() as session:
            while not await _ready(session, f"http://{listens}/-/ready"):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)
    except BaseException:
        await _end(process)
        raise
    return f"http://{listens}", process


async def _ready(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(ENDS_WITHIN_S):
            # What it still says must not fill the pipe, or it would never end.
            await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()


def main() -> None:
    """Play, draw and write."""
    parser = argparse.ArgumentParser(prog="python -m grafana.pictures", description="Draws the dashboards of a demo.")
    parser.add_argument("--calls", type=int, default=300, metavar="N", help="how many people call (300)")
    parser.add_argument("--rate", type=float, default=1.8, metavar="R", help="callers a second (1.8)")
    parser.add_argument("--out", type=Path, default=PICTURES, metavar="FOLDER", help="where the SVG files go")
    given = parser.parse_args()
    try:
        drawn = asyncio.run(from_demo(given.calls, given.rate, SystemClock()))
    except RuntimeError as error:
        sys.exit(f"grafana.pictures: {error}")
    write(drawn, given.out)


if __name__ == "__main__":
    main()
