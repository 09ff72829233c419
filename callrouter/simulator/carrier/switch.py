"""What every leg of a call needs of its carrier."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Protocol

from callrouter.domain.clock import Clock
from callrouter.simulator.background import Background
from callrouter.simulator.carrier.media import Media
from callrouter.simulator.carrier.records import CallState, DocumentRecord
from callrouter.simulator.carrier.scripts import CarrierFaults, CarrierTimings, NumberConfig, PhoneScript
from callrouter.simulator.carrier.webhooks import Webhooks

API_VERSION = "2010-04-01"


@dataclass(frozen=True)
class LegView:
    """A leg as the REST side shows it."""

    sid: str
    parent_sid: str | None
    from_: str
    to: str
    status: CallState
    direction: str
    started_at: float
    ended_at: float | None
    duration_s: int | None


class Party(Protocol):
    """A leg that the REST side can show and end, and whose person can hang up."""

    @property
    def number(self) -> str:
        """The person's own number."""
        ...

    @property
    def live(self) -> bool:
        """Whether the person is there, or being called."""
        ...

    def hang_up(self) -> None:
        """The person hangs up."""
        ...

    def view(self) -> LegView:
        """How it stands."""
        ...

    def complete(self) -> None:
        """End it (``Status=completed``)."""
        ...


class Phones:
    """The phones that can be dialled, and how far each is in its scripts."""

    def __init__(self) -> None:
        self.default = PhoneScript()
        self._scripts: dict[str, list[PhoneScript]] = {}

    def set(self, number: str, scripts: tuple[PhoneScript, ...]) -> None:
        """One script a dial in turn; the last repeats."""
        self._scripts[number] = list(scripts)

    def next(self, number: str) -> PhoneScript:
        """What the phone does at this dial."""
        scripts = self._scripts.get(number)
        if not scripts:
            return self.default
        return scripts.pop(0) if len(scripts) > 1 else scripts[0]


@dataclass
class Switch:
    """The shared parts of one carrier."""

    clock: Clock
    rng: random.Random
    timings: CarrierTimings
    faults: CarrierFaults
    account_sid: str
    webhooks: Webhooks
    media: Media
    background: Background
    phones: Phones = field(default_factory=Phones)
    numbers: dict[str, NumberConfig] = field(default_factory=dict)
    documents: list[DocumentRecord] = field(default_factory=list)
    parties: dict[str, Party] = field(default_factory=dict)
    """Every leg by its sid, oldest first."""
    verified: set[str] = field(default_factory=set)
    """Numbers that are not ours and may be shown all the same."""
    tokens: dict[str, str] = field(default_factory=dict)
    """The caller's number behind each call token."""

    def new_sid(self) -> str:
        """An id for a leg."""
        return f"CA{self.rng.getrandbits(128):032x}"

    def timestamp(self) -> str:
        """Now, as callbacks carry it."""
        return formatdate(self.clock.now(), usegmt=True).replace("GMT", "+0000")


def whole_s(start: float | None, end: float | None) -> int:
    """Whole seconds between two times, as the carrier reports durations; 0 when either is missing."""
    if start is None or end is None:
        return 0
    return int(end - start + 1e-3)


def merged(usual: Mapping[str, str], extra: Mapping[str, str]) -> dict[str, str]:
    """Parameters with the extra ones winning."""
    return {**usual, **extra}
