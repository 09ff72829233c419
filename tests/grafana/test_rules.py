"""Alert rules: promtool takes them, each has a case in which it speaks and one in which it is silent, each helps."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import grafana
from callrouter.cli import _parser
from tests.support.prometheus import promtool

HERE = Path(grafana.__file__).parent
PROMETHEUS = HERE / "prometheus"
RULES = sorted((PROMETHEUS / "rules").glob("*.yml"))
CASES = sorted((PROMETHEUS / "tests").glob("*.yml"))

PLACEHOLDERS = {"BUYER", "PLAN", "P", "Z", "SID", "ID"}
"""Words that a runbook leaves to be filled in."""


def rules(kind: str) -> dict[str, dict[str, Any]]:
    """Every ``alert`` or ``record`` by its name."""
    groups = [group for file in RULES for group in yaml.safe_load(file.read_text())["groups"]]
    found = [rule for group in groups for rule in group["rules"] if kind in rule]
    assert len({rule[kind] for rule in found}) == len(found), "two rules of one name"
    return {rule[kind]: rule for rule in found}


ALERTS = rules("alert")


def cases(alert: str) -> Iterator[tuple[dict[str, Any], list[dict[str, str]]]]:
    """Each check of this alert alone, with the labels of every alert that is expected."""
    for file in CASES:
        for group in yaml.safe_load(file.read_text())["tests"]:
            for check in group["promql_expr_test"]:
                if check["expr"] == f'ALERTS{{alertname="{alert}"}}':
                    yield group, [dict(_labels(sample["labels"])) for sample in check["exp_samples"]]


def _labels(series: str) -> list[tuple[str, str]]:
    return re.findall(r'(\w+)="([^"]*)"', series)


@pytest.mark.stack
def test_prometheus_takes_the_configuration_and_the_rules() -> None:
    for kind, files in (("config", [PROMETHEUS / "prometheus.yml"]), ("rules", RULES)):
        checked = promtool("check", kind, *files)
        assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.stack
def test_a_broken_rule_would_be_found(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yml"
    broken.write_text(RULES[0].read_text().replace("sum by (", "sum bye (", 1))
    assert promtool("check", "rules", broken).returncode != 0


@pytest.mark.stack
@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_every_alert_speaks_and_is_silent_as_its_cases_say(file: Path) -> None:
    tested = promtool("test", "rules", file)
    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.mark.stack
@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        pytest.param("max(callrouter_callbacks_late) > 0", "max(callrouter_callbacks_late) > 5", id="a higher limit"),
        pytest.param("for: 10m", "for: 9m", id="a shorter wait"),
        pytest.param('sum(callrouter:calls:increase10m{outcome!="refused"}) >= 5', "vector(1)", id="without calls"),
        pytest.param("sum(callrouter:calls:increase10m{", "max(callrouter:calls:increase10m{", id="one instance alone"),
    ],
)
def test_the_cases_find_a_rule_that_is_bent(tmp_path: Path, was: str, becomes: str) -> None:
    straight = (PROMETHEUS / "rules" / "callers.yml").read_text()
    bent = straight.replace(was, becomes)
    assert bent != straight
    for folder, text in (("rules", bent), ("tests", (PROMETHEUS / "tests" / "callers.yml").read_text())):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "callers.yml").write_text(text)
    tested = promtool("test", "rules", tmp_path / "tests" / "callers.yml")
    assert tested.returncode != 0, tested.stdout


@pytest.mark.stack
@pytest.mark.parametrize("file", [file for file in CASES if file.stem not in {"calm", "weeks"}], ids=lambda f: f.stem)
def test_the_texts_of_an_alert_are_filled_in(file: Path, tmp_path: Path) -> None:
    # What fires is said to be unexpected: so promtool prints it, with its texts.
    told = yaml.safe_load(file.read_text())
    told["rule_files"] = [str((file.parent / name).resolve()) for name in told["rule_files"]]
    expected = set()
    for group in told["tests"]:
        checks = group.pop("promql_expr_test")
        group["alert_rule_test"] = []
        for check in checks:
            if any('"firing"' in sample["labels"] for sample in check["exp_samples"]):
                name = dict(_labels(check["expr"]))["alertname"]
                expected.add(name)
                group["alert_rule_test"].append({"eval_time": check["eval_time"], "alertname": name, "exp_alerts": []})
    written = tmp_path / "told.yml"
    written.write_text(yaml.safe_dump(told))
    printed = promtool("test", "rules", written)
    said = printed.stdout + printed.stderr
    assert set(re.findall(r'alertname="(\w+)"', said)) == expected
    assert said.count("Annotations:{") >= len(expected)
    for mistake in ("error expanding", "<no value>", "%!", "{{"):
        assert mistake not in said


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_has_a_case_in_which_it_speaks_and_one_in_which_it_is_silent(alert: str) -> None:
    said = [labels for _, labels in cases(alert)]
    assert any(not labels for labels in said), "no silent case"
    firing = [one for labels in said for one in labels if one["alertstate"] == "firing"]
    assert firing, "no case in which it fires"
    assert {one["severity"] for one in firing} == {ALERTS[alert]["labels"]["severity"]}


@pytest.mark.parametrize("alert", [name for name, rule in ALERTS.items() if "for" in rule])
def test_an_alert_that_waits_has_a_case_in_which_it_still_waits(alert: str) -> None:
    assert any(one["alertstate"] == "pending" for _, labels in cases(alert) for one in labels)


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_says_what_it_means_and_what_to_do(alert: str) -> None:
    rule = ALERTS[alert]
    assert rule["labels"]["severity"] in {"page", "ticket"}
    texts = rule["annotations"]
    assert set(texts) == {"summary", "description", "runbook"}
    assert all(text.strip() for text in texts.values())
    assert len(texts["summary"]) <= 100
    leads = re.findall(r"^(For callers|Look|Do|Calm):", texts["runbook"], re.MULTILINE)
    assert leads == ["For callers", "Look", "Do", "Calm"]


@pytest.mark.parametrize("alert", ALERTS)
def test_the_texts_of_an_alert_use_only_labels_that_it_has(alert: str) -> None:
    used = set(re.findall(r"\$labels\.(\w+)", json.dumps(ALERTS[alert]["annotations"])))
    firing = [one for _, labels in cases(alert) for one in labels]
    assert used <= set.intersection(*(set(one) for one in firing))


@pytest.mark.parametrize("alert", ALERTS)
def test_a_runbook_names_panels_that_exist(alert: str) -> None:
    boards = [json.loads(file.read_text()) for file in sorted((HERE / "dashboards").glob("*.json"))]
    exist = {f"{board['title']} / {panel['title']}" for board in boards for panel in board["panels"]}
    text = " ".join(ALERTS[alert]["annotations"]["runbook"].split())
    named = re.findall(r'"([A-Z][\w ]* / [^"]+)"', text)
    assert set(named) <= exist


@pytest.mark.parametrize("alert", ALERTS)
def test_a_runbook_names_commands_and_alerts_that_exist(alert: str) -> None:
    text = " ".join(ALERTS[alert]["annotations"]["runbook"].split())
    for command in re.findall(r"`callrouter ([^`]+)`", text):
        try:
            _parser().parse_args(command.split())
        except SystemExit:
            pytest.fail(f"callrouter {command} is not a command")
        assert {word for word in command.split() if word.isupper()} <= PLACEHOLDERS
    # Two capitals and more, each with small letters behind: written like an alert.
    assert set(re.findall(r"\b(?:[A-Z][a-z]+){2,}\b", text)) <= {*ALERTS, "LimitNOFILE"}


def test_most_runbooks_name_a_panel() -> None:
    without = [name for name, rule in ALERTS.items() if " / " not in rule["annotations"]["runbook"]]
    assert set(without) <= {"DeadLetters", "DialplanBroken", "LeadSaleUncertain"}


@pytest.mark.parametrize("name", rules("record"))
def test_a_recorded_series_is_named_by_the_rules_of_prometheus_and_used(name: str) -> None:
    assert re.fullmatch(r"callrouter:[a-z_]+:[a-z0-9_]+", name)
    boards = "".join(file.read_text() for file in (HERE / "dashboards").glob("*.json"))
    assert any(name in rule["expr"] for rule in ALERTS.values()) or name in boards


def test_counters_are_read_as_increases_and_gauges_of_every_instance_once() -> None:
    for name, rule in {**ALERTS, **rules("record")}.items():
        for counter in re.finditer(r"callrouter_\w+_(?:total|count|bucket)\b(?:\{[^}]*\})?(.)", rule["expr"]):
            assert counter[1] == "[", f"{name} reads a counter as it stands"
        for gauge in ("callbacks_late", "outbox_jobs", "ledger_waiting", "buyer_breaker_open", "buyer_switched_off"):
            read = len(re.findall(rf"callrouter_{gauge}\b", rule["expr"]))
            assert len(re.findall(rf"\bmax(?: by \(\w+\) )?\(callrouter_{gauge}\b", rule["expr"])) == read, name
