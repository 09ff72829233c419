"""The service under demonstration: a subprocess with a data folder, an engine and a port of its own."""

import asyncio
import contextlib
import json
import os
import secrets
import shlex
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp

import callrouter
from callrouter.engine import embedded

READY_WITHIN_S = 30.0
STOPPED_WITHIN_S = 25.0
_POLL_S = 0.05
PATIENCE_S = 20.0
"""How long a request is tried again while the service is down for a crash of the demo's own making."""
_TRIED_AGAIN = (409, 503)
"""What a request may be told whose first try a crash cut off, or while the engine comes back."""
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "XDG_RUNTIME_DIR", "SYSTEMROOT", "VIRTUAL_ENV")
"""What the service takes over of our own environment: settings of a real deployment must not leak in."""


class DemoFailed(Exception):
    """The demo could not be played; the text says why and what to look at."""


class _NotNow(DemoFailed):
    """What a service that is being started again may say, or not say."""


class Service:
    """``callrouter serve`` as a person would start it. ``start``, use the rest, ``stop``."""

    def __init__(self, folder: Path, account_sid: str, auth_token: str) -> None:
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.data_dir = folder / "data"
        self.dialplans = folder / "dialplans"
        self.log = self.data_dir / "service.log"
        self.settings = folder / "settings.sh"
        """For a shell: the commands of callrouter then work with this service, its plan and its partners."""
        self.ops_token, self.agent_token = secrets.token_hex(16), secrets.token_hex(16)
        self._account = {"TWILIO_ACCOUNT_SID": account_sid, "TWILIO_AUTH_TOKEN": auth_token}
        self.crashes = False
        """Whether it will be killed: then requests are patient."""
        self._process: Process | None = None
        self._session: aiohttp.ClientSession | None = None

    async def start(self, environ: Mapping[str, str]) -> None:
        """Start it with these further variables, and wait until it is ready. Raises `DemoFailed`."""
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._write_settings(self._environ(environ))
        command = (sys.executable, "-m", "callrouter", "serve", "--host", "127.0.0.1", "--port", str(self.port))
        with self.log.open("ab") as log:
            # A session of its own: Ctrl-C is ours to handle, the service is then stopped in good order.
            self._process = await asyncio.create_subprocess_exec(
                *command, env=self._environ(environ), stdout=log, stderr=log, start_new_session=True
            )
        if self._session is None:
            headers = {"Authorization": f"Bearer {self.ops_token}"}
            self._session = aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=10))
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                while not await self._ready():  # noqa: ASYNC110 - what is waited for is another process
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise DemoFailed(f"the service was not ready within {READY_WITHIN_S:g} s{self._last_words()}") from None

    async def kill(self) -> None:
        """kill -9; its engine stays. `start` starts it again, on the same port and data."""
        assert self._process is not None, "start the service first"  # noqa: S101 - a programmer's mistake
        self._process.kill()
        await self._process.wait()

    async def kill_engine(self) -> None:
        """kill -9 of the embedded engine."""
        pid = await asyncio.to_thread((self.data_dir / "engine" / "valkey.pid").read_text)
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)

    async def know(self, phone: str, person: Mapping[str, str | bool]) -> None:
        """Tell what is known of a person before they call, as a web form would."""
        await self._answered("PUT", f"/api/v1/callers/{phone}", dict(person))

    async def as_agent(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What an agent's software asks of warm transfers; each POST under a key of its own. Raises `DemoFailed`."""
        headers = {"Authorization": f"Bearer {self.agent_token}"}
        if method == "POST":
            headers["Idempotency-Key"] = secrets.token_hex(16)
        return dict(json.loads(await self._answered(method, path, body, headers)))

    async def calls(self) -> list[dict[str, Any]]:
        """Live and finished calls, as ``GET /api/v1/calls`` lists them."""
        return list(json.loads(await self._get("/api/v1/calls?limit=500"))["calls"])

    async def call(self, sid: str) -> dict[str, Any]:
        """The whole decision of one call."""
        return dict(json.loads(await self._get(f"/api/v1/calls/{sid}")))

    async def callbacks(self) -> list[dict[str, Any]]:
        """The outbox."""
        return list(json.loads(await self._get("/api/v1/callbacks?limit=500"))["callbacks"])

    async def metrics(self) -> str:
        """The metrics in text format."""
        return await self._get("/metrics")

    async def console_page(self, path: str) -> str:
        """A page of the console, as operations see it who have just signed in. Raises `DemoFailed`."""
        jar = aiohttp.CookieJar(unsafe=True)
        try:
            async with aiohttp.ClientSession(cookie_jar=jar, timeout=aiohttp.ClientTimeout(total=10)) as session:
                form = {"token": self.ops_token, "next": path}
                async with session.post(f"{self.url}/console/sign-in", data=form) as page:
                    if page.status != 200 or page.url.path != path.partition("?")[0]:
                        raise DemoFailed(f"the console answered {page.status} to {path}")
                    return await page.text()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise DemoFailed(f"the console did not answer {path}: {type(error).__name__}") from error

    def troubles(self) -> list[str]:
        """Lines of the service's log that tell of an error."""
        try:
            lines = self.log.read_text(errors="replace").splitlines()
        except OSError:
            return []
        return [line for line in lines if '"level": "error"' in line or "Traceback" in line or line[:1] != "{"]

    async def stop(self) -> int | None:
        """SIGTERM, wait for the drain, and see that the engine has ended too. Returns the exit status."""
        if self._session is not None:
            await self._session.close()
        status = None
        if self._process is not None:
            status = await self._ended(self._process)
        await asyncio.to_thread(self._end_engine)
        return status

    def _end_engine(self) -> None:
        """A service that was killed leaves its engine up, for the next one to attach to: here there is none."""
        embedded.stop(self.data_dir)
        path = embedded.socket_path(self.data_dir)
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
            path.parent.rmdir()

    async def _ended(self, process: Process) -> int:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOPPED_WITHIN_S):
                return await process.wait()
        except TimeoutError:
            process.kill()
            return await process.wait()

    async def _ready(self) -> bool:
        assert self._process is not None  # noqa: S101 - started above
        assert self._session is not None  # noqa: S101
        if self._process.returncode is not None:
            raise DemoFailed(f"the service ended with status {self._process.returncode}{self._last_words()}")
        try:
            async with self._session.get(f"{self.url}/readyz") as response:
                return response.status == 200
        except (aiohttp.ClientError, OSError):
            return False

    async def _get(self, path: str) -> str:
        return await self._answered("GET", path)

    async def _answered(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> str:
        if not self.crashes:
            return await self._asked(method, path, body, headers)
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    try:
                        return await self._asked(method, path, body, headers)
                    except _NotNow:
                        await asyncio.sleep(_POLL_S * 4)
        except TimeoutError:
            raise DemoFailed(f"the service did not answer {path} within {PATIENCE_S:g} s of a crash") from None

    async def _asked(
        self, method: str, path: str, body: Mapping[str, Any] | None, headers: Mapping[str, str] | None
    ) -> str:
        assert self._session is not None, "start the service first"  # noqa: S101 - a programmer's mistake
        try:
            async with self._session.request(method, self.url + path, json=body, headers=headers) as response:
                text = await response.text()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _NotNow(f"the service did not answer {path}: {type(error).__name__}") from error
        if response.status not in (200, 201):
            kind = _NotNow if response.status in _TRIED_AGAIN else DemoFailed
            raise kind(f"the service answered {response.status} to {path}")
        return text

    def _environ(self, further: Mapping[str, str]) -> dict[str, str]:
        return {
            **{name: os.environ[name] for name in _KEPT if name in os.environ},
            **self.python_path,
            "CALLROUTER_PUBLIC_URL": self.url,
            "CALLROUTER_DATA_DIR": str(self.data_dir),
            "CALLROUTER_DIALPLANS": str(self.dialplans),
            "CALLROUTER_API_TOKENS": f"ops:demo:{self.ops_token},agent:anna:{self.agent_token}",
            **self._account,
            **further,
        }

    def _write_settings(self, environ: Mapping[str, str]) -> None:
        lines = [f"export {name}={shlex.quote(value)}\n" for name, value in environ.items() if name not in _KEPT]
        self.settings.touch(mode=0o600)
        self.settings.write_text("".join(lines))

    @property
    def python_path(self) -> dict[str, str]:
        """The variable by which a process finds this same program."""
        home = str(Path(callrouter.__file__).parent.parent)
        return {"PYTHONPATH": os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH"))))}

    def _last_words(self) -> str:
        try:
            lines = self.log.read_text(errors="replace").splitlines()[-5:]
        except OSError:
            lines = []
        return "".join(f"\n  {line}" for line in lines)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
