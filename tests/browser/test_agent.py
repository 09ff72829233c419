"""An agent at work in a browser, by keyboard where it matters; operations read what she did."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from callrouter.simulator.carrier import PhoneScript
from tests.browser.filling import TYPED, types_the_caller
from tests.browser.looks import Looks
from tests.browser.screen import Screen, looking
from tests.browser.stage import (
    AGENT_TOKEN,
    ANNAS_PHONE,
    FIRST,
    MIN_TALK_S,
    OPS_TOKEN,
    SECOND,
    brief,
    slow_from_second,
    staged,
)
from tests.support.world import CALLER, World, offers, refuses


async def test_an_agent_hands_a_caller_over_by_keyboard_and_operations_read_what_happened(
    chromium: Browser, world: World, screen: Screen
) -> None:
    """An offer that turns and is renewed, a buyer that does not answer, the next one, the clock, the end."""
    world.lmal.answer = slow_from_second(
        offers("40.00", FIRST, 0.2, MIN_TALK_S), offers("40.00", FIRST, 4.5, MIN_TALK_S)
    )
    world.carrier.phone(FIRST, PhoneScript(ring_s=1.0, result="no_answer"))
    keys = screen.page.keyboard
    await screen.goto("/console")
    await expect(screen.page.get_by_label("Your token")).to_be_focused()
    await keys.type(AGENT_TOKEN)
    await keys.press("Enter")
    await types_the_caller(screen, by_keyboard=True)
    await keys.press("Enter")
    await screen.heads("Offer from letsmakealead")
    await screen.says("$40.00", "0:05", "Good for")
    await turns_and_renews(screen)
    await keys.press("b")
    await screen.heads("contactability is on the line", timeout_s=20)
    await screen.says("letsmakealead did not answer", "with the caller on the same line")
    assert await screen.page.evaluate("document.activeElement !== document.body"), "the focus is lost"
    await keys.press("d")
    await screen.heads("Handed over to contactability")
    await screen.says("Qualified", timeout_s=MIN_TALK_S + 5)
    world.carrier.hang_up(ANNAS_PHONE)  # the caller's line, which was merged on hers
    await screen.heads("Qualified")
    await screen.says("contactability and the caller talked for", "0:05 were needed")
    await keys.press("n")
    await screen.heads("Hand a caller over")
    await expect(screen.page.get_by_label("Your name")).to_have_value("Anna")
    await world.settled(20)
    async with looking(chromium, world.base_url) as operations:
        await finds_the_call(operations)


async def turns_and_renews(screen: Screen) -> None:
    """The countdown turns, says so in words, and is renewed by itself."""
    ends = screen.page.locator(".countdown [data-until]")
    first = await ends.get_attribute("data-until")
    await screen.says("Running out", "Renewing the offer")
    await expect(screen.page.locator("[data-turns]")).to_have_attribute("data-turn", "soon")
    await expect(ends).not_to_have_attribute("data-until", str(first))
    await expect(screen.page.locator("[data-turns]")).to_have_attribute("data-turn", "fresh")
    await screen.says("Good for", "Renewed by itself while you talk")


async def finds_the_call(screen: Screen) -> None:
    """Operations look the call up by its number and read why it went where it went."""
    await screen.sign_in(OPS_TOKEN, "/console/calls")
    await screen.page.get_by_label("Caller's number").fill(TYPED)
    await screen.page.keyboard.press("Enter")
    await screen.says("1 shown", "Bridged", "contactability", "$30.00", "Transfer")
    await screen.page.locator("tbody a").click()
    await screen.heads("Bridged")
    await screen.says(CALLER, "78701 TX", "Anna", "Qualified", "$30.00")
    told = screen.page.get_by_text("The same in words")
    if not await screen.page.locator("details.told[open]").count():
        await told.click()
    await screen.says(
        "asked; after 0.2 s it offered $40.00",
        "Dial 1: letsmakealead",
        "the buyer did not answer the phone",
        "Dial 2: contactability",
        "the buyer answers; they talk",
        "the buyer's phone rings",
        "Order of the offers",
        "Who hung up",
    )


async def test_an_agent_whose_caller_nobody_wants_is_told_why(world: World, screen: Screen, looks: Looks) -> None:
    world.lmal.answer = world.contactability.answer = refuses()
    await screen.sign_in(AGENT_TOKEN)
    await types_the_caller(screen)
    await screen.button("Get offer").click()
    await screen.heads("Not sold")
    await screen.says("did not want this call", "The caller will be called back")
    await looks.taken(screen, "agent-not-sold")


async def test_an_agent_passes_an_offer_over_and_gives_up(world: World, screen: Screen, looks: Looks) -> None:
    await screen.sign_in(AGENT_TOKEN)
    await types_the_caller(screen)
    await screen.button("Get offer").click()
    await screen.heads("Offer from letsmakealead")
    await screen.button("Next buyer").click()
    await screen.heads("Offer from contactability")
    await screen.button("Cancel").click()
    await screen.heads("Given up")
    await looks.taken(screen, "agent-given-up")


async def test_an_agent_whose_offers_lapse_for_good_asks_again(
    chromium: Browser, engine_socket: Path, tmp_path: Path, looks: Looks
) -> None:
    dialplan = brief(offer_s=3)
    async with staged(engine_socket, tmp_path, dialplan) as world, looking(chromium, world.base_url) as screen:
        bid = offers("40.00", FIRST, 0.2, MIN_TALK_S)
        world.lmal.answer = slow_from_second(bid, refuses())
        world.contactability.answer = refuses()
        await screen.sign_in(AGENT_TOKEN)
        await types_the_caller(screen)
        await screen.button("Get offer").click()
        await screen.heads("No buyer at the moment")
        await looks.taken(screen, "agent-unsold")
        world.contactability.answer = offers("30.00", SECOND, 0.2, MIN_TALK_S)
        await screen.button("Ask again").click()
        await screen.heads("Offer from contactability")


async def test_an_agent_dials_the_number_herself_and_says_what_came_of_it(
    world: World, screen: Screen, looks: Looks
) -> None:
    await screen.sign_in(AGENT_TOKEN)
    await types_the_caller(screen)
    await screen.button("Get offer").click()
    await screen.heads("Offer from letsmakealead")
    await screen.button("I dialled it").click()
    await screen.heads("Dial letsmakealead")
    await screen.says("+1 650 555 0101")
    await looks.taken(screen, "agent-own-dial")
    await screen.page.get_by_label("min", exact=True).fill("0")
    await screen.page.get_by_label("sec", exact=True).fill("6")
    await screen.button("They talked").click()
    await screen.heads("Qualified")
    await screen.says("letsmakealead and the caller talked for 0:06")


@pytest.mark.parametrize("roles", [["ops"], ["ops", "agent"]])
async def test_the_payout_is_shown_only_to_roles_that_the_plan_allows(
    chromium: Browser, engine_socket: Path, tmp_path: Path, roles: list[str], looks: Looks
) -> None:
    dialplan = brief(transfers={"payout_for": roles})
    async with staged(engine_socket, tmp_path, dialplan) as world, looking(chromium, world.base_url) as screen:
        await screen.sign_in(AGENT_TOKEN)
        await types_the_caller(screen)
        await screen.button("Get offer").click()
        await screen.heads("Offer from letsmakealead")
        text = await screen.page.content()
        assert ("40.00" in text) == ("agent" in roles)
        assert ("$" in text) == ("agent" in roles)
        await screen.button("Cancel").click()
        await screen.heads("Given up")
