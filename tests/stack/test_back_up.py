"""The README's commands for a single instance, word for word: what is backed up, comes back."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from tests.commands.command import API_TOKEN, environment, started, write_plan
from tests.support.process import free_port
from tests.support.waiting import wait_until

README = Path(__file__).parents[2] / "README.md"
SQLITE3 = f"""#!{sys.executable}
import sqlite3, sys
into = sys.argv[2].split()[1]
sqlite3.connect(sys.argv[1]).backup(sqlite3.connect(into))
"""
"""What the README needs of the ``sqlite3`` command, which not every machine has."""


def block(begins: str) -> str:
    """The README's commands under this comment, up to the end of their block."""
    found = re.search(rf"^# {re.escape(begins)}[^\n]*\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


@pytest.mark.parametrize("numbers_were_hashed", [False, True])
async def test_a_single_instance_comes_back_on_a_new_disk(tmp_path: Path, *, numbers_were_hashed: bool) -> None:
    write_plan(tmp_path)
    environ = environment(tmp_path) | {"CALLROUTER_DATA_DIR": str(tmp_path / "var")}
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "sqlite3").write_text(SQLITE3)
    (tools / "sqlite3").chmod(0o755)
    port = free_port()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        service = await _started(tmp_path / "log-before", environ, port)
        try:
            told = {"zip": "78701"}
            async with session.put("/api/v1/callers/+15125550123", json=told, headers=_bearer()) as response:
                assert response.status < 300, await response.text()
            if numbers_were_hashed:
                (tmp_path / "var" / "number.key").write_text("k" * 40)
            _done(block("a single instance on its embedded engine"), tmp_path, tools)
        finally:
            await _ended(service)
        shutil.rmtree(tmp_path / "var")
        _done(block("a single instance: stop it, then"), tmp_path, tools)
        assert (tmp_path / "var" / "number.key").exists() == numbers_were_hashed
        service = await _started(tmp_path / "log-after", environ, port)
        try:
            async with session.get("/readyz") as response:
                assert response.status == 200
            # What came back is what was told: the engine went on with the same file.
            assert b"78701" in (tmp_path / "var/engine/appendonlydir/appendonly.aof.1.incr.aof").read_bytes()
        finally:
            await _ended(service)


def _bearer() -> dict[str, str]:
    return {"Authorization": f"Bearer {API_TOKEN}"}


def _done(commands: str, folder: Path, tools: Path) -> None:
    environ = {"PATH": f"{tools}:{os.environ['PATH']}"}
    subprocess.run(["sh", "-euc", commands], cwd=folder, env=environ, check=True, timeout=20)


async def _started(log: Path, environ: dict[str, str], port: int) -> subprocess.Popen[bytes]:
    service = started("serve", "--port", str(port), environ=environ, output=log)
    await wait_until(lambda: '"serving"' in log.read_text(), timeout_s=20)
    return service


async def _ended(service: subprocess.Popen[bytes]) -> None:
    service.terminate()
    await asyncio.to_thread(service.wait, 30)
