"""The errors that callrouter raises, as a tree. Each names the remedy.

CallrouterError
├── ConfigurationError      settings, dialplans or buyers are wrong: carries every mistake; exit 2
├── EngineUnavailable       the engine did not answer: the caller is served from memory and the spool
├── LedgerUnavailable       the database of finished calls did not answer: they wait in the engine meanwhile
├── CarrierUnavailable      the carrier's REST side did not answer: tried again by the sweeper
└── NotFound                the thing that was asked for does not exist: exit 1 or 404
"""

from collections.abc import Sequence
from dataclasses import dataclass


class CallrouterError(Exception):
    """Base of all of them."""


@dataclass(frozen=True)
class Mistake:
    """One thing wrong with the configuration: where it is and what to do."""

    where: str
    """File name, or ``environment``."""
    key: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.where}: {self.key}: {self.remedy}"


class ConfigurationError(CallrouterError):
    """Raised at start with every mistake at once; the operator mends them."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


class EngineUnavailable(CallrouterError):
    """The engine refused or did not answer in time. Check the embedded server, or ``CALLROUTER_REDIS_URL``."""


class LedgerUnavailable(CallrouterError):
    """The ledger's database refused or did not answer. Check ``CALLROUTER_DATABASE_URL``, or the data folder."""


class CarrierUnavailable(CallrouterError):
    """The carrier's REST side refused or did not answer in time."""


class NotFound(CallrouterError):
    """Nothing of that name or id."""
