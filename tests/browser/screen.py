"""One window of the browser, which notes everything that must not happen on a page of ours."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal
from urllib.parse import urlsplit

from playwright.async_api import Browser, ConsoleMessage, Dialog, Locator, Page, Request, expect

Scheme = Literal["light", "dark"]
WIDE, NARROW = (1280, 900), (375, 800)
WAIT_MS = 15_000.0

_STATUS = re.compile(r"the server responded with a status of (\d{3})")
_CUT_SHORT = ("/live", "/stream", "/icon.svg")
"""What a browser gives up when its page is left: streams, and the icon that it fetches last."""
_WATCH_CSP = """document.addEventListener("securitypolicyviolation", (event) => {
  cspViolated(`${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
});"""


class Screen:
    """A page at which somebody looks. ``troubles`` is what went wrong on it so far, in words."""

    def __init__(self, page: Page, base_url: str) -> None:
        self.page = page
        self.base_url = base_url
        self.troubles: list[str] = []
        self.asked: list[str] = []
        """What dialogs asked."""
        self._statuses: set[int] = set()
        page.set_default_timeout(WAIT_MS)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.troubles.append(f"script error: {error}"))
        page.on("requestfailed", self._failed)

    def expects(self, *statuses: int) -> None:
        """Answers of these statuses belong to the test; the browser logs each of them."""
        self._statuses.update(statuses)

    async def goto(self, path: str) -> int:
        """Open a page; its status."""
        response = await self.page.goto(self.base_url + path)
        assert response is not None
        return response.status

    @property
    def path(self) -> str:
        """Where this is, without host and query."""
        return urlsplit(self.page.url).path

    async def sign_in(self, token: str, then: str = "/console") -> None:
        """Sign in, and arrive at a page."""
        await self.goto(then)
        await self.page.get_by_label("Your token").fill(token)
        await self.page.get_by_role("button", name="Sign in").click()
        await self.page.get_by_role("button", name="Sign out").wait_for()

    async def says(self, *words: str, timeout_s: float = 15.0) -> None:
        """Each of these stands on the page, visibly, by then."""
        for each in words:
            await expect(self.page.locator("main")).to_contain_text(
                each, timeout=timeout_s * 1000, use_inner_text=True, ignore_case=True
            )

    async def heads(self, words: str, timeout_s: float = 15.0) -> None:
        """The page's heading is this by then."""
        await expect(self.page.locator("main h1")).to_have_text(words, timeout=timeout_s * 1000)

    def button(self, name: str) -> Locator:
        """The button whose name has these words."""
        return self.page.get_by_role("button", name=name)

    def answer_dialogs(self) -> None:
        """Say yes to what the page asks from now on, and note it."""

        async def yes(dialog: Dialog) -> None:
            self.asked.append(dialog.message)
            await dialog.accept()

        self.page.on("dialog", yes)

    async def watch_policy(self) -> None:
        """Note what the content security policy stops, from the next page on."""
        await self.page.expose_function("cspViolated", lambda what: self.troubles.append(f"policy violated: {what}"))
        await self.page.add_init_script(_WATCH_CSP)

    async def settle(self) -> None:
        """What the page has said so far has arrived here."""
        if not self.page.is_closed():
            await self.page.evaluate("() => new Promise((done) => setTimeout(done, 0))")

    def _said(self, message: ConsoleMessage) -> None:
        status = _STATUS.search(message.text)
        if status is not None and int(status.group(1)) in self._statuses:
            return
        if message.type in ("error", "warning", "assert"):
            where: Any = message.location
            self.troubles.append(f"console {message.type}: {message.text} ({urlsplit(where.get('url', '')).path})")

    def _failed(self, request: Request) -> None:
        if request.failure == "net::ERR_ABORTED" and urlsplit(request.url).path.endswith(_CUT_SHORT):
            return
        self.troubles.append(f"request failed: {request.method} {urlsplit(request.url).path}: {request.failure}")


@asynccontextmanager
async def looking(
    browser: Browser, base_url: str, size: tuple[int, int] = WIDE, scheme: Scheme = "light"
) -> AsyncIterator[Screen]:
    """Somebody in front of a new window with no cookies; at the end there must have been no trouble."""
    context = await browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, reduced_motion="reduce", locale="en-US"
    )
    try:
        screen = Screen(await context.new_page(), base_url)
        await screen.watch_policy()
        yield screen
        await screen.settle()
    finally:
        await context.close()
    assert not screen.troubles, "\n".join(screen.troubles)
