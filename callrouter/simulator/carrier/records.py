"""What happened in the simulation, for tests and summaries. Times are epoch seconds of the clock."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

SoundKind = Literal["silence", "ringback", "prompt", "listening", "hold", "ring", "voice", "apology"]

WebhookKind = Literal[
    "voice", "action", "redirect", "url", "fallback", "status", "leg_status", "conference", "participant_status", "wait"
]
"""``wait`` asks for what those hear who wait for a room to start, or who are on hold in it."""

CallState = Literal["queued", "ringing", "in-progress", "completed", "no-answer", "busy", "failed", "canceled"]


@dataclass(frozen=True)
class Sound:
    """What the caller heard for a while.

    ``listening`` is the time in which a prompt waits for the caller's keys or words: a silence of their own.
    """

    kind: SoundKind
    start: float
    end: float
    detail: str = ""

    @property
    def length_s(self) -> float:
        """Seconds."""
        return self.end - self.start


@dataclass
class DialRecord:
    """One number that was dialled for a caller."""

    number: str
    caller_id: str
    timeout_s: int
    started_at: float
    leg_sid: str
    action_url: str | None = None
    ringing_at: float | None = None
    answered_at: float | None = None
    ended_at: float | None = None
    result: str | None = None
    """``completed``, ``busy``, ``no-answer``, ``failed`` or ``canceled``; ``None`` while it lives."""
    bridged: bool = False
    talk_s: float = 0.0


@dataclass
class WebhookRecord:
    """One request to the product."""

    kind: WebhookKind
    call_sid: str
    method: str
    url: str
    """The public URL, as signed, without its fragment."""
    params: Mapping[str, str]
    started_at: float
    attempt_no: int = 1
    duplicate: bool = False
    ended_at: float | None = None
    status: int | None = None
    body: bytes = b""
    content_type: str = ""
    error: str | None = None
    """Why there was no usable reply; ``None`` when there was."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """The headers that were sent, the signature among them."""


@dataclass
class MediaRecord:
    """One fetch of audio."""

    url: str
    at: float
    status: int | None = None
    length_s: float = 0.0
    error: str | None = None


@dataclass
class DocumentRecord:
    """One document that the product answered or pushed, and what is wrong with it."""

    call_sid: str
    source: Literal["answered", "pushed"]
    url: str | None
    body: str
    at: float
    problems: list[str] = field(default_factory=list)


@dataclass
class RestRecord:
    """One request of the product to the carrier's REST side."""

    method: str
    path: str
    params: Mapping[str, str]
    at: float
    status: int | None = None
    code: int | None = None
    """The carrier's own error code."""
    problems: list[str] = field(default_factory=list)
    """Parameters that the carrier's API does not have."""
    lost: bool = False
    """Accepted, and never applied (a fault)."""
    applied_at: float | None = None


@dataclass
class ParticipantRecord:
    """One participant of a conference, also one who was dialled for it and never came."""

    call_sid: str
    number: str
    """The person's own number, whoever called whom."""
    label: str | None
    hearing: Callable[[], list[Sound]] = field(repr=False)
    joined_at: float | None = None
    left_at: float | None = None
    why_left: str | None = None
    held: list[tuple[float, float | None]] = field(default_factory=list)
    """When on hold: (from, until); ``None`` while it lasts."""
    longest_alone_s: float = 0.0
    """The longest unbroken time with nobody else in the room who was not on hold."""

    @property
    def heard(self) -> list[Sound]:
        """What the participant heard while in the room."""
        if self.joined_at is None:
            return []
        end = self.left_at if self.left_at is not None else float("inf")
        spans = [(sound, max(sound.start, self.joined_at), min(sound.end, end)) for sound in self.hearing()]
        return [Sound(sound.kind, since, until, sound.detail) for sound, since, until in spans if until > since]


@dataclass
class RoomRecord:
    """One conference from its first participant to its end."""

    name: str
    sid: str
    opened_at: float
    started_at: float | None = None
    ended_at: float | None = None
    why_ended: str | None = None
    call_sid_ending: str | None = None
    participants: list[ParticipantRecord] = field(default_factory=list)
    """In the order in which they were dialled or came."""

    def by_label(self, label: str) -> list[ParticipantRecord]:
        """Those who had this label, one after the other."""
        return [participant for participant in self.participants if participant.label == label]
