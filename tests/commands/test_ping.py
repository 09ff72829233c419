"""``callrouter ping``: one live request, shown without what nobody may see."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from callrouter.buyers.base import BuyerResponse
from tests.commands.command import SECRETS, callrouter, environment, process_environment, write_plan
from tests.support.world import BUYERS
from tests.wire.partner import Answer, Partner, failing, partner, replying

PHONE = "+15125550123"
OFFER = {"status": "accepted", "price": "25.00", "duration": "90", "PhoneNumber": "8885550142"}


def _saying(doc: object, status: int = 200) -> Answer:
    return replying(BuyerResponse(status, json.dumps(doc).encode(), "application/json"))


@asynccontextmanager
async def _partner(folder: Path, answer: Answer) -> AsyncIterator[tuple[Partner, dict[str, str]]]:
    """A buyer at work, and the environment of a plan that knows it."""
    write_plan(folder)
    async with partner(answer) as there:
        yield there, environment(folder) | {"LMAL_URL": f"{there.origin}/ping?hash=the-key-in-a-url"}


async def _ping(environ: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    given = arguments if "--zip" in arguments else ("--zip", "78701", *arguments)
    return await asyncio.to_thread(callrouter, "ping", "letsmakealead", *given, environ=environ)


async def test_an_offer_is_shown_with_its_request_and_no_secret(tmp_path: Path) -> None:
    async with _partner(tmp_path, _saying({**OFFER, "note": f"key {SECRETS['LMAL_KEY']}"})) as (there, environ):
        done = await _ping(environ, "--phone", PHONE, "--transfer-type", "2", "--field", "driver1=Zebediah")
    assert (done.returncode, done.stderr) == (0, "")
    (seen,) = there.seen
    for sent in (b"zipcode=78701", b"telephone=5125550123", b"state=TX", b"transfer_type=2", b"driver1=Zebediah"):
        assert sent in seen.body
    for told in ("POST ", "zipcode=78701", "HTTP 200", "verdict  offer", "25.00", "8885550142", " ms"):
        assert told in done.stdout
    for secret in (*SECRETS.values(), "5125550123", "the-key-in-a-url"):
        assert secret not in done.stdout


async def test_the_whole_is_there_as_json(tmp_path: Path) -> None:
    async with _partner(tmp_path, _saying(OFFER)) as (_, environ):
        done = await _ping(environ, "--json", "--plan", "auto")
    doc = json.loads(done.stdout)
    assert doc["verdict"] == "offer"
    assert doc["offer"]["payout"] == "25.00"
    assert doc["elapsed_ms"] >= 0


@pytest.mark.parametrize(
    ("answer", "status", "verdict"),
    [
        (_saying({"status": "rejected", "errorCode": 5000}), 0, "no_offer_coverage"),
        (_saying({"status": "rejected", "errorCode": 2000}), 1, "error_auth"),
        (_saying({**OFFER, "price": "0.50"}), 1, "rejected_below_floor"),
        (_saying({**OFFER, "PhoneNumber": "9005550142"}), 1, "rejected_bad_target"),
        (_saying({}, 503), 1, "error_unavailable"),
        (failing("reset"), 1, "error_unreachable"),
    ],
)
async def test_the_status_says_whether_the_buyer_answered(
    tmp_path: Path, answer: Answer, status: int, verdict: str
) -> None:
    async with _partner(tmp_path, answer) as (_, environ):
        done = await _ping(environ, "--json")
    assert (done.returncode, json.loads(done.stdout)["verdict"]) == (status, verdict)


async def test_a_buyer_that_cannot_be_asked_is_told_and_nothing_is_sent(tmp_path: Path) -> None:
    async with _partner(tmp_path, _saying(OFFER)) as (there, environ):
        environ["CONTACTABILITY_URL"] = there.origin
        done = await asyncio.to_thread(callrouter, "ping", "contactability", "--zip", "78701", environ=environ)
    assert done.returncode == 1
    assert "not_called_unbuildable" in done.stdout
    assert "phone is not known" in done.stdout
    assert there.seen == []


async def test_of_a_buyer_with_two_steps_only_the_ping_is_sent_and_what_the_post_would_do_is_told(
    tmp_path: Path,
) -> None:
    async with partner(_saying({**OFFER, "PhoneNumber": None, "token": "t-1"})) as there:
        addresses = {"ping_url": f"{there.origin}/ping", "post_url": f"{there.origin}/post", "mode": "ping_post"}
        entry = {**{key: value for key, value in BUYERS["letsmakealead"].items() if key != "url"}, **addresses}
        write_plan(tmp_path, buyers={"letsmakealead": entry})
        done = await _ping(environment(tmp_path))
    assert (done.returncode, [seen.path for seen in there.seen]) == (0, ["/ping"])
    assert "then     its post (POST API) names the number and commits; it is not sent" in done.stdout


SELLING = """
    def build_accept(self, ask, account, quote, allowed_ms):
        return self.build_request(ask, account, allowed_ms)

    def parse_accept(self, ask, account, quote, response):
        return self.parse_response(ask, account, response)
