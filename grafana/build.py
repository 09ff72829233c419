"""Writes ``grafana/dashboards/*.json`` from ``grafana/panels/*.yaml``: ``python -m grafana.build``.

A panel is changed in its YAML, never in the JSON. What its ``kind`` looks like in Grafana is in `looks`. What is not
said there is said here once: colours, legends, links between the dashboards, and where a panel stands. Panels stand
from left to right in the order of the file and begin a new line when 24 columns are full.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from grafana.looks import custom_field, options, panel_type

HERE = Path(__file__).parent
PANELS = HERE / "panels"
DASHBOARDS = HERE / "dashboards"
SOURCE = {"type": "prometheus", "uid": "callrouter-prometheus"}
"""The data source of ``provisioning/datasources``."""
SCHEMA_VERSION = 42
COLUMNS = 24
NOTHING = "nothing in this time"
"""What a panel says that has no data: quiet hours are not an error."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Query(_Strict):
    """One PromQL expression and the legend of its series."""

    expr: str
    legend: str = ""
    source: Literal["series", "buckets"] = "series"
    """``buckets`` for the heat map: one series for each ``le``."""


class PanelSpec(_Strict):
    """One panel as a person writes it."""

    title: str
    kind: Literal["lines", "stacked", "stat", "heatmap", "states"]
    description: str
    """What good looks like, with the number, and what to do when it is not."""
    queries: tuple[Query, ...] = Field(min_length=1)
    unit: str = "short"
    width: int = Field(default=8, ge=3, le=COLUMNS)
    height: int = Field(default=8, ge=3)
    decimals: int | None = None
    thresholds: Mapping[float, str] = Field(default_factory=dict)
    """From which value on which colour; below the first it is ``base``."""
    base: str = "green"
    words: Mapping[str, tuple[str, str]] = Field(default_factory=dict)
    """For ``states`` and ``stat``: what a value is called, and its colour."""
    empty: str = NOTHING
    interval: str = "1m"
    """The shortest step, and so the shortest window of a rate: calls are few, a shorter one would only flicker."""


class Row(_Strict):
    """Panels under one heading."""

    title: str
    panels: tuple[PanelSpec, ...] = Field(min_length=1)


class Variable(_Strict):
    """A choice at the head of the dashboard: the values of a label."""

    name: str
    label: str
    metric: str


class Page(_Strict):
    """One dashboard."""

    title: str
    uid: str
    description: str
    rows: tuple[Row, ...]
    variables: tuple[Variable, ...] = ()


def read_page(file: Path) -> Page:
    """The dashboard of one YAML file. Raises `pydantic.ValidationError` with each key that is wrong."""
    return Page.model_validate(yaml.safe_load(file.read_text("utf-8")))


def dashboard(page: Page) -> dict[str, Any]:
    """The dashboard as Grafana reads it."""
    return {
        "uid": page.uid,
        "title": page.title,
        "description": page.description,
        "tags": ["callrouter"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "10s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "links": [_links()],
        "templating": {"list": [_variable(variable) for variable in page.variables]},
        "panels": list(_panels(page.rows)),
    }


def as_text(page: Page) -> str:
    """The JSON file's text."""
    return json.dumps(dashboard(page), indent=2, ensure_ascii=False) + "\n"


def written(panels: Path = PANELS) -> dict[str, str]:
    """Every dashboard's file name and text."""
    return {f"{file.stem}.json": as_text(read_page(file)) for file in sorted(panels.glob("*.yaml"))}


def _panels(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    number, y = 0, 0
    for row in rows:
        number += 1
        grid = {"x": 0, "y": y, "w": COLUMNS, "h": 1}
        yield {"id": number, "type": "row", "title": row.title, "collapsed": False, "gridPos": grid, "panels": []}
        y += 1
        x = line = 0
        for spec in row.panels:
            if x + spec.width > COLUMNS:
                x, y, line = 0, y + line, 0
            number += 1
            yield _panel(spec, number, {"x": x, "y": y, "w": spec.width, "h": spec.height})
            x, line = x + spec.width, max(line, spec.height)
        y += line


def _panel(spec: PanelSpec, number: int, grid: Mapping[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": panel_type(spec.kind),
        "title": spec.title,
        "description": " ".join(spec.description.split()),
        "datasource": SOURCE,
        "gridPos": dict(grid),
        "interval": spec.interval,
        "targets": [_target(query, no, spec.kind) for no, query in enumerate(spec.queries)],
        "fieldConfig": {"defaults": _field(spec), "overrides": []},
        "options": options(spec.kind, spec.unit, named=any(query.legend for query in spec.queries)),
    }


def _target(query: Query, no: int, kind: str) -> dict[str, Any]:
    once = kind == "stat"
    return {
        "refId": chr(ord("A") + no),
        "datasource": SOURCE,
        "editorMode": "code",
        "expr": " ".join(query.expr.split()),
        "legendFormat": query.legend,
        "format": "heatmap" if query.source == "buckets" else "time_series",
        "instant": once,
        "range": not once,
    }


def _field(spec: PanelSpec) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": spec.base, "value": None}]
    steps += [{"color": colour, "value": value} for value, colour in sorted(spec.thresholds.items())]
    by_value = spec.kind in {"stat", "states"}
    field: dict[str, Any] = {
        "unit": spec.unit,
        "noValue": spec.empty,
        "color": {"mode": "thresholds" if by_value else "palette-classic"},
        "thresholds": {"mode": "absolute", "steps": steps},
        "custom": custom_field(spec.kind, limits=bool(spec.thresholds)),
    }
    if spec.decimals is not None:
        field["decimals"] = spec.decimals
    if spec.kind in {"lines", "stacked"}:
        field["min"] = 0
    if spec.words:
        words = {value: {"text": text, "color": colour} for value, (text, colour) in spec.words.items()}
        field["mappings"] = [{"type": "value", "options": words}]
    return field


def _variable(variable: Variable) -> dict[str, Any]:
    asks = f"label_values({variable.metric}, {variable.name})"
    return {
        "type": "query",
        "name": variable.name,
        "label": variable.label,
        "datasource": SOURCE,
        "query": {"qryType": 1, "query": asks, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        # A system without any value yet shows its panels all the same.
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def _links() -> dict[str, Any]:
    return {
        "type": "dashboards",
        "title": "callrouter",
        "tooltip": "The other dashboards of callrouter, with the same time",
        "tags": ["callrouter"],
        "icon": "dashboard",
        "asDropdown": False,
        "includeVars": False,
        "keepTime": True,
        "targetBlank": False,
    }


def main() -> None:
    """Rewrite the JSON files; the names of those that changed go to the standard output."""
    for name, text in written().items():
        file = DASHBOARDS / name
        if not file.exists() or file.read_text("utf-8") != text:
            file.write_text(text, "utf-8")
            sys.stdout.write(f"{file.relative_to(HERE)}\n")


if __name__ == "__main__":
    main()
