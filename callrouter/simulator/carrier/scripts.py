"""What the simulation is told beforehand: numbers, callers, phones, timings and faults."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class NumberConfig:
    """The webhooks of one of our numbers. The URLs may carry ``#rc=..&rp=..`` connection overrides."""

    voice_url: str
    status_callback: str
    fallback_url: str


@dataclass(frozen=True)
class HangUp:
    """When the caller hangs up: ``after_s`` seconds after something happened.

    ``after``: the arrival; ``on_hold``: hold audio first plays; ``ringing``: a buyer's phone starts ringing;
    ``bridged``: the bridge; ``asked``: the prompt for the zip starts; ``joined``: the caller enters a conference.
    """

    when: Literal["after", "on_hold", "ringing", "bridged", "asked", "joined"]
    after_s: float = 0.0


@dataclass(frozen=True)
class CallerScript:
    """One caller and what they do."""

    from_: str
    to: str
    zip_digits: str | None = "78701"
    """Keyed when asked; ``None`` keys nothing."""
    zip_speech: str | None = None
    """Spoken instead of keyed."""
    wrong_first: str | None = None
    """Keyed at the first ask; the zip at the next."""
    key_delay_s: float = 1.0
    """Seconds from the start of the prompt to the first key or word."""
    from_zip: str | None = None
    """The carrier's ``FromZip``."""
    hang_up: HangUp | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    """Further webhook parameters; they win over the usual ones."""


@dataclass(frozen=True)
class PhoneScript:
    """What a dialled number does. ``ring_s`` is the time from the dial to the result, whichever it is.

    In a conference ``talk_s`` counts from joining, and with ``hangs_up="caller"`` this phone never hangs up.
    """

    ring_s: float = 2.0
    result: Literal["answer", "busy", "no_answer", "failed"] = "answer"
    talk_s: float = 120.0
    hangs_up: Literal["buyer", "caller"] = "buyer"


Span = tuple[float, float]
"""Least and most, in seconds; drawn evenly."""


@dataclass(frozen=True)
class CarrierTimings:
    """How long the carrier's own steps take, in seconds."""

    webhook_one_way_s: Span = (0.04, 0.08)
    rest_latency_s: Span = (0.14, 0.22)
    """The whole of a REST request; half of it passes before the request takes effect."""
    apply_s: float = 0.05
    """From an accepted update to the live call doing it."""
    say_s_per_char: float = 0.06
    key_interval_s: float = 0.15
    speech_s_per_char: float = 0.08
    speech_end_s: float = 0.7
    """How long ``speechTimeout="auto"`` waits after the last word."""
    post_dial_s: float = 0.1
    """From the dial to the first ring."""
    dial_buffer_s: float = 5.0
    """What the carrier adds to every ring timeout."""
    webhook_ceiling_s: float = 15.0
    status_reorder_s: float = 2.0
    """The most that `CarrierFaults.reorder_status` delays a status callback."""
    creates_per_s: float = 1.0
    """How many legs that REST creates are started in a second; the others queue."""


@dataclass
class CarrierFaults:
    """What goes wrong at the carrier. May be changed while calls run."""

    drop_next_pushes: int = 0
    """So many of the next updates are accepted and never applied."""
    rest_429_next: int = 0
    """So many of the next REST requests are refused for load, unprocessed."""
    lose_creates: int = 0
    """So many of the next legs that REST creates are accepted and never dialled."""
    push_lost_share: float = 0.0
    push_delay_s: float = 0.0
    duplicate_webhooks: bool = False
    """Every webhook is sent twice; the first reply counts."""
    reorder_status: bool = False
    lose_status_share: float = 0.0
    drop_params: frozenset[str] = frozenset()
    """Parameters that the action of a dial does not carry."""
    rename_dial_status: Mapping[str, str] = field(default_factory=dict)
    """Dial statuses that are reported by another word."""
