"""The same person on two calls, or with a caller id that must not be called: who is called back, and when."""

import asyncio
from datetime import datetime
from zoneinfo import ZoneInfo

from callrouter.simulator.carrier import HangUp, PhoneScript
from tests.support.world import INBOUND, TRANSFER, World, in_world, offers, refuses

FIRST = "+12145550111"
BEFORE_DAWN_IN_HONOLULU = 1_795_230_000.0
"""2026-11-21 at 03:00 UTC: late evening in New York, afternoon in Hawaii."""


def nobody_wants_it(world: World) -> None:
    world.lmal.answer, world.contactability.answer = refuses(), refuses()


@in_world()
async def test_a_stale_leg_of_a_person_who_was_bridged_owes_nothing(world: World) -> None:
    """The first leg hangs on (lost radio); the person dials again, is bridged and done; then the first leg ends."""
    nobody_wants_it(world)
    first = world.place(zip_digits=None, hang_up=HangUp("after", 9))
    await asyncio.sleep(0.5)
    world.contactability.answer = offers("30", FIRST, latency_s=0.1)
    world.carrier.phone(FIRST, PhoneScript(ring_s=0.2, talk_s=3, hangs_up="caller"))
    second = world.place()
    await first.wait_ended()
    await second.wait_ended()
    await world.settled()
    await world.delivered()
    stale, talk = await world.record(first), await world.record(second)
    assert (stale["outcome"], talk["outcome"]) == ("abandoned", "bridged")
    assert stale["ended_at"] > talk["ended_at"]
    assert "connected on another call" in stale["callback"]["why"]
    assert world.dialler.leads == []


@in_world()
async def test_a_callback_promised_during_the_talk_is_taken_back_at_its_end(world: World) -> None:
    nobody_wants_it(world)
    await world.call()
    await world.delivered()
    stale = world.place(zip_digits=None, hang_up=HangUp("after", 9))
    world.contactability.answer = offers("30", FIRST, latency_s=0.1)
    world.carrier.phone(FIRST, PhoneScript(ring_s=0.2, talk_s=60, hangs_up="caller"))
    talk = world.place()
    await stale.wait_ended()
    await talk.wait_ended()
    await world.settled()
    await world.delivered()
    assert (await world.record(talk))["outcome"] == "bridged"
    assert world.dialler.standing() == []


@in_world(epoch=BEFORE_DAWN_IN_HONOLULU)
async def test_a_standing_callback_heeds_the_zip_that_the_person_gives_later(world: World) -> None:
    """A New York number, first without a zip, then in Honolulu: nobody is called there before eight."""
    nobody_wants_it(world)
    await world.call(from_="+12125550142", zip_digits=None, hang_up=HangUp("asked", 1))
    await world.delivered()
    await world.call(from_="+12125550142", zip_digits="96813")
    await world.delivered()
    (lead,) = world.dialler.standing()
    for zone in ("Pacific/Honolulu", "America/New_York"):
        assert 8 <= datetime.fromtimestamp(lead.due_at, ZoneInfo(zone)).hour < 21, zone


@in_world()
async def test_nobody_calls_our_own_number_back(world: World) -> None:
    nobody_wants_it(world)
    record = await world.record(await world.call(to=TRANSFER, from_=INBOUND))
    await world.delivered()
    assert (record["callback"]["id"], world.dialler.leads) == (None, [])


@in_world()
async def test_a_costly_or_foreign_caller_id_is_not_called_back(world: World) -> None:
    nobody_wants_it(world)
    for number in ("+19005551234", "+18765551234", "+18095551234", "+12129765555"):
        await world.call(from_=number)
    await world.delivered()
    assert world.dialler.leads == []


@in_world()
async def test_live_calls_are_listed_newest_first(world: World) -> None:
    world.lmal.answer, world.contactability.answer = refuses(latency_s=9), refuses(latency_s=9)
    first = world.place()
    await asyncio.sleep(2)
    second = world.place(from_="+15125550199")
    await asyncio.sleep(2)
    live = await world.app.instance.calls.live()
    assert [record["sid"] for record in live] == [second.sid, first.sid]
    await first.wait_ended()
    await second.wait_ended()
    await world.settled()


@in_world()
async def test_an_unsigned_request_that_never_ends_is_ended(world: World) -> None:
    """Half a body, then nothing: refused after five seconds instead of kept open."""
    host, port = world.served[0].url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = "POST /twilio/voice HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    writer.write(f"{head}Content-Length: 1000\r\n\r\na=".encode())
    await writer.drain()
    async with asyncio.timeout(30):
        line = await reader.readline()
    writer.close()
    await writer.wait_closed()
    assert b"403" in line
