"""What an agent types to hand a caller over."""

from playwright.async_api import expect

from tests.browser.screen import Screen
from tests.browser.stage import ANNAS_PHONE

TYPED = "(512) 555-0123"
"""The caller's number, as people write it."""


async def types_the_caller(screen: Screen, by_keyboard: bool = False) -> None:
    """Fill the form in; the agent's own part is kept for the next time."""
    page = screen.page
    if not by_keyboard:
        await page.get_by_label("Phone", exact=True).fill(TYPED)
        await page.get_by_label("Zip").fill("78701")
        await page.get_by_label("Your name").fill("Anna")
        await page.get_by_label("Your phone").fill(ANNAS_PHONE)
        return
    await expect(page.get_by_label("Phone", exact=True)).to_be_focused()
    keys = page.keyboard
    await keys.type(TYPED)
    await keys.press("Tab")
    await keys.type("78701")
    for _ in range(4):  # first name, last name, plan, your name
        await keys.press("Tab")
    await expect(page.get_by_label("Your name")).to_be_focused()
    await keys.type("Anna")
    await keys.press("Tab")
    await keys.type(ANNAS_PHONE)
