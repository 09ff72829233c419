"""A call is dialled when waiting is no longer worth it; what comes later is there for the next dial."""

from typing import Any

from callrouter.learning.log import LessonLog
from callrouter.simulator.carrier import HangUp, PhoneScript
from callrouter.simulator.partners import Answer
from tests.flow.learning import FAST, SLOW, known_for, patience, silent, teach
from tests.support.waiting import wait_until
from tests.support.world import BUYERS, World, in_world, offers, plan

FAST_PHONE, SLOW_PHONE = "+12145550112", "+12145550111"
BY_WORTH = plan(auction={"policy": "expected_value"})


def two_buyers(world: World, *, slow_s: float, slow_pays: str = "60") -> None:
    world.lmal.answer = offers("20", FAST_PHONE, latency_s=0.3)
    world.contactability.answer = offers(slow_pays, SLOW_PHONE, latency_s=slow_s)


def choices(record: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    """Each decision: what, why, and whose offer; waits for the same reason once."""
    found: list[tuple[str, str, str | None]] = []
    for decision in record["decisions"]:
        dialled = decision.get("buyer") if decision["choice"] == "dial" else None
        if (told := (decision["choice"], decision["because"], dialled)) not in found[-1:]:
            found.append(told)
    return found


@in_world(BY_WORTH)
async def test_a_caller_is_held_for_an_offer_that_is_worth_it(world: World) -> None:
    two_buyers(world, slow_s=3)
    await teach(world, known_for(FAST, 20, 0.3), known_for(SLOW, 60, 3), patience(120))
    call = await world.call()
    assert [dial.number for dial in call.dials] == [SLOW_PHONE]
    record = await world.record(call)
    assert choices(record) == [
        ("wait", "no_offer_yet", None),
        ("wait", "worth_waiting", None),
        ("dial", "all_answered", SLOW),
    ]
    held = record["decisions"][1]
    assert held["worth_waiting"] > held["worth_now"]
    assert [(awaited["buyer"], awaited["chance"] > 0.9) for awaited in held["awaited"]] == [(SLOW, True)]
    assert world.metric("decisions_total", plan="auto", choice="dial", because="all_answered") == 1


@in_world(BY_WORTH)
async def test_a_caller_is_not_held_for_a_buyer_that_seldom_answers(world: World) -> None:
    two_buyers(world, slow_s=6)
    await teach(world, known_for(FAST, 20, 0.3), silent(SLOW, 60), patience(30))
    call = await world.call()
    assert [dial.number for dial in call.dials] == [FAST_PHONE]
    record = await world.record(call)
    assert record["decisions"][-1]["at"] - record["decisions"][0]["since"] < 1
    assert choices(record)[-1] == ("dial", "not_worth_waiting", FAST)
    results = {result["buyer"]: (result["reason"], round(result["elapsed_s"])) for result in record["results"]}
    assert results == {FAST: ("offer", 0), SLOW: ("offer", 6)}, "it is heard on while the other one's phone rings"


@in_world(BY_WORTH)
async def test_an_offer_that_comes_while_another_rings_is_dialled_next(world: World) -> None:
    two_buyers(world, slow_s=6)
    world.carrier.phone(FAST_PHONE, PhoneScript(result="no_answer", ring_s=12))
    await teach(world, known_for(FAST, 20, 0.3), silent(SLOW, 60), patience(30))
    call = await world.call()
    assert [dial.number for dial in call.dials] == [FAST_PHONE, SLOW_PHONE]
    assert call.bridged
    record = await world.record(call)
    told = [event["event"] for event in record["events"]]
    assert (told.count("auction_started"), told.count("late_offer")) == (1, 1), "nobody is asked twice"
    assert world.metric("late_offers_total", buyer=SLOW) == 1
    assert choices(record)[-1] == ("dial", "all_answered", SLOW)


@in_world(BY_WORTH)
async def test_after_a_failed_dial_a_caller_is_held_for_whoever_may_still_answer(world: World) -> None:
    two_buyers(world, slow_s=7)
    world.carrier.phone(FAST_PHONE, PhoneScript(result="busy", ring_s=1))
    await teach(world, known_for(FAST, 20, 0.3), silent(SLOW, 60), patience(30))
    call = await world.call()
    assert [dial.number for dial in call.dials] == [FAST_PHONE, SLOW_PHONE]
    assert call.longest_silence_s() < 2.5
    record = await world.record(call)
    told = [event["event"] for event in record["events"]]
    assert told.index("late_offers_awaited") < told.index("late_offer") < told.index("ended")
    assert choices(record)[-2:] == [("wait", "no_offer_yet", None), ("dial", "all_answered", SLOW)]


@in_world(BY_WORTH, instances=2)
async def test_the_instance_that_is_told_of_the_failed_dial_waits_for_offers_that_another_hears(world: World) -> None:
    two_buyers(world, slow_s=7)
    world.carrier.phone(FAST_PHONE, PhoneScript(result="busy", ring_s=1))
    await teach(world, known_for(FAST, 20, 0.3), silent(SLOW, 60), patience(30))
    call = world.place()
    await wait_until(lambda: call.dials, timeout_s=60)
    world.use_instance(1)
    await call.wait_ended()
    await world.settled()
    assert [dial.number for dial in call.dials] == [FAST_PHONE, SLOW_PHONE]
    assert call.bridged


@in_world(BY_WORTH)
async def test_a_caller_who_is_held_for_nothing_hears_the_next_auction_or_the_end(world: World) -> None:
    world.lmal.answer = offers("20", FAST_PHONE, latency_s=0.3)
    world.contactability.answer = lambda params: Answer(fault="timeout")
    world.carrier.phone(FAST_PHONE, PhoneScript(result="busy", ring_s=1))
    await teach(world, known_for(FAST, 20, 0.3), silent(SLOW, 60), patience(30))
    call = await world.call()
    record = await world.record(call)
    assert (record["outcome"], len(call.dials)) == ("unsold", 1)
    assert record["callback"]
    assert [choice for choice, _, _ in choices(record)].count("give_up") >= 1


@in_world(BY_WORTH)
async def test_a_caller_who_leaves_ends_the_wait_for_late_offers(world: World) -> None:
    two_buyers(world, slow_s=8)
    await teach(world, known_for(FAST, 20, 0.3), silent(SLOW, 60), patience(30))
    call = world.place(hang_up=HangUp("ringing", 1.0))
    await call.wait_ended()
    await world.settled()
    record = await world.record(call)
    assert record["outcome"] == "abandoned"
    assert {result["buyer"]: result["reason"] for result in record["results"]}[SLOW] == "no_offer_caller_gone"
    assert world.metric("buyer_inflight", buyer=SLOW) == 0


ONE_AT_A_TIME = {**BUYERS, SLOW: {**BUYERS[SLOW], "guards": {"concurrency": 1}}}


@in_world({**BY_WORTH, "buyers": ONE_AT_A_TIME})
async def test_a_late_offer_that_nobody_needs_gives_its_seat_back(world: World) -> None:
    two_buyers(world, slow_s=6)
    await teach(world, known_for(FAST, 20, 0.3), silent(SLOW, 60), patience(30))
    for _ in range(2):
        call = await world.call()
        record = await world.record(call)
        assert {result["buyer"]: result["reason"] for result in record["results"]}[SLOW] == "offer"


@in_world(BY_WORTH)
async def test_each_event_of_a_call_is_learned_once(world: World) -> None:
    two_buyers(world, slow_s=3)
    world.carrier.phone(SLOW_PHONE, PhoneScript(result="no_answer", ring_s=5))
    world.carrier.phone(FAST_PHONE, PhoneScript(ring_s=2, talk_s=100))
    await teach(world, known_for(FAST, 20, 0.3), known_for(SLOW, 60, 3), patience(120))
    log = LessonLog(world.app.instance.engine)
    before = world.app.instance.follower.beliefs.version
    call = await world.call()
    entries = (await log.after(before, 100)).entries
    kinds = [str(entry.document["of"]) for entry in entries if entry.document]
    assert sorted(kinds) == ["held"] * 3 + ["rang"] * 2 + ["replied"] * 2 + ["talk_began", "talk_ended"]
    await world.app.instance.follower.caught_up()
    beliefs = world.app.instance.follower.beliefs
    assert beliefs.version == before + len(entries)
    assert beliefs.talking == {}
    documents = {str(entry.document["of"]): entry.document for entry in entries if entry.document}
    assert documents["talk_ended"]["seconds"] == call.dials[1].talk_s
    assert documents["talk_ended"]["min_s"] == 90


@in_world(plan(auction={"policy": "highest_payout", "max_wait_s": 1.5}))
async def test_no_caller_is_held_for_longer_than_the_plan_allows(world: World) -> None:
    two_buyers(world, slow_s=3)
    call = await world.call()
    record = await world.record(call)
    assert choices(record)[-1] == ("dial", "longest_wait", FAST)
    first, last = record["decisions"][0], record["decisions"][-1]
    assert 1.5 <= last["at"] - first["since"] < 1.6


@in_world(plan(auction={"policy": "expected_value", "max_wait_s": 1.5}))
async def test_nobody_is_held_for_an_offer_that_the_plan_leaves_no_time_for(world: World) -> None:
    two_buyers(world, slow_s=3)
    await teach(world, known_for(FAST, 20, 0.3), known_for(SLOW, 60, 3), patience(120))
    record = await world.record(await world.call())
    assert choices(record)[-1] == ("dial", "not_worth_waiting", FAST)
    assert record["decisions"][-1]["at"] - record["decisions"][0]["since"] < 1


@in_world(plan(auction={"policy": "priority"}))
async def test_by_priority_whoever_comes_first_in_the_plan_is_served_first(world: World) -> None:
    two_buyers(world, slow_s=3)
    call = await world.call()
    record = await world.record(call)
    assert record["decisions"][0]["rules"]["policy"] == "priority"
    assert call.dials[0].number in (FAST_PHONE, SLOW_PHONE)


PREFERRED = {FAST: {**BUYERS[FAST], "priority": 2}, SLOW: {**BUYERS[SLOW], "priority": 1}}


@in_world({**plan(auction={"policy": "priority"}), "buyers": PREFERRED})
async def test_a_buyer_of_the_first_priority_is_waited_for_and_no_other(world: World) -> None:
    two_buyers(world, slow_s=3, slow_pays="10")
    call = await world.call()
    assert [dial.number for dial in call.dials] == [SLOW_PHONE]
    two_buyers(world, slow_s=0.2, slow_pays="10")
    world.lmal.answer = offers("90", FAST_PHONE, latency_s=5)
    second = await world.call(from_="+15125550124")
    assert [dial.number for dial in second.dials] == [SLOW_PHONE]
    assert choices(await world.record(second))[-1] == ("dial", "served_first", SLOW)
