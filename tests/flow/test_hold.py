"""What a caller hears while buyers think: never silence for long, and the dial as soon as it can be."""

from decimal import Decimal
from pathlib import Path

import pytest

from callrouter.domain.clock import SystemClock
from callrouter.simulator.carrier import PhoneScript, SimulatedCall
from callrouter.simulator.partners import Answer
from tests.support.world import World, in_world, offers, plan

SLOW_S = 6.0
SILENCE_S = 2.5
PUSHED_WITHIN_S = 0.5
SEGMENT_S = 4.0
FIRST, SECOND = "+12145550111", "+12145550112"


def slow_buyer(world: World) -> None:
    """Contactability takes six seconds and pays best."""
    world.lmal.answer = offers("20", SECOND)
    world.contactability.answer = offers("30", FIRST, latency_s=SLOW_S)


def dial_after_reply_s(world: World, call: SimulatedCall) -> float:
    """Seconds from the last awaited reply's leaving the buyer to the dial at the carrier."""
    (offer,) = world.contactability.offered(FIRST)
    return call.dials[0].started_at - offer.at


def report(capsys: pytest.CaptureFixture[str], how: str, call: SimulatedCall, dial_s: float) -> None:
    with capsys.disabled():
        print(f"\n  [{how}] longest silence {call.longest_silence_s():.2f} s, reply to dial {dial_s * 1000:.0f} ms")


@in_world()
async def test_a_buyer_of_six_seconds_costs_no_long_silence_and_is_dialled_within_half_a_second(world: World) -> None:
    slow_buyer(world)
    call = await world.call()
    assert call.longest_silence_s() <= SILENCE_S
    assert dial_after_reply_s(world, call) <= PUSHED_WITHIN_S
    assert call.dials[0].number == FIRST


@in_world()
async def test_when_the_push_is_lost_the_poll_answers_the_same_dial_within_a_segment(world: World) -> None:
    slow_buyer(world)
    world.carrier.faults.drop_next_pushes = 1
    call = await world.call()
    assert dial_after_reply_s(world, call) <= SEGMENT_S + PUSHED_WITHIN_S
    assert call.longest_silence_s() <= SILENCE_S
    assert len(call.dials) == 1
    assert call.bridged


@in_world()
async def test_a_push_that_the_carrier_refuses_for_load_is_left_to_the_poll(world: World) -> None:
    slow_buyer(world)
    world.carrier.faults.rest_429_next = 1
    call = await world.call()
    assert call.bridged
    assert len(call.dials) == 1
    assert world.metric("pushes_total", result="unknown") == 1


@in_world()
async def test_a_decision_just_after_the_hold_answer_finds_the_caller_all_the_same(world: World) -> None:
    """The push comes before the carrier has taken our answer: the call is not in progress yet."""
    world.lmal.answer = offers("20", SECOND, latency_s=0.1)
    world.contactability.answer = offers("30", FIRST, latency_s=1.52)
    call = await world.call()
    assert (len(call.dials), call.bridged) == (1, True)
    assert call.longest_silence_s() <= SILENCE_S


@in_world(plan(auction={"fast_answer_s": 0}))
async def test_without_fast_answer_the_caller_is_put_on_hold_at_once(world: World) -> None:
    world.lmal.answer = offers("20", SECOND, latency_s=0.3)
    world.contactability.answer = offers("30", FIRST, latency_s=0.2)
    call = await world.call()
    assert call.bridged
    assert call.longest_silence_s() < 0.5


@in_world(plan(auction={"deadline_s": 4}))
async def test_a_buyer_that_never_answers_is_not_waited_for_beyond_the_deadline(world: World) -> None:
    world.lmal.answer = offers("20", SECOND)
    world.contactability.answer = lambda params: Answer(fault="timeout", payout=Decimal(90))
    call = await world.call()
    assert call.dials[0].number == SECOND
    record = await world.record(call)
    reasons = {r["buyer"]: r["reason"] for r in record["results"]}
    assert reasons == {"letsmakealead": "offer", "contactability": "error_timeout"}
    decided = next(e["at"] for e in record["events"] if e["event"] == "auction_closed")
    started = next(e["at"] for e in record["events"] if e["event"] == "auction_started")
    assert float(decided[17:23]) - float(started[17:23]) == pytest.approx(4, abs=0.1)


@in_world()
async def test_a_new_auction_after_failed_dials_is_heard_as_hold_not_as_silence(world: World) -> None:
    slow_buyer(world)
    world.carrier.phone(FIRST, PhoneScript(result="no_answer", ring_s=60))
    call = await world.call()
    assert [d.number for d in call.dials] == [FIRST, SECOND]
    assert call.longest_silence_s() <= SILENCE_S


@in_world()
async def test_hold_audio_may_be_cached_for_good(world: World) -> None:
    import aiohttp

    slow_buyer(world)
    call = await world.call()
    url = next(s.detail for s in call.heard if s.kind == "hold").replace(
        "https://calls.example.com", world.served[0].url
    )
    async with aiohttp.ClientSession() as session, session.get(url) as first:
        body = await first.read()
        assert (first.status, first.content_type) == (200, "audio/wav")
        assert "immutable" in first.headers["cache-control"]
        async with session.get(url, headers={"If-None-Match": first.headers["etag"]}) as again:
            assert again.status == 304
    assert body[:4] == b"RIFF"
    assert int.from_bytes(body[20:22], "little") == 7, "µ-law"
    assert int.from_bytes(body[24:28], "little") == 8000


@pytest.mark.real_time
async def test_silence_and_dial_in_real_time(
    engine_socket: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same promise on the real clock, over real HTTP, printed."""
    async with World(SystemClock(), engine_socket, tmp_path) as world:
        slow_buyer(world)
        world.carrier.phone(FIRST, PhoneScript(ring_s=0.3, talk_s=6))
        call = await world.call()
        dial_s = dial_after_reply_s(world, call)
        report(capsys, "real time", call, dial_s)
        assert call.longest_silence_s() <= SILENCE_S
        assert dial_s <= PUSHED_WITHIN_S


def test_silence_and_dial_in_virtual_time_over_many_callers(
    engine_socket: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Twenty callers with the carrier's own random delays; the worst of them is printed."""
    from tests.support.virtual_time import VirtualClock, run_virtual

    async def whole(clock: VirtualClock) -> None:
        async with World(clock, engine_socket, tmp_path) as world:
            slow_buyer(world)
            for n in range(20):
                world.place(from_=f"+1512555{100 + n:04d}", key_delay_s=0.5 + n * 0.3)
            await world.settled()
            # The dearest offer's number is the same for all: match each dial with the offer made to its caller.
            by_phone = {o.params["phone"][-10:]: o.at for o in world.contactability.offers}
            first_dials = [
                (c.dials[0].started_at - by_phone[c.script.from_[-10:]])
                for c in world.carrier.calls
                if c.script.from_[-10:] in by_phone
            ]
            assert len(first_dials) >= 15, "nearly all are sold to the slow buyer"
            worst = max(world.carrier.calls, key=lambda c: c.longest_silence_s())
            report(capsys, f"virtual time, worst of {len(world.carrier.calls)}", worst, max(first_dials))
            assert worst.longest_silence_s() <= SILENCE_S
            assert max(first_dials) <= PUSHED_WITHIN_S

    run_virtual(whole)
