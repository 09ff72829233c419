"""Webhooks repeat, cross and come forged; none of it changes what happens to a caller."""

from itertools import pairwise
from typing import Any

import aiohttp

from callrouter.simulator.carrier import HangUp, PhoneScript
from tests.support.world import ACCOUNT_SID, CALLER, INBOUND, PUBLIC_URL, World, in_world, offers, refuses

FIRST, SECOND = "+12145550111", "+12145550112"


async def one_of_each(world: World) -> list[tuple[str, int, int]]:
    """Four callers with four fates: (outcome, dials, callbacks owed) of each."""
    world.contactability.answer, world.lmal.answer = offers("30", FIRST), offers("20", SECOND)
    world.carrier.phone(FIRST, PhoneScript(talk_s=100), PhoneScript(result="busy", ring_s=1), PhoneScript(ring_s=9))
    scripts: list[dict[str, Any]] = [{}, {"wrong_first": "00000"}, {"hang_up": HangUp("ringing", 2)}, {}]
    fates = []
    for n, script in enumerate(scripts):
        if n == 3:
            world.contactability.answer, world.lmal.answer = refuses(), refuses()
        call = await world.call(from_=f"+1512555010{n}", **script)
        record = await world.record(call)
        owed = 1 if (record["callback"] or {}).get("id") else 0
        fates.append((record["outcome"], len(call.dials), owed))
    await world.delivered()
    return fates


EXPECTED = [("bridged", 1, 0), ("bridged", 2, 0), ("abandoned", 1, 1), ("unsold", 0, 1)]


async def _sound(world: World) -> None:
    assert len(world.dialler.leads) == 2
    assert len(await world.rows()) == 4
    assert world.metric("calls_total", plan="auto", outcome="bridged") == 2
    assert world.metric("bridges_total", plan="auto", result="bridged") == 2


@in_world()
async def test_the_four_fates_as_such(world: World) -> None:
    assert await one_of_each(world) == EXPECTED
    await _sound(world)


@in_world()
async def test_every_webhook_sent_twice_changes_nothing(world: World) -> None:
    world.carrier.faults.duplicate_webhooks = True
    assert await one_of_each(world) == EXPECTED
    await _sound(world)


@in_world()
async def test_status_reports_in_any_order_change_nothing(world: World) -> None:
    world.carrier.faults.reorder_status = True
    world.carrier.faults.duplicate_webhooks = True
    assert await one_of_each(world) == EXPECTED
    await _sound(world)


@in_world()
async def test_lost_status_reports_are_made_up_for_by_asking_the_carrier(world: World) -> None:
    world.carrier.faults.lose_status_share = 1.0
    assert await one_of_each(world) == EXPECTED
    await _sound(world)


@in_world()
async def test_replaying_every_webhook_of_an_ended_call_changes_nothing(world: World) -> None:
    """Once more, everything, in reverse: the same ledger row, no dial, no second callback."""
    fates = await one_of_each(world)
    before = [row.record for row in await world.rows()]
    async with aiohttp.ClientSession() as session:
        for sent in reversed(list(world.carrier.webhooks)):
            url = sent.url.replace(PUBLIC_URL, world.served[0].url)
            async with session.post(url, data=dict(sent.params), headers=dict(sent.headers)) as response:
                assert response.status in (200, 204)
    await world.delivered()
    assert fates == EXPECTED
    assert [row.record for row in await world.rows()] == before
    await _sound(world)


@in_world()
async def test_forged_and_missing_signatures_get_403_and_no_body(world: World) -> None:
    form = {"CallSid": "CAforged", "From": CALLER, "To": INBOUND, "AccountSid": ACCOUNT_SID, "CallStatus": "ringing"}
    paths = ("voice", "zip/1", "hold/1/1", "dial/1", "leg/1", "status", "fallback")
    async with aiohttp.ClientSession() as session:
        for path in paths:
            for headers in ({}, {"X-Twilio-Signature": "bm90IGl0"}, {"X-Twilio-Signature": "é" * 400}):
                url = f"{world.served[0].url}/twilio/{path}"
                async with session.post(url, data=form, headers=headers) as response:
                    assert (response.status, await response.read()) == (403, b""), path
    assert world.metric("webhooks_total", endpoint="voice", result="forbidden") == 3
    assert await world.rows() == []


@in_world()
async def test_a_signature_for_another_body_or_path_is_worth_nothing(world: World) -> None:
    world.lmal.answer, world.contactability.answer = refuses(), refuses()
    await world.call()
    voice = next(w for w in world.carrier.webhooks if w.kind == "voice")
    async with aiohttp.ClientSession() as session:
        base = f"{world.served[0].url}/twilio/voice"
        changed = {**voice.params, "From": "+15125550199"}
        for url, form in ((base, changed), (f"{base}?x=1", voice.params), (f"{base}/", voice.params)):
            async with session.post(url, data=dict(form), headers=dict(voice.headers)) as response:
                assert response.status in (403, 404)


@in_world()
async def test_two_pushes_never_ring_two_buyers_at_once(world: World) -> None:
    """At most one live dial for a call, whatever is lost and late."""
    world.contactability.answer, world.lmal.answer = offers("30", FIRST, latency_s=5), offers("20", SECOND)
    world.carrier.faults.push_delay_s = 1.0
    call = await world.call()
    spans = sorted((d.started_at, d.ended_at or 0.0) for d in call.dials)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    assert call.bridged
