"""``callrouter new-buyer``: the folder of a buyer whose format does not ship, to be filled in."""

import argparse
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from callrouter.buyers.loader import EXEMPLARS, SHIPPED, Catalogue
from callrouter.dialplan.section import NAME_PATTERN, PATTERN_REMEDIES
from callrouter.errors import ConfigurationError, Mistake
from callrouter.settings import read_settings

_TEMPLATES = SHIPPED / "scaffold"
_FILES = {
    "adapter.py": "adapter.py.txt",
    "buyer.yaml": "buyer.yaml.txt",
    "README.md": "README.md.txt",
    f"{EXEMPLARS}/account.json": "account.json.txt",
    f"{EXEMPLARS}/exemplary/a-caller-is-offered.json": "a-caller-is-offered.json.txt",
}


def run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Write the folder and say what to do next. Raises `ConfigurationError` for a name that cannot be used."""
    configured = read_settings(environ, serving=False).buyers
    home = Path(arguments.folder).expanduser() if arguments.folder else configured
    folder = home / arguments.name
    mistakes = _mistakes(arguments.name, folder)
    if mistakes:
        raise ConfigurationError(mistakes)
    try:
        for path, text in scaffold(arguments.name).items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
    except OSError as error:
        remedy = f"it cannot be written: {error.strerror or error}; name another folder, or mend its permissions"
        raise ConfigurationError([Mistake("new-buyer", str(folder), remedy)]) from error
    sys.stdout.write(_next_steps(arguments.name, folder, elsewhere=home.resolve() != configured.resolve()))
    return 0


def scaffold(name: str) -> dict[str, str]:
    """The text of each file, by its path in the buyer's folder."""
    title = " ".join(word.capitalize() for word in re.split(r"[-_]+", name) if word)
    env = re.sub(r"[^A-Z0-9]", "_", name.upper())
    texts = {path: (_TEMPLATES / template).read_text("utf-8") for path, template in _FILES.items()}
    return {
        path: text.replace("@name@", name).replace("@title@", title).replace("@env@", env)
        for path, text in texts.items()
    }


def _mistakes(name: str, folder: Path) -> list[Mistake]:
    if not re.fullmatch(NAME_PATTERN, name):
        return [Mistake("new-buyer", name, PATTERN_REMEDIES[NAME_PATTERN])]
    if name in Catalogue.readable()[0].buyers:
        return [Mistake("new-buyer", name, "this buyer ships already; name it otherwise")]
    if folder.exists():
        return [Mistake("new-buyer", name, f"{folder} exists already; name it otherwise, or remove that")]
    return []


def _next_steps(name: str, folder: Path, *, elsewhere: bool) -> str:
    steps = [
        f"put the partner's own words into {folder}/{EXEMPLARS}/exemplary/a-caller-is-offered.json, delete its `todo`",
        f"write {folder}/buyer.yaml (fields, aliases, codes) and, where data is not enough, {folder}/adapter.py",
        "run `callrouter check` until the exemplar holds; add one file for each reply that the document shows",
        f"copy the entry in {folder}/README.md into a dialplan, and try it: `callrouter ping {name} --zip 78701`",
    ]
    if elsewhere:
        steps.insert(0, f"set CALLROUTER_BUYERS={folder.parent}, so that the service and `callrouter check` find it")
    numbered = "".join(f"  {no}. {step}\n" for no, step in enumerate(steps, 1))
    return f"Wrote {folder}. Next:\n{numbered}"
