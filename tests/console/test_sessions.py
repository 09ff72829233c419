"""Signing in and out, what a session is worth, and what no other site can make it do."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
import redis.asyncio as redis

from callrouter.console.console import Console
from callrouter.console.pages import safe_next
from callrouter.console.sessions import IDLE_S, LONGEST_S
from callrouter.domain.clock import SystemClock
from callrouter.engine.client import Engine
from callrouter.settings import Role
from tests.console.served import AGENT_TOKEN, OPS_TOKEN, TOKENS, Browser, serving
from tests.support.engine import open_engine


class Later(SystemClock):
    """The system's clock, some time on."""

    def __init__(self) -> None:
        self.by_s = 0.0

    def now(self) -> float:
        return super().now() + self.by_s

    def engine_ms(self) -> int:
        return int(self.now() * 1000)


async def session_key(engine: Engine) -> str:
    """The key of the one session that there is."""

    async def scan(client: redis.Redis) -> list[str]:
        return [name async for name in client.scan_iter(match=f"{engine.keys.prefix}:session:*")]

    (name,) = await engine.raw("scan", scan)
    return name


async def signed_in(browser: Browser) -> bool:
    """Whether the browser gets past the sign-in."""
    return (await browser.get("/console/transfer")).status != 303


def header(set_cookie: str) -> set[str]:
    return {part.strip().lower() for part in set_cookie.split(";")[1:]}


async def test_without_a_sign_in_there_is_only_the_sign_in(browser: Browser) -> None:
    for path in ("/console/transfer", "/console/calls", "/console/nothing"):
        page = await browser.get(path)
        assert (page.status, page.headers["Location"]) == (303, f"/console/sign-in?next={path}")


@pytest.mark.parametrize(("token", "home"), [(AGENT_TOKEN, "/console/transfer"), (OPS_TOKEN, "/console/live")])
async def test_each_role_gets_to_its_own_first_page(browser: Browser, token: str, home: str) -> None:
    assert (await browser.sign_in(token)).headers["Location"] == "/console"
    assert (await browser.get("/console")).headers["Location"] == home


@pytest.mark.parametrize("token", ["", "wrong-token-of-somebody", "system-token-of-the-console", "\u00fc" * 20])
async def test_a_wrong_token_or_a_systems_is_refused_in_words(browser: Browser, token: str) -> None:
    page = await browser.sign_in(token)
    assert page.status == 401
    assert "not one of an agent or of operations" in page.text
    assert browser.cookies == {}


async def test_the_cookie_is_for_this_server_and_for_no_script(browser: Browser) -> None:
    cookie = (await browser.sign_in()).headers["Set-Cookie"]
    assert cookie.startswith("callrouter=")
    assert {"httponly", "samesite=lax", "path=/"} <= header(cookie)
    assert "secure" not in header(cookie)


@pytest.mark.parametrize("url", ["https://calls.example.com", "http://calls.example.com", "https://127.0.0.1:8443", ""])
async def test_off_loopback_the_cookie_is_for_https_alone_and_for_this_host(console: Console, url: str) -> None:
    async with serving(replace(console, public_url=url)) as browser:
        cookie = (await browser.sign_in()).headers["Set-Cookie"]
    assert cookie.startswith("__Host-callrouter=")
    assert {"httponly", "samesite=lax", "path=/", "secure"} <= header(cookie)
    assert "domain" not in cookie.lower()


async def test_the_engine_holds_neither_the_cookie_nor_the_token(browser: Browser, console: Console) -> None:
    await browser.sign_in()
    engine, (session_id,) = console.engine, browser.cookies.values()
    name = await session_key(engine)
    stored = await engine.get(name)
    assert stored is not None
    assert session_id not in f"{name} {stored}"
    assert AGENT_TOKEN not in stored


async def test_a_sign_in_gives_a_new_id_and_ends_the_old_session(browser: Browser) -> None:
    await browser.sign_in()
    (first,) = browser.cookies.values()
    await browser.sign_in(OPS_TOKEN)
    (second,) = browser.cookies.values()
    assert first != second
    browser.session.cookie_jar.clear()
    assert (await browser.get("/console", {"Cookie": f"callrouter={first}"})).headers["Location"] == "/console/sign-in"


async def test_an_id_that_a_browser_brings_along_is_never_taken_up(browser: Browser) -> None:
    page = await browser.post("/console/sign-in", {"token": AGENT_TOKEN}, {"Cookie": "callrouter=chosen-by-another"})
    assert page.status == 303
    assert "chosen-by-another" not in page.headers["Set-Cookie"]


