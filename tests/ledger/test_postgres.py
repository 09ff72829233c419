"""A service whose ledger is on PostgreSQL: its calls, commands and console, and what it says when the server is out."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest

from callrouter.domain.clock import SystemClock
from callrouter.engine import embedded
from callrouter.engine.client import Engine
from callrouter.ledger.reads import Ledger
from callrouter.ledger.rows import Rows, row_of
from tests.commands.command import callrouter, environment, write_plan
from tests.console import records
from tests.console.served import OPS_TOKEN, console_over, serving
from tests.console.test_operations import PHONE, keep
from tests.ledger.test_ledger import record
from tests.support.postgres import MIGRATED, PASSWORD, PostgresServer
from tests.support.process import ServiceProcess, free_port
from tests.support.virtual_time import VirtualClock, run_virtual
from tests.support.world import World, offers, plan

BUYERS_NUMBER = "+18005550111"


def in_a_world_on(url: str, engine_socket: Path, folder: Path, test: Callable[[World], Awaitable[None]]) -> None:
    """Run it in virtual time, in a world whose ledger is there."""

    async def whole(clock: VirtualClock) -> None:
        settings = {"CALLROUTER_DATABASE_URL": url}
        async with World(clock, engine_socket, folder, dialplan=plan(), further_settings=settings) as world:
            world.lmal.answer = offers("25.10", BUYERS_NUMBER)
            await test(world)

    run_virtual(whole)


async def readiness(world: World) -> tuple[int, list[str]]:
    """What ``/readyz`` answers."""
    async with aiohttp.ClientSession() as session, session.get(f"{world.base_url}/readyz") as response:
        return response.status, (await response.json())["warnings"]


def test_a_server_that_is_killed_under_load_loses_no_call_and_stores_none_twice(
    postgres: PostgresServer, engine_socket: Path, tmp_path: Path
) -> None:
    async def test(world: World) -> None:
        placed = []
        for n in range(30):
            placed.append(world.place())
            await asyncio.sleep(10)
            if n == 15:  # the first calls have ended, and from now on some end all the time
                assert world.metric("ledger_errors_total") == 0
                postgres.kill()
            if n == 20:
                status, warnings = await readiness(world)
                assert status == 200  # calls are taken and wait in the engine
                assert warnings == ["the ledger does not answer: nothing listens there; check CALLROUTER_DATABASE_URL"]
                assert world.metric("ledger_errors_total") > 0
                postgres.start()
                assert postgres.sql("SELECT count(*) > 0 AND count(*) < 15 FROM calls", name) == "t"
            if n == 25:
                postgres.kill()
                postgres.start()
        for call in placed:
            await call.wait_ended()
        await world.settled()
        assert await readiness(world) == (200, [])
        answered = [call for call in world.carrier.calls if any(dial.bridged for dial in call.dials)]
        assert len(answered) == 30  # callers noticed nothing
        kept = postgres.sql("SELECT count(*), count(DISTINCT sid), sum(payout_cents) FROM calls", name)
        assert kept == f"30|30|{30 * 2510}"

    with postgres.database() as name:
        in_a_world_on(postgres.url(name), engine_socket, tmp_path, test)


async def test_the_console_shows_and_erases_what_is_kept(engine: Engine, ledger: Ledger) -> None:
    console = console_over(engine, ledger)
    (sid,) = await keep(console, records.bridged())
    async with serving(console) as browser:
        await browser.sign_in(OPS_TOKEN)
        page = await browser.get("/console/calls")
        assert page.status == 200
        assert sid in page.text
        person = await browser.get(f"/console/callers?phone={PHONE[2:]}")
        await browser.post("/console/callers/erase", {"csrf": person.csrf, "phone": PHONE, "sure": "yes"})
    kept = await ledger.get(sid)
    assert kept is not None
    assert (kept.from_number, kept.record["erased"], kept.payout) == (None, True, Decimal("42.00"))


async def test_two_instances_that_start_at_once_migrate_once_and_commands_read_what_they_keep(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    write_plan(tmp_path)
    with postgres.database("template1") as name:
        environ = environment(tmp_path) | {"CALLROUTER_DATABASE_URL": postgres.url(name)}
        ports = [free_port(), free_port()]
        services = [ServiceProcess(environ, port, tmp_path / f"log-{port}") for port in ports]
        try:
            await asyncio.gather(*(service.start() for service in services))
            await asyncio.gather(*(service.ready() for service in services))
            assert len(postgres.sql("SELECT version_num FROM alembic_version", name).splitlines()) == 1
            sid = f"CA{7:032x}"
            written = Ledger(postgres.url(name), SystemClock())
            await written.add(Rows(calls=[row_of(sid, json.dumps(record(sid)), 0)]))
            await written.close()
            listed = await asyncio.to_thread(callrouter, "calls", "--json", environ=environ)
            assert (listed.returncode, [call["sid"] for call in json.loads(listed.stdout)["calls"]]) == (0, [sid])
        finally:
            for service in services:
                assert await service.stop() == 0
            embedded.stop(tmp_path / "data")


@pytest.mark.parametrize("command", [("serve", "--port"), ("calls",)])
def test_a_wrong_password_is_told_in_one_line(
    command: tuple[str, ...], postgres: PostgresServer, tmp_path: Path
) -> None:
    write_plan(tmp_path)
    environ = environment(tmp_path) | {"CALLROUTER_DATABASE_URL": postgres.url(MIGRATED, "not-the-password")}
    (tmp_path / "data" / "engine").mkdir(parents=True)
    arguments = [*command, str(free_port())] if len(command) > 1 else command
    done = callrouter(*arguments, environ=environ)
    told = done.stderr.splitlines()[-1]
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert told.startswith("callrouter: the ledger does not ")
    assert told.endswith(": it refuses the user or the password; check CALLROUTER_DATABASE_URL")
    assert "not-the-password" not in done.stderr


def test_check_tries_the_database_and_hides_its_password(postgres: PostgresServer, tmp_path: Path) -> None:
    write_plan(tmp_path)

    def check(url: str) -> tuple[int, str, str]:
        done = callrouter("check", environ=environment(tmp_path) | {"CALLROUTER_DATABASE_URL": url})
        return done.returncode, done.stdout, done.stderr

    status, shown, wrong = check(postgres.url(MIGRATED))
    assert (status, wrong) == (0, "")
    assert "postgresql+asyncpg://ledger:***@127.0.0.1" in shown
    assert PASSWORD not in shown
    status, shown, wrong = check(postgres.url(MIGRATED, "not-the-password"))
    assert (status, shown) == (2, "")
    assert wrong == (
        "environment: CALLROUTER_DATABASE_URL: the ledger does not answer: it refuses the user or the password\n"
    )
    status, _, wrong = check(f"postgresql://ledger:{PASSWORD}@127.0.0.1:99999/calls")
    assert (status, wrong.count("\n"), "write the port as a number" in wrong) == (2, 1, True)
