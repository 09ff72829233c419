"""What one event of a call teaches. Lessons are learned in one order, everywhere the same, each exactly once."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any, Literal, cast, get_args, get_type_hints


@dataclass(frozen=True, slots=True)
class Replied:
    """A ping is over: the buyer offered, declined, kept silent, or was cut off."""

    buyer: str
    after_s: float
    """Since it was asked."""
    ended: Literal["offer", "no", "silent", "cut"]
    """``silent``: it had all the time there is; ``cut``: the caller left, or somebody else ended the question."""
    payout: float = 0.0
    """Dollars; of an offer."""
    min_s: int = 0


@dataclass(frozen=True, slots=True)
class Held:
    """A caller held, or heard it ring, for so many seconds, and then left or went on."""

    vertical: str
    hearing: Literal["hold", "ring"]
    seconds: float
    left: bool


@dataclass(frozen=True, slots=True)
class Rang:
    """A dial is over before, or with, its answer. One in which the caller left teaches nothing of the buyer."""

    buyer: str
    answered: bool
    ring_s: float


@dataclass(frozen=True, slots=True)
class TalkBegan:
    """Caller and buyer talk."""

    buyer: str
    vertical: str
    talk: str
    """Which talk: the call and the dial."""
    at: float
    """Epoch seconds."""


@dataclass(frozen=True, slots=True)
class TalkEnded:
    """They have talked for so many seconds."""

    buyer: str
    vertical: str
    talk: str
    seconds: float
    min_s: int
    """What the offer's minimum duration was."""
    cut: bool = False
    """Whether somebody else ended it: it would have gone on."""


@dataclass(frozen=True, slots=True)
class Forgiven:
    """Operations want the buyer to start anew."""

    buyer: str


Lesson = Replied | Held | Rang | TalkBegan | TalkEnded | Forgiven

_KINDS: Mapping[str, type[Lesson]] = {
    "replied": Replied,
    "held": Held,
    "rang": Rang,
    "talk_began": TalkBegan,
    "talk_ended": TalkEnded,
    "forgiven": Forgiven,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def written(lesson: Lesson) -> dict[str, Any]:
    """The lesson as JSON takes it."""
    return {"of": _NAMES[type(lesson)], **asdict(lesson)}


def read(document: Mapping[str, Any]) -> Lesson | None:
    """The lesson of a document; ``None`` for one that another version of the program wrote."""
    kind = _KINDS.get(str(document.get("of")))
    values = {name: value for name, value in document.items() if name != "of"}
    try:
        return kind(**values) if kind and all(_takes(kind, name, value) for name, value in values.items()) else None
    except (TypeError, OverflowError):
        return None


_TYPES = {kind: get_type_hints(kind) for kind in _NAMES}


def _takes(kind: type[Lesson], name: str, value: object) -> bool:
    """Whether a field's value is of its type: one wrong value would stay in what everybody believes."""
    of = _TYPES[kind].get(name)
    if of is float:
        return type(value) in (int, float) and isfinite(cast(float, value))
    return type(value) is of or value in get_args(of)