async def test_signing_out_ends_the_session_and_not_only_the_cookie(browser: Browser) -> None:
    await browser.sign_in()
    (session_id,) = browser.cookies.values()
    csrf = (await browser.get("/console/transfer")).csrf
    assert (await browser.post("/console/sign-out", {"csrf": csrf})).headers["Location"] == "/console/sign-in"
    assert browser.cookies == {}
    page = await browser.get("/console/transfer", {"Cookie": f"callrouter={session_id}"})
    assert page.status == 303


async def test_a_session_ends_with_its_token(console: Console) -> None:
    tokens = list(TOKENS)
    async with serving(replace(console, tokens=tokens)) as browser:
        await browser.sign_in()
        assert await signed_in(browser)
        del tokens[0]
        assert not await signed_in(browser)
        tokens.insert(0, TOKENS[0])
        assert not await signed_in(browser)


async def test_a_session_ends_when_its_token_gets_another_role(console: Console) -> None:
    tokens = list(TOKENS)
    async with serving(replace(console, tokens=tokens)) as browser:
        await browser.sign_in(OPS_TOKEN)
        tokens[1] = tokens[1].model_copy(update={"role": Role.AGENT})
        assert not await signed_in(browser)


async def test_behind_a_proxy_that_names_another_host_the_public_one_is_ours(console: Console) -> None:
    async with serving(replace(console, public_url="http://calls.example.com:8080")) as browser:
        fields = {"token": AGENT_TOKEN, "next": "/console"}
        for origin, status in (("http://calls.example.com:8080", 303), ("http://calls.example.com", 403)):
            assert (await browser.post("/console/sign-in", fields, {"Origin": origin})).status == status


async def test_a_session_ends_after_half_a_day_however_busy(console: Console) -> None:
    clock = Later()
    async with serving(replace(console, clock=clock)) as browser:
        await browser.sign_in()
        clock.by_s = LONGEST_S - 60
        assert await signed_in(browser)
        clock.by_s = LONGEST_S + 1
        assert not await signed_in(browser)


async def test_the_pause_is_counted_from_the_last_request(browser: Browser, console: Console) -> None:
    await browser.sign_in()
    engine = console.engine
    name = await session_key(engine)
    await engine.set(name, await engine.get(name) or "", 100)
    await browser.get("/console/transfer")
    assert await engine.raw("ttl", lambda client: client.ttl(name)) > IDLE_S - 60


@pytest.mark.parametrize(
    ("headers", "field"),
    [
        ({}, ""),
        ({}, "wrong"),
        ({"Sec-Fetch-Site": "cross-site"}, "right"),
        ({"Sec-Fetch-Site": "same-site"}, "right"),
        ({"Origin": "https://evil.example"}, "right"),
        ({"Origin": "null"}, "right"),
        ({"Origin": "https://["}, "right"),
    ],
)
async def test_a_form_without_its_token_or_from_another_site_does_nothing(
    browser: Browser, headers: dict[str, str], field: str
) -> None:
    await browser.sign_in()
    csrf = (await browser.get("/console/transfer")).csrf
    page = await browser.post("/console/sign-out", {"csrf": csrf if field == "right" else field}, headers)
    assert page.status == 403
    assert "another site" in page.text
    assert await signed_in(browser)


async def test_one_sessions_csrf_token_is_not_anothers(browser: Browser, console: Console) -> None:
    await browser.sign_in()
    csrf = (await browser.get("/console/transfer")).csrf
    async with serving(console) as other:
        await other.sign_in(OPS_TOKEN)
        assert (await other.post("/console/sign-out", {"csrf": csrf})).status == 403


async def test_htmx_may_send_the_csrf_token_as_a_header(browser: Browser) -> None:
    await browser.sign_in()
    headers = {"X-CSRF-Token": (await browser.get("/console/transfer")).csrf, "HX-Request": "true"}
    page = await browser.post("/console/sign-out", {}, headers)
    assert (page.status, page.headers["HX-Redirect"]) == (204, "/console/sign-in")


async def test_another_site_cannot_sign_somebody_in(browser: Browser) -> None:
    page = await browser.post("/console/sign-in", {"token": AGENT_TOKEN}, {"Sec-Fetch-Site": "cross-site"})
    assert page.status == 403
    assert browser.cookies == {}


async def test_htmx_without_a_session_is_led_to_the_sign_in(browser: Browser) -> None:
    page = await browser.get("/console/transfer", {"HX-Request": "true"})
    assert (page.status, page.headers["HX-Redirect"]) == (401, "/console/sign-in")


