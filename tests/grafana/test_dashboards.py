"""The dashboards as files: what they are made of, that each panel can be read, and that every name exists."""

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from callrouter import cli
from callrouter.books import Books
from callrouter.dialplan import Plan
from callrouter.metrics import Metrics
from grafana import build
from tests.grafana.promql import ROOT, filled_in, grouped_by, metrics_of, panels_of, rules, selectors_of
from tests.support.world import LEADS, plan

NAMES = sorted(file.stem for file in build.PANELS.glob("*.yaml"))
TARGET_LABELS = {"instance", "job"}
"""What Prometheus adds to every series."""
FAMILY_ENDS = ("_bucket", "_sum", "_count", "_total", "_created")


def load(name: str) -> dict[str, Any]:
    """A dashboard's file."""
    loaded: dict[str, Any] = json.loads((build.DASHBOARDS / f"{name}.json").read_text("utf-8"))
    return loaded


def targets(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every panel's title and target of a dashboard."""
    for panel in panels_of(load(name)):
        for target in panel["targets"]:
            yield panel["title"], target


@pytest.fixture(scope="module")
def series() -> dict[str, set[str]]:
    """Every series' name and label names, as an instance with one plan has them from its start."""
    metrics = Metrics()
    written = json.dumps(plan(buyers=LEADS))
    metrics.preload_plans([Plan.model_validate_json(re.sub(r'"env:\w+"', '"https://partner.example"', written))])
    Books(metrics.registry, "tests").preload(LEADS)
    found: dict[str, set[str]] = {}
    for family in metrics.registry.collect():
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def family(name: str) -> str:
    """A metric's name without what tells its samples apart."""
    return next((name.removesuffix(end) for end in FAMILY_ENDS if name.endswith(end)), name)


def test_there_are_the_four_dashboards() -> None:
    assert NAMES == ["buyers", "operations", "service", "transfers"]
    assert {load(name)["uid"] for name in NAMES} == {f"callrouter-{name}" for name in NAMES}


def test_the_json_is_what_the_panels_files_make() -> None:
    """Whoever changed a panel has run `python -m grafana.build`."""
    there = {file.name: file.read_text("utf-8") for file in build.DASHBOARDS.glob("*.json")}
    assert there == build.written()


def test_a_wrong_key_of_a_panel_is_refused(tmp_path: Path) -> None:
    panel = {"title": "A", "kind": "lines", "description": "Good is 0.", "queries": [{"expr": "up"}], "colour": "red"}
    page = {"title": "A", "uid": "a", "description": "a", "rows": [{"title": "A", "panels": [panel]}]}
    file = tmp_path / "a.yaml"
    file.write_text(yaml.safe_dump(page))
    with pytest.raises(ValidationError, match="colour"):
        build.read_page(file)


@pytest.mark.parametrize("name", NAMES)
def test_every_panel_says_what_good_looks_like_and_what_to_do(name: str) -> None:
    for panel in panels_of(load(name)):
        description = panel["description"]
        assert 60 <= len(description) <= 420, panel["title"]
        assert re.search(r"\b[Gg]ood\b", description), panel["title"]
        assert re.search(r"\d|\bnone\b", description), f"{panel['title']} names no number"
        assert description.endswith("."), panel["title"]
        assert len(re.findall(r"[.:;](?: |$)", description)) >= 2, f"{panel['title']} does not say what to do"


@pytest.mark.parametrize("name", NAMES)
def test_panels_have_ids_of_their_own_and_fill_their_rows_without_overlap(name: str) -> None:
    panels = load(name)["panels"]
    assert sorted(panel["id"] for panel in panels) == list(range(1, len(panels) + 1))
    taken: dict[tuple[int, int], str] = {}
    for panel in panels:
        grid = panel["gridPos"]
        for x in range(grid["x"], grid["x"] + grid["w"]):
            for y in range(grid["y"], grid["y"] + grid["h"]):
                assert (x, y) not in taken, f"{panel['title']} lies on {taken[x, y]}"
                taken[x, y] = panel["title"]
    depth = 1 + max(y for _, y in taken)
    gaps = {(x, y) for x in range(build.COLUMNS) for y in range(depth)} - set(taken)
    assert gaps == set()


@pytest.mark.parametrize("name", NAMES)
def test_titles_are_told_apart_within_a_row(name: str) -> None:
    rows: list[list[str]] = [[]]
    for panel in load(name)["panels"]:
        if panel["type"] == "row":
            rows.append([])
        else:
            rows[-1].append(panel["title"])
    assert [row for row in rows if len(row) != len(set(row))] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_metric_and_label_exists(name: str, series: dict[str, set[str]]) -> None:
    unknown = []
    for title, target in targets(name):
        expr = target["expr"]
        found = selectors_of(expr)
        assert {s.metric for s in found} == metrics_of(expr), title
        unknown += [f"{title}: {s.metric}" for s in found if s.metric not in series and s.metric != "up"]
        for s in found:
            known = series.get(s.metric, set()) | TARGET_LABELS
            unknown += [f"{title}: {s.metric}{{{label}}}" for label in s.labels if label not in known]
        known = {label for s in found for label in series.get(s.metric, set())} | TARGET_LABELS
        unknown += [f"{title}: by {label}" for label in grouped_by(expr) if label not in known]
    assert unknown == []


@pytest.mark.parametrize("name", NAMES)
def test_legends_name_labels_that_the_series_have(name: str) -> None:
    for title, target in targets(name):
        labels = set(re.findall(r"\{\{\s*(\w+)\s*\}\}", target["legendFormat"]))
        assert labels <= grouped_by(target["expr"]), title


@pytest.mark.parametrize("name", NAMES)
def test_variables_are_declared_and_used(name: str) -> None:
    dashboard = load(name)
    declared = {variable["name"] for variable in dashboard["templating"]["list"]}
    text = " ".join(target["expr"] for _, target in targets(name))
    used = set(re.findall(r"\$(\w+)", text)) - {"__rate_interval", "__range"}
    assert used == declared
    assert "$" not in filled_in(text)


def test_what_every_instance_tells_alike_is_never_summed_over_instances() -> None:
    """Callbacks that are due would be counted once for each instance."""
    alike = (
        *("calls_live", "outbox_jobs", "callbacks_due", "callbacks_late", "ledger_waiting", "buyer_breaker_open"),
        *("buyer_limit_used_ratio", "buyer_switched_off", "transfers_open"),
    )
    around = re.compile(rf"(\w+)\s*(?:by\s*\([^)]*\)\s*)?\(\s*callrouter_(?:{'|'.join(alike)})\b")
    found = [(title, match[1]) for name in NAMES for title, t in targets(name) for match in around.finditer(t["expr"])]
    assert len(found) >= len(alike)
    assert [(title, how) for title, how in found if how != "max"] == []


def test_alarms_which_every_instance_counts_alike_are_never_summed_over_instances() -> None:
    """Each instance learns each lesson: two would tell of two alarms."""
    expressions = [t["expr"] for name in NAMES for _, t in targets(name)] + [rule["expr"] for rule in rules()]
    found = [expr for expr in expressions if "belief_alarms" in expr]
    assert len(found) >= 2
    for expr in found:
        assert re.search(r"\bmax by \(buyer, of\) \(increase\(callrouter_belief_alarms_total\b", expr), expr
        assert "sum" not in expr


def test_every_metric_is_on_a_panel_or_in_a_rule(series: dict[str, set[str]]) -> None:
    shown = {family(m) for name in NAMES for _, target in targets(name) for m in metrics_of(target["expr"])}
    shown |= {family(m) for rule in rules() for m in metrics_of(rule["expr"])}
    assert {family(name) for name in series} - shown == set()


def test_quotients_leave_out_what_divides_by_nothing() -> None:
    """0/0 would be drawn as a hole where it is a line, and as NaN where it is a number."""
    for name in NAMES:
        for title, target in targets(name):
            divisor = re.search(r" / (.*)", target["expr"])
            if divisor and "max_fds" not in divisor[1]:
                assert "> 0)" in divisor[1], title
            if "histogram_quantile" in target["expr"]:
                assert target["expr"].endswith(">= 0"), title


def test_transfers_are_shares_of_those_that_ended_and_never_more_than_all() -> None:
    """A transfer is opened in one minute and ends in the next: of those opened it was over 100 %."""
    shares = [t["expr"] for title, t in targets("transfers") if title in {"Handed over", "Cancelled"}]
    assert len(shares) == 3
    for expr in shares:
        upper, _, lower = expr.partition(" / ")
        assert {s.metric for s in selectors_of(upper)} == {s.metric for s in selectors_of(lower)}
        assert 'result!="offered"' in lower


def test_what_counts_one_thing_at_each_of_its_steps_is_no_stack() -> None:
    twice = {"callrouter_transfers_total", "callrouter_callbacks_total"}
    stacked = [
        panel["title"]
        for name in NAMES
        for panel in panels_of(load(name))
        if panel["fieldConfig"]["defaults"]["custom"].get("stacking", {}).get("mode", "none") != "none"
        and twice & {metric for target in panel["targets"] for metric in metrics_of(target["expr"])}
    ]
    assert stacked == []


def test_every_dashboard_leads_to_the_others() -> None:
    for name in NAMES:
        dashboard = load(name)
        assert dashboard["links"][0]["tags"] == dashboard["tags"] == ["callrouter"]


def test_descriptions_name_only_commands_and_keys_that_exist() -> None:
    parser = cli._parser()
    commands = next(a.choices for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    schema = (ROOT / "dialplans" / "schema.json").read_text("utf-8")
    unknown = []
    for name in NAMES:
        for panel in panels_of(load(name)):
            for said in re.findall(r"`([^`]+)`", panel["description"]):
                words = said.split()
                if words[0] == "callrouter" and words[1] not in commands:
                    unknown.append(said)
                keys = said.split(".") if re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", said) and "yaml" not in said else []
                unknown += [f"{said}: {key}" for key in keys if f'"{key}"' not in schema]
    assert unknown == []


def test_the_data_source_is_the_one_that_the_panels_name() -> None:
    file = ROOT / "grafana" / "provisioning" / "datasources" / "prometheus.yaml"
    source = yaml.safe_load(file.read_text())["datasources"][0]
    named = {
        (target["datasource"]["type"], target["datasource"]["uid"]) for name in NAMES for _, target in targets(name)
    }
    assert named == {(source["type"], source["uid"])}
    assert source["url"] == "$PROMETHEUS_URL"
    scrape = yaml.safe_load((ROOT / "grafana" / "prometheus" / "prometheus.yml").read_text())["global"]
    assert source["jsonData"]["timeInterval"] == scrape["scrape_interval"]
