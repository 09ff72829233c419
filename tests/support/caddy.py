"""The shipped proxy configuration in a real Caddy on loopback."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from tests.support.prometheus import program

CADDYFILE = Path(__file__).parents[2] / "grafana" / "proxy" / "Caddyfile"


@asynccontextmanager
async def caddy(folder: Path, public_url: str, ports: Sequence[int]) -> AsyncIterator[Path]:
    """The proxy at this address, in front of these ports of loopback; gives the file of its log.

    Skips the test where there is no Caddy, unless ``STACK_TESTS=required``.
    """
    log = folder / "caddy.log"
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "CALLROUTER_PROXY_ADMIN": "off",
        "CALLROUTER_PUBLIC_URL": public_url,
        "CALLROUTER_UPSTREAMS": " ".join(f"127.0.0.1:{port}" for port in ports),
    }
    command = (program("caddy"), "run", "--adapter", "caddyfile", "--config", str(CADDYFILE))
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(*command, env=environ, stdout=out, stderr=out, cwd=folder)
    try:
        await _answers(public_url, log)
        yield log
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _answers(public_url: str, log: Path) -> None:
    """Wait until it serves; it refuses this path itself."""
    async with aiohttp.ClientSession() as session:
        try:
            async with asyncio.timeout(10):
                while True:
                    try:
                        async with session.get(f"{public_url}/metrics") as response:
                            assert response.status == 404
                            return
                    except aiohttp.ClientError:
                        await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"no answer; {_last_words(log)}") from None


def _last_words(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]
