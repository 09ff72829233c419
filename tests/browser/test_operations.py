"""Operations in a browser: what is live, the log, a call's page, buyers, callbacks, callers."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.history import BRIDGED, FAILED, LIVE, UNSOLD, Past, lived
from tests.browser.looks import Looks
from tests.browser.screen import Screen, looking
from tests.browser.stage import OPS_TOKEN


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def past(engine_socket: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Past]:
    """Calls of every kind, once for these tests."""
    async with lived(engine_socket, tmp_path_factory.mktemp("past")) as past:
        yield past


@pytest_asyncio.fixture(loop_scope="session")
async def olga(chromium: Browser, past: Past) -> AsyncIterator[Screen]:
    """Olga of operations, signed in."""
    async with looking(chromium, past.world.base_url) as screen:
        await screen.sign_in(OPS_TOKEN)
        yield screen


async def test_a_live_call_is_shown_while_it_lives(past: Past, olga: Screen, looks: Looks) -> None:
    await olga.goto("/console/live")
    await olga.says(LIVE, "Talking with the buyer", "letsmakealead offers $40.00", "contactability talks")
    await looks.taken(olga, "live")
    await olga.page.get_by_role("link", name=LIVE).click()
    await olga.says("Still live after", "Talking with the buyer")
    await looks.taken(olga, "call-live")
    await olga.goto("/console/live")
    next(call for call in past.world.carrier.calls if call.sid == past.live).hang_up()
    await olga.says("Nobody is on the line")
    await looks.taken(olga, "live-nobody")
    await olga.goto(f"/console/calls/{past.live}")
    await olga.heads("Bridged")


async def test_the_log_is_searched_by_number_outcome_and_buyer(past: Past, olga: Screen, looks: Looks) -> None:
    await olga.goto("/console/calls")
    await olga.says("shown, newest first", "Bridged", "Unsold", "Abandoned", "Transfer")
    await looks.taken(olga, "log")
    await olga.page.get_by_label("Caller's number").fill(UNSOLD)
    await olga.page.get_by_label("Outcome").select_option("unsold")
    await olga.button("Look up").click()
    await olga.says("1 shown", UNSOLD)
    await olga.page.get_by_label("Outcome").select_option("bridged")
    await olga.button("Look up").click()
    await expect(olga.page.locator(".empty")).to_be_visible()
    await looks.taken(olga, "log-nothing")
    await olga.page.get_by_label("Caller's number").fill("12")
    await olga.button("Look up").click()
    await expect(olga.page.locator(".error")).to_be_visible()
    await looks.taken(olga, "log-wrong")


async def test_the_page_of_each_kind_of_call_says_where_it_went_and_why(past: Past, olga: Screen, looks: Looks) -> None:
    told = {
        past.bridged: ("Bridged", "letsmakealead did not answer", "Could not be reached", "qualified"),
        past.unsold: ("Unsold", "did not want this call", "due"),
        past.left: ("Abandoned", "The caller hung up", "hold audio"),
        past.transfer: ("Bridged", "Anna", "transfer", "qualified"),
    }
    for (sid, words), name in zip(told.items(), ("bridged", "unsold", "abandoned", "transfer"), strict=True):
        await olga.goto(f"/console/calls/{sid}")
        await olga.heads(words[0])
        closed = olga.page.locator("details:not([open]) > summary")
        while await closed.count():
            await closed.first.click()
        await olga.says(*words[1:])
        await looks.taken(olga, f"call-{name}")


async def test_a_buyer_is_switched_off_and_on(past: Past, olga: Screen, looks: Looks) -> None:
    await olga.goto("/console/buyers")
    await olga.says("Failing", "of its latest replies failed", "callers at once", "connected calls a day")
    await looks.taken(olga, "buyers")
    card = olga.page.get_by_role("article").filter(has_text="contactability")
    await card.get_by_text("Switch off…").click()
    await looks.taken(olga, "buyers-sure")
    await card.get_by_label("Why").fill("their lines are down")
    await card.get_by_role("button", name="Yes, switch it off").click()
    await olga.says("is switched off: nothing more goes to it", "By olga", "their lines are down")
    await looks.taken(olga, "buyers-off")
    await olga.button("Switch on").click()
    await olga.says("is switched on: the next caller is offered to it")


async def test_a_callback_is_cancelled_and_one_that_failed_is_tried_again(
    past: Past, olga: Screen, looks: Looks
) -> None:
    await olga.goto("/console/callbacks?state=delivered")
    await looks.taken(olga, "callbacks-delivered")
    row = olga.page.get_by_role("row").filter(has_text=UNSOLD)
    await row.get_by_text("Cancel…").click()
    await looks.taken(olga, "callbacks-sure")
    await row.get_by_role("button", name="Yes, cancel it").click()
    await olga.says("It is cancelled")
    await olga.goto("/console/callbacks?state=dead")
    await olga.says(FAILED, "Unknown Type")
    await looks.taken(olga, "callbacks-failed")
    await olga.page.get_by_role("link", name=FAILED).click()
    await looks.taken(olga, "callback")
    await olga.button("Try again now").click()
    await olga.says("It is due now")
    await olga.goto("/console/callbacks?state=dead")
    await olga.says("Nothing has failed for good")
    await looks.taken(olga, "callbacks-none")


async def test_a_person_is_looked_up_and_erased(past: Past, olga: Screen, looks: Looks) -> None:
    await olga.goto("/console/callers")
    await looks.taken(olga, "callers-empty")
    await olga.page.get_by_label("Their number").fill("(512) 555-0131")
    await olga.button("Look up").click()
    await olga.says("Carla", "Rivers", "Has consented", "vehicle_year")
    await looks.taken(olga, "callers-known")
    await olga.page.get_by_text("Erase +1").click()
    await olga.page.get_by_label("I am sure").check()
    await looks.taken(olga, "callers-sure")
    await olga.page.get_by_role("button", name="Erase", exact=True).click()
    await olga.says("Erased", "What was known is deleted", "1 ended call has no number any more")
    await olga.page.get_by_label("Their number").fill(BRIDGED)
    await olga.button("Look up").click()
    await olga.says("No consent is known", "No ended call of this number is in the log", "None is owed")
    await looks.taken(olga, "callers-unknown")
    await olga.goto(f"/console/calls/{past.bridged}")
    await olga.says("erased")
    assert BRIDGED not in await olga.page.content()
