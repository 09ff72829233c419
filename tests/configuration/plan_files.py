"""Dialplan files for the tests of this folder."""

import os
from collections.abc import Iterable
from pathlib import Path

from callrouter.dialplan import BuyerEntry
from callrouter.errors import Mistake

ENVIRON = {"TOKEN": "token-secret-1", "KEY": "key-secret-1", "FLOOR": "7.50", "NUMBER": "+18885550177"}

PLAN = """\
plan: {name}
numbers: {{inbound: ["{number}"]}}
buyers:
  acme:
    adapter: contactability
    mode: calls_ping
    url: https://acme.example/ping
    credentials: {{token: env:TOKEN}}
"""


def plan_text(name: str = "one", number: str = "+18885550100", more: str = "") -> str:
    """A good plan."""
    return PLAN.format(name=name, number=number) + more


def written(folder: Path, files: Iterable[tuple[str, str]]) -> Path:
    """``folder`` with these files in it, the later ones written later."""
    for second, (name, text) in enumerate(files):
        (folder / name).write_text(text, encoding="utf-8")
        os.utime(folder / name, (1_700_000_000 + second,) * 2)
    return folder


def anything_goes(entry: BuyerEntry, where: str) -> list[Mistake]:
    """A catalogue that knows every buyer."""
    return []
