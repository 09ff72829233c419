"""Buyers are found by folder: ``<name>/{adapter.py, buyer.yaml, README.md}``. No list names them."""

import importlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import cast

import yaml
from pydantic import ValidationError

from callrouter.buyers.base import Account, Adapter, TwoStepAdapter
from callrouter.buyers.base.sheet import Mode, Sheet
from callrouter.buyers.base.template_check import flaws
from callrouter.dialplan import BuyerEntry
from callrouter.dialplan.section import NAME_PATTERN, PATTERN_REMEDIES
from callrouter.errors import ConfigurationError, Mistake, NotFound

SHIPPED = Path(__file__).parent
_SHEET_REMEDIES = {
    "extra_forbidden": "no such key; remove it, or mend a slip of the pen (buyers/base/sheet.py has them all)",
    "missing": "state it",
    "enum": "no such reason; the README lists them all",
}
OTHER_URLS = ("ping_url", "post_url", "xml_url")
EXEMPLARS = "exemplars"
"""The folder of exemplar files inside an operator's own buyer."""
_PING = ("build_request", "parse_response")
_POST = ("build_accept", "parse_accept")
_PARTS = ("adapter.py", "buyer.yaml", "README.md")


@dataclass(frozen=True)
class Buyer:
    """A partner that we can ask: its data and its two pure functions."""

    name: str
    sheet: Sheet
    adapter: Adapter

    @property
    def two_step(self) -> TwoStepAdapter:
        """The adapter of a partner that has a mode with a post; loading it has made sure."""
        return cast(TwoStepAdapter, self.adapter)


@dataclass(frozen=True)
class Catalogue:
    """Every partner whose format we know, by adapter name."""

    buyers: Mapping[str, Buyer]

    @classmethod
    def load(cls, *folders: Path) -> "Catalogue":
        """The shipped buyers and those in further ``folders``. Raises `ConfigurationError` for all mistakes."""
        found, mistakes = cls.readable(*folders)
        if mistakes:
            raise ConfigurationError(mistakes)
        return found

    @classmethod
    def readable(cls, *folders: Path) -> tuple["Catalogue", list[Mistake]]:
        """The buyers that can be used, and what is wrong with the others. A folder that is not there has none."""
        buyers: dict[str, Buyer] = {}
        mistakes: list[Mistake] = []
        for home in (SHIPPED, *folders):
            for folder in folders_of_buyers(home):
                try:
                    if folder.name in buyers:
                        raise ConfigurationError([Mistake(str(folder), "name", "there is such a buyer; rename it")])
                    buyers[folder.name] = _load(folder)
                except ConfigurationError as error:
                    mistakes.extend(error.mistakes)
        return cls(buyers), mistakes

    @property
    def names(self) -> tuple[str, ...]:
        """The adapters, in alphabetical order."""
        return tuple(sorted(self.buyers))

    def get(self, adapter: str) -> Buyer:
        """The partner of this adapter name. Raises `NotFound`."""
        try:
            return self.buyers[adapter]
        except KeyError:
            raise NotFound(f"no adapter {adapter}; known: {', '.join(self.names)}") from None

    def account(self, buyer: str, entry: BuyerEntry) -> Account:
        """Our account as the plan's entry states it, with the sheet's defaults filled in.

        ``buyer`` is the name under the plan's ``buyers``; the entry has passed `check_entry`.
        """
        sheet = self.get(entry.adapter).sheet
        mode = sheet.modes.get(entry.mode)
        stated = "method" in entry.model_fields_set or mode is None
        defaults = {name: param.default for name, param in sheet.params.items() if param.default is not None}
        return Account(
            buyer=buyer,
            mode=entry.mode,
            url=entry.url or "",
            method=entry.method if stated or mode is None else mode.methods[0],
            credentials=entry.credentials,
            params={**defaults, **entry.params},
            other_urls={name: url for name in OTHER_URLS if (url := getattr(entry, name))},
            template=entry.template_text,
        )

    def buys(self, entry: BuyerEntry) -> str | None:
        """What the entry's mode buys: ``calls``, ``leads`` or ``clicks``; ``None`` when there is no such mode."""
        known = self.buyers.get(entry.adapter)
        mode = known.sheet.modes.get(entry.mode) if known else None
        return mode.buys if mode else None

    def check_entry(self, entry: BuyerEntry, where: str, key: str = "buyers") -> list[Mistake]:
        """What is wrong with a plan's entry: ``where`` is the file, ``key`` the entry's place in it."""
        known = self.buyers.get(entry.adapter)
        if known is None:
            return [Mistake(where, f"{key}.adapter", f"no adapter {entry.adapter}; use {_either(self.names)}")]
        mode = known.sheet.modes.get(entry.mode)
        if mode is None:
            return [
                Mistake(
                    where,
                    f"{key}.mode",
                    f"{entry.adapter} has no {entry.mode}; use {_either(known.sheet.modes)}",
                )
            ]
        found: list[tuple[str, str]] = []
        if "method" in entry.model_fields_set and entry.method not in mode.methods:
            found.append(("method", f"{entry.mode} cannot use {entry.method}; use {_either(mode.methods)}"))
        found += _address_mistakes(entry, mode)
        found += _credential_mistakes(entry, mode)
        found += _param_mistakes(entry, known.sheet, mode)
        found += _template_mistakes(entry, self.account("", entry)) if mode.template else []
        return [Mistake(where, f"{key}.{name}", remedy) for name, remedy in found]


