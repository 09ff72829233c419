"""A real PostgreSQL for the tests: one server for each process of the run, a database of its own for each test.

The server ends with the process that started it, however that ends. Nothing of it is kept.
"""

import asyncio
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from callrouter.ledger.upgrade import upgrade
from tests.support.process import free_port

USER = "ledger"
PASSWORD = "the-password-of-postgresql-in-tests"
MIGRATED = "migrated"
"""The database that new ones are copied from: it has the ledger's tables, and no rows."""

_SETTINGS = {
    "fsync": "off",  # a machine that goes down takes the test along; a killed server loses nothing by it
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_connections": "60",
    "max_wal_senders": "0",
    "wal_level": "minimal",
    "autovacuum": "off",
    "listen_addresses": "127.0.0.1",
    "dynamic_shared_memory_type": "mmap",  # in its folder: one that is killed leaves nothing elsewhere
}
_WATCHED = """
folder=$1; shift
exec 3<&0
"$@" </dev/null 3<&- & server=$!
word=$(cat <&3)
kill -TERM $server; kill -QUIT $server  # at once; a shell's background has QUIT ignored until the server takes it
wait $server
[ "$word" = again ] || rm -rf "$folder"
"""
"""Runs a server until our end of the pipe closes, which it does also when we are killed; then its files go, too."""


class PostgresError(Exception):
    """What one of its programs said when it failed."""


class PostgresServer:
    """A server on a free port of loopback. The role `USER` must say its `PASSWORD`."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self._binaries = binaries
        self._folder = folder
        self._port = free_port()
        self._running: subprocess.Popen[bytes] | None = None
        self._answered = False
        """Whether it has answered since it was started."""
        self._numbers = itertools.count(1)
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")  # it refuses to run as root
            os.chown(folder, account.pw_uid, account.pw_gid)
            self._as: dict[str, Any] = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        else:
            self._as = {}

    def make(self) -> None:
        """Make the server's files and start it; it has the role and the migrated database then."""
        options = ("--no-sync", "--no-instructions", "--auth=trust", "--encoding=UTF8", "--locale=C")
        self._run("initdb", "-D", str(self._data), "-U", "postgres", *options)
        access = f"local all postgres trust\nhost all {USER} 127.0.0.1/32 scram-sha-256\n"
        (self._data / "pg_hba.conf").write_text(access)
        self.start()
        self.sql(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'")
        self.sql(f"CREATE DATABASE {MIGRATED} OWNER {USER}")
        _in_thread(self.url(MIGRATED))

    def url(self, database: str, password: str = PASSWORD) -> str:
        """What ``CALLROUTER_DATABASE_URL`` would be."""
        return f"postgresql+asyncpg://{USER}:{password}@127.0.0.1:{self._port}/{database}"

    @contextmanager
    def database(self, template: str = MIGRATED) -> Iterator[str]:
        """The name of a new database, for as long as this lasts. An empty one is copied from ``template1``."""
        name = f"test_{next(self._numbers)}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE {template} OWNER {USER}")
        try:
            yield name
        finally:
            self.start()
            self.sql(f"DROP DATABASE {name} WITH (FORCE)")

    def sql(self, statement: str, database: str = "postgres") -> str:
        """What a statement of the server's own administrator answers, a row a line."""
        options = ("-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", database)
        return self._run("psql", *options, "-h", str(self._folder), "-p", str(self._port), "-c", statement).strip()

    def start(self, timeout_s: float = 20.0) -> None:
        """Start, unless it runs, and wait until it answers."""
        ends = time.monotonic() + timeout_s
        while not (self._answered and self._pid()):
            if self._pid() and self.answers():
                self._answered = True
                return
            assert time.monotonic() < ends, self._log.read_text()[-2000:]
            if self._pid() is None:
                self._launch()  # again, too, while what a killed server left behind still holds its memory
            time.sleep(0.01)

    def kill(self) -> None:
        """kill -9, and wait until nobody answers."""
        pid = self._pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        while self._pid() is not None:
            time.sleep(0.01)

    def stop(self, word: bytes = b"") -> None:
        """End it, without ceremony, and remove its files unless the word is "again"."""
        if self._running is not None:
            self._running.communicate(word, timeout=20)
        self._running = None

    def answers(self) -> bool:
        """Whether it takes connections."""
        try:
            return self.sql("SELECT 1") == "1"
        except PostgresError:
            return False

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def _log(self) -> Path:
        return self._folder / "log"

    def _launch(self) -> None:
        self.stop(b"again")
        self._answered = False
        settings = _SETTINGS | {"port": str(self._port), "unix_socket_directories": str(self._folder)}
        options = [f"--{name}={value}" for name, value in settings.items()]
        server = (str(self._binaries / "postgres"), "-D", str(self._data))
        with self._log.open("ab") as log:
            start = log.tell()
            self._running = subprocess.Popen(
                ["/bin/sh", "-c", _WATCHED, "sh", str(self._folder), *server, *options],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                start_new_session=True,  # Ctrl-C is for the tests; the server ends after them
                **self._as,
            )
        while self._pid() is None and b"FATAL" not in self._log.read_bytes()[start:]:
            time.sleep(0.01)

    def _pid(self) -> int | None:
        """The server's process, if it lives."""
        try:
            pid = int((self._data / "postmaster.pid").read_text().split("\n", 1)[0])
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat")
            return None if state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z" else pid
        except (OSError, ValueError):
            return None

    def _run(self, program: str, *arguments: str) -> str:
        command = [str(self._binaries / program), *arguments]
        done = subprocess.run(command, cwd=self._folder, capture_output=True, check=False, **self._as)
        if done.returncode != 0:
            raise PostgresError(f"{program}: {done.stderr.decode()}")
        return str(done.stdout.decode())


def _in_thread(url: str) -> None:
    """Migrate, whether or not a loop runs here."""
    thread = threading.Thread(target=lambda: asyncio.run(upgrade(url)))
    thread.start()
    thread.join()


def _installed() -> Path | None:
    """The folder of the newest server that is installed."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    found = debian[-1] if debian else shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def _quick_folder() -> str | None:
    """Memory, where there is enough: to copy a database takes 30 ms there, and 300 ms on many disks."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made there
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > 500_000_000 else None


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The run's server; `postgres` is what tests ask for."""
    binaries = _installed()
    if binaries is None:
        why = "PostgreSQL is not installed (Debian: apt-get install postgresql)"
        if os.environ.get("POSTGRES_TESTS") == "required":
            pytest.fail(why)
        pytest.skip(why)
    folder = Path(tempfile.mkdtemp(prefix="callrouter-postgres-", dir=_quick_folder()))
    server = PostgresServer(binaries, folder)
    try:
        server.make()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)  # there is nothing left of it if the server ran


@pytest.fixture
def postgres(postgres_server: PostgresServer) -> PostgresServer:
    """The server, which runs, whatever the test before did to it."""
    postgres_server.start()
    return postgres_server
