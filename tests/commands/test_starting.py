"""``serve`` that cannot start: one line, a status, and nothing left behind."""

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from callrouter.engine import embedded
from tests.commands.command import callrouter, environment, process_environment, started, write_plan
from tests.support.ports import two_ports
from tests.support.process import free_port
from tests.support.waiting import wait_until

pytestmark = pytest.mark.real_time


@pytest.mark.parametrize("shared_engine", [False, True])
def test_a_data_folder_that_cannot_be_made_is_told_in_one_line(tmp_path: Path, *, shared_engine: bool) -> None:
    write_plan(tmp_path)
    environ = environment(tmp_path) | {"CALLROUTER_DATA_DIR": "/proc/x"}
    if shared_engine:
        environ["CALLROUTER_REDIS_URL"] = f"unix://{tmp_path}/none.sock"
    done = callrouter("serve", "--port", str(free_port()), environ=environ)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert done.stderr.startswith("callrouter: cannot use /proc/x: ")
    assert done.stderr.endswith("; set CALLROUTER_DATA_DIR\n")


def test_a_ledger_that_does_not_open_is_told_in_one_line_and_the_engine_is_ended(tmp_path: Path) -> None:
    write_plan(tmp_path)
    environ = environment(tmp_path)
    data = Path(environ["CALLROUTER_DATA_DIR"])
    (data / "ledger.db").mkdir(parents=True)
    done = callrouter("serve", "--port", str(free_port()), environ=environ)
    try:
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert done.stderr.splitlines()[-1].startswith("callrouter: the ledger does not open: ")
        assert not _runs(embedded.socket_path(data))
    finally:
        embedded.stop(data)


_COUNTED = """
import gc, os, signal, sys
from callrouter.cli import main
from callrouter.server import DrainingServer
startup = DrainingServer.startup
async def counted(server, sockets=None):
    await startup(server, sockets)
    print(gc.get_freeze_count(), len(gc.get_objects()), flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
DrainingServer.startup = counted
sys.exit(main())
"""


def test_what_a_started_service_has_is_never_collected_while_callers_wait(tmp_path: Path) -> None:
    write_plan(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", _COUNTED, "serve", "--port", str(free_port())],
        env=process_environment(environment(tmp_path)),
        capture_output=True,
        text=True,
        timeout=40,
        check=True,
    )
    kept, looked_through = (int(count) for count in done.stdout.split())
    assert kept > 50_000 > looked_through


async def test_serving_is_logged_when_it_serves_and_the_data_folder_is_nobody_elses(tmp_path: Path) -> None:
    write_plan(tmp_path)
    environ, log = environment(tmp_path), tmp_path / "log"
    service = started("serve", "--port", str(free_port()), environ=environ, output=log)
    try:
        await wait_until(lambda: '"serving"' in log.read_text(), timeout_s=20)
        assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    finally:
        service.terminate()
        assert service.wait(timeout=30) == 0
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert not [line for line in lines if line["logger"].startswith("uvicorn")]
    assert "color_message" not in log.read_text()


def test_workers_that_never_serve_are_given_up_and_told(tmp_path: Path) -> None:
    write_plan(tmp_path)
    environ = environment(tmp_path) | {"CALLROUTER_DATA_DIR": "/proc/x"}
    port = two_ports()[0]
    done = callrouter("serve", "--port", str(port), "--workers", "2", environ=environ)
    assert done.returncode == 1
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    again = [line for line in lines if line["message"] == "instance ended, started again"]
    assert {(line["port"], line["status"]) for line in again} == {(port, 1), (port + 1, 1)}
    first = [line["again_in_s"] for line in again if line["port"] == port]
    assert first == [1.0, 2.0][: len(first)]
    assert [line for line in lines if line["message"] == "instance ended, given up"]


async def test_a_worker_that_dies_is_started_again_and_all_end_with_status_0(tmp_path: Path) -> None:
    write_plan(tmp_path)
    log, port = tmp_path / "log", two_ports()[0]
    command = started("serve", "--port", str(port), "--workers", "2", environ=environment(tmp_path), output=log)
    try:
        await wait_until(lambda: log.read_text().count('"serving"') == 2, timeout_s=30)
        _kill_one_child(command.pid)
        await wait_until(lambda: log.read_text().count('"serving"') == 3, timeout_s=30)
        assert '"instance ended, started again"' in log.read_text()
    finally:
        command.terminate()
        status = command.wait(timeout=40)
    assert status == 0, log.read_text()


