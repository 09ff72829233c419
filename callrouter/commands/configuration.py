"""Settings and dialplans read together, so that an operator sees every mistake of both at once."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from callrouter.buyers.loader import Catalogue
from callrouter.errors import ConfigurationError, Mistake
from callrouter.plans import Plans, load_plans
from callrouter.settings import ENVIRONMENT, Settings, read_settings


@dataclass(frozen=True)
class Configuration:
    """What a service would run on."""

    settings: Settings
    catalogue: Catalogue
    plans: Plans


def read_configuration(environ: Mapping[str, str], *, try_data_dir: bool = False) -> Configuration:
    """Everything that ``serve`` needs. Raises `ConfigurationError` with the mistakes of all of it.

    With ``try_data_dir`` it is a mistake, too, when no file can be written in the data folder.
    """
    mistakes: list[Mistake] = []
    settings, plans = None, None
    try:
        settings = read_settings(environ, serving=True)
        folder = settings.dialplans
    except ConfigurationError as error:
        mistakes += error.mistakes
        folder = Path(environ.get("CALLROUTER_DIALPLANS", "").strip() or Settings().dialplans).expanduser()
    if try_data_dir:
        data_dir = settings.data_dir if settings else Path(environ.get("CALLROUTER_DATA_DIR", "").strip() or "var")
        mistakes += _unwritable(data_dir.expanduser())
    catalogue = Catalogue.load()
    try:
        plans = load_plans(folder, environ, catalogue.check_entry)
    except ConfigurationError as error:
        mistakes += error.mistakes
    if mistakes or settings is None or plans is None:
        raise ConfigurationError(mistakes)
    return Configuration(settings, catalogue, plans)


def _unwritable(folder: Path) -> list[Mistake]:
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
        return [Mistake(ENVIRONMENT, "CALLROUTER_DATA_DIR", remedy)]
