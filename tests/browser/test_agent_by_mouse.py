"""An agent hands a caller over by mouse, and every state of her screen is looked at."""

from pathlib import Path

from playwright.async_api import Browser

from callrouter.simulator.carrier import PhoneScript
from tests.browser.filling import types_the_caller
from tests.browser.looks import Looks
from tests.browser.screen import looking
from tests.browser.stage import (
    AGENT_TOKEN,
    ANNAS_PHONE,
    FIRST,
    MIN_TALK_S,
    caller_on_line,
    slow_from_second,
    staged,
)
from tests.support.world import CALLER, offers


async def test_an_agent_hands_a_caller_over_by_mouse(
    chromium: Browser, engine_socket: Path, tmp_path: Path, looks: Looks
) -> None:
    """Each state is looked at: wide and narrow, light and dark, and by axe-core."""
    async with staged(engine_socket, tmp_path) as world, looking(chromium, world.base_url) as screen:
        world.lmal.answer = slow_from_second(
            offers("40.00", FIRST, 0.2, MIN_TALK_S), offers("40.00", FIRST, 5.0, MIN_TALK_S)
        )
        world.carrier.phone(ANNAS_PHONE, PhoneScript(ring_s=2.5, talk_s=3_600.0))
        world.carrier.phone(FIRST, PhoneScript(ring_s=2.5, result="no_answer"))
        screen.answer_dialogs()
        screen.expects(422)
        await screen.sign_in(AGENT_TOKEN)
        await looks.taken(screen, "agent-1-empty")
        await screen.page.get_by_text("The caller is on our carrier already").click()
        await screen.page.get_by_label("Their call's id").fill("CA12")
        await screen.page.get_by_label("Your name").fill("Anna")
        await screen.page.get_by_label("Phone", exact=True).fill("555")
        await screen.button("Get offer").click()
        await screen.says("Mend what is marked below", "Write CA and 32 hexadecimal digits")
        await looks.taken(screen, "agent-2-wrong")
        caller = caller_on_line(world, CALLER)
        await types_the_caller(screen)
        await screen.page.get_by_label("Their call's id").fill(caller.sid)
        await screen.button("Get offer").click()
        await screen.heads("Offer from letsmakealead")
        await looks.taken(screen, "agent-3-offered")
        await screen.says("Running out")
        await looks.taken(screen, "agent-4-turning")
        await screen.says("Good for", timeout_s=10)
        await screen.button("Bridge").click()
        await screen.heads("Bringing you together")
        await looks.taken(screen, "agent-5-connecting")
        await screen.heads("letsmakealead is ringing")
        await screen.says("The caller hears music", "letsmakealead is being rung")
        await looks.taken(screen, "agent-6-ringing")
        await screen.heads("contactability is on the line")
        await looks.taken(screen, "agent-7-talking")
        await screen.button("Done").click()
        await screen.heads("Handed over to contactability")
        await screen.says("Qualified", timeout_s=MIN_TALK_S + 5)
        await looks.taken(screen, "agent-8-handed-over")
        caller.hang_up()
        await screen.heads("Qualified")
        await looks.taken(screen, "agent-9-ended")
        assert screen.asked == []
