"""As much of PromQL as our dashboards need to be read: which series an expression names, and by which labels."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
RULES = ROOT / "grafana" / "prometheus" / "rules"
DASHBOARDS = ROOT / "grafana" / "dashboards"

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_NAME = re.compile(r"(?<![\w:$])(callrouter[\w:]*|up)\b(?!\s*\()")
_SELECTOR = re.compile(r"(?<![\w:$])(callrouter[\w:]*|up)\b(\{[^}]*\})?")
_BY = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)")


@dataclass(frozen=True)
class Selector:
    """One selector of an expression: ``callrouter_calls_total{outcome="bridged"}``."""

    metric: str
    labels: tuple[str, ...]
    text: str


def metrics_of(expr: str) -> set[str]:
    """Every metric of ours that the expression names, ``up`` too."""
    return {str(name) for name in _NAME.findall(_STRING.sub('""', expr))}


def selectors_of(expr: str) -> list[Selector]:
    """Every selector of the expression."""
    kept = re.sub(r'job="callrouter"', 'job="…"', expr)
    found = [(match[1], match[2] or "") for match in _SELECTOR.finditer(kept)]
    return [
        Selector(metric, tuple(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", _STRING.sub('""', braces))), f"{metric}{braces}")
        for metric, braces in ((m, b.replace("…", "callrouter")) for m, b in found)
    ]


def grouped_by(expr: str) -> set[str]:
    """Every label by which the expression groups or matches."""
    return {label.strip() for labels in _BY.findall(expr) for label in labels.split(",") if label.strip()}


def panels_of(dashboard: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The panels of a dashboard that show something: all but the headings."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def rules() -> list[dict[str, Any]]:
    """Every rule, alerting or recording, of every file."""
    files = sorted(RULES.glob("*.yml"))
    return [rule for file in files for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]


def filled_in(expr: str, names: Iterable[str] = ("plan", "buyer", "instance"), rate: str = "20s") -> str:
    """The expression with Grafana's variables filled in: all values, and these windows."""
    for name in names:
        expr = re.sub(rf"\$({name}\b|\{{{name}\}})", ".*", expr)
    windows = {"$__rate_interval": rate, "$__range": "1m", "$__interval": "5s"}
    for variable, window in windows.items():
        expr = expr.replace(variable, window)
    return expr
