"""Buyers are found by folder: ``buyers/<name>/{adapter.py, buyer.yaml, README.md}``. No list names them."""

import importlib
import importlib.util
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import yaml
from pydantic import ValidationError

from callrouter.buyers.base import Account, Adapter
from callrouter.buyers.base.sheet import Mode, Sheet
from callrouter.dialplan import BuyerEntry
from callrouter.errors import ConfigurationError, Mistake, NotFound

SHIPPED = Path(__file__).parent
OTHER_URLS = ("ping_url", "post_url", "xml_url")
_PARTS = ("adapter.py", "buyer.yaml", "README.md")


@dataclass(frozen=True)
class Buyer:
    """A partner that we can ask: its data and its two pure functions."""

    name: str
    sheet: Sheet
    adapter: Adapter


@dataclass(frozen=True)
class Catalogue:
    """Every partner whose format we know, by adapter name."""

    buyers: Mapping[str, Buyer]

    @classmethod
    def load(cls, *folders: Path) -> "Catalogue":
        """The shipped buyers and those in further ``folders``. Raises `ConfigurationError` for all mistakes."""
        buyers: dict[str, Buyer] = {}
        mistakes: list[Mistake] = []
        for home in (SHIPPED, *folders):
            for path in sorted(home.glob("*/buyer.yaml")):
                try:
                    buyers[path.parent.name] = _load(path.parent)
                except ConfigurationError as error:
                    mistakes.extend(error.mistakes)
        if mistakes:
            raise ConfigurationError(mistakes)
        return cls(buyers)

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
    if entry.method == "xml" and mode.xml_url:
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
        param = sheet.params.get(name)
        if param is not None and param.pattern is not None and value and not re.fullmatch(param.pattern, value):
            found.append((f"params.{name}", f"must match {param.pattern}"))
        if param is None and name not in sheet.fields and sheet.other_params == "refused":
            found.append((f"params.{name}", f"{sheet.title} knows no such field; use its documented names"))
    return found


def _either(names: Mapping[str, object] | tuple[str, ...]) -> str:
    return " or ".join(names)


def _load(folder: Path) -> Buyer:
    where = f"{folder.name}/buyer.yaml"
    missing = [part for part in _PARTS if not (folder / part).is_file()]
    if missing:
        raise ConfigurationError([Mistake(folder.name, part, "write this file") for part in missing])
    try:
        sheet = Sheet.model_validate(yaml.safe_load((folder / "buyer.yaml").read_text("utf-8")))
    except yaml.YAMLError as error:
        raise ConfigurationError([Mistake(where, "(whole file)", f"not YAML: {error}")]) from error
    except ValidationError as error:
        raise ConfigurationError(
            [Mistake(where, ".".join(map(str, e["loc"])) or "(whole file)", e["msg"]) for e in error.errors()]
        ) from error
    adapter: Adapter = _module(folder).Adapter(sheet)
    return Buyer(folder.name, sheet, adapter)


def _module(folder: Path) -> ModuleType:
    if folder.parent == SHIPPED:
        return importlib.import_module(f"callrouter.buyers.{folder.name}.adapter")
    name = f"callrouter_buyer_{folder.name}"
    spec = importlib.util.spec_from_file_location(name, folder / "adapter.py")
    if spec is None or spec.loader is None:
        raise ConfigurationError([Mistake(folder.name, "adapter.py", "not a Python module")])
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
