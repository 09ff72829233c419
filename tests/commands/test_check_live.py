"""``callrouter check --live``: what each partner's documented test request comes to, in a table."""

import asyncio
import copy
import json
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.commands.command import SECRETS, callrouter, environment, write_plan
from tests.support.world import BUYERS, plan
from tests.wire.partner import Partner, partner

OFFER = {"status": "accepted", "price": "25.00", "duration": "90", "PhoneNumber": "8885550142"}


async def _answer(request: web.Request) -> web.StreamResponse:
    """Every partner at one door, told apart by the path; the dialler knows its test."""
    if request.path == "/dialler/lead/add":
        sent = json.loads(await request.read())
        return web.json_response({"test": "ok"} if sent.get("test") == "true" else {"saved": True, "processed": True})
    if request.path == "/broken":
        return web.json_response({"error": "no"}, status=401)
    return web.json_response(OFFER)


def _environ(folder: Path, there: Partner, **changes: str) -> dict[str, str]:
    at = {"LMAL_URL": "/lmal", "CONTACTABILITY_URL": "/legs?hash=the-key-in-a-url", "DIALLER_URL": "/dialler"} | changes
    return environment(folder) | {name: there.origin + path for name, path in at.items()}


async def _live(environ: dict[str, str], *arguments: str) -> Any:
    return await asyncio.to_thread(callrouter, "check", "--live", *arguments, environ=environ)


def _rows(stdout: str) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["partner"], row["call"]): row for row in json.loads(stdout)["live"]}


async def test_every_partner_is_sent_its_documented_test_request(tmp_path: Path) -> None:
    write_plan(tmp_path)
    async with partner(_answer) as there:
        done = await _live(_environ(tmp_path, there), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    rows = _rows(done.stdout)
    tried = rows["letsmakealead", "Ping_Partner_CR.php"]
    assert (tried["verdict"], tried["ok"], tried["target"]) == ("offer", True, f"{there.origin}/lmal")
    assert tried["ms"] >= 0
    sent = {seen.path: seen.body.decode() for seen in there.seen}
    assert "key=test_mode" in sent["/lmal"]
    assert "subid=match" in sent["/lmal"]
    assert SECRETS["LMAL_KEY"] not in sent["/lmal"]
    assert rows["dialler", "/lead/add"]["verdict"] == "test_ok"
    assert json.loads(sent["/dialler/lead/add"])["test"] == "true"
    cancel = rows["dialler", "/lead/cancel"]
    assert (cancel["verdict"], cancel["ok"]) == ("not tried", None)
    assert "/dialler/lead/cancel" not in sent
    for secret in (*SECRETS.values(), "the-key-in-a-url"):
        assert secret not in done.stdout


async def test_the_table_ends_in_how_many_failed(tmp_path: Path) -> None:
    write_plan(tmp_path)
    async with partner(_answer) as there:
        done = await _live(_environ(tmp_path, there, LMAL_URL="/broken"))
    assert done.returncode == 1
    assert "Everything is in order." in done.stdout, "the configuration is; the partner is not"
    line = next(line for line in done.stdout.splitlines() if "error_auth" in line)
    assert line.split()[:3] == ["auto", "letsmakealead", "Ping_Partner_CR.php"]
    assert done.stdout.rstrip().splitlines()[-1].startswith("1 of ")
    for secret in SECRETS.values():
        assert secret not in done.stdout


async def test_a_buyer_without_a_test_request_is_listed_and_not_asked(tmp_path: Path) -> None:
    buyers = tmp_path / "buyers"
    assert callrouter("new-buyer", "acme", "--folder", str(buyers), environ={}).returncode == 0
    exemplar = buyers / "acme" / "exemplars" / "exemplary" / "a-caller-is-offered.json"
    exemplar.write_text("\n".join(line for line in exemplar.read_text().splitlines() if '"todo"' not in line))
    async with partner(_answer) as there:
        entry = {"adapter": "acme", "mode": "offer", "url": there.origin, "credentials": {"key": "k"}}
        off = {**BUYERS["letsmakealead"], "enabled": False}
        write_plan(tmp_path, buyers={"acme": entry, "off": off}, unsold={**plan()["unsold"], "callback": None})
        done = await _live(_environ(tmp_path, there) | {"CALLROUTER_BUYERS": str(buyers)}, "--json")
    assert done.returncode == 0, done.stderr
    assert there.seen == []
    rows = _rows(done.stdout)
    assert rows["acme", "/offer"]["verdict"] == rows["off", "Ping_Partner_CR.php"]["verdict"] == "not tried"
    assert "documents no test request" in rows["acme", "/offer"]["about"]
    assert rows["off", "Ping_Partner_CR.php"]["about"] == "enabled: false"


async def test_a_partner_that_is_out_is_a_failure_and_the_others_are_tried_all_the_same(tmp_path: Path) -> None:
    write_plan(tmp_path)
    async with partner(_answer) as there:
        environ = _environ(tmp_path, there) | {"LMAL_URL": "http://127.0.0.1:9/"}
        done = await _live(environ, "--json")
    assert done.returncode == 1
    rows = _rows(done.stdout)
    assert rows["letsmakealead", "Ping_Partner_CR.php"]["verdict"] == "error_unreachable"
    assert rows["dialler", "/lead/add"]["ok"] is True


async def test_lead_buyers_are_sent_test_leads_of_nobody(tmp_path: Path) -> None:
    """One asks first, the other sells in one request: both are marked as tests, as the document has it."""
    entry = {
        "adapter": "callconnectleads",
        "credentials": {"Key": "env:LMAL_KEY"},
        "params": {"SRC": "test", "Landing_Page": "landing", "Score": 12},
    }
    seen: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append((await request.read()).decode())
        text = "<response><status>Matched</status><lead_id>874</lead_id></response>"
        return web.Response(text=text, content_type="text/xml")

    async with partner(answer) as there:
        url = f"{there.origin}/api.php"
        modes = {"asks": "ping_post", "sells": "full"}
        buyers = {name: {**copy.deepcopy(entry), "mode": mode, "url": url} for name, mode in modes.items()}
        write_plan(tmp_path, buyers=buyers, unsold={})
        done = await _live(_environ(tmp_path, there), "--json")
    rows = _rows(done.stdout)
    assert {name: row["verdict"] for (name, _), row in rows.items()} == {"asks": "offer", "sells": "offer"}
    assert done.returncode == 0
    assert ["Test_Lead=1" in sent for sent in seen] == [True, True]
    assert ["Home_Phone=5125550100" in sent for sent in seen] == [False, True]


async def test_without_live_nobody_is_asked(tmp_path: Path) -> None:
    write_plan(tmp_path)
    async with partner(_answer) as there:
        done = await asyncio.to_thread(callrouter, "check", "--json", environ=_environ(tmp_path, there))
    assert done.returncode == 0
    assert "live" not in json.loads(done.stdout)
    assert there.seen == []
