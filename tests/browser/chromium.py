"""The browser of these tests: the Chromium of this machine, driven by Playwright. Nothing is downloaded."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
USUAL = Path("/usr/bin/chromium")
REQUIRED = "required"
"""``BROWSER_TESTS=required`` makes a missing browser an error; a path there is the browser to take."""
MISSING = (
    "no Chromium on this machine, so that the console was not tried in a browser; "
    "on Debian: apt-get install chromium fonts-dejavu-core"
)

_FLAGS = (
    "--no-sandbox",  # tests run as root in containers, on pages of ours alone
    "--disable-dev-shm-usage",
    "--disable-gpu",
    # What Chromium would ask of the world by itself.
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-domain-reliability",
    "--no-pings",
)


def find_chromium() -> str | None:
    """Where the browser is; ``None`` when there is none."""
    told = os.environ.get("BROWSER_TESTS", "")
    if told not in ("", REQUIRED):
        return shutil.which(told)
    if USUAL.exists():
        return str(USUAL)
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def browser_is_required() -> bool:
    """Whether these tests must run."""
    return os.environ.get("BROWSER_TESTS", "") != ""


@asynccontextmanager
async def launched(path: str) -> AsyncIterator[Browser]:
    """A headless browser with an empty profile."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, headless=True, args=list(_FLAGS))
        try:
            yield browser
        finally:
            await browser.close()
