"""Live calls and buyers on the operations' screens, with the whole product behind them, in virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from callrouter.simulator.carrier import PhoneScript
from tests.console.served import Browser, serving
from tests.support.waiting import wait_until
from tests.support.world import CALLER, OPS_TOKEN, World, in_world, offers, plan, refuses

FIRST = "+12145550111"


@asynccontextmanager
async def operations(world: World) -> AsyncIterator[Browser]:
    """Somebody of operations in front of the first instance's console, on plain http."""
    console = replace(world.app._console(), public_url="http://127.0.0.1")
    async with serving(console) as browser:
        await browser.sign_in(OPS_TOKEN)
        yield browser


async def shown(browser: Browser, path: str, *says: str) -> bool:
    text = (await browser.get(path)).text
    return all(said in text for said in says)


@in_world(plan())
async def test_a_live_call_shows_who_has_offered_and_who_is_still_asked(world: World) -> None:
    world.lmal.answer = offers("38.50", FIRST, 0.5)
    world.contactability.answer = offers("42.00", FIRST, 8)
    world.carrier.phone(FIRST, PhoneScript(ring_s=3, talk_s=100))
    async with operations(world) as browser:
        call = world.place()
        await asyncio.sleep(5)
        assert await shown(
            browser, "/console/live", CALLER, "Buyers are being asked", "offers $38.50", "is being asked"
        )
        page = f"/console/calls/{call.sid}"
        assert await shown(browser, page, "Still live after", "buyers are being asked", "hold audio")
        async with browser.session.get(f"{browser.url}/console/live/stream") as stream:
            first = (await stream.content.readuntil(b"\n\n")).decode()
        assert call.sid in first
        await asyncio.sleep(10)
        assert await shown(browser, "/console/live", "Talking with the buyer", "contactability talks with the caller")
        await call.wait_ended()
        await world.settled()
        assert await shown(browser, "/console/live", "Nobody is on the line")
        assert await shown(browser, page, "Bridged to contactability", "the highest of 2 offers", "qualified")
        assert await shown(browser, "/console/calls?buyer=contactability", call.sid)


@in_world(plan())
async def test_the_page_of_a_live_call_gets_its_end_and_then_no_more(world: World) -> None:
    world.lmal.answer = world.contactability.answer = offers("38.50", FIRST, 0.5)
    world.carrier.phone(FIRST, PhoneScript(ring_s=3, talk_s=20))
    async with operations(world) as browser:
        call = world.place()
        await asyncio.sleep(4)
        async with browser.session.get(f"{browser.url}/console/calls/{call.sid}/stream") as stream:
            text = (await stream.content.read()).decode()
        assert "Still live after" in text
        assert "They talked for 20 s" in text.rpartition("Still live after")[2]
        assert text.rstrip().splitlines()[-2:] == ["event: over", "data: over"]
        await world.settled()


@in_world(plan())
async def test_a_buyer_that_is_switched_off_here_is_not_asked_until_it_is_on_again(world: World) -> None:
    world.lmal.answer = world.contactability.answer = offers("38.50", FIRST, 0.5)
    world.carrier.phone(FIRST, PhoneScript(ring_s=1, talk_s=100))
    async with operations(world) as browser:
        csrf = (await browser.get("/console/buyers")).csrf
        path = "/console/buyers/auto/letsmakealead"
        assert (await browser.post(f"{path}/off", {"csrf": csrf})).status == 422
        done = await browser.post(f"{path}/off", {"csrf": csrf, "why": "dead numbers"})
        assert await shown(browser, done.headers["Location"], "letsmakealead of auto is switched off", "dead numbers")
        call = await world.call()
        assert await shown(browser, f"/console/calls/{call.sid}", "Is switched off by operations", "the only offer")
        done = await browser.post(f"{path}/on", {"csrf": csrf})
        assert await shown(browser, done.headers["Location"], "letsmakealead of auto is switched on")
        call = await world.call(from_="+15125550124")
        assert await shown(browser, f"/console/calls/{call.sid}", "of 2 offers")
        assert (await browser.post("/console/buyers/auto/nobody/on", {"csrf": csrf})).status == 404


@in_world(plan())
async def test_a_person_is_erased_with_their_callback_everywhere(world: World) -> None:
    world.lmal.answer = world.contactability.answer = refuses()
    async with operations(world) as browser:
        call = await world.call()
        page = await browser.get("/console/callers?phone=5125550123")
        assert call.sid in page.text
        done = await browser.post("/console/callers/erase", {"csrf": page.csrf, "phone": CALLER, "sure": "yes"})
        assert "calls=1&cancelled=1" in done.headers["Location"]
        assert CALLER not in str((await world.rows())[0].record)
        await wait_until(lambda: not world.dialler.standing(), 60)
