"""Thousands of requests made from the served document, right and wrong ones, against the whole service.

None may be answered with a 5xx, with a status or a media type that the document does not name, or with a body that is
not as it says.
"""

import asyncio
import itertools
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation

from callrouter.domain.clock import SystemClock
from tests.support.world import OPS_TOKEN, World, offers, plan, refuses

T = TypeVar("T")

AT_LEAST = 2_000
EACH = 65
"""Requests of an operation in each of the two modes."""
CHECKED = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"),
)
TRANSFER: dict[str, Any] = {
    "plan": "auto",
    "caller": {"phone": "+15125550123", "zip": "78701"},
    "agent": {"name": "Ann", "phone": "+15125550142"},
}


class Served:
    """A world on a loop of its own, in real time: the requests are made from outside it."""

    def __init__(self, world: World, loop: asyncio.AbstractEventLoop) -> None:
        self.world = world
        self.url = world.served[0].url
        self._loop = loop

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Something that is done in the world."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def end(self, leave: asyncio.Event) -> None:
        """Let the world end."""
        self._loop.call_soon_threadsafe(leave.set)


@contextmanager
def served(engine_socket: Path, folder: Path) -> Iterator[Served]:
    """The whole service with partners that answer at once."""
    ready: list[Served] = []
    failures: list[BaseException] = []
    began, leave = threading.Event(), asyncio.Event()

    async def live() -> None:
        async with World(SystemClock(), engine_socket, folder, 1, plan()) as world:
            world.lmal.answer = offers("25.00", "+18005550199", latency_s=0)
            world.contactability.answer = refuses(latency_s=0)
            ready.append(Served(world, asyncio.get_running_loop()))
            began.set()
            await leave.wait()

    def run() -> None:
        try:
            asyncio.run(live())
        except BaseException as failure:  # noqa: BLE001 - it is raised where the test waits
            failures.append(failure)
        finally:
            began.set()

    thread = threading.Thread(target=run, name="world")
    thread.start()
    began.wait(30)
    try:
        if ready:
            yield ready[0]
    finally:
        if ready:
            ready[0].end(leave)
        thread.join(60)
    if failures:
        raise failures[0]


class Known:
    """What is there, put in the place of what was made up in every other request that is right: so that the answers to
    what exists are seen too."""

    def __init__(self, transfers: list[str], callbacks: list[str]) -> None:
        self._turn = itertools.count()
        self._parts: dict[str, dict[str, Iterator[str]]] = {
            "/api/v1/transfers/": {"id": itertools.cycle(transfers)},
            "/api/v1/callbacks/": {"id": itertools.cycle(callbacks)},
            "/api/v1/calls/": {"sid": itertools.cycle(transfers)},
            "/api/v1/callers/": {"phone": itertools.cycle(["+15125550123", "+15125550166"])},
            "/api/v1/buyers/": {"plan": itertools.repeat("auto"), "buyer": itertools.repeat("letsmakealead")},
        }

    def put_in(self, case: Case[Any]) -> None:
        if next(self._turn) % 2:
            return
        for prefix, parts in self._parts.items():
            if case.path.startswith(prefix):
                case.path_parameters = {**case.path_parameters, **{name: next(one) for name, one in parts.items()}}
        if case.path == "/api/v1/transfers" and isinstance(case.body, dict):
            case.body = {**case.body, **TRANSFER}


@pytest.mark.real_time
def test_generated_requests_get_documented_answers(engine_socket: Path, tmp_path: Path) -> None:
    load_all_checks()
    checks: list[Any] = [CHECKS.get_one(name) for name in CHECKED]
    answered: Counter[str] = Counter()
    with served(engine_socket, tmp_path) as service, requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {OPS_TOKEN}"
        schema = schemathesis.openapi.from_url(f"{service.url}/openapi.json")
        known = seed(service, session)

        def ask(case: Case[Any]) -> None:
            response = case.call(base_url=service.url, session=session)
            answered[f"{case.method} {case.path} {response.status_code}"] += 1
            case.validate_response(response, checks=checks)

        def ask_rightly(case: Case[Any]) -> None:
            known.put_in(case)
            ask(case)

        for found in schema.get_all_operations():
            assert isinstance(found, Ok)
            operation = found.ok()
            assert generated(operation, GenerationMode.POSITIVE, ask_rightly) >= EACH, operation.label
            generated(operation, GenerationMode.NEGATIVE, ask)
    assert sum(answered.values()) >= AT_LEAST
    seen = {key.rpartition(" ")[2] for key in answered}
    assert {"200", "201", "204", "400", "404", "409", "422"} <= seen, answered


def generated(
    operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode, ask: Callable[[Case[Any]], None]
) -> int:
    """Make the requests of one operation; how many."""
    count = 0

    @settings(
        max_examples=EACH,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def requested(case: Case[Any]) -> None:
        nonlocal count
        count += 1
        ask(case)

    try:
        requested()
    except Unsatisfiable:  # nothing can be wrong where nothing is sent
        assert mode is GenerationMode.NEGATIVE
    return count


def seed(service: Served, session: requests.Session) -> Known:
    """Callbacks and transfers to ask about."""
    world = service.world

    async def owed() -> list[str]:
        outbox = world.app.instance.outbox
        for no in range(4):
            wanted_at = SystemClock().now() + 600
            payload = {"plan": "auto", "phone": f"+1512555018{no}", "zip": "78701", "wanted_at": wanted_at}
            await outbox.stand(f"cb-{no}", payload, 3600)
        return [f"cb-{no}" for no in range(4)]

    opened = [session.post(f"{service.url}/api/v1/transfers", json=TRANSFER) for _ in range(4)]
    assert [response.status_code for response in opened] == [201] * 4, opened[0].text
    return Known([response.json()["id"] for response in opened], service.do(owed()))
