"""What the ledger's errors say: they end in logs."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import SQLAlchemyError

from callrouter.domain.clock import SystemClock
from callrouter.errors import LedgerUnavailable
from callrouter.ledger import database as database_module
from callrouter.ledger.database import ledger_url, open_database
from callrouter.ledger.reads import Ledger
from callrouter.ledger.tables import calls
from callrouter.ledger.trial import trouble_with
from callrouter.ledger.trouble import in_words
from tests.support.postgres import MIGRATED, PASSWORD, PostgresServer
from tests.support.process import free_port
from tests.support.waiting import wait_until


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_a_database_that_is_out_is_one_error_whatever_people_ask_for(kind: str, tmp_path: Path) -> None:
    urls = {
        "sqlite": f"sqlite+aiosqlite:///{tmp_path}/nowhere/ledger.db",
        "postgresql": f"postgresql+asyncpg://ledger:{PASSWORD}@127.0.0.1:{free_port()}/calls",
    }
    ledger = Ledger(urls[kind], SystemClock())
    for ask in (ledger.get("CA1"), ledger.find(), ledger.sales(["x"]), ledger.erase("+15125550123")):
        with pytest.raises(LedgerUnavailable):
            await ask
    await ledger.close()
    # A connection that did not open leaves its driver's thread a moment behind, which must not outlive this loop.
    await wait_until(lambda: not any("_connection_worker_thread" in thread.name for thread in threading.enumerate()))


async def test_an_error_of_the_database_names_no_caller(empty_url_of_test: str) -> None:
    database = open_database(empty_url_of_test)
    row = {"sid": "CA1", "from_number": "+15125550123", "record": "a zip of 78701"}
    async with database.connect() as connection:
        with pytest.raises(SQLAlchemyError) as raised:
            await connection.execute(insert(calls).values(row))
    await database.dispose()
    assert "no such table" in str(raised.value) or "does not exist" in str(raised.value)
    assert "5550123" not in str(raised.value)
    assert "78701" not in str(raised.value)


WRONG: dict[str, tuple[Callable[[PostgresServer], str], str]] = {
    "password": (lambda server: server.url(MIGRATED, "not-the-password"), "it refuses the user or the password"),
    "user": (
        lambda server: server.url(MIGRATED).replace("ledger:", "stranger:"),
        "it refuses the user, or connections",
    ),
    "database": (lambda server: server.url("nowhere"), "there is no such database; create it"),
    "port": (lambda server: f"postgresql+asyncpg://u:p@127.0.0.1:{free_port()}/x", "nothing listens there"),
    "encryption": (lambda server: server.url(MIGRATED) + "?sslmode=require", "the connection broke"),
    "mode": (lambda server: server.url(MIGRATED) + "?sslmode=maybe", "does not understand an option of the URL"),
    "option": (lambda server: server.url(MIGRATED) + "?colour=red", "it does not know an option of the URL"),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_what_is_wrong_with_a_database_is_told_in_words_of_our_own(wrong: str, postgres: PostgresServer) -> None:
    url, words = WRONG[wrong]
    told = await trouble_with(url(postgres))
    assert told is not None
    assert words in told
    assert all(hidden not in told for hidden in (PASSWORD, "not-the-password", "127.0.0.1", "stranger"))


async def test_a_good_database_has_no_trouble_and_gets_no_table_by_looking(postgres: PostgresServer) -> None:
    with postgres.database("template1") as name:
        assert await trouble_with(postgres.url(name)) is None
        assert await trouble_with(postgres.url(name) + "?sslmode=prefer") is None
        assert postgres.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", name) == "0"


async def test_a_user_who_may_make_no_tables_is_told_before_the_service_starts(postgres: PostgresServer) -> None:
    with postgres.database("template1") as name:
        postgres.sql(f"ALTER DATABASE {name} OWNER TO postgres")
        told = await trouble_with(postgres.url(name))
        assert told == "the ledger's user may not make tables; make it the database's owner"


async def test_a_database_that_can_only_be_read_is_told(postgres: PostgresServer) -> None:
    with postgres.database() as name:
        postgres.sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        assert await trouble_with(postgres.url(name)) == "the ledger's database can only be read; name the primary"


async def test_a_server_that_never_answers_is_given_up(unanswered_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "CONNECT_S", 0.2)
    told = await trouble_with(f"postgresql+asyncpg://u:p@127.0.0.1:{unanswered_port}/x")
    assert told == "the ledger does not answer: no answer in time"


async def test_a_statement_that_takes_too_long_ends_on_the_server_too(postgres: PostgresServer) -> None:
    with postgres.database() as name:
        database = open_database(postgres.url(name), statement_s=0.2)
        async with database.connect() as connection:
            with pytest.raises(TimeoutError) as raised:
                await connection.execute(text("SELECT pg_sleep(60)"))
        assert in_words(raised.value) == "no answer in time"
        async with database.connect() as connection:  # the pool is as good as before
            assert (await connection.execute(text("SELECT 1"))).scalar_one() == 1
        await database.dispose()
        active = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)' AND state = 'active'"
        await wait_until(lambda: postgres.sql(active) == "0")


async def test_a_pool_that_is_used_up_is_told_and_not_waited_for_for_long(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "CONNECT_S", 0.5)
    with postgres.database() as name:
        ledger = Ledger(postgres.url(name), SystemClock())
        held = [await ledger._database.connect() for _ in range(database_module.POOL + database_module.POOL_OVERFLOW)]
        with pytest.raises(LedgerUnavailable) as raised:
            await ledger.find()
        assert raised.value.__cause__ is not None
        assert in_words(raised.value.__cause__) == "all of this instance's connections are in use"
        await held.pop().close()
        assert await ledger.find() == []
        for connection in held:
            await connection.close()
        await ledger.close()


async def test_the_first_question_after_a_restart_of_the_server_is_answered(postgres: PostgresServer) -> None:
    with postgres.database() as name:
        ledger = Ledger(postgres.url(name), SystemClock())
        assert await ledger.find() == []
        postgres.kill()
        postgres.start()
        assert await ledger.find() == []
        await ledger.close()


def test_a_postgresql_url_keeps_what_the_operator_wrote(tmp_path: Path) -> None:
    url = "postgresql://me:p%40ss@one:5432,two:5433/calls?sslmode=require&target_session_attrs=read-write"
    assert ledger_url(url, tmp_path) == url.replace("postgresql:", "postgresql+asyncpg:")
