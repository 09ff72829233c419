"""Imports point one way: carrier → call flow → auction → buyers → domain. Nobody reaches back."""

import ast
from pathlib import Path

import callrouter

ROOT = Path(callrouter.__file__).parent

ALLOWED: dict[str, set[str]] = {
    "domain": set(),
    "errors": set(),
    "dialplan": {"domain"},
    "carrier.seam": {"domain", "errors"},
    "places": {"domain"},
    "settings": {"errors"},
    "logs": {"domain"},
    "engine": {"domain", "errors"},
    "plans": {"domain", "errors", "dialplan"},
    "metrics": {"domain", "dialplan", "carrier.seam"},
    "buyers": {"domain", "errors", "dialplan"},
    "beliefs": {"domain"},
    "learning": {"domain", "errors", "engine", "beliefs", "ledger"},
    "auction": {"domain", "errors", "dialplan", "engine", "buyers"},
    "callbacks": {"domain", "errors", "dialplan", "engine", "places"},
    "ledger": {"domain", "errors", "engine"},
    "reconciling": {"domain", "errors", "dialplan", "plans", "ledger"},
    "sales": {"domain", "errors", "dialplan", "engine", "buyers", "auction", "callbacks"},
    "calls": {
        *("domain", "errors", "dialplan", "carrier.seam", "places", "engine", "metrics", "auction", "buyers"),
        *("callbacks", "ledger", "beliefs"),
    },
    "replaying": {"domain", "errors", "beliefs", "auction", "ledger"},
    "carrier.twilio": {"domain", "errors", "dialplan", "carrier.seam", "calls", "logs", "metrics"},
    "transfers": {"domain", "errors", "dialplan", "carrier.seam", "places", "calls"},
    "api": {"domain", "errors", "engine", "settings", "callbacks", "logs", "places", "transfers"},
    # Screens show what everything else has; nothing but the application knows of them.
    "console": {
        *("domain", "errors", "dialplan", "places", "settings", "engine", "callbacks", "ledger", "calls"),
        *("transfers", "api"),
    },
    # The simulation must not know the product: it would only confirm it.
    "simulator": {"domain"},
}
"""What each part may import besides itself. Parts that are not named (the application's own files) may import all."""

PARTS = sorted(ALLOWED, key=len, reverse=True)


def part_of(module: str) -> str | None:
    """The part that ``callrouter.<module>`` belongs to; the demo is an application, not a simulation."""
    if module.startswith("simulator.demo"):
        return None
    return next((part for part in PARTS if module == part or module.startswith(f"{part}.")), None)


def imports_of(file: Path) -> set[str]:
    """The modules of ours that a file imports, without the package's name."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("callrouter"):
            base = node.module.removeprefix("callrouter").strip(".")
            # ``from callrouter.carrier import seam`` imports a module by its name.
            found |= {f"{base}.{alias.name}".strip(".") for alias in node.names} if _is_package(base) else {base}
        elif isinstance(node, ast.Import):
            found |= {a.name.removeprefix("callrouter.") for a in node.names if a.name.startswith("callrouter.")}
    return found


def _is_package(module: str) -> bool:
    return (ROOT / module.replace(".", "/")).is_dir() if module else True


def test_imports_point_one_way() -> None:
    wrong = []
    for file in sorted(ROOT.rglob("*.py")):
        module = str(file.relative_to(ROOT).with_suffix("")).replace("/", ".").removesuffix(".__init__")
        part = part_of(module)
        if part is None:
            continue
        for imported in imports_of(file):
            other = part_of(imported)
            if other not in {None, part, *ALLOWED[part]} or (other is None and imported in _APPLICATION):
                wrong.append(f"{module} imports {imported}")
    assert wrong == []


_APPLICATION = {"app", "cli", "instance", "server", "commands"}


def test_the_rule_sees_an_import_that_reaches_back(tmp_path: Path) -> None:
    """The checker can fail."""
    file = tmp_path / "policy.py"
    file.write_text("from callrouter.calls.flow import CallFlow\nimport callrouter.api.auth\n")
    assert {part_of(module) for module in imports_of(file)} == {"calls", "api"}
    assert not {"calls", "api"} & ALLOWED["auction"]


def test_no_module_grows_past_its_one_job() -> None:
    """Files stay under 400 lines; a newcomer finds the place to change from the folder listing."""
    long = {str(f.relative_to(ROOT)): n for f in ROOT.rglob("*.py") if (n := len(f.read_text().splitlines())) > 400}
    assert long == {}


def test_the_carriers_names_stay_at_the_edge() -> None:
    """No TwiML verb and no parameter of Twilio's is known to the flow, the auction or the domain."""
    names = ("TwiML", "CallSid", "DialCallStatus", "<Dial", "<Gather", "DialBridged(", "participant_", "moderator_")
    for part in ("domain", "auction", "buyers", "calls", "transfers", "callbacks", "ledger", "console"):
        for file in (ROOT / part).rglob("*.py"):
            found = [name for name in names if name in file.read_text()]
            assert found == [], file


