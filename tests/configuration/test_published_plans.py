"""What ships in ``dialplans/``: the schema, the operators' page and the example plan."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from callrouter.dialplan import Plan
from callrouter.plans import json_schema
from callrouter.plans.__main__ import main
from callrouter.plans.file import read_plan
from callrouter.plans.remedies import _inside, _model_in
from tests.configuration.plan_files import anything_goes

DIALPLANS = Path(__file__).parents[2] / "dialplans"
ENVIRON = {
    "LMAL_PARTNERID": "p",
    "LMAL_KEY": "k",
    "CONTACTABILITY_TOKEN": "t",
    "DIALLER_KEY": "d",
    "DIALLER_URL": "https://dialler.example",
    "CONTACTABILITY_URL": "https://pingpost.example/api/v1/calls/ping",
}


def test_the_published_schema_is_the_models() -> None:
    published = (DIALPLANS / "schema.json").read_text(encoding="utf-8")
    printed: list[str] = []
    assert main(["schema"], printed.append) == 0
    assert published == "".join(printed), "run: python -m callrouter.plans schema > dialplans/schema.json"


def test_another_argument_is_bad_usage() -> None:
    assert main([], lambda text: None) == 2


def leaves(schema: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(schema, list):
        for item in schema:
            yield from leaves(item)
    elif isinstance(schema, dict):
        if "anyOf" in schema and any(item.get("pattern", "").startswith("^env:") for item in schema["anyOf"]):
            return
        if isinstance(schema.get("type"), str | list) or "enum" in schema or "const" in schema:
            yield schema
        for key, value in schema.items():
            if key not in ("propertyNames", "default"):
                yield from leaves(value)


def test_the_schema_takes_an_environment_value_wherever_a_value_stands() -> None:
    closed = [
        leaf
        for leaf in leaves(json_schema())
        if leaf.get("type") not in ("object", "array", "null", ["string", "number", "boolean"])
        and (leaf.get("type") != "string" or {"pattern", "enum", "const"} & set(leaf))
    ]
    assert closed == []


def test_the_schema_knows_no_other_keys() -> None:
    schema = json_schema()
    sections = [schema, *schema["$defs"].values()]
    assert all(section["additionalProperties"] is False for section in sections)


def blocks(page: str) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)


@pytest.mark.parametrize("source", [*sorted(DIALPLANS.glob("*.yaml")), DIALPLANS / "README.md"], ids=lambda p: p.name)
def test_every_published_plan_is_good(source: Path) -> None:
    text = source.read_text(encoding="utf-8")
    plans = [text] if source.suffix == ".yaml" else [block for block in blocks(text) if yaml.safe_load(block)]
    assert plans
    for plan in plans:
        assert read_plan(plan.encode(), source.name, ENVIRON, anything_goes)[1] == []


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        key = f"{prefix}{field.alias or name}"
        inner = _model_in(field.annotation) or _model_in(_inside(field.annotation, 0))
        if key == "buyers":
            entry = _model_in(_inside(field.annotation, "x"))
            assert entry is not None
            yield from keys(entry, "buyers.NAME.")
        elif inner is not None:
            yield from keys(inner, f"{key}.")
        else:
            yield key


def test_the_operators_page_explains_every_key_and_no_other() -> None:
    page = (DIALPLANS / "README.md").read_text(encoding="utf-8")
    explained = re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)
    assert sorted(explained) == sorted(keys(Plan))
