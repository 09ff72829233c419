"""Who may see what, in a browser: signing in and out, roles, cookies, and forms that come from elsewhere."""

from typing import Any

import aiohttp
from playwright.async_api import Browser

from tests.browser.looks import Looks
from tests.browser.screen import Screen, looking
from tests.browser.stage import AGENT_TOKEN, OPS_TOKEN
from tests.support.world import World

FOR_OPERATIONS = (
    *("/console/live", "/console/calls", "/console/money", "/console/buyers", "/console/callbacks"),
    "/console/callers",
)
_SENDS = """([path, body]) => fetch(path, {
  method: "POST", body, headers: {"Content-Type": "application/x-www-form-urlencoded"},
}).then((answer) => answer.text().then(() => answer.status))"""


async def test_without_a_session_every_screen_leads_to_the_sign_in_and_then_to_what_was_wanted(
    screen: Screen, looks: Looks
) -> None:
    for path in (*FOR_OPERATIONS, "/console/transfer"):
        await screen.goto(path)
        assert screen.path == "/console/sign-in"
    await looks.taken(screen, "sign-in")
    await screen.sign_in(OPS_TOKEN, "/console/calls?outcome=unsold")
    assert screen.page.url.endswith("/console/calls?outcome=unsold")


async def test_an_agent_is_told_that_operations_screens_are_not_hers(screen: Screen, looks: Looks) -> None:
    screen.expects(403)
    await screen.sign_in(AGENT_TOKEN)
    assert screen.path == "/console/transfer"
    assert await screen.page.locator("nav a").all_inner_texts() == ["Transfer"]
    for path in (*FOR_OPERATIONS, "/console/calls/CA123"):
        assert await screen.goto(path) == 403
        await screen.says("This page is not for agents", "Ask operations")
    await looks.taken(screen, "error-403")
    await screen.page.get_by_role("link", name="Back to the console").click()
    await screen.heads("Hand a caller over")


async def test_what_is_not_there_is_told_in_words(screen: Screen, looks: Looks) -> None:
    screen.expects(404)
    await screen.sign_in(OPS_TOKEN)
    for path in ("/console/calls/CA123", "/console/callbacks/nothing", "/console/transfer/TR123"):
        assert await screen.goto(path) == 404
        await screen.says("There is no such thing, or no longer")
    await looks.taken(screen, "error-404")


async def test_many_bad_sign_ins_are_slowed_down_and_it_is_said_for_how_long(screen: Screen, looks: Looks) -> None:
    screen.expects(401, 429)
    await screen.goto("/console/sign-in")
    statuses = []
    for _ in range(10):
        await screen.page.get_by_label("Your token").fill("not-a-token")
        async with screen.page.expect_navigation() as navigation:
            await screen.button("Sign in").click()
        response = await navigation.value
        assert response is not None
        statuses.append(response.status)
        if statuses == [401]:
            await screen.says("This token is not one of an agent or of operations")
            await looks.taken(screen, "sign-in-wrong")
    assert statuses == [401] * 5 + [429] * 5
    await screen.says("Too many sign-ins with a wrong token. Try again in 5 seconds", timeout_s=1)
    await looks.taken(screen, "sign-in-slowed")
    await screen.page.get_by_label("Your token").fill(OPS_TOKEN)
    await screen.button("Sign in").click()
    await screen.says("Try again in")


async def test_cookies_are_out_of_reach_of_scripts_and_of_other_sites_and_for_https_alone(screen: Screen) -> None:
    await screen.sign_in(AGENT_TOKEN)
    cookies = await screen.page.context.cookies()
    assert "__Host-callrouter" in {cookie["name"] for cookie in cookies}
    for cookie in cookies:
        assert cookie["name"].startswith("__Host-callrouter")
        assert (cookie["httpOnly"], cookie["secure"], cookie["path"]) == (True, True, "/")
        assert cookie["sameSite"] in ("Lax", "Strict")
    assert await screen.page.evaluate("document.cookie") == ""


async def test_signing_out_ends_the_session_everywhere(chromium: Browser, world: World, screen: Screen) -> None:
    await screen.sign_in(OPS_TOKEN)
    kept: Any = await screen.page.context.cookies()
    await screen.button("Sign out").click()
    await screen.button("Sign in").wait_for()
    left = {cookie["name"] for cookie in await screen.page.context.cookies()}
    assert "__Host-callrouter" not in left
    async with looking(chromium, world.base_url) as thief:
        await thief.page.context.add_cookies(kept)
        await thief.goto("/console/calls")
        assert thief.path == "/console/sign-in"


async def test_a_session_that_ends_takes_its_live_page_to_the_sign_in(world: World, screen: Screen) -> None:
    await screen.sign_in(OPS_TOKEN, "/console/live")
    other = await screen.page.context.new_page()
    await other.goto(f"{world.base_url}/console/calls")
    await other.get_by_role("button", name="Sign out").click()
    await screen.page.wait_for_url("**/console/sign-in*")
    await other.close()


async def test_a_form_without_the_sessions_own_token_does_nothing(world: World, screen: Screen) -> None:
    screen.expects(403)
    await screen.sign_in(OPS_TOKEN, "/console/buyers")
    off = "/console/buyers/auto/letsmakealead/off"
    for token in ("", "csrf=guessed&"):
        assert await screen.page.evaluate(_SENDS, [off, f"{token}why=mischief"]) == 403
    cookies = {cookie["name"]: cookie["value"] for cookie in await screen.page.context.cookies()}
    csrf = await screen.page.locator("input[name=csrf]").first.get_attribute("value")
    header = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
    elsewhere = {**header, "Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
    async with aiohttp.ClientSession() as client:
        form = {"csrf": str(csrf), "why": "mischief"}
        async with client.post(world.base_url + off, data=form, headers=elsewhere) as answer:
            assert answer.status == 403
    await screen.goto("/console/buyers")
    assert await screen.page.get_by_text("Switched off").count() == 0
