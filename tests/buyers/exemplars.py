"""The exemplar files of the shipped buyers; their format is that of `callrouter.buyers.exemplars`."""

from pathlib import Path

from callrouter.buyers.exemplars import Exemplar, readable
from callrouter.buyers.loader import Catalogue

__all__ = ["CATALOGUE", "HOME", "Exemplar", "exemplars", "name"]

HOME = Path(__file__).parent
CATALOGUE = Catalogue.load()


def exemplars() -> list[Exemplar]:
    """Every file of every buyer that can be read; `test_exemplars` finds those that cannot."""
    return [exemplar for name in CATALOGUE.names for exemplar in readable(HOME / name, CATALOGUE.get(name))[0]]


def name(exemplar: Exemplar) -> str:
    """What a test of it is called."""
    return f"{exemplar.buyer}: {exemplar.path.stem}"
