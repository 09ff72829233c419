"""What calls say in metrics, each thing once: answers, talk, near misses, silence, and why nobody took a call."""

from callrouter.simulator.carrier import HangUp, PhoneScript
from tests.support.world import BUYERS, World, in_world, offers, plan, refuses

FIRST, SECOND = "+12145550111", "+12145550112"
BUYER = "contactability"


def wanted(world: World, min_duration_s: int = 90) -> None:
    """Contactability pays more than the other one."""
    world.contactability.answer = offers("30", FIRST, min_duration_s=min_duration_s)
    world.lmal.answer = offers("20", SECOND, min_duration_s=min_duration_s)


def near_misses(world: World) -> dict[str, float]:
    who = ("caller", "buyer", "agent", "unknown")
    return {by: count for by in who if (count := world.metric("near_misses_total", buyer=BUYER, ended_by=by))}


def unsold(world: World) -> dict[str, float]:
    reasons = ("nobody_asked", "no_offer", "offers_lapsed", "dials_failed")
    return {why: count for why in reasons if (count := world.metric("unsold_total", plan="auto", reason=why))}


@in_world()
async def test_a_sold_call_tells_its_window_its_answer_and_its_talk_once(world: World) -> None:
    wanted(world)
    world.carrier.phone(FIRST, PhoneScript(ring_s=4, talk_s=100))
    await world.call()
    counts = [world.metric(f"{name}_seconds_count", buyer=BUYER) for name in ("window_left_at_dial", "answer", "talk")]
    assert counts == [1, 1, 1]
    assert 25 < world.metric("window_left_at_dial_seconds_sum", buyer=BUYER) <= 30
    assert 4 <= world.metric("answer_seconds_sum", buyer=BUYER) < 5
    assert world.metric("talk_seconds_sum", buyer=BUYER) == 100
    assert world.metric("talk_seconds_count", buyer="letsmakealead") == 0
    assert near_misses(world) == {}
    assert unsold(world) == {}


@in_world()
async def test_a_dial_that_nobody_answers_has_a_window_and_neither_answer_nor_talk(world: World) -> None:
    wanted(world)
    world.carrier.phone(FIRST, PhoneScript(ring_s=3, result="busy"))
    await world.call()
    assert world.metric("window_left_at_dial_seconds_count", buyer=BUYER) == 1
    assert world.metric("answer_seconds_count", buyer=BUYER) == 0
    assert world.metric("talk_seconds_count", buyer=BUYER) == 0
    assert world.metric("talk_seconds_count", buyer="letsmakealead") == 1


@in_world()
async def test_a_near_miss_is_counted_by_who_hung_up_and_only_within_ten_seconds(world: World) -> None:
    wanted(world)
    for n, (talk_s, by) in enumerate([(79, "buyer"), (80, "buyer"), (89, "caller"), (90, "buyer"), (91, "caller")]):
        ends_by = HangUp("bridged", talk_s) if by == "caller" else None
        world.carrier.phone(FIRST, PhoneScript(ring_s=1, talk_s=300 if by == "caller" else talk_s))
        await world.call(from_=f"+1512555014{n}", hang_up=ends_by)
    assert near_misses(world) == {"buyer": 1, "caller": 1}
    assert world.metric("talk_seconds_count", buyer=BUYER) == 5


@in_world()
async def test_an_early_hang_up_is_talk_and_no_near_miss(world: World) -> None:
    wanted(world, min_duration_s=6)
    world.carrier.phone(FIRST, PhoneScript(ring_s=1, talk_s=3))
    await world.call()
    assert world.metric("bridge_attempts_total", buyer=BUYER, result="early_hangup") == 1
    assert world.metric("talk_seconds_sum", buyer=BUYER) == 3
    assert near_misses(world) == {}


@in_world()
async def test_an_unsold_call_names_the_furthest_that_it_came(world: World) -> None:
    world.contactability.answer, world.lmal.answer = refuses(), refuses()
    await world.call()
    assert unsold(world) == {"no_offer": 1}
    wanted(world)
    for number in (FIRST, SECOND):
        world.carrier.phone(number, PhoneScript(ring_s=1, result="busy"))
    await world.call(from_="+15125550124")
    assert unsold(world) == {"no_offer": 1, "dials_failed": 1}
    for buyer in BUYERS:
        await world.app.instance.buyers.switch_off("auto", buyer, "tests")
    call = await world.call(from_="+15125550125")
    assert unsold(world) == {"no_offer": 1, "dials_failed": 1, "nobody_asked": 1}
    events = [event["detail"] for event in (await world.record(call))["events"] if event["event"] == "auction_closed"]
    assert events == ["0 offers, nobody_asked"]
    assert sum(unsold(world).values()) == world.metric("calls_total", plan="auto", outcome="unsold")


@in_world({**plan(), "buyers": {name: {**entry, "offer_ttl_s": 5} for name, entry in BUYERS.items()}})
async def test_offers_that_are_too_short_to_be_dialled_have_lapsed(world: World) -> None:
    wanted(world)
    await world.call()
    assert unsold(world) == {"offers_lapsed": 1}


@in_world()
async def test_silence_is_what_an_answered_caller_waits_and_not_what_rings(world: World) -> None:
    wanted(world)
    world.contactability.answer = offers("30", FIRST, latency_s=6)
    world.carrier.phone(FIRST, PhoneScript(ring_s=1, talk_s=100))
    call = await world.call()
    assert world.metric("silence_seconds_count", endpoint="zip") == 1
    assert world.metric("silence_seconds_sum", endpoint="zip") >= 1
    assert world.metric("silence_seconds_sum", endpoint="zip") <= call.longest_silence_s()
    assert world.metric("silence_seconds_count", endpoint="hold") >= 1
    assert world.metric("silence_seconds_count", endpoint="dial") == 1
    registry = world.app.instance.metrics.registry
    assert registry.get_sample_value("callrouter_silence_seconds_count", {"endpoint": "voice"}) is None


@in_world()
async def test_a_caller_who_has_left_waits_for_nothing(world: World) -> None:
    wanted(world)
    world.carrier.phone(FIRST, PhoneScript(ring_s=1, talk_s=300))
    await world.call(hang_up=HangUp("bridged", 20))
    assert world.metric("webhooks_total", endpoint="dial", result="answered") == 1
    assert world.metric("silence_seconds_count", endpoint="dial") == 0
