"""What happens to one caller, from ring to end. Real HTTP and engine, virtual time."""

from callrouter.simulator.carrier import HangUp, PhoneScript
from tests.support.world import CALLER, INBOUND, OPS_TOKEN, TRANSFER, World, in_world, offers, plan, refuses

FIRST, SECOND, THIRD = "+12145550111", "+12145550112", "+12145550113"


def two_buyers(world: World, first: str = "30.00", second: str = "20.00") -> None:
    """Contactability pays more and is dialled first."""
    world.contactability.answer = offers(first, FIRST)
    world.lmal.answer = offers(second, SECOND)


@in_world()
async def test_the_highest_payout_gets_the_caller(world: World) -> None:
    """Both buyers make an offer; the dearer one is dialled and talks for its minimum duration."""
    two_buyers(world)
    call = await world.call()
    record = await world.record(call)
    assert [(d.number, d.bridged) for d in call.dials] == [(FIRST, True)]
    assert (record["outcome"], record["buyer"], record["payout"]) == ("bridged", "contactability", "30.00")
    assert (record["qualified"], record["bridged_s"], record["min_duration_s"]) == (True, 120, 90)
    assert record["attempts"][0]["ended_by"] == "buyer"
    assert record["callback"] is None


@in_world()
async def test_a_talk_shorter_than_the_minimum_duration_does_not_qualify(world: World) -> None:
    two_buyers(world)
    world.carrier.phone(FIRST, PhoneScript(talk_s=60, hangs_up="caller"))
    record = await world.record(await world.call())
    assert (record["outcome"], record["qualified"], record["bridged_s"]) == ("bridged", False, 60)
    assert record["attempts"][0]["ended_by"] == "caller"
    await world.books()
    assert world.metric("expected_payout_dollars_total", buyer="contactability") == 0


@in_world()
async def test_a_busy_buyer_is_followed_by_the_next_unexpired_offer(world: World) -> None:
    two_buyers(world)
    world.carrier.phone(FIRST, PhoneScript(result="busy", ring_s=1))
    call = await world.call()
    assert [(d.number, d.result) for d in call.dials] == [(FIRST, "busy"), (SECOND, "completed")]
    record = await world.record(call)
    assert [a["result"] for a in record["attempts"]] == ["busy", "bridged"]
    assert record["buyer"] == "letsmakealead"


@in_world()
async def test_an_offer_that_expired_meanwhile_is_never_dialled_but_asked_for_anew(world: World) -> None:
    """The first rings 20 s and more; the second's window is over then, so its buyer is asked again."""
    two_buyers(world)
    world.carrier.phone(FIRST, PhoneScript(result="no_answer", ring_s=60))
    call = await world.call()
    assert [d.number for d in call.dials] == [FIRST, SECOND]
    assert len(world.lmal.requests) == 2
    assert len(world.contactability.requests) == 1, "the buyer that just failed is not asked again"
    assert world.metric("offers_expired_total", buyer="letsmakealead") == 1
    record = await world.record(call)
    again = [(r["buyer"], r["reason"]) for r in record["results"] if r["auction"] == 2]
    assert again == [("contactability", "not_called_just_failed"), ("letsmakealead", "offer")]


@in_world()
async def test_a_buyer_that_hangs_up_early_counts_as_failed_and_the_caller_is_offered_on(world: World) -> None:
    two_buyers(world)
    world.carrier.phone(FIRST, PhoneScript(talk_s=2))
    call = await world.call()
    record = await world.record(call)
    assert [a["result"] for a in record["attempts"]] == ["early_hangup", "bridged"]
    assert (record["outcome"], record["buyer"]) == ("bridged", "letsmakealead")


@in_world()
async def test_a_caller_who_leaves_early_on_their_own_account_was_bridged(world: World) -> None:
    two_buyers(world)
    world.carrier.phone(FIRST, PhoneScript(talk_s=2, hangs_up="caller"))
    call = await world.call()
    record = await world.record(call)
    assert [a["result"] for a in record["attempts"]] == ["bridged"]
    assert (record["outcome"], record["callback"]) == ("bridged", None)


@in_world(plan(bridge={"max_attempts": 1}))
async def test_no_more_buyers_are_dialled_than_max_attempts(world: World) -> None:
    two_buyers(world)
    world.carrier.phone(FIRST, PhoneScript(result="busy"))
    call = await world.call()
    assert [d.number for d in call.dials] == [FIRST]
    assert (await world.record(call))["outcome"] == "unsold"


