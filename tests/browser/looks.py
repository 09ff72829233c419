"""What a screen looks like, kept as pictures, and what axe-core finds wrong with it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, ViewportSize

from tests.browser.screen import NARROW, WIDE, Scheme, Screen

SERIOUS = ("serious", "critical")
SIZES: Mapping[str, ViewportSize] = {
    "wide": {"width": WIDE[0], "height": WIDE[1]},
    "narrow": {"width": NARROW[0], "height": NARROW[1]},
}
SCHEMES: Mapping[Scheme, str] = {"light": "wide", "dark": "narrow"}
"""And the window in which each is looked at when there is time for one only."""
_SHAPE = """(() => {
  const page = document.documentElement;
  return [page.scrollHeight > page.clientHeight, page.scrollWidth > page.clientWidth];
})()"""
_axe = Axe()


class Looks:
    """Takes pictures into a folder: a few, or, with ``every``, each window in each scheme, and tall pages whole."""

    def __init__(self, folder: Path, *, every: bool = False) -> None:
        self.folder = folder
        self.every = every

    async def taken(self, screen: Screen, name: str) -> None:
        """The screen as it is now; nothing on it is hard to reach or to read, in light or dark, wide or narrow."""
        page = screen.page
        found: list[str] = []
        try:
            for scheme, usual in SCHEMES.items():
                await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                for size in SIZES if self.every else (usual,):
                    found += await self._picture(page, f"{name}-{size}-{scheme}", size)
                found += [f"{name}, {scheme}: {what}" for what in await barriers(screen)]
        finally:
            await page.emulate_media(color_scheme="light", reduced_motion="reduce")
            await page.set_viewport_size(SIZES["wide"])
        assert not found, "\n".join(found)

    async def _picture(self, page: Page, file: str, size: str) -> list[str]:
        await page.set_viewport_size(SIZES[size])
        await page.evaluate("scrollTo(0, 0)")
        await page.screenshot(path=self.folder / f"{file}.png", animations="disabled")
        tall, cut = await page.evaluate(_SHAPE)
        if tall and self.every:
            await page.screenshot(path=self.folder / f"{file}-full.png", full_page=True, animations="disabled")
        return [f"{file}: the page is wider than its window"] if cut else []


async def barriers(screen: Screen) -> list[str]:
    """What axe-core finds serious or critical, each with its element and why."""
    results: dict[str, Any] = (await _axe.run(screen.page)).response
    return [
        f"{rule['id']} ({rule['impact']}) at {' '.join(map(str, node['target']))}: {node.get('failureSummary', '')}"
        for rule in results["violations"]
        if rule["impact"] in SERIOUS
        for node in rule["nodes"]
    ]


def looks_into(otherwise: Path) -> Looks:
    """Every picture into ``CALLROUTER_SCREENSHOTS``, or a few into the other folder."""
    told = os.environ.get("CALLROUTER_SCREENSHOTS")
    folder = Path(told) if told else otherwise
    folder.mkdir(parents=True, exist_ok=True)
    return Looks(folder, every=bool(told))
