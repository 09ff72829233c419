"""What a Prometheus would have scraped from a world in virtual time, and which alerts it would have raised.

Pages are read over HTTP every fifteen virtual seconds; ``promtool`` then evaluates the shipped rules over them, with
Prometheus's own engine. Ten minutes that an alert waits take seconds.
"""

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.grafana.promql import RULES, metrics_of, rules
from tests.support.prometheus import promtool
from tests.support.world import World

EVERY_S = 15
"""As often as rules are evaluated."""
_GOT = re.compile(r"\{[^{}]*\}")
_LABEL = re.compile(r'(\w+)="([^"]*)"')


class Recording:
    """The samples of every metric that a rule looks at, from each instance of a world."""

    def __init__(self, world: World, folder: Path) -> None:
        self._world = world
        self._folder = folder
        self._wanted = {name for rule in rules() for name in metrics_of(rule["expr"])}
        self._scrapes = 0
        self._samples: dict[str, dict[int, float]] = {}

    async def run(self, every_s: float = EVERY_S) -> None:
        """Scrape until cancelled; with a shorter ``every_s`` time is taken to have gone faster than it did."""
        async with aiohttp.ClientSession() as session:
            while True:
                for number in range(len(self._world.served)):
                    await self._scrape(session, number)
                self._scrapes += 1
                await asyncio.sleep(every_s)

    async def _scrape(self, session: aiohttp.ClientSession, number: int) -> None:
        target = f'job="callrouter", instance="r{number + 1}"'
        try:
            async with session.get(f"{self._world.served[number].url}/metrics") as response:
                page = await response.text()
        except aiohttp.ClientError:
            page = ""
        self._samples.setdefault(f"up{{{target}}}", {})[self._scrapes] = float(bool(page))
        for family in text_string_to_metric_families(page):
            for sample in family.samples:
                if sample.name in self._wanted:
                    labels = "".join(f', {name}="{value}"' for name, value in sample.labels.items())
                    series = f"{sample.name}{{{target}{labels}}}"
                    self._samples.setdefault(series, {})[self._scrapes] = sample.value

    def raised(self, state: str = "firing") -> dict[str, set[int]]:
        """The alerts that were in this state, by name, with the minutes in which they were."""
        values = {
            series: " ".join(f"{found[no]:g}" if no in found else "stale" for no in range(self._scrapes))
            for series, found in self._samples.items()
        }
        minutes = range((self._scrapes - 1) * EVERY_S // 60 + 1)
        ask = f'ALERTS{{alertstate="{state}"}}'
        told = {
            "rule_files": [str(file) for file in sorted(RULES.glob("*.yml"))],
            "evaluation_interval": f"{EVERY_S}s",
            "tests": [
                {
                    "interval": f"{EVERY_S}s",
                    "input_series": [{"series": series, "values": text} for series, text in values.items()],
                    # Each minute is said to be silent: promtool then says what was raised in it.
                    "promql_expr_test": [{"expr": ask, "eval_time": f"{no}m", "exp_samples": []} for no in minutes],
                }
            ],
        }
        file = self._folder / "recorded.yml"
        file.write_text(yaml.safe_dump(told, width=1_000_000), "utf-8")
        return _raised(promtool("test", "rules", file))


def _raised(tested: subprocess.CompletedProcess[str]) -> dict[str, set[int]]:
    said = tested.stdout + tested.stderr
    raised: dict[str, set[int]] = {}
    for part in said.split("expr: ")[1:]:
        minute = re.search(r"time: (?:(\d+)h)?(?:(\d+)m)?(?:0s)?,", part)
        assert minute is not None, part
        at = 60 * int(minute[1] or 0) + int(minute[2] or 0)
        got = part.partition("got:")[2]
        for labels in _GOT.findall(got):
            raised.setdefault(dict(_LABEL.findall(labels))["alertname"], set()).add(at)
    assert raised or tested.returncode == 0, said
    return raised


@asynccontextmanager
async def recorded(world: World, folder: Path, every_s: float = EVERY_S) -> AsyncIterator[Recording]:
    """``async with recorded(world, tmp_path) as recording``: what happens in it is scraped."""
    recording = Recording(world, folder)
    task = asyncio.create_task(recording.run(every_s))
    try:
        yield recording
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
