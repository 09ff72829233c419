"""Whose bad sign-ins are counted together, and whom they slow down."""

import asyncio
from dataclasses import replace

import pytest
from starlette.requests import Request

from callrouter.console import signing
from callrouter.console.console import Console
from callrouter.console.places import place_of
from tests.console.served import AGENT_TOKEN, OPS_TOKEN, Browser, serving
from tests.console.test_sessions import header


async def test_who_guesses_tokens_does_not_keep_out_those_who_have_signed_in_before(
    browser: Browser, console: Console
) -> None:
    await browser.sign_in()
    csrf = (await browser.get("/console/transfer")).csrf
    await browser.post("/console/sign-out", {"csrf": csrf})
    async with serving(console) as stranger:  # of the same address, as behind a proxy
        for no in range(6):
            await stranger.sign_in(f"wrong-token-number-{no}")
        assert (await stranger.sign_in()).status == 429
        made_up = {"Cookie": f"callrouter-known={'0' * 64}"}
        fields = {"token": AGENT_TOKEN, "next": "/console"}
        assert (await stranger.post("/console/sign-in", fields, made_up)).status == 429
    assert (await browser.sign_in()).status == 303


async def test_a_browser_that_has_signed_in_before_is_slowed_down_too(browser: Browser) -> None:
    for token in (AGENT_TOKEN, OPS_TOKEN, OPS_TOKEN):  # however often
        await browser.sign_in(token)
    pages = [await browser.sign_in(f"wrong-token-number-{no}") for no in range(6)]
    assert [page.status for page in pages] == [401] * 5 + [429]


async def test_what_shows_that_a_browser_has_signed_in_signs_nobody_in(console: Console) -> None:
    async with serving(replace(console, public_url="https://calls.example.com")) as browser:
        sent = {"token": AGENT_TOKEN}
        async with browser.session.post(f"{browser.url}/console/sign-in", data=sent, allow_redirects=False) as answer:
            _, mark = answer.headers.getall("Set-Cookie")
        assert mark.startswith("__Host-callrouter-known=")
        assert {"httponly", "samesite=lax", "path=/", "secure"} <= header(mark)
        browser.session.cookie_jar.clear()
        known = mark.partition("=")[2].partition(";")[0]
        for name in ("__Host-callrouter-known", "__Host-callrouter"):
            assert (await browser.get("/console/transfer", {"Cookie": f"{name}={known}"})).status == 303


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:0:0:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("", "192.0.2.1", False),
    ],
)
async def test_the_addresses_of_one_household_are_one_place(console: Console, one: str, other: str, same: bool) -> None:
    def place(host: str) -> str:
        return place_of(console, Request({"type": "http", "headers": [], "client": (host, 1)}))

    assert (place(one) == place(other)) is same
    assert one not in place(one) or not one


async def test_with_many_bad_sign_ins_from_everywhere_each_answer_takes_its_time(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing, "EVERYBODYS_TRIES", 3)
    monkeypatch.setattr(signing, "EVERYBODYS_DELAY_S", 0.3)
    loop = asyncio.get_running_loop()
    took = []
    async with serving(console) as browser:
        for no in range(5):
            started = loop.time()
            assert (await browser.sign_in(f"wrong-token-number-{no}")).status == 401
            took.append(loop.time() - started)
    assert min(took[3:]) >= 0.3
