"""What one decision about twenty buyers costs, beside the cheapest request that the service answers.

Run by ``make bench``. The figures are of this machine and of its load; their ratio is the figure.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import aiohttp
import pytest

from callrouter.auction.policy import decide
from callrouter.beliefs.beliefs import Beliefs
from callrouter.beliefs.lessons import TalkBegan
from callrouter.domain.clock import SystemClock
from tests.bench.policy.taught import BUYERS, Traffic, taught_by
from tests.bench.test_webhooks import mean_ms
from tests.support.world import World

CALLS_BEFORE, CALLS = 1_000, 150
MOST_MS = 1.0


def as_in_life(beliefs: Beliefs, traffic: Traffic) -> None:
    """Between any two decisions an event of another call may have been learned; here of every fourth pair one has."""
    if beliefs.version % 4 == 0:
        _learn_one(beliefs, traffic)
    else:
        beliefs.version += 1


def cold(beliefs: Beliefs, traffic: Traffic) -> None:
    """A talk has begun meanwhile: every curve is worked out anew."""
    _learn_one(beliefs, traffic)


def warm(beliefs: Beliefs, traffic: Traffic) -> None:
    """Nothing has been learned meanwhile."""


def _learn_one(beliefs: Beliefs, traffic: Traffic) -> None:
    began = TalkBegan("buyer-03", "auto", "CAother/1", traffic.now - 40)
    beliefs.learn(beliefs.version + 1, began, traffic.now)


def cost_ms(between: Callable[[Beliefs, Traffic], None]) -> list[float]:
    """CPU milliseconds of each decision of many calls, ascending: what else runs on this machine does not count."""
    traffic = Traffic(seed=20)
    beliefs = taught_by(CALLS_BEFORE, traffic)
    costs: list[float] = []
    for _ in range(CALLS):
        for lesson in traffic.lessons_of_a_call():
            beliefs.learn(beliefs.version + 1, lesson, traffic.now)
        for known, now in traffic.decisions_of_a_call():
            between(beliefs, traffic)
            started = time.thread_time_ns()
            decide(known, beliefs, now)
            costs.append((time.thread_time_ns() - started) / 1e6)
    return sorted(costs)


def p99(costs: Sequence[float]) -> float:
    return costs[int(0.99 * len(costs))]


@pytest.mark.bench
@pytest.mark.timeout(600)
async def test_a_decision_about_twenty_buyers_takes_less_than_a_millisecond(
    engine_socket: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with World(SystemClock(), engine_socket, tmp_path) as world, aiohttp.ClientSession() as session:
        base = world.served[0].url

        async def floor(session: aiohttp.ClientSession, number: int) -> None:
            async with session.get(f"{base}/healthz") as response:
                assert response.status == 200
                await response.read()

        floor_ms = statistics.median([await mean_ms(session, floor) for _ in range(3)])
    found = {between.__name__.replace("_", " "): cost_ms(between) for between in (as_in_life, cold, warm)}
    with capsys.disabled():
        print(f"\n  {BUYERS} buyers; the floor, GET /healthz, takes {floor_ms:.2f} ms")
        for name, costs in found.items():
            print(
                f"  {name:12} {len(costs)} decisions   median {statistics.median(costs):.3f} ms"
                f"   p99 {p99(costs):.3f} ms   most {costs[-1]:.3f} ms   p99 is {p99(costs) / floor_ms:.2f} x the floor"
            )
    for name, costs in found.items():
        assert p99(costs) < MOST_MS, name