def _credential_mistakes(entry: BuyerEntry, mode: Mode) -> list[tuple[str, str]]:
    found = [
        (f"credentials.{name}", "state it (env:NAME keeps the secret out of the file)")
        for name in mode.credentials
        if name not in entry.credentials or not entry.credentials[name].get_secret_value().strip()
    ]
    unknown = [name for name in entry.credentials if name not in mode.credentials]
    return found + [(f"credentials.{name}", f"not one of {_either(mode.credentials)}; remove it") for name in unknown]


def _address_mistakes(entry: BuyerEntry, mode: Mode) -> list[tuple[str, str]]:
    """Addresses and a template that the mode wants and the entry lacks, or has for nothing."""
    needed = set(mode.addresses)
    method = entry.method if "method" in entry.model_fields_set else mode.methods[0]
    if method == "xml" and mode.xml_url:
        needed = {"xml_url"}
    allowed = {*mode.addresses, *(["xml_url"] if mode.xml_url else [])}
    found = [(name, "state it: requests go there") for name in sorted(needed) if not getattr(entry, name)]
    idle = [name for name in ("url", *OTHER_URLS) if getattr(entry, name) and name not in allowed]
    found += [(name, f"{entry.mode} does not use it; use {_either(tuple(sorted(allowed)))}") for name in idle]
    if mode.template and not entry.template:
        found.append(("template", "name the lead's template, a file beside the dialplan"))
    if entry.template and not mode.template:
        found.append(("template", f"{entry.mode} sends no template; remove it"))
    return found


def _param_mistakes(entry: BuyerEntry, sheet: Sheet, mode: Mode) -> list[tuple[str, str]]:
    required = {*mode.requires, *(name for name, param in sheet.params.items() if param.required)}
    found = [
        (f"params.{name}", "state it: the partner requires it")
        for name in sorted(required)
        if not entry.params.get(name, "").strip()
    ]
    for name, value in entry.params.items():
        if name not in sheet.params and name not in sheet.fields:
            if sheet.other_params == "refused":
                found.append((f"params.{name}", f"{sheet.title} knows no such field; use its documented names"))
        elif value and (unfit := _unfit(sheet, name, value, entry.params.get(sheet.varies_by, ""))):
            found.append((f"params.{name}", unfit))
    return found