async def test_a_watched_instance_serves_on_until_its_proxy_has_noticed(tmp_path: Path) -> None:
    write_plan(tmp_path)
    log, url = tmp_path / "log", f"http://127.0.0.1:{(port := free_port())}"
    command = started("serve", "--port", str(port), environ=environment(tmp_path), output=log)
    try:
        await wait_until(lambda: '"serving"' in log.read_text(), timeout_s=20)
        async with aiohttp.ClientSession() as session:
            assert [await _look(session, f"{url}/readyz") for _ in range(2)] == [(200, None)] * 2
            command.terminate()
            began = asyncio.get_running_loop().time()
            await wait_until(lambda: '"serves_on_s": 4.0' in log.read_text())
            assert await _look(session, f"{url}/readyz") == (503, "close")
            async with session.post(f"{url}/twilio/voice") as response:
                assert (response.status, response.headers["connection"]) == (403, "close"), "unsigned, but answered"
            assert await asyncio.to_thread(command.wait, 30) == 0
            assert asyncio.get_running_loop().time() - began >= 3.9
    finally:
        command.kill()
        command.wait()


async def test_an_instance_that_nobody_watches_goes_at_once(tmp_path: Path) -> None:
    """One look is a person's, or a script's that has ended."""
    write_plan(tmp_path)
    log, port = tmp_path / "log", free_port()
    command = started("serve", "--port", str(port), environ=environment(tmp_path), output=log)
    await wait_until(lambda: '"serving"' in log.read_text(), timeout_s=20)
    async with aiohttp.ClientSession() as session:
        assert await _look(session, f"http://127.0.0.1:{port}/readyz") == (200, None)
    command.terminate()
    assert await asyncio.to_thread(command.wait, 30) == 0
    assert '"serves_on_s": 0.0' in log.read_text()


async def test_a_single_instance_ends_in_good_order_on_sighup_too(tmp_path: Path) -> None:
    """Meant for the parent of several, or sent by a terminal that closes: nobody on the line is cut off."""
    write_plan(tmp_path)
    log = tmp_path / "log"
    command = started("serve", "--port", str(free_port()), environ=environment(tmp_path), output=log)
    await wait_until(lambda: '"serving"' in log.read_text(), timeout_s=20)
    command.send_signal(signal.SIGHUP)
    assert await asyncio.to_thread(command.wait, 30) == 0
    assert '"drained"' in log.read_text()


async def test_what_has_become_wrong_since_ends_no_worker_that_serves(tmp_path: Path) -> None:
    write_plan(tmp_path)
    log, port = tmp_path / "log", two_ports()[0]
    command = started("serve", "--port", str(port), "--workers", "2", environ=environment(tmp_path), output=log)
    try:
        await wait_until(lambda: log.read_text().count('"serving"') == 2, timeout_s=30)
        (tmp_path / "dialplans" / "auto.yaml").write_text("plan: [")
        command.send_signal(signal.SIGHUP)
        await wait_until(lambda: '"instance ended, started again"' in log.read_text(), timeout_s=30)
        async with aiohttp.ClientSession() as session:
            assert await _look(session, f"http://127.0.0.1:{port + 1}/readyz") == (200, None)
        assert log.read_text().count('"instance serves again"') == 0
        write_plan(tmp_path)
        await wait_until(lambda: log.read_text().count('"instance serves again"') == 2, timeout_s=40)
    finally:
        command.terminate()
        status = command.wait(timeout=40)
    assert status == 0, log.read_text()


async def test_starting_anew_waits_for_a_worker_that_has_just_died(tmp_path: Path) -> None:
    """The one that still serves must not go while the other is not back: nobody would answer the callers."""
    write_plan(tmp_path)
    log, port = tmp_path / "log", two_ports()[0]
    command = started("serve", "--port", str(port), "--workers", "2", environ=environment(tmp_path), output=log)
    try:
        await wait_until(lambda: log.read_text().count('"serving"') == 2, timeout_s=30)
        _kill_one_child(command.pid, 1)
        command.send_signal(signal.SIGHUP)
        async with aiohttp.ClientSession() as session, asyncio.timeout(60):
            while log.read_text().count('"instance serves again"') < 2:
                answers = [await _answers(session, f"http://127.0.0.1:{port + no}/healthz") for no in (0, 1)]
                assert any(answers), "nobody serves"
                await asyncio.sleep(0.02)
    finally:
        command.terminate()
        status = command.wait(timeout=40)
    assert status == 0, log.read_text()


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        return (await _look(session, url))[0] == 200
    except aiohttp.ClientError:
        return False


async def _look(session: aiohttp.ClientSession, url: str) -> tuple[int, str | None]:
    """Status, and what becomes of the connection."""
    async with session.get(url) as response:
        return response.status, response.headers.get("connection")


def _kill_one_child(parent: int, no: int = 0) -> None:
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    subprocess.run(["kill", "-9", children[no]], check=True)


def _runs(path: Path) -> bool:
    """Whether a process has this in its command line (Linux)."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if str(path).encode() in (folder / "cmdline").read_bytes():
                return True
        except OSError:
            continue
    return False
