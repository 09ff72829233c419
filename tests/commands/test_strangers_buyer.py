"""Somebody who has never seen the code adds a buyer: two files filled in, nothing of ours touched, a caller bridged."""

import hashlib
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

import callrouter as package
from callrouter.simulator.carrier import PhoneScript
from tests.commands.command import callrouter, environment, write_plan
from tests.support.virtual_time import VirtualClock, run_virtual
from tests.support.world import World, plan
from tests.wire.partner import Seen, partner

NUMBER = "+18885550177"

SHEET = """
title: Acme Calls
documents: [Acme Calls API, 2026-03]
modes:
  quote:
    methods: [get]
    ping: {call: /v2/quote, path: /v2/quote}
    credentials: [apikey]
params:
  vertical: {required: true}
fields:
  postal: {from: zip, max_chars: 5, required: true}
  ani: {from: phone, form: ten_digits}
  region: {from: state, max_chars: 2}
aliases:
  status: [outcome]
  number: [did]
  price: [cents]
  duration: [billable_after]
  code: [why]
  reason: [text]
words:
  rejected: [pass]
error_codes:
  full: no_offer_capped
"""

EXEMPLARS = {
    "exemplary/a-caller-is-offered.json": {
        "about": "The offer is nested, and its price in cents",
        "call": {"caller": {"phone": "+15125550123", "zip": "78701", "state": "TX"}},
        "request": {
            "method": "GET",
            "path": "/api/v2/quote",
            "query": {
                "vertical": "auto", "postal": "78701", "ani": "5125550123", "region": "TX", "apikey": "KEY-SECRET",
            },
        },
        "response": {
            "json": {"outcome": "take", "offer": {"cents": 3150, "terms": {"billable_after": 45, "did": "8885550177"}}}
        },
        "expect": {"offer": {"number": NUMBER, "payout": "31.50", "min_duration_s": 45}},
    },
    "supplemental/a-full-house-is-no-offer.json": {
        "about": "They have had enough for today",
        "call": {"caller": {"zip": "78701"}},
        "request": "any",
        "response": {"json": {"outcome": "pass", "why": "full", "text": "cap reached"}},
        "expect": {"decline": {"reason": "no_offer_capped", "buyer_code": "full"}},
    },
}  # fmt: skip


def fill_in(folder: Path) -> None:
    """What the stranger does with what ``new-buyer`` wrote: the sheet, one line of the adapter, the exemplars."""
    (folder / "buyer.yaml").write_text(SHEET)
    adapter = folder / "adapter.py"
    text = adapter.read_text()
    mended = text.replace(
        "        if payout == 0:", "        payout = payout / 100  # they count in cents\n        if payout == 0:"
    )
    assert mended != text
    adapter.write_text(mended)
    (folder / "exemplars" / "exemplary" / "a-caller-is-offered.json").unlink()
    account = {"mode": "quote", "url": "https://acme.example/api", "credentials": {"apikey": "KEY-SECRET"}}
    (folder / "exemplars" / "account.json").write_text(json.dumps({**account, "params": {"vertical": "auto"}}))
    for path, doc in EXEMPLARS.items():
        (folder / "exemplars" / path).parent.mkdir(exist_ok=True)
        (folder / "exemplars" / path).write_text(json.dumps(doc))


def entry(url: str) -> dict[str, object]:
    return {
        "adapter": "acme", "mode": "quote", "url": url,
        "credentials": {"apikey": "env:ACME_KEY"}, "params": {"vertical": "auto"},
    }  # fmt: skip


def fingerprint() -> str:
    """Of every file that ships."""
    home = Path(package.__file__).parent
    files = sorted(path for path in home.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return hashlib.sha256(b"".join(str(path).encode() + path.read_bytes() for path in files)).hexdigest()


async def _acme(request: web.Request) -> web.StreamResponse:
    if request.query.get("apikey") != "acme-key-of-tests":
        return web.json_response({"outcome": "pass", "text": "who are you?"}, status=401)
    terms = {"billable_after": 45, "did": NUMBER.removeprefix("+1")}
    return web.json_response({"outcome": "take", "offer": {"cents": 3150, "terms": terms}})


def test_a_strangers_buyer_takes_a_call(engine_socket: Path, tmp_path: Path) -> None:
    before, buyers = fingerprint(), tmp_path / "buyers"
    assert callrouter("new-buyer", "acme", environ={"CALLROUTER_BUYERS": str(buyers)}).returncode == 0
    fill_in(buyers / "acme")
    written = [
        line for part in ("adapter.py", "buyer.yaml") for line in (buyers / "acme" / part).read_text().splitlines()
    ]
    assert len(written) < 120

    write_plan(tmp_path, buyers={"acme": entry("https://acme.example/api")})
    environ = environment(tmp_path) | {"CALLROUTER_BUYERS": str(buyers), "ACME_KEY": "acme-key-of-tests"}
    checked = callrouter("check", environ=environ)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "acme" in checked.stdout

    seen: list[Seen] = []
    run_virtual(_bridged(engine_socket, tmp_path / "world", buyers, seen))
    assert [dict(request.query)["postal"] for request in seen] == ["78701"]
    assert fingerprint() == before, "no file of ours was touched"


def _bridged(
    engine_socket: Path, folder: Path, buyers: Path, seen: list[Seen]
) -> Callable[[VirtualClock], Awaitable[None]]:
    async def main(clock: VirtualClock) -> None:
        async with partner(_acme) as acme:
            dialplan = {**plan(), "buyers": {"acme": entry(f"{acme.origin}/api")}}
            settings = {"CALLROUTER_BUYERS": str(buyers), "ACME_KEY": "acme-key-of-tests"}
            async with World(clock, engine_socket, folder, dialplan=dialplan, further_settings=settings) as world:
                world.carrier.phone(NUMBER, PhoneScript(talk_s=60))
                call = await world.call()
                record = await world.record(call)
            seen.extend(acme.seen)
        assert (record["outcome"], record["buyer"], record["payout"]) == ("bridged", "acme", "31.50")
        assert (record["qualified"], record["min_duration_s"]) == (True, 45)
        assert [(dial.number, dial.bridged) for dial in call.dials] == [(NUMBER, True)]

    return main
