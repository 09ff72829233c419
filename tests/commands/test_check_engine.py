"""``check`` and the shared engine: a stack whose engine refuses us takes no call, and is not in order."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from callrouter.engine.embedded import engine_binary
from tests.commands.command import ENGINE_PASSWORD, callrouter, environment, write_plan
from tests.support.process import free_port


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """Of an engine that wants a password, as the stack's does."""
    found = free_port()
    options = ("--port", str(found), "--bind", "127.0.0.1", "--requirepass", ENGINE_PASSWORD, "--save", "")
    command = (engine_binary(), *options, "--dir", str(tmp_path))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as engine:
        assert engine.stdout is not None
        while "Ready to accept connections" not in engine.stdout.readline():
            assert engine.poll() is None
        yield found
        engine.terminate()


def checked(folder: Path, url: str) -> tuple[int, str]:
    """Status, and what it says is wrong."""
    write_plan(folder)
    done = callrouter("check", environ=environment(folder) | {"CALLROUTER_REDIS_URL": url})
    assert ENGINE_PASSWORD not in done.stdout + done.stderr
    assert done.returncode or ":***@127.0.0.1" in done.stdout
    return done.returncode, done.stderr


def test_an_engine_that_takes_us_in_is_in_order(tmp_path: Path, port: int) -> None:
    assert checked(tmp_path, f"redis://:{ENGINE_PASSWORD}@127.0.0.1:{port}/0") == (0, "")


@pytest.mark.parametrize("user", ["", ":not-that-password@"])
def test_an_engine_that_refuses_our_password_is_a_mistake(tmp_path: Path, port: int, user: str) -> None:
    status, told = checked(tmp_path, f"redis://{user}127.0.0.1:{port}/0")
    assert status == 2
    assert told == "environment: CALLROUTER_REDIS_URL: the engine refuses us; check the user and the password\n"
    assert "not-that-password" not in told


def test_an_engine_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    for url in (f"redis://127.0.0.1:{free_port()}/0", f"unix://{tmp_path}/none.sock"):
        status, told = checked(tmp_path, url)
        assert (status, told.count("\n")) == (2, 1)
        assert told.startswith("environment: CALLROUTER_REDIS_URL: the engine does not answer: ")


def test_an_engine_that_takes_no_writes_is_a_mistake(tmp_path: Path, port: int) -> None:
    """As a replica behind a name that was moved to it."""
    url = f"redis://:{ENGINE_PASSWORD}@127.0.0.1:{port}/0"
    with Redis.from_url(url) as engine:
        engine.replicaof("127.0.0.1", str(free_port()))
    status, told = checked(tmp_path, url)
    assert status == 2
    assert (
        told == "environment: CALLROUTER_REDIS_URL: the engine is a replica, which takes no writes; name the primary\n"
    )


def test_an_engine_that_keeps_its_role_to_itself_is_in_order(tmp_path: Path, port: int) -> None:
    """As a hosted one may: that it knows us is enough."""
    with Redis.from_url(f"redis://:{ENGINE_PASSWORD}@127.0.0.1:{port}/0") as engine:
        engine.execute_command("ACL", "SETUSER", "us", "on", f">{ENGINE_PASSWORD}", "~*", "+@all", "-role")
    assert checked(tmp_path, f"redis://us:{ENGINE_PASSWORD}@127.0.0.1:{port}/0") == (0, "")