"""


async def test_a_mode_that_can_only_sell_is_refused_with_the_reason(tmp_path: Path) -> None:
    buyers = tmp_path / "buyers"
    assert callrouter("new-buyer", "acme", "--folder", str(buyers), environ={}).returncode == 0
    sheet, adapter = buyers / "acme" / "buyer.yaml", buyers / "acme" / "adapter.py"
    sheet.write_text(sheet.read_text().replace("    ping: {call: /offer}", "    post: {call: /sell}\n    #"))
    adapter.write_text(adapter.read_text() + SELLING)
    async with partner(_saying(OFFER)) as there:
        entry = {"adapter": "acme", "mode": "offer", "url": there.origin, "credentials": {"key": "k"}}
        write_plan(tmp_path, buyers={"acme": entry})
        environ = environment(tmp_path) | {"CALLROUTER_BUYERS": str(buyers)}
        done = await asyncio.to_thread(callrouter, "ping", "acme", "--zip", "78701", "--yes", environ=environ)
    assert done.returncode == 1
    assert "offer has no step that only asks" in done.stderr
    assert there.seen == []


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (("--zip", "00000"), 2, "--zip"),
        (("--phone", "12"), 2, "--phone"),
        (("--plan", "boats"), 1, "no plan boats; there is auto"),
        (("--field", "x"), 2, "NAME=VALUE"),
    ],
)
async def test_what_is_asked_wrongly_is_told(
    tmp_path: Path, arguments: tuple[str, ...], status: int, told: str
) -> None:
    async with _partner(tmp_path, _saying(OFFER)) as (there, environ):
        done = await _ping(environ, *arguments)
    assert done.returncode == status
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert there.seen == []


def test_a_buyer_that_the_plan_does_not_have_is_told(tmp_path: Path) -> None:
    write_plan(tmp_path)
    done = callrouter("ping", "acme", "--zip", "78701", environ=environment(tmp_path))
    assert done.returncode == 1
    assert "it has letsmakealead, contactability" in done.stderr


@pytest.mark.parametrize(("said", "status", "sent"), [(b"n\n", 1, 0), (b"y\n", 0, 1)])
async def test_at_a_terminal_it_asks_first(tmp_path: Path, said: bytes, status: int, sent: int) -> None:
    async with _partner(tmp_path, _saying(OFFER)) as (there, environ):
        here, terminal = os.openpty()
        os.write(here, said)

        def run() -> Any:
            return subprocess.run(
                [sys.executable, "-m", "callrouter", "ping", "letsmakealead", "--zip", "78701"],
                env=process_environment(environ),
                stdin=terminal,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )

        done = await asyncio.to_thread(run)
        os.close(here)
        os.close(terminal)
    assert (done.returncode, len(there.seen)) == (status, sent)
    assert "Send this to letsmakealead? [y/N]" in done.stderr
