"""Offers while the agent talks on: they are renewed, passed over, and lapse."""

from collections.abc import Mapping

from callrouter.simulator.carrier import PhoneScript
from tests.support.world import BUYERS, offers, plan, refuses
from tests.transfers.agents import FIRST, SECOND, Anna, with_agent


def caching() -> Mapping[str, object]:
    """The tests' plan, one of whose buyers caches its bids."""
    lmal = {**BUYERS["letsmakealead"], "caches_bid": True}
    return plan(buyers={**BUYERS, "letsmakealead": lmal})


@with_agent()
async def test_an_offer_is_renewed_before_it_can_no_longer_be_rung(anna: Anna) -> None:
    first = (await anna.opens())["offer"]
    for _ in range(20):
        shown = await anna.later(3)
        assert shown["state"] == "offered"
        assert shown["offer"]["expires_in_s"] > 11, shown["offer"]
    assert shown["offer"]["expires_at"] > first["expires_at"]
    assert len(anna.world.lmal.requests) >= 4
    await anna.cancels()
    await anna.ends()


@with_agent()
async def test_a_renewed_offer_can_be_bridged_in_full(anna: Anna) -> None:
    await anna.opens()
    await anna.later(40)
    await anna.does("bridge")
    await anna.waits_for("talking")
    record = await anna.record()
    assert record["attempts"][0]["offer_age_s"] < 19
    await anna.cancels()
    await anna.ends()


@with_agent()
async def test_renewal_ends_with_the_transfer(anna: Anna) -> None:
    await anna.opens()
    await anna.cancels()
    await anna.ends()
    asked = len(anna.world.lmal.requests)
    await anna.passes(60)
    assert len(anna.world.lmal.requests) == asked


@with_agent(caching())
async def test_a_buyer_that_caches_its_bid_is_not_asked_again_and_its_bid_keeps_its_first_expiry(anna: Anna) -> None:
    first = (await anna.opens())["offer"]
    assert first["buyer"] == "letsmakealead"
    shown = await anna.later(20)
    assert len(anna.world.contactability.requests) >= 2
    assert len(anna.world.lmal.requests) == 1
    assert shown["offer"]["expires_at"] == first["expires_at"]
    shown = await anna.later(15)
    assert shown["offer"]["buyer"] == "contactability"
    await anna.cancels()
    await anna.ends()


@with_agent()
async def test_when_buyers_do_not_want_the_caller_any_more_the_agent_is_told(anna: Anna) -> None:
    await anna.opens()
    anna.world.lmal.answer = anna.world.contactability.answer = refuses()
    shown = await anna.waits_for("unsold", timeout_s=60)
    assert shown["offer"] is None
    assert [reason.startswith("no_offer") for reason in shown["reasons"].values()] == [True, True]
    anna.world.lmal.answer = offers("55.00", FIRST)
    shown = await anna.does("next")
    assert (shown["state"], shown["offer"]["payout"]) == ("offered", "55.00")
    await anna.cancels()
    await anna.ends()


@with_agent()
async def test_the_next_offer_takes_the_place_of_one_that_is_passed_over(anna: Anna) -> None:
    assert (await anna.opens())["offer"]["others"] == 1
    shown = await anna.does("next")
    assert (shown["offer"]["buyer"], shown["offer"]["others"]) == ("contactability", 0)
    await anna.cancels()
    await anna.ends()


@with_agent()
async def test_nobody_wanting_the_caller_is_an_answer_with_reasons_and_a_callback(anna: Anna) -> None:
    anna.world.lmal.answer = anna.world.contactability.answer = refuses()
    shown = await anna.opens()
    assert (shown["state"], shown["outcome"]) == ("ended", "unsold")
    assert set(shown["reasons"]) == {"letsmakealead", "contactability"}
    assert shown["callback_at"] is not None
    assert (await anna.ends())["callback"]["id"] is not None


@with_agent()
async def test_a_transfer_that_nobody_closes_is_given_up(anna: Anna) -> None:
    await anna.opens()
    record = await anna.ends(timeout_s=700)
    assert (record["outcome"], record["callback"]["why"]) == ("abandoned", "nobody closed it")


@with_agent()
async def test_an_agents_own_dial_is_recorded_with_its_window_and_its_result(anna: Anna) -> None:
    shown = await anna.opens()
    assert shown["offer"]["number"] == FIRST
    assert (await anna.does("dialled"))["state"] == "ringing"
    shown = await anna.does("dialled", {"result": "no_answer"})
    assert (shown["state"], shown["offer"]["buyer"]) == ("offered", "contactability")
    await anna.does("dialled")
    await anna.passes(65)
    await anna.does("dialled", {"result": "bridged", "talk_s": 61})
    record = await anna.ends()
    assert [(a["buyer"], a["number"], a["result"]) for a in record["attempts"]] == [
        ("letsmakealead", FIRST, "no_answer"),
        ("contactability", SECOND, "bridged"),
    ]
    assert (record["bridged_s"], record["qualified"], record["payout"]) == (61, True, "30.00")


@with_agent()
async def test_an_offer_that_lapses_while_the_agents_phone_rings_is_renewed(anna: Anna) -> None:
    anna.world.carrier.phone("+15125550177", PhoneScript(ring_s=20.0, talk_s=3_600.0))
    await anna.opens()
    await anna.later(8)
    await anna.does("bridge")
    await anna.waits_for("talking")
    record = await anna.record()
    assert record["attempts"][0]["offer_age_s"] < 19
    await anna.cancels()
    await anna.ends()


@with_agent(caching())
async def test_a_new_bid_of_a_buyer_that_caches_bids_has_a_window_of_its_own(anna: Anna) -> None:
    await anna.opens()
    await anna.later(31)
    anna.world.lmal.answer = offers("44.00", FIRST)
    shown = await anna.waits_for_offer("44.00")
    assert shown["offer"]["expires_in_s"] > 10
    await anna.cancels()
    await anna.ends()
