"""Every expression of every dashboard and rule, run by a real Prometheus that scrapes the product under traffic."""

import json
from pathlib import Path

import pytest
import yaml

from callrouter.domain.clock import Clock, SystemClock
from tests.grafana.promql import DASHBOARDS, ROOT, filled_in, panels_of, rules, selectors_of
from tests.grafana.traffic import ShiftedClock, busy_world, everything_happens
from tests.support.prometheus import BadQuery, Prometheus, program, running_prometheus
from tests.transfers.agents import until_so

pytestmark = pytest.mark.stack

QUIET = {
    *("buyers: Breaker A", "buyers: Switched off A", "buyers: Rate limit used A"),
    *("operations: Callbacks late A", "operations: Callbacks due and late A", "operations: Callbacks due and late B"),
    *("service: Broken dialplans A", "service: Draining A", "service: Outbox by state A"),
    *("service: Calls that the ledger waits for A", "service: Lessons not learned yet A", "buyers: Alarms A"),
}
"""What may stay at zero in this traffic: troubles that are not made, and what is over between two looks."""
SHIPPED = ROOT / "grafana" / "prometheus" / "prometheus.yml"


def configuration(folder: Path, target: str) -> Path:
    """The shipped configuration, with this one instance, scraped every second."""
    config = yaml.safe_load(SHIPPED.read_text("utf-8"))
    config["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(SHIPPED.parent / pattern) for pattern in config["rule_files"]]
    ours = [job for job in config["scrape_configs"] if job["job_name"] == "callrouter"]
    ours[0]["static_configs"] = [{"targets": [target]}]
    config["scrape_configs"] = ours
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(config), "utf-8")
    return file


def dashboard_expressions() -> dict[str, str]:
    """Every expression, by where it stands."""
    found = {}
    for file in sorted(DASHBOARDS.glob("*.json")):
        for panel in panels_of(json.loads(file.read_text("utf-8"))):
            for target in panel["targets"]:
                found[f"{file.stem}: {panel['title']} {target['refId']}"] = str(target["expr"])
    return found


async def values(
    prometheus: Prometheus, expressions: dict[str, str], start_s: float, end_s: float
) -> dict[str, list[float]]:
    """Every finite sample of each expression; none where it is refused."""
    found: dict[str, list[float]] = {}
    for where, expr in expressions.items():
        try:
            series = await prometheus.query_range(filled_in(expr), start_s, end_s)
        except BadQuery as error:
            found[f"{where} {error}"] = []
            continue
        found[where] = [value for one in series for value in one.finite]
    return found


def without_data(found: dict[str, list[float]]) -> list[str]:
    """Where these stand that have not one finite sample."""
    return [where for where, samples in found.items() if not samples]


async def scraped(prometheus: Prometheus, clock: Clock, times: int = 3) -> None:
    """Prometheus has seen the instance so many times from now on."""
    start = clock.now()

    async def seen() -> bool:
        found = await prometheus.query(f'count_over_time(up{{job="callrouter"}}[{max(1, int(clock.now() - start))}s])')
        return bool(found) and found[0].finite[-1] >= times

    await until_so(seen, 20, every_s=0.2)


async def test_every_expression_of_every_dashboard_and_rule_has_data(engine_socket: Path, tmp_path: Path) -> None:
    program("prometheus")
    clock = SystemClock()
    async with busy_world(ShiftedClock(clock), engine_socket, tmp_path) as world:
        config = configuration(tmp_path, world.served[0].url.removeprefix("http://"))
        async with running_prometheus(config, tmp_path) as prometheus:
            await scraped(prometheus, clock)
            start_s = clock.now()
            await everything_happens(world, engine_socket)
            await scraped(prometheus, clock)
            end_s = clock.now()
            shown = await values(prometheus, dashboard_expressions(), start_s, end_s)
            assert without_data(shown) == []
            assert {where for where, samples in shown.items() if max(samples) <= 0} - QUIET == set()
            # An alert that does not fire has no data: it must run, and whatever it looks at must be there.
            alerts = [rule for rule in rules() if "alert" in rule]
            for rule in alerts:
                await prometheus.query_range(rule["expr"], start_s, end_s)
            recorded = {rule["record"]: rule["expr"] for rule in rules() if "record" in rule}
            looked_at = {s.text: s.text for rule in alerts for s in selectors_of(rule["expr"]) if s.metric in recorded}
            looked_at |= {s.text: s.metric for rule in rules() for s in selectors_of(rule["expr"])}
            assert without_data(await values(prometheus, recorded | looked_at, start_s, end_s)) == []
            health = {rule["name"]: (rule["health"], rule.get("lastError")) for rule in await prometheus.rules()}
            assert {name: said for name, said in health.items() if said[0] != "ok"} == {}
            # The checker can fail.
            nothing = {"nothing": 'callrouter_calls_total{outcome="no such"}', "broken": "sum(("}
            assert len(without_data(await values(prometheus, nothing, start_s, end_s))) == len(nothing)
