"""The lock holds what the project asks for, and nothing of the machine that it was made on."""

import re
import tomllib
from pathlib import Path

HOME = Path(__file__).parents[2]
LOCK = (HOME / "requirements.lock").read_text()
PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==[^ ]+", re.MULTILINE)


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((HOME / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    names = {_normal(re.split(r"[\[<>=!~; ]", requirement)[0]) for requirement in wanted}
    assert names - {_normal(name) for name in PINNED.findall(LOCK)} == set()


def test_every_pin_has_a_hash() -> None:
    pins = re.split(r"\n(?=[A-Za-z0-9])", LOCK.partition("make lock\n")[2])
    assert len(pins) == len(PINNED.findall(LOCK))
    assert [pin.splitlines()[0] for pin in pins if "--hash=sha256:" not in pin] == []


def test_the_lock_names_no_index_and_no_path() -> None:
    assert re.findall(r"https?://\S+|file:\S+|--index\S*|--find-links\S*| /\S+", LOCK) == []


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
