"""The dashboards against Grafana's own TypeScript types (npm; nothing of it is kept in the checkout)."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.grafana.promql import DASHBOARDS, panels_of
from tests.grafana.typescript import complaints, installed, source

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def compiler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the compiler and Grafana's types."""
    return installed(tmp_path_factory.mktemp("types"))


def _a_key_of_the_dashboard(dashboard: dict[str, Any]) -> None:
    dashboard["colour"] = "blue"


def _a_wrong_type(dashboard: dict[str, Any]) -> None:
    dashboard["refresh"] = 10


def _a_key_of_a_panel(dashboard: dict[str, Any]) -> None:
    panels_of(dashboard)[0]["explanation"] = "what is this"


def _a_key_of_the_options(dashboard: dict[str, Any]) -> None:
    panels_of(dashboard)[0]["options"]["colour"] = "blue"


def _a_word_that_is_none_of_an_enumeration(dashboard: dict[str, Any]) -> None:
    panels_of(dashboard)[0]["fieldConfig"]["defaults"]["color"]["mode"] = "rainbow"


WRONGS = (
    *(_a_key_of_the_dashboard, _a_wrong_type, _a_key_of_a_panel, _a_key_of_the_options),
    _a_word_that_is_none_of_an_enumeration,
)


def test_every_dashboard_has_grafanas_types_and_what_is_wrong_is_refused(compiler: Path) -> None:
    dashboards = {file.stem: json.loads(file.read_text("utf-8")) for file in sorted(DASHBOARDS.glob("*.json"))}
    files = {name: source(dashboard) for name, dashboard in dashboards.items()}
    for wrong in WRONGS:
        files[wrong.__name__] = source(_changed(dashboards["operations"], wrong))
    found = complaints(compiler, files)
    of_ours = [line for line in found if line.split(".ts")[0] in dashboards]
    assert of_ours == []
    assert {line.split(".ts")[0] for line in found} == {wrong.__name__ for wrong in WRONGS}, "the checker can fail"


def _changed(dashboard: dict[str, Any], wrong: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    changed = copy.deepcopy(dashboard)
    wrong(changed)
    return changed
