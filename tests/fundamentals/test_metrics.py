"""The metrics of the contract, all of them, at zero from the start."""

import re
from importlib import resources
from pathlib import Path

import aiohttp
import pytest

from callrouter.domain.clock import SystemClock
from callrouter.metrics import ENGINE_OPERATIONS
from tests.support.world import World, in_world, offers

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
}


async def scraped(world: World) -> dict[str, tuple[set[str], float]]:
    """Each series' name with its label names and the sum of its values."""
    async with aiohttp.ClientSession() as session, session.get(f"{world.served[0].url}/metrics") as response:
        assert response.status == 200
        text = await response.text()
    found: dict[str, tuple[set[str], float]] = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        matched = re.fullmatch(r"callrouter_(\w+?)(_bucket|_count|_sum|_created)?(\{.*\})? (\S+)", line)
        assert matched, line
        name, suffix, labels, value = matched.groups()
        names = set(re.findall(r'(\w+)="', labels or "")) - {"le"}
        if suffix != "_created":
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
    moving = {"auction_overhead_seconds"}
    assert {name: series[name][1] for name in CONTRACT if name not in moving and series[name][1] != 0} == {}


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
    } <= moved
    assert not {"offers_expired_total", "callbacks_total", "transfers_total", "engine_errors_total"} & moved
    assert world.metric("buyer_inflight", buyer="contactability") == 0
    assert world.metric("expected_payout_dollars_total", buyer="contactability") == 30


@in_world()
async def test_no_request_can_make_a_new_series(world: World) -> None:
    world.contactability.answer, world.lmal.answer = offers("30", "+12145550111"), offers("20", "+12145550112")
    before = set(await scraped(world))
    count = len(list(world.app.instance.metrics.registry.collect()))
    await world.call(from_="+15125550166", extra={"CallerName": "x" * 50, "Stranger": "1"})
    assert set(await scraped(world)) == before
    assert len(list(world.app.instance.metrics.registry.collect())) == count


def test_every_script_of_the_engine_fails_under_its_own_name() -> None:
    folder = resources.files("callrouter.engine") / "scripts"
    scripts = {file.name.removesuffix(".lua") for file in folder.iterdir() if not file.name.startswith("_")}
    assert "commit" in scripts
    assert scripts - set(ENGINE_OPERATIONS) == set()
