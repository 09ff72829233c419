"""Contactability never gets more than it allows, however many callers and instances there are."""

from pathlib import Path

import pytest

from callrouter.domain.clock import SystemClock
from callrouter.simulator.carrier import PhoneScript
from tests.support.world import PUBLIC_URL, World, in_world, offers, plan

FIRST, SECOND = "+12145550111", "+12145550112"
CALLERS = 60


def most_within(times: list[float], window_s: float) -> int:
    """The most of ``times`` in any window of this length."""
    ordered = sorted(times)
    return max(sum(1 for t in ordered[i:] if t < start + window_s) for i, start in enumerate(ordered))


@in_world(plan(intake={"zip": "caller_id"}), instances=2)
async def test_two_instances_together_keep_the_limits_under_a_burst(world: World) -> None:
    """Sixty callers in three seconds on two instances; counted at the partner's door."""
    import asyncio

    world.carrier.default_phone = PhoneScript(ring_s=1, talk_s=10)
    world.contactability.answer, world.lmal.answer = offers("30", FIRST), offers("20", SECOND)
    for n in range(CALLERS):
        world.use_instance(n % 2)
        world.place(from_=f"+1512555{100 + n:04d}", from_zip="78701")
        await asyncio.sleep(0.05)
    await world.settled()
    arrivals = [request.at for request in world.contactability.requests]
    assert world.contactability.violations == 0
    assert most_within(arrivals, 1.0) <= 5
    assert len(arrivals) >= 5, "the limit is used, not avoided"
    assert len(world.lmal.requests) == CALLERS
    assert all(call.bridged for call in world.carrier.calls)
    answered = [served.app.instance.metrics for served in world.served]
    limited = sum(
        m.registry.get_sample_value(
            "callrouter_buyer_results_total", {"buyer": "contactability", "reason": "not_called_rate_limited"}
        )
        or 0
        for m in answered
    )
    assert limited == CALLERS - len(arrivals)
    waits = [call.dials[0].started_at - call.started_at for call in world.carrier.calls]
    assert max(waits) < 1.5, "a limited buyer delays nobody"


@pytest.mark.real_time
async def test_the_same_on_the_real_clock(
    engine_socket: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import asyncio

    dialplan = plan(intake={"zip": "caller_id"}, bridge={"early_hangup_s": 0})
    async with World(SystemClock(), engine_socket, tmp_path, dialplan=dialplan, instances=2) as world:
        world.carrier.default_phone = PhoneScript(ring_s=0.3, talk_s=1)
        world.contactability.answer, world.lmal.answer = offers("30", FIRST), offers("20", SECOND)
        for n in range(CALLERS):
            world._hosts[PUBLIC_URL] = world.served[n % 2].url
            world.place(from_=f"+1512555{100 + n:04d}", from_zip="78701")
            await asyncio.sleep(0.05)
        await world.settled()
        arrivals = [request.at for request in world.contactability.requests]
        with capsys.disabled():
            most = most_within(arrivals, 1)
            print(f"\n  [burst of {CALLERS} on two instances] {len(arrivals)} pings, most in 1 s: {most}")
        assert world.contactability.violations == 0
        assert most_within(arrivals, 1.0) <= 5
        assert all(call.bridged for call in world.carrier.calls)
