"""The metrics of the contract, all of them, at zero from the start."""

import re
from importlib import resources
from pathlib import Path

import aiohttp
import pytest
from prometheus_client import generate_latest

from callrouter.dialplan import Plan
from callrouter.domain.clock import SystemClock
from callrouter.metrics import ENGINE_OPERATIONS, Metrics
from tests.carrier.plans import a_plan
from tests.support.world import World, in_world, offers

SERIES_A_BUYER = 244
"""How many lines of the page one more buyer costs. Only a review may raise it."""
SERIES_A_PLAN = 145
"""The same of one more plan without its buyers."""

CONTRACT = {
    "webhooks_total": {"endpoint", "result"},
    "webhook_duration_seconds": {"endpoint"},
    "auctions_total": {"plan", "outcome"},
    "auction_duration_seconds": {"plan"},
    "auction_overhead_seconds": {"stage"},
    "buyer_results_total": {"buyer", "reason"},
    "buyer_response_seconds": {"buyer", "family"},
    "buyer_offer_payout_dollars": {"buyer"},
    "buyer_wins_total": {"buyer"},
    "buyer_inflight": {"buyer"},
    "bridges_total": {"plan", "result"},
    "bridge_attempts_total": {"buyer", "result"},
    "time_to_bridge_seconds": {"plan"},
    "hold_seconds": {"plan", "outcome"},
    "offer_age_at_dial_seconds": set(),
    "offers_expired_total": {"buyer"},
    "qualified_calls_total": {"buyer"},
    "expected_payout_dollars_total": {"buyer"},
    "callbacks_total": {"result"},
    "callbacks_due": set(),
    "callback_punctuality_seconds": set(),
    "transfers_total": {"result"},
    "engine_errors_total": {"operation"},
    "engine_seconds": {"operation"},
    "event_loop_lag_seconds": set(),
    "process_resident_memory_bytes": set(),
    "process_virtual_memory_bytes": set(),
    "process_cpu_seconds_total": set(),
    "process_open_fds": set(),
    "process_max_fds": set(),
    "process_start_time_seconds": set(),
    "outbox_jobs": {"state"},
    "callbacks_late": set(),
    "ledger_waiting": set(),
    "auctions_live": set(),
    "unsold_total": {"plan", "reason"},
    "near_misses_total": {"buyer", "ended_by"},
    "window_left_at_dial_seconds": {"buyer"},
    "answer_seconds": {"buyer"},
    "talk_seconds": {"buyer"},
    "silence_seconds": {"endpoint"},
    "buyer_breaker_open": {"buyer"},
    "buyer_limit_used_ratio": {"buyer"},
    "buyer_switched_off": {"buyer"},
    "transfers_open": {"state"},
    "transfer_step_seconds": {"step"},
    "draining": set(),
    "build_info": {"version"},
}
"""Those of the contract, and those that dashboards and rules read besides."""
ALWAYS_MOVING = {"auction_overhead_seconds", "engine_seconds", "event_loop_lag_seconds", "build_info"}
"""With those of the process: what is not at zero in a service that nobody calls."""


async def scraped(world: World) -> dict[str, tuple[set[str], float]]:
    """Each series' name with its label names and the sum of its values."""
    async with aiohttp.ClientSession() as session, session.get(f"{world.served[0].url}/metrics") as response:
        assert response.status == 200
        text = await response.text()
    found: dict[str, tuple[set[str], float]] = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        matched = re.fullmatch(r"callrouter_(\w+?)(_bucket|_count|_sum)?(\{.*\})? (\S+)", line)
        assert matched, line
        name, suffix, labels, value = matched.groups()
        names = set(re.findall(r'(\w+)="', labels or "")) - {"le"}
        before = found.get(name, (names, 0.0))[1]
        found[name] = (names, before + (float(value) if suffix != "_bucket" else 0.0))
    return found


@pytest.mark.real_time
async def test_every_metric_of_the_contract_is_there_at_zero_from_the_start(
    engine_socket: Path, tmp_path: Path
) -> None:
    async with World(SystemClock(), engine_socket, tmp_path) as world:
        series = await scraped(world)
    missing = {name for name in CONTRACT if name not in series}
    assert missing == set()
    assert {name: series[name][0] for name in CONTRACT} == CONTRACT
    still = {name for name in CONTRACT if name not in ALWAYS_MOVING and not name.startswith("process_")}
    assert {name: series[name][1] for name in still if series[name][1] != 0} == {}
    assert all(series[name][1] > 0 for name in CONTRACT if name.startswith("process_"))
    assert series["build_info"][1] == 1


@in_world()
async def test_a_sold_call_moves_what_it_should_and_nothing_else(world: World) -> None:
    world.contactability.answer, world.lmal.answer = offers("30", "+12145550111"), offers("20", "+12145550112")
    before = {name for name, (_, value) in (await scraped(world)).items() if value}
    await world.call()
    series = await scraped(world)
    moved = {name for name, (_, value) in series.items() if value} - before
    assert {
        *("webhooks_total", "auctions_total", "buyer_results_total", "buyer_wins_total", "bridges_total"),
        *("bridge_attempts_total", "qualified_calls_total", "expected_payout_dollars_total", "calls_total"),
        *("time_to_bridge_seconds", "hold_seconds", "buyer_response_seconds", "buyer_offer_payout_dollars"),
        *("window_left_at_dial_seconds", "answer_seconds", "talk_seconds", "silence_seconds"),
    } <= moved
    assert not {"offers_expired_total", "callbacks_total", "transfers_total", "engine_errors_total"} & moved
    assert not {"unsold_total", "near_misses_total", "transfer_step_seconds"} & moved
    assert world.metric("buyer_inflight", buyer="contactability") == 0
    await world.books()
    assert world.metric("expected_payout_dollars_total", buyer="contactability") == 30


@in_world()
async def test_no_request_can_make_a_new_series(world: World) -> None:
    world.contactability.answer, world.lmal.answer = offers("30", "+12145550111"), offers("20", "+12145550112")
    before = set(await scraped(world))
    count = len(list(world.app.instance.metrics.registry.collect()))
    await world.call(from_="+15125550166", extra={"CallerName": "x" * 50, "Stranger": "1"})
    assert set(await scraped(world)) == before
    assert len(list(world.app.instance.metrics.registry.collect())) == count


def lines_of(*plans: Plan) -> int:
    """How many series the page has with these plans."""
    metrics = Metrics()
    metrics.preload_plans(plans)
    page = generate_latest(metrics.registry).decode()
    return sum(not line.startswith("#") for line in page.splitlines())


def test_a_buyer_and_a_plan_cost_no_more_series_than_was_agreed() -> None:
    bare = a_plan().model_copy(update={"buyers": {}})
    entry = next(iter(a_plan().buyers.values()))
    one, two = (bare.model_copy(update={"buyers": dict.fromkeys(names, entry)}) for names in (["a"], ["a", "b"]))
    assert lines_of(bare) - lines_of() == SERIES_A_PLAN
    assert lines_of(one) - lines_of(bare) == lines_of(two) - lines_of(one) == SERIES_A_BUYER


def test_every_script_of_the_engine_fails_under_its_own_name() -> None:
    folder = resources.files("callrouter.engine") / "scripts"
    scripts = {file.name.removesuffix(".lua") for file in folder.iterdir() if not file.name.startswith("_")}
    assert "commit" in scripts
    assert scripts - set(ENGINE_OPERATIONS) == set()
