"""Settings and dialplans read together, so that an operator sees every mistake of both at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from callrouter.buyers.loader import Catalogue
from callrouter.errors import ConfigurationError, Mistake
from callrouter.plans import Plans, load_plans
from callrouter.settings import Settings, read_settings


@dataclass(frozen=True)
class Configuration:
    """What a service would run on."""

    settings: Settings
    catalogue: Catalogue
    plans: Plans


def read_configuration(environ: Mapping[str, str]) -> Configuration:
    """Everything that ``serve`` needs. Raises `ConfigurationError` with the mistakes of all of it."""
    mistakes: list[Mistake] = []
    settings, plans = None, None
    try:
        settings = read_settings(environ, serving=True)
        folder = settings.dialplans
    except ConfigurationError as error:
        mistakes += error.mistakes
        folder = Path(environ.get("CALLROUTER_DIALPLANS", "").strip() or Settings().dialplans).expanduser()
    catalogue = Catalogue.load()
    try:
        plans = load_plans(folder, environ, catalogue.check_entry)
    except ConfigurationError as error:
        mistakes += error.mistakes
    if settings is None or plans is None:
        raise ConfigurationError(mistakes)
    return Configuration(settings, catalogue, plans)