@in_world()
async def test_an_unsold_caller_is_told_so_and_called_back(world: World) -> None:
    """Nobody wants the call: words, then one lead at the dialler, 600 seconds after the end."""
    world.lmal.answer, world.contactability.answer = refuses("5000"), refuses()
    call = await world.call()
    await world.delivered()
    record = await world.record(call)
    assert record["outcome"] == "unsold"
    assert "call you back" in call.heard[-1].detail or any("call you back" in s.detail for s in call.heard)
    (lead,) = world.dialler.leads
    assert (lead.saved, lead.mobile[-10:], lead.body["type"]) == (True, CALLER[-10:], "motor-trade")
    assert 598 <= float(lead.body["delays"]) <= 600
    assert record["callback"]["id"] == f"cb-{call.sid}"
    reasons = {r["buyer"]: r["reason"] for r in record["results"]}
    assert reasons == {"letsmakealead": "no_offer_coverage", "contactability": "no_offer"}


@in_world()
async def test_every_dial_failing_ends_in_a_callback(world: World) -> None:
    two_buyers(world)
    world.carrier.default_phone = PhoneScript(result="failed", ring_s=1)
    record = await world.record(await world.call())
    assert record["outcome"] == "unsold"
    assert {a["result"] for a in record["attempts"]} == {"failed"}
    assert record["callback"]["id"] is not None


@in_world()
async def test_a_caller_who_hangs_up_on_hold_is_called_back(world: World) -> None:
    world.lmal.answer, world.contactability.answer = offers("9", SECOND, latency_s=8), refuses(latency_s=8)
    call = await world.call(hang_up=HangUp("on_hold", 0.5))
    await world.delivered()
    record = await world.record(call)
    assert (record["outcome"], call.dials) == ("abandoned", [])
    assert len(world.dialler.leads) == 1
    assert {r["buyer"]: r["reason"] for r in record["results"]} == {
        "letsmakealead": "no_offer_caller_gone",
        "contactability": "no_offer_caller_gone",
    }
    assert world.metric("buyer_results_total", buyer="contactability", reason="no_offer_caller_gone") == 1
    assert world.metric("buyer_inflight", buyer="contactability") == 0


@in_world()
async def test_a_caller_who_hangs_up_while_the_buyer_rings_is_called_back(world: World) -> None:
    two_buyers(world)
    world.carrier.phone(FIRST, PhoneScript(ring_s=10))
    call = await world.call(hang_up=HangUp("ringing", 2))
    await world.delivered()
    record = await world.record(call)
    assert (record["outcome"], record["attempts"][0]["result"]) == ("abandoned", "caller_gone")
    assert len(world.dialler.leads) == 1


@in_world()
async def test_a_caller_who_hangs_up_when_asked_for_the_zip_is_called_back(world: World) -> None:
    call = await world.call(zip_digits=None, hang_up=HangUp("asked", 1))
    await world.delivered()
    assert (await world.record(call))["outcome"] == "abandoned"
    assert len(world.dialler.leads) == 1
    assert world.lmal.requests == []


@in_world()
async def test_the_zip_is_asked_again_as_often_as_the_plan_says(world: World) -> None:
    two_buyers(world)
    call = await world.call(wrong_first="00000")
    assert len([s for s in call.heard if s.kind == "prompt" and "zip" in s.detail]) == 2
    assert world.lmal.requests[0].params["zipcode"] == "78701"


@in_world()
async def test_the_zip_may_be_spoken(world: World) -> None:
    two_buyers(world)
    await world.call(zip_digits=None, zip_speech="seven eight seven oh one")
    assert world.lmal.requests[0].params["zipcode"] == "78701"


@in_world(plan(intake={"zip": "ask_then_caller_id"}))
async def test_a_silent_caller_has_the_zip_that_the_carrier_knows(world: World) -> None:
    two_buyers(world)
    await world.call(zip_digits=None, from_zip="33139")
    assert (world.lmal.requests[0].params["zipcode"], world.lmal.requests[0].params["state"]) == ("33139", "FL")


@in_world(plan(intake={"zip": "caller_id"}))
async def test_an_instant_buyer_costs_the_caller_no_hold_and_no_answer(world: World) -> None:
    """The first webhook stays open for the decision: the caller hears ringing until the buyer talks."""
    two_buyers(world)
    call = await world.call(from_zip="33139")
    assert [sound.kind for sound in call.heard[:2]] == ["ringback", "voice"]
    assert call.longest_silence_s() < 0.5


