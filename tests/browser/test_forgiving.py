"""The buyers' page says what a call has taught, and operations have it forgotten."""

from playwright.async_api import expect

from tests.browser.looks import Looks
from tests.browser.screen import Screen
from tests.browser.stage import OPS_TOKEN
from tests.support.waiting import wait_until
from tests.support.world import World


async def test_what_a_call_has_taught_is_shown_and_forgiven(world: World, screen: Screen, looks: Looks) -> None:
    call = world.place()
    await wait_until(lambda: bool(call.dials), timeout_s=20)
    await wait_until(lambda: bool(world.app.instance.follower.beliefs.talking), timeout_s=20)
    call.hang_up()
    await world.settled(20)
    follower = world.app.instance.follower
    await wait_until(lambda: not follower.beliefs.talking and follower.beliefs.dials("letsmakealead") > 0, timeout_s=20)
    await screen.sign_in(OPS_TOKEN, "/console/buyers")
    await screen.says("Learned from calls", "in 100% of cases, usually $40.00", "of talks to last 5 s")
    card = screen.page.get_by_role("article").filter(has_text="letsmakealead")
    await card.get_by_text("Forgive…").click()
    await expect(card).to_contain_text("is forgotten in every plan")
    await looks.taken(screen, "buyers-forgive")
    await card.get_by_role("button", name="Yes, forgive it").click()
    await screen.says("letsmakealead of auto is forgiven, in every plan")
    await wait_until(lambda: follower.beliefs.dials("letsmakealead") == 0, timeout_s=10)
    await screen.goto("/console/buyers")
    await screen.says("Of its phone and its talks nothing is known yet")
    await expect(screen.page.get_by_text("Forgive…")).to_have_count(0)
