"""The operations' screens in a real browser: accessible, nothing refused by the policy, none wider than the phone."""

from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, async_playwright

from callrouter.console.console import Console
from tests.console import records
from tests.console.served import OPS_TOKEN, Browser
from tests.console.test_operations import keep, owe

CHROMIUM = Path("/usr/bin/chromium")
ARGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no Chromium here")


async def wrong_with(page: Page, url: str, said: list[str]) -> list[str]:
    """What axe-core, the console and the width of the page have against it."""
    said.clear()
    await page.goto(url)
    wider = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    found = (await Axe().run(page)).response["violations"]
    rules = [f"{rule['id']} {rule['nodes'][0]['target']}" for rule in found]
    return [*rules, *said, *([f"{wider} px too wide"] if wider > 0 else [])]


async def test_every_screen_is_accessible_and_fits_a_phone_in_both_colours(console: Console, browser: Browser) -> None:
    transfer, failed, talk = await keep(console, records.renewed_transfer(), records.two_failed(), records.bridged(900))
    await owe(console)
    paths = ("live", "calls", f"calls/{transfer}", f"calls/{failed}", f"calls/{talk}", "buyers", "callbacks", "money")
    said: list[str] = []
    wrong: dict[str, list[str]] = {}
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGS)
        for width, dark in ((1280, False), (360, True)):
            page = await chromium.new_page(
                viewport={"width": width, "height": 800}, color_scheme="dark" if dark else "light"
            )
            page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
            await page.goto(f"{browser.url}/console/sign-in")
            await page.fill("#token", OPS_TOKEN)
            await page.click("button[type=submit]")
            for path in (*paths, "callbacks/cb-1", "callers?phone=5125550123"):
                against = await wrong_with(page, f"{browser.url}/console/{path}", said)
                wrong |= {f"{path} at {width}": against} if against else {}
            await page.close()
        await chromium.close()
    assert wrong == {}