def _unfit(sheet: Sheet, name: str, value: str, variant: str) -> str | None:
    """What to write instead of a constant with which no request would be built, or which would be cut."""
    param, rule = sheet.params.get(name), sheet.fields.get(name)
    if param is not None and param.pattern is not None and not re.fullmatch(param.pattern, value):
        return f"must match {param.pattern}"
    if rule is None:
        return None
    longest = rule.longest(variant)
    if rule.one_of and value not in rule.one_of:
        near = get_close_matches(value, rule.one_of, 3, 0.5)
        return f"write one of the documented values, such as {_either(tuple(near) or rule.one_of[:3])}"
    if longest is not None and len(value) > longest:
        return f"write at most {longest} characters"
    if rule.pattern is not None and not re.fullmatch(rule.pattern, value):
        return f"must match {rule.pattern}"
    return None


def _template_mistakes(entry: BuyerEntry, account: Account) -> list[tuple[str, str]]:
    """What is wrong in the template's text; one that could not be read has its own mistake already."""
    found = flaws(account.template, account.params) if account.template else []
    places = [f"{entry.template} line {line}" if line else entry.template for line, _ in found]
    return [("template", f"{place}: {remedy}") for place, (_, remedy) in zip(places, found, strict=True)]


def _either(names: Mapping[str, object] | tuple[str, ...]) -> str:
    return " or ".join(names)


def folders_of_buyers(home: Path) -> list[Path]:
    """The folders in ``home`` that are buyers, or were begun as one."""
    begun = {path.parent for part in ("adapter.py", "buyer.yaml") for path in home.glob(f"*/{part}")}
    return sorted(begun)


def _load(folder: Path) -> Buyer:
    where = f"{folder.name}/buyer.yaml"
    if not re.fullmatch(NAME_PATTERN, folder.name):
        raise ConfigurationError([Mistake(folder.name, "name", PATTERN_REMEDIES[NAME_PATTERN])])
    missing = [part for part in _PARTS if not (folder / part).is_file()]
    if missing:
        raise ConfigurationError([Mistake(folder.name, part, "write this file") for part in missing])
    try:
        sheet = Sheet.model_validate(yaml.safe_load((folder / "buyer.yaml").read_text("utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError([Mistake(where, "(whole file)", f"not YAML: {error}")]) from error
    except ValidationError as error:
        raise ConfigurationError(
            [
                Mistake(where, ".".join(map(str, e["loc"])) or "(whole file)", _SHEET_REMEDIES.get(e["type"], e["msg"]))
                for e in error.errors()
            ]
        ) from error
    return Buyer(folder.name, sheet, _adapter(folder, sheet))


def _adapter(folder: Path, sheet: Sheet) -> Adapter:
    """The buyer's adapter. It may be anybody's, so nothing is believed of it."""
    where = f"{folder.name}/adapter.py"
    try:
        adapter: Adapter = _module(folder).Adapter(sheet)
    except Exception as error:
        line = _line_in(error, folder / "adapter.py")
        remedy = f"it cannot be loaded: {type(error).__name__}: {error}{line}"
        raise ConfigurationError([Mistake(where, "Adapter", remedy)]) from error
    posts = [name for name, mode in sheet.modes.items() if mode.post is not None]
    wanted = [*_PING, *(_POST if posts else ())]
    lacking = [name for name in wanted if not callable(getattr(adapter, name, None))]
    if lacking:
        of_post = f"write it, for the post of {', '.join(posts)}"
        raise ConfigurationError([Mistake(where, name, of_post if name in _POST else "write it") for name in lacking])
    return adapter


def _line_in(error: Exception, file: Path) -> str:
    """Where in the file it was raised."""
    if isinstance(error, SyntaxError):
        return ""  # it says so itself
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    return f" (line {lines[-1]})" if lines else ""


def _module(folder: Path) -> ModuleType:
    if folder.parent == SHIPPED:
        return importlib.import_module(f"callrouter.buyers.{folder.name}.adapter")
    name = f"callrouter_buyer_{folder.name}"
    spec = importlib.util.spec_from_file_location(name, folder / "adapter.py")
    if spec is None or spec.loader is None:
        raise ImportError("not a Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
