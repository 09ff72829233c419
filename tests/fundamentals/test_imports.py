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
    "auction": {"domain", "errors", "dialplan", "engine", "buyers"},
    "callbacks": {"domain", "errors", "dialplan", "engine", "places"},
    "ledger": {"domain", "errors", "engine"},
    "calls": {
        *("domain", "errors", "dialplan", "carrier.seam", "places", "engine", "metrics", "auction", "buyers"),
        *("callbacks", "ledger"),
    },
    "carrier.twilio": {"domain", "errors", "dialplan", "carrier.seam", "calls", "logs", "metrics"},
    "api": {"domain", "errors", "engine", "settings", "callbacks", "logs", "places"},
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
    names = ("TwiML", "CallSid", "DialCallStatus", "<Dial", "<Gather", "DialBridged(")
    for part in ("domain", "auction", "buyers", "calls", "callbacks", "ledger"):
        for file in (ROOT / part).rglob("*.py"):
            found = [name for name in names if name in file.read_text()]
            assert found == [], file
