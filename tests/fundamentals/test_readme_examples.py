"""What operators are shown to copy passes the check that they would run on it."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from callrouter.api.callers import CallerBody
from callrouter.api.transfers import BridgeOptions, DialledReport, TransferWanted
from callrouter.dialplan import Plan
from callrouter.plans.beside import Beside
from callrouter.plans.file import read_plan
from callrouter.plans.yaml_text import read_yaml
from tests.buyers.exemplars import CATALOGUE

HOME = Path(__file__).parents[2]
DIALPLANS = HOME / "dialplans"
PAGES = (HOME / "README.md", *sorted((HOME / "callrouter" / "buyers").glob("*/README.md")))


class _Everything(Mapping[str, str]):
    """An environment in which every variable is set, to what can be an address and a secret."""

    def __getitem__(self, name: str) -> str:
        return "https://partner.example/api"

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def read(text: str) -> Any:
    document, mistakes = read_yaml(text.encode(), "example")
    assert mistakes == []
    return document


def examples() -> Iterator[tuple[str, Mapping[str, Any]]]:
    for page in PAGES:
        for no, text in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text("utf-8"), re.DOTALL), 1):
            yield f"{page.parent.name}-{no}", read(text)


ALL = dict(examples())


def whole(example: Mapping[str, Any]) -> dict[str, Any]:
    """The shipped plan with what the example states, which is some of its sections or an entry of its `buyers`."""
    shipped = read((DIALPLANS / "auto-insurance.yaml").read_text("utf-8"))
    changes = example if set(example) <= set(Plan.model_fields) else {"buyers": example}
    for section, keys in changes.items():
        if not isinstance(keys, Mapping):
            shipped[section] = keys
            continue
        shipped.setdefault(section, {})
        for key, value in keys.items():
            old = shipped[section].get(key)
            shipped[section][key] = {**old, **value} if isinstance(old, dict) and "adapter" not in value else value
    sold = [
        name for name, entry in changes.get("buyers", {}).items() if entry.get("adapter") and _buys(entry) == "leads"
    ]
    shipped["unsold"].setdefault("sell_lead", sold)
    return dict(shipped)


def _buys(entry: Mapping[str, Any]) -> str:
    return CATALOGUE.get(entry["adapter"]).sheet.modes[entry["mode"]].buys


@pytest.mark.parametrize("name", ALL)
def test_an_example_that_is_there_to_be_copied_passes_the_check(name: str) -> None:
    raw = yaml.safe_dump(whole(ALL[name]), sort_keys=False).encode()
    plan, mistakes = read_plan(raw, name, _Everything(), CATALOGUE.check_entry, Beside(DIALPLANS), CATALOGUE.buys)
    assert mistakes == []
    assert isinstance(plan, Plan)


def test_there_are_examples_of_guards_of_a_lead_sale_and_of_every_partner() -> None:
    buyers = [entry for example in ALL.values() for entry in example.get("buyers", example).values()]
    assert {entry["adapter"] for entry in buyers if "adapter" in entry} == set(CATALOGUE.names)
    assert any("guards" in entry for entry in buyers)
    assert any(example.get("unsold", {}).get("sell_lead") for example in ALL.values())


BODIES: Mapping[str, type[BaseModel]] = {
    r"PUT /callers/\S+": CallerBody,
    r"POST /transfers": TransferWanted,
    r"POST /transfers/\S+/bridge": BridgeOptions,
    r"POST /transfers/\S+/dialled": DialledReport,
}


def requests() -> list[tuple[str, str]]:
    """Each request that the README shows with a body: method and path, and the body."""
    text = (HOME / "README.md").read_text("utf-8").replace("\\\n", " ")
    found = []
    for line in re.findall(r"^curl .*$", text, re.MULTILINE):
        method = re.search(r"-X ([A-Z]+)", line)
        path = re.search(r"/api/v1(/[^\s\"?]+)", line)
        body = re.search(r"-d '([^']+)'", line)
        if body and method and path:
            found.append((f"{method[1]} {path[1]}", body[1]))
    return found


def test_a_request_that_is_there_to_be_copied_has_a_body_that_is_taken() -> None:
    seen = set()
    for what, body in requests():
        pattern = next(pattern for pattern in BODIES if re.fullmatch(pattern, what))
        BODIES[pattern].model_validate(json.loads(body))
        seen.add(pattern)
    assert len(seen) >= 3


def test_what_the_readme_says_of_an_own_dial_is_taken() -> None:
    text = (HOME / "README.md").read_text("utf-8")
    (report,) = re.findall(r'`(\{"result": [^`]+\})`', text)
    assert DialledReport.model_validate(json.loads(report)).talk_s == 185
