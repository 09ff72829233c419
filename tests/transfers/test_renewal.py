"""How often buyers are asked anew while an agent talks on, and what that leaves of the offers in hand."""

from collections.abc import Mapping
from typing import Any

from callrouter.simulator.carrier import PhoneScript
from tests.support.world import BUYERS, offers, plan, refuses
from tests.transfers.agents import FIRST, SECOND, Anna, with_agent


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