async def test_ten_bad_sign_ins_are_slowed_down_and_a_good_one_waits_with_them(
    console: Console, engine_socket: Path
) -> None:
    clock = Later()
    engine = open_engine(engine_socket, clock)
    async with serving(replace(console, engine=engine, clock=clock)) as browser:
        waits = []
        for no in range(10):
            page = await browser.sign_in(f"wrong-token-number-{no}")
            assert page.status == 401
            blocked = await browser.sign_in()
            if blocked.status != 429:
                assert blocked.status == 303
                browser.session.cookie_jar.clear()
                continue
            waits.append(int(blocked.headers["Retry-After"]))
            assert f"Try again in {waits[-1]} seconds" in blocked.text
            assert browser.cookies == {}
            clock.by_s += waits[-1] + 0.1
        assert waits == [5, 10, 20, 40, 80, 160]
        assert (await browser.sign_in()).status == 303
    await engine.close()


async def test_a_hundred_tries_at_once_are_a_hundred_tries(browser: Browser) -> None:
    pages = await asyncio.gather(*(browser.sign_in(f"wrong-token-number-{no}") for no in range(30)))
    assert sum(page.status == 401 for page in pages) == 5
    assert sum(page.status == 429 for page in pages) == 25


@pytest.mark.parametrize(
    "wanted",
    [
        *(
            "https://evil.example/",
            "//evil.example",
            "/\\evil.example",
            "/console/../x",
            "/consoles",
            "javascript:alert(1)",
        ),
        *(
            "",
            "/",
            "/metrics",
            "/console\\@evil.example",
            "/console/sign-in",
            "\thttps://evil.example",
            "/console/\u00e4",
            "//[",
        ),
    ],
)
async def test_after_signing_in_nobody_is_sent_elsewhere(browser: Browser, wanted: str) -> None:
    assert safe_next(wanted) == "/console"
    assert (await browser.sign_in(then=wanted)).headers["Location"] == "/console"


async def test_after_signing_in_one_gets_where_one_wanted_to(browser: Browser) -> None:
    page = await browser.sign_in(then="/console/calls?buyer=acme&outcome=bridged")
    assert page.headers["Location"] == "/console/calls?buyer=acme&outcome=bridged"


async def test_every_answer_is_guarded_and_no_page_is_kept(browser: Browser) -> None:
    pages = [await browser.get(path) for path in ("/console/sign-in", "/console/transfer", "/console/static/0/x.css")]
    await browser.sign_in()
    pages += [await browser.get(path) for path in ("/console", "/console/transfer", "/console/nothing")]
    for page in pages:
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert page.headers["Referrer-Policy"] == "same-origin"
        assert page.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_another_method_does_nothing_and_its_answer_is_guarded_too(browser: Browser, method: str) -> None:
    await browser.sign_in()
    for path in ("", "/", "/transfer", "/sign-in", "/sign-out", "/nothing", "/static/0/x.css"):
        async with browser.session.request(method, f"{browser.url}/console{path}", allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, POST")
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert await signed_in(browser)


async def test_static_files_are_kept_for_good_under_the_address_of_their_content(browser: Browser) -> None:
    text = (await browser.get("/console/sign-in")).text
    css = text.split('rel="stylesheet" href="')[1].split('"')[0]
    page = await browser.get(css)
    assert (page.status, page.headers["Content-Type"]) == (200, "text/css; charset=utf-8")
    assert "immutable" in page.headers["Cache-Control"]
    for wrong in (
        "/console/static/0000/console.css",
        "/console/static/x/LICENSES.md",
        f"{css}x",
        "/console/static/a/..%2Fpages.py",
    ):
        assert (await browser.get(wrong)).status in (303, 404)


async def test_what_goes_wrong_is_told_in_words_on_a_page_and_in_a_fragment(browser: Browser) -> None:
    await browser.sign_in()
    page = await browser.get("/console/nothing")
    assert (page.status, "There is no such page" in page.text) == (404, True)
    part = await browser.get("/console/nothing", {"HX-Request": "true"})
    assert (part.status, part.headers["HX-Retarget"]) == (404, "#problem")
    assert "<html" not in part.text


async def test_without_the_engine_there_is_a_page_that_says_so(
    console: Console, tmp_path_factory: pytest.TempPathFactory
) -> None:
    engine = Engine.at_socket(str(tmp_path_factory.mktemp("none") / "nothing.sock"), SystemClock())
    async with serving(replace(console, engine=engine)) as browser:
        page = await browser.get("/console/transfer", {"Cookie": "callrouter=x"})
        assert (page.status, page.headers["Retry-After"]) == (503, "2")
        assert "The engine does not answer" in page.text
        assert (await browser.sign_in()).status == 503
    await engine.close()


async def test_too_large_a_form_is_refused(browser: Browser) -> None:
    assert (await browser.post("/console/sign-in", {"token": "x" * 70_000})).status == 413
