"""Draws the dashboards from a Prometheus, without Grafana: ``python -m grafana.draw --prometheus URL --out FOLDER``.

The same queries as in Grafana, each variable standing for all its values. Steps are shorter than Grafana's one minute
(``--step``), so that a few minutes of a demo are more than a few points.
"""

import argparse
import asyncio
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp

from callrouter.domain.clock import SystemClock
from grafana.build import DASHBOARDS
from grafana.drawing import Curve, Span, draw

SAYS = "callrouter demo traffic (its talks last seconds), drawn from Prometheus without Grafana"
ANSWERED_WITHIN_S = 20


def substituted(expr: str, span: Span) -> str:
    """An expression of a dashboard as Prometheus takes it, every variable standing for all its values."""
    known = {"__rate_interval": f"{span.window_s:g}s", "__interval": f"{span.step_s:g}s"}
    known["__range"] = f"{round(span.length_s)}s"
    return re.sub(r"\$\{?(\w+)(?::\w+)?\}?", lambda found: known.get(found[1], ".*"), expr)


async def pictures(prometheus: str, until: float, span: Span, says: str = SAYS) -> dict[str, str]:
    """File name and SVG of every dashboard, for the span that ends at ``until`` (epoch s).

    Raises `aiohttp.ClientError`.
    """
    timeout = aiohttp.ClientTimeout(total=ANSWERED_WITHIN_S)
    async with aiohttp.ClientSession(timeout=timeout, raise_for_status=True) as session:
        drawn = {}
        for file in sorted(DASHBOARDS.glob("*.json")):
            board = json.loads(file.read_text("utf-8"))
            targets = [target for panel in board["panels"] for target in panel.get("targets", ())]
            answers = {target["expr"]: await _answer(session, prometheus, target, until, span) for target in targets}
            drawn[f"{file.stem}.svg"] = draw(board, answers, span, says)
        return drawn


async def _answer(
    session: aiohttp.ClientSession, prometheus: str, target: Mapping[str, Any], until: float, span: Span
) -> list[Curve]:
    query = substituted(target["expr"], span)
    if target.get("instant"):
        what, params = "query", {"query": query, "time": f"{until:.3f}"}
    else:
        start = until - span.length_s
        what, params = "query_range", {"query": query, "start": f"{start:.3f}", "end": f"{until:.3f}"}
        params["step"] = f"{span.step_s:g}"
    async with session.get(f"{prometheus}/api/v1/{what}", params=params) as response:
        answered = await response.json()
    return [_curve(one, until - span.length_s) for one in answered["data"]["result"]]


def _curve(one: Mapping[str, Any], start: float) -> Curve:
    samples: Sequence[tuple[float, str]] = one.get("values") or [one["value"]]
    return Curve(one["metric"], [(at - start, float(value)) for at, value in samples])


def main() -> None:
    """Write one SVG for each dashboard."""
    parser = argparse.ArgumentParser(prog="python -m grafana.draw", description="Draws the dashboards as SVG files.")
    parser.add_argument("--prometheus", required=True, metavar="URL", help="http://127.0.0.1:9090")
    parser.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="where the SVG files go")
    parser.add_argument("--minutes", type=float, default=3.0, metavar="M", help="how long back from now (3)")
    parser.add_argument("--step", type=float, default=5.0, metavar="S", help="seconds between two points (5)")
    parser.add_argument("--says", default=SAYS, metavar="TEXT", help="what stands at the head")
    given = parser.parse_args()
    span = Span(given.minutes * 60, given.step)
    drawn = asyncio.run(pictures(given.prometheus.rstrip("/"), SystemClock().now(), span, given.says))
    write(drawn, given.out)


def write(drawn: Mapping[str, str], folder: Path) -> None:
    """Write the files, and their names to the standard output."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, svg in drawn.items():
        (folder / name).write_text(svg, "utf-8")
        sys.stdout.write(f"{folder / name}: {len(svg) / 1000:.0f} kB\n")


if __name__ == "__main__":
    main()
