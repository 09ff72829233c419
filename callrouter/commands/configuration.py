"""Settings and dialplans read together, so that an operator sees every mistake of both at once."""

import asyncio
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from callrouter.buyers.agreement import mistakes_in
from callrouter.buyers.loader import EXEMPLARS, Catalogue, folders_of_buyers
from callrouter.errors import ConfigurationError, Mistake
from callrouter.plans import CatalogueCheck, Plans, load_plans
from callrouter.settings import ENVIRONMENT, Settings, read_settings


@dataclass(frozen=True)
class Configuration:
    """What a service would run on."""

    settings: Settings
    catalogue: Catalogue
    plans: Plans


def read_configuration(
    environ: Mapping[str, str], *, try_data_dir: bool = False, try_exemplars: bool = False, try_stores: bool = False
) -> Configuration:
    """Everything that ``serve`` needs. Raises `ConfigurationError` with the mistakes of all of it.

    With ``try_data_dir`` it is a mistake, too, when no file can be written in the data folder; with ``try_exemplars``
    when one of the operator's own buyers does not do what its exemplars say; with ``try_stores`` when the shared
    engine or the ledger's database would not take us in.
    """
    mistakes: list[Mistake] = []
    settings, plans = None, None
    try:
        settings = read_settings(environ, serving=True)
    except ConfigurationError as error:
        mistakes += error.mistakes
    folder, buyers = (_folder(environ, settings, name) for name in ("dialplans", "buyers"))
    if try_data_dir:
        data_dir = settings.data_dir if settings else Path(environ.get("CALLROUTER_DATA_DIR", "").strip() or "var")
        mistakes += _unwritable(data_dir.expanduser())
    if try_stores and settings is not None:
        mistakes += [*_engine_mistakes(settings), *_ledger_mistakes(settings)]
    catalogue, of_buyers = Catalogue.readable(buyers)
    mistakes += [*of_buyers, *(_exemplar_mistakes(buyers, catalogue) if try_exemplars else ())]
    try:
        plans = load_plans(folder, environ, _entry_check(catalogue, buyers), catalogue.buys)
    except ConfigurationError as error:
        mistakes += error.mistakes
    if mistakes or settings is None or plans is None:
        raise ConfigurationError(mistakes)
    return Configuration(settings, catalogue, plans)


def _folder(environ: Mapping[str, str], settings: Settings | None, name: str) -> Path:
    """A folder that is read even when other settings are wrong."""
    if settings is not None:
        path: Path = getattr(settings, name)
        return path
    raw = environ.get(f"CALLROUTER_{name.upper()}", "").strip()
    return Path(raw or getattr(Settings(), name)).expanduser()


def _entry_check(catalogue: Catalogue, folder: Path) -> CatalogueCheck:
    """The catalogue's check of a plan's entry; a buyer that is broken itself is not told as missing, too."""
    broken = {path.name for path in folders_of_buyers(folder)} - set(catalogue.names)
    return lambda entry, where: [] if entry.adapter in broken else catalogue.check_entry(entry, where)


def _exemplar_mistakes(folder: Path, catalogue: Catalogue) -> list[Mistake]:
    """What their own exemplars find wrong with the operator's buyers."""
    own = [path for path in folders_of_buyers(folder) if path.name in catalogue.buyers]
    return [mistake for path in own for mistake in mistakes_in(path / EXEMPLARS, catalogue.get(path.name))]


def _engine_mistakes(settings: Settings) -> list[Mistake]:
    """What is wrong with the shared engine that the settings name; an embedded one starts with the service."""
    if not settings.redis_url:
        return []
    from callrouter.engine.trial import trouble_with

    wrong = asyncio.run(trouble_with(settings.redis_url))
    return [Mistake(ENVIRONMENT, "CALLROUTER_REDIS_URL", wrong)] if wrong else []


def _ledger_mistakes(settings: Settings) -> list[Mistake]:
    """What is wrong with the database that the settings name; nothing is made there by looking."""
    if not settings.database_url:
        return []  # a file in the data folder
    from callrouter.ledger.database import ledger_url, sqlite_file
    from callrouter.ledger.trial import trouble_with

    url = ledger_url(settings.database_url, settings.data_dir)
    if url.startswith("sqlite"):
        file = sqlite_file(url)
        return _unwritable(file.parent, "CALLROUTER_DATABASE_URL") if file else []
    wrong = asyncio.run(trouble_with(url))
    return [Mistake(ENVIRONMENT, "CALLROUTER_DATABASE_URL", wrong)] if wrong else []


def _unwritable(folder: Path, key: str = "CALLROUTER_DATA_DIR") -> list[Mistake]:
    """What is wrong with a folder that is to be written in, or made; nothing is left behind by looking."""
    there = next((path for path in (folder, *folder.absolute().parents) if path.exists()), folder)
    if not there.is_dir():
        return []  # said already: a file is in its place
    try:
        # Permission bits say too little: of root, of read-only file systems, of /proc.
        with tempfile.TemporaryDirectory(prefix=".callrouter-check-", dir=there):
            return []
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        remedy = f"nothing can be written in {there}: {why}; name another folder, or mend its permissions"
        return [Mistake(ENVIRONMENT, key, remedy)]
