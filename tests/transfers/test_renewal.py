"""How often buyers are asked anew while an agent talks on, and what that leaves of the offers in hand."""

from collections.abc import Mapping
from typing import Any

from tests.support.world import BUYERS, offers, plan, refuses
from tests.transfers.agents import FIRST, Anna, with_agent


def with_buyers(**changes: Mapping[str, Any]) -> dict[str, Any]:
    """The tests' plan with some keys of some buyers changed."""
    return plan(buyers={name: {**entry, **changes.get(name, {})} for name, entry in BUYERS.items()})


@with_agent()
async def test_buyers_that_do_not_want_the_caller_any_more_are_not_asked_every_second(anna: Anna) -> None:
    await anna.opens()
    anna.world.lmal.answer = anna.world.contactability.answer = refuses()
    await anna.waits_for("unsold", timeout_s=60)
    assert len(anna.world.lmal.requests) <= 4
    await anna.cancels()
    await anna.ends()


@with_agent(with_buyers(letsmakealead={"caches_bid": True}))
async def test_a_cached_bid_at_the_top_does_not_have_the_others_asked_every_second(anna: Anna) -> None:
    await anna.opens()
    await anna.passes(29)
    assert len(anna.world.contactability.requests) in (2, 3)
    await anna.cancels()
    await anna.ends()


@with_agent(with_buyers(letsmakealead={"offer_ttl_s": 15}, contactability={"offer_ttl_s": 12}))
async def test_offers_that_live_shortly_do_not_have_their_buyers_asked_every_second(anna: Anna) -> None:
    await anna.opens()
    await anna.passes(60)
    assert (await anna.sees())["state"] == "offered"
    assert len(anna.world.lmal.requests) <= 60 / 7 + 1
    await anna.cancels()
    await anna.ends()


@with_agent(with_buyers(letsmakealead={"guards": {"concurrency": 1}}))
async def test_a_buyer_that_declines_a_renewal_keeps_the_seat_of_the_offer_that_stands(anna: Anna) -> None:
    await anna.opens()
    first = anna.id
    anna.world.lmal.answer = refuses()
    await anna.passes(15)
    assert (await anna.sees())["offer"]["buyer"] == "letsmakealead"
    anna.world.lmal.answer = offers("40.00", FIRST)
    other = await anna.opens("+15125550124")
    assert other["offer"]["buyer"] == "contactability"
    await anna.cancels()
    anna.id = first
    await anna.cancels()
    third = await anna.opens("+15125550125")
    assert third["offer"]["buyer"] == "letsmakealead"
    await anna.cancels()
    await anna.ends()


@with_agent()
async def test_many_rooms_that_are_looked_into_delay_no_renewal(anna: Anna) -> None:
    lines = []
    for number in range(30):
        agents, callers = f"+1512555{2000 + number}", f"+1512555{3000 + number}"
        lines += [anna.caller_on_line(agents), anna.caller_on_line(callers)]
        await anna.opens(callers, agent={"name": "Anna", "phone": agents, "call_sid": lines[-2].sid})
        await anna.does("bridge", {"caller_call_sid": lines[-1].sid})
    talks = [(await anna.opens(f"+1512555{4000 + number}"))["id"] for number in range(10)]
    left = []
    for _ in range(15):
        await anna.passes(3)
        for anna.id in talks:
            offer = (await anna.sees())["offer"]
            left.append(offer["expires_in_s"] if offer else 0.0)
    assert min(left) > 11, sorted(left)[:20]
    for anna.id in talks:
        await anna.cancels()
    for line in lines:
        line.hang_up()