BUYERS = ROOT / "buyers"
ADAPTERS = {path.parent.name for path in BUYERS.glob("*/buyer.yaml")}
PURE = {
    *("__future__", "base64", "collections", "collections.abc", "dataclasses", "datetime", "decimal", "enum"),
    *("functools", "hashlib", "html", "itertools", "json", "re", "string", "typing", "urllib.parse"),
    *("xml.etree.ElementTree", "xml.sax.saxutils"),
}
"""What an adapter may have of the standard library: nothing that waits, reads, writes, logs or rolls dice."""
IMPURE_CALLS = {"now", "utcnow", "today", "open", "print", "input", "exec", "eval", "__import__"}


def impurities(source: str, own: str) -> list[str]:
    """What an adapter of the buyer ``own`` may not use: imports besides the pure ones and ours, clocks, files."""
    found = []
    for node in ast.walk(ast.parse(source)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}" if node.level == 0 else f"{'.' * node.level}{node.module or ''}"]
        ours = ("callrouter.domain", "callrouter.buyers.base", f"callrouter.buyers.{own}")
        found += [n for n in names if n not in PURE and not any(n == o or n.startswith(f"{o}.") for o in ours)]
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", None) or getattr(node.func, "id", "")
            found += [f"{name}()"] if name in IMPURE_CALLS else []
    return found


def test_adapters_are_pure() -> None:
    """Adapters know the domain, what is there for all buyers, and their own folder: no I/O, no clock, no log."""
    files = [file for name in ADAPTERS for file in (BUYERS / name).rglob("*.py")]
    assert files
    scaffold = BUYERS / "scaffold" / "adapter.py.txt"
    wrong = {str(f.relative_to(BUYERS)): impurities(f.read_text(), f.parent.name) for f in (*files, scaffold)}
    assert {file: found for file, found in wrong.items() if found} == {}


def test_the_rule_for_adapters_sees_what_is_not_pure() -> None:
    """The checker can fail."""
    source = """
import logging, time
from datetime import datetime
from callrouter.buyers.loader import Catalogue
from callrouter.buyers.acme.legs import read
from callrouter.buyers.bolt.legs import read
from callrouter.buyers.basement import x
from ..bolt import adapter
from aiohttp import web
datetime.now()
open("x")
"""
    assert impurities(source, "acme") == [
        "logging", "time", "callrouter.buyers.loader", "callrouter.buyers.bolt.legs", "callrouter.buyers.basement",
        "..bolt", "aiohttp", "now()", "open()",
    ]  # fmt: skip


def test_what_adapters_stand_on_does_no_io_either() -> None:
    """``buyers/base`` may have a parser and a template engine, and no more."""
    libraries = {
        "pydantic",
        "jinja2",
        "jinja2.exceptions",
        "jinja2.sandbox",
        "jinja2.meta",
        "jinja2.nodes",
        "xml.parsers",
        "markupsafe",
    }
    for file in (BUYERS / "base").rglob("*.py"):
        found = set(impurities(file.read_text(), "base")) - libraries
        assert found == set(), file