@in_world()
async def test_a_known_caller_is_not_asked_what_we_know(world: World) -> None:
    import aiohttp

    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {OPS_TOKEN}"}) as session:
        url = f"{world.served[0].url}/api/v1/callers/{CALLER}"
        body = {"zip": "33139", "first_name": "Ann", "last_name": "Lee", "consent": True}
        async with session.put(url, json=body) as response:
            assert response.status in (200, 201), await response.text()
    two_buyers(world)
    call = await world.call()
    assert not any("zip" in sound.detail for sound in call.heard)
    sent = world.lmal.requests[0].params
    assert (sent["zipcode"], sent["firstname"], sent["tcpa_optin"]) == ("33139", "Ann", "1")


@in_world()
async def test_an_agents_transfer_is_told_to_the_buyers_as_such(world: World) -> None:
    two_buyers(world)
    record = await world.record(await world.call(to=TRANSFER))
    assert record["kind"] == "transfer"
    assert world.lmal.requests[0].params["transfer_type"] == "2"
    await world.call(to=INBOUND, from_="+15125550124")
    assert world.lmal.requests[1].params["transfer_type"] == "1"


@in_world()
async def test_an_anonymous_caller_is_sold_where_no_number_is_needed_and_gets_no_callback(world: World) -> None:
    two_buyers(world)
    world.carrier.default_phone = PhoneScript(result="busy", ring_s=1)
    call = await world.call(from_="anonymous")
    record = await world.record(call)
    reasons = {r["buyer"]: r["reason"] for r in record["results"] if r["auction"] == 1}
    assert reasons == {"contactability": "not_called_unbuildable", "letsmakealead": "offer"}
    assert call.dials[0].caller_id == INBOUND, "a withheld number cannot be passed on"
    assert (record["outcome"], record["callback"]["id"]) == ("unsold", None)
    assert "withheld" in record["callback"]["why"]


@in_world()
async def test_the_pinged_caller_id_is_the_one_that_the_buyer_sees(world: World) -> None:
    two_buyers(world)
    call = await world.call()
    assert call.dials[0].caller_id == CALLER
    assert world.contactability.requests[0].params["phone"].endswith(CALLER[-10:])


@in_world()
async def test_a_number_of_no_plan_is_refused_politely_and_counted(world: World) -> None:
    from callrouter.simulator.carrier import NumberConfig
    from tests.support.world import PUBLIC_URL

    config = NumberConfig(f"{PUBLIC_URL}/twilio/voice", f"{PUBLIC_URL}/twilio/status", f"{PUBLIC_URL}/twilio/fallback")
    world.carrier.configure_number("+18885550199", config)
    call = await world.call(to="+18885550199")
    assert any("not in service" in sound.detail for sound in call.heard)
    assert world.metric("webhooks_total", endpoint="voice", result="refused") == 1
    (row,) = await world.rows()
    assert row.outcome == "refused"


@in_world()
async def test_a_person_who_calls_again_and_is_bridged_is_not_called_back(world: World) -> None:
    """The standing callback is taken back at the dialler, before anybody dials the person."""
    world.lmal.answer, world.contactability.answer = refuses(), refuses()
    await world.call()
    await world.delivered()
    assert len(world.dialler.standing()) == 1
    two_buyers(world)
    await world.call()
    await world.delivered()
    assert world.dialler.standing() == []
    assert len(world.dialler.leads) == 1


@in_world()
async def test_a_person_who_calls_twice_in_vain_is_owed_one_callback(world: World) -> None:
    world.lmal.answer, world.contactability.answer = refuses(), refuses()
    first, second = await world.call(), await world.call()
    await world.delivered()
    assert len(world.dialler.leads) == 1
    assert (await world.record(second))["callback"]["id"] == f"cb-{first.sid}"


@in_world()
async def test_a_dialler_that_is_down_is_tried_until_it_takes_the_callback(world: World) -> None:
    world.lmal.answer, world.contactability.answer = refuses(), refuses()
    world.dialler.fail_next.extend(["500", "timeout", "garbage"])
    await world.call()
    await world.delivered(300)
    assert len(world.dialler.standing()) == 1
    assert world.metric("callbacks_total", result="retried") == 3
    assert world.metric("callbacks_total", result="delivered") == 1
