"""Who may do what, and what everyone else is told."""

import io
import json
from pathlib import Path

import pytest

from callrouter.domain.clock import SystemClock
from callrouter.engine.client import Engine
from callrouter.errors import LedgerUnavailable
from callrouter.logs import configure_logging
from tests.api.desk import SID
from tests.api.service import Api, serving

PATHS = [
    *(("PUT", "/api/v1/callers/8185550123"), ("GET", "/api/v1/callers/8185550123")),
    *(("DELETE", "/api/v1/callers/8185550123"), ("GET", "/api/v1/calls"), ("GET", "/api/v1/calls/CA1")),
    *(("GET", "/api/v1/callbacks"), ("DELETE", "/api/v1/callbacks/x"), ("POST", "/api/v1/callbacks/x/retry")),
]
ONE = f"/api/v1/transfers/{SID}"
TRANSFERS = [
    *(("GET", "/api/v1/transfers"), ("GET", ONE), ("DELETE", ONE), ("POST", f"{ONE}/bridge")),
    *(("POST", f"{ONE}/complete"), ("POST", f"{ONE}/next"), ("POST", f"{ONE}/dialled")),
]
AGENTS_TOO = ("/api/v1/callers", "/api/v1/transfers", "/api/v1/calls/")


@pytest.mark.parametrize(("method", "path"), [*PATHS, *TRANSFERS, ("POST", "/api/v1/transfers")])
async def test_nothing_is_done_without_a_token(api: Api, method: str, path: str) -> None:
    status, body, headers = await api.ask(method, path, role=None)
    assert status == 401
    assert headers["WWW-Authenticate"] == 'Bearer realm="callrouter"'
    assert "Bearer" in body["detail"]


@pytest.mark.parametrize(
    "header",
    [
        *("Bearer wrong", "Bearer", "Bearer ", "ops-token-0123456789", "Basic ops-token-0123456789"),
        *("Bearer ops-token-012345678", "Bearer ops-token-01234567890", "Bearer \u00fcberall"),
    ],
)
async def test_a_wrong_token_is_refused(api: Api, header: str) -> None:
    status, _, headers = await api.ask("GET", "/api/v1/calls", role=None, headers={"Authorization": header})
    assert status == 401
    assert "invalid_token" in headers["WWW-Authenticate"]


async def test_agents_may_tell_of_callers_and_hand_over_and_nothing_else(api: Api) -> None:
    for method, path in [*PATHS, *TRANSFERS]:
        status, _, _ = await api.ask(method, path, role="agent", json={})
        assert (status == 403) is not path.startswith(AGENTS_TOO)


@pytest.mark.parametrize("role", ["ops", "system"])
async def test_operators_and_systems_may_do_all(api: Api, role: str) -> None:
    for method, path in [*PATHS, *TRANSFERS]:
        status, _, _ = await api.ask(method, path, role=role, json={})
        assert status in (200, 204, 404)


async def test_the_scheme_is_read_without_regard_to_case(api: Api) -> None:
    headers = {"Authorization": "bearer ops-token-0123456789"}
    assert (await api.ask("GET", "/api/v1/calls", role=None, headers=headers))[0] == 200


async def test_another_method_is_told_which_there_are(api: Api) -> None:
    for method in ("POST", "PATCH", "TRACE"):
        status, _, headers = await api.ask(method, "/api/v1/callers/8185550123")
        assert (status, headers["Allow"]) == (405, "DELETE, GET, PUT")


@pytest.mark.usefixtures("logging_as_before")
async def test_an_engine_that_is_out_is_503_and_never_a_traceback(tmp_path: Path) -> None:
    stream = io.StringIO()
    configure_logging(stream)
    engine = Engine.at_socket(str(tmp_path / "nothing.sock"), SystemClock())
    async with serving(engine) as api:
        key = {"Idempotency-Key": "one"}
        assert (await api.ask("POST", f"{ONE}/next", headers=key))[0] == 503
        for method, path in PATHS:
            if path.startswith("/api/v1/calls"):
                api.calls.out = path == "/api/v1/calls"
                continue
            status, body, headers = await api.ask(method, path, json={})
            assert status == 503
            assert headers["Retry-After"]
            assert "Connection" not in body["detail"]
        assert (await api.ask("GET", "/api/v1/calls/CA1"))[0] == 404
    await engine.close()
    assert "engine unavailable" in stream.getvalue()
    assert "8185550123" not in stream.getvalue()


async def test_a_reader_without_its_engine_is_503(api: Api) -> None:
    api.calls.out = True
    assert (await api.ask("GET", "/api/v1/calls"))[0] == 503


async def test_a_ledger_that_is_out_is_503_and_named(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def out(sid: str) -> None:
        raise LedgerUnavailable("OperationalError")

    monkeypatch.setattr(api.calls, "get", out)
    status, body, headers = await api.ask("GET", "/api/v1/calls/CA1")
    assert (status, headers["Retry-After"]) == (503, "2")
    assert body["detail"] == "the ledger does not answer; try again shortly"


@pytest.mark.usefixtures("logging_as_before")
async def test_our_own_failure_is_a_problem_and_a_log_line_without_the_path(api: Api) -> None:
    stream = io.StringIO()
    configure_logging(stream)
    api.calls.living = [{"broken": True}]
    status, body, _ = await api.ask("GET", "/api/v1/calls?phone=8185550123&since=2026-01-01")
    assert status == 500
    assert "KeyError" not in str(body)
    (line,) = [json.loads(text) for text in stream.getvalue().splitlines()]
    assert (line["logger"], line["level"], line["route"]) == ("callrouter.api", "error", "/api/v1/calls")
    assert "8185550123" not in stream.getvalue()


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/calls/CA1/more", "/api/v2/calls", "/api/"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_an_unknown_path_of_the_api_is_a_problem(api: Api, method: str, path: str) -> None:
    assert (await api.ask(method, path))[0] == 404
