"""The harness sees what it is there to see."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser

from callrouter.console.pages import security_headers
from tests.browser.looks import Looks, barriers
from tests.browser.screen import Screen, looking

FINE = "<!doctype html><html lang=en><head><title>t</title><link rel=icon href='data:,'></head><body><main>%s</main>"
LABELLED = FINE % "<h1>A page</h1><label>Name <input></label>"
PAGES = {
    "/fine": LABELLED,
    "/unlabelled": FINE % "<h1>A page</h1><input>",
    "/pale": FINE % "<h1>A page</h1><p style='color: #bbb; background: #fff'>hardly seen</p>",
    "/wide": FINE % "<h1>A page</h1><div style='width: 3000px'>x</div>",
    "/scripted": FINE % "<h1>A page</h1><script>window.ran = true</script>",
}


async def answer(request: web.Request) -> web.Response:
    headers = security_headers() if request.path == "/scripted" else {}
    if request.path not in PAGES:
        return web.Response(status=404, text="nothing")
    return web.Response(text=PAGES[request.path], content_type="text/html", headers=headers)


@pytest_asyncio.fixture(loop_scope="session")
async def pages() -> AsyncIterator[str]:
    """Pages, some of which are bad."""
    app = web.Application()
    app.router.add_get("/{name}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def troubles(chromium: Browser, pages: str, path: str, script: str = "() => 0") -> str:
    """What the harness says of this page."""

    async def look() -> None:
        async with looking(chromium, pages) as screen:
            await screen.goto(path)
            await screen.page.evaluate(script)

    with pytest.raises(AssertionError) as failed:
        await look()
    return str(failed.value)


async def test_a_page_that_is_fine_passes(chromium: Browser, pages: str, tmp_path: Path) -> None:
    async with looking(chromium, pages) as screen:
        assert await screen.goto("/fine") == 200
        await Looks(tmp_path).taken(screen, "fine")


@pytest.mark.parametrize(
    ("script", "noted"),
    [
        ("() => console.error('broken')", "console error: broken"),
        ("() => console.warn('odd')", "console warning: odd"),
        ("() => { setTimeout(() => { throw new Error('thrown') }, 0) }", "script error: thrown"),
        ("() => fetch('/nowhere')", "status of 404"),
        ("() => fetch('http://127.0.0.1:1/').catch(() => 0)", "request failed: GET /"),
    ],
)
async def test_what_goes_wrong_on_a_page_fails_the_test(chromium: Browser, pages: str, script: str, noted: str) -> None:
    found = await troubles(chromium, pages, "/fine", script)
    assert noted in found


async def test_what_the_content_security_policy_stops_fails_the_test(chromium: Browser, pages: str) -> None:
    found = await troubles(chromium, pages, "/scripted")
    assert "policy violated: script-src-elem inline" in found


@pytest.mark.parametrize(("path", "rule"), [("/unlabelled", "label"), ("/pale", "color-contrast")])
async def test_what_axe_finds_serious_is_found(chromium: Browser, pages: str, path: str, rule: str) -> None:
    async with looking(chromium, pages) as screen:
        await screen.goto(path)
        found = await barriers(screen)
    assert [each.split()[0] for each in found] == [rule]


async def test_a_page_that_is_wider_than_a_phone_fails_the_test(screen_of_pages: Screen, tmp_path: Path) -> None:
    await screen_of_pages.goto("/wide")
    with pytest.raises(AssertionError, match="wider than its window"):
        await Looks(tmp_path).taken(screen_of_pages, "wide")


@pytest_asyncio.fixture(loop_scope="session")
async def screen_of_pages(chromium: Browser, pages: str) -> AsyncIterator[Screen]:
    """Somebody in front of them."""
    async with looking(chromium, pages) as screen:
        yield screen
