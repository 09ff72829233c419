"""The map of a buyer's statement: which column is what, and how their clock, seconds and money are to be read."""

import codecs
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from callrouter.dialplan.section import Section, TimeOfDay
from callrouter.errors import ConfigurationError, Mistake
from callrouter.plans.remedies import remedies
from callrouter.plans.yaml_text import MAX_BYTES, read_yaml
from callrouter.reconciling.rows import Verdict

ISO, EPOCH, EPOCH_MS = "iso", "epoch", "epoch_ms"
_SAMPLE = datetime(2026, 11, 21, 13, 59, 58, tzinfo=UTC)
_DAY_PARTS = (("%Y", "%y"), ("%m", "%b", "%B", "%j"), ("%d", "%j"))
_WHOLE_DAY = ("%c", "%x")


class Rounding(StrEnum):
    """How they round a talk's seconds."""

    EXACT = "exact"
    UP_6 = "up_6"
    UP_30 = "up_30"
    UP_60 = "up_60"
    NEAREST_60 = "nearest_60"
    DOWN_60 = "down_60"


class Timer(StrEnum):
    """When their clock of a talk starts."""

    DIAL = "dial"
    ANSWER = "answer"
    ACCEPT = "accept"
    """When their agent takes the call, for instance by pressing 1: after the answer."""


class Moment(StrEnum):
    """Which moment of a call their time is of."""

    CALL = "call"
    DIAL = "dial"
    ANSWER = "answer"
    END = "end"


def _texts(raw: object) -> object:
    return (raw,) if isinstance(raw, str) else raw


def _known_zone(raw: str) -> str:
    try:
        ZoneInfo(raw)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("write a time zone that exists, such as America/New_York") from None
    return raw


def _known_encoding(raw: str) -> str:
    try:
        codecs.lookup(raw)
    except LookupError:
        raise ValueError("write an encoding that exists, such as utf-8-sig or cp1252") from None
    return raw


def _time_formats(formats: tuple[str, ...]) -> tuple[str, ...]:
    for one in formats:
        if one not in (ISO, EPOCH, EPOCH_MS):
            _try_format(one)
    return formats


def _try_format(one: str) -> None:
    remedy = "write iso, epoch, epoch_ms, or a format such as '%m/%d/%Y %I:%M:%S %p'"
    if not any(part in one for part in _WHOLE_DAY):
        lacking = [parts[0] for parts in _DAY_PARTS if not any(part in one for part in parts)]
        if lacking:
            raise ValueError(f"{remedy}; {', '.join(lacking)} is missing")
    if "%I" in one and "%p" not in one:
        raise ValueError(f"{remedy}; %I needs %p (AM or PM)")
    if "%Z" in one:  # it takes few names, and passes over what they mean
        raise ValueError(f"{remedy}; %Z cannot be read: set time_zone, or use %z where the cells have an offset")
    try:
        datetime.strptime(_SAMPLE.strftime(one), one)  # noqa: DTZ007 - whether it can be read is all that is asked
    except ValueError:
        raise ValueError(remedy) from None


Spellings = Annotated[tuple[str, ...], BeforeValidator(_texts), Field(min_length=1)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_texts)]
Optional = Literal["duration", "status", "number", "reference", "minimum"]


class Columns(Section):
    """The heads of their columns; of several spellings the first that is there counts."""

    caller: Spellings
    """The caller's number."""
    at: Spellings | None = None
    """The time; or ``date`` and ``time``, where they are two columns."""
    date: Spellings | None = None
    time: Spellings | None = None
    duration: Spellings | None = None
    payout: Spellings
    """What they pay; empty is nothing."""
    status: Spellings | None = None
    number: Spellings | None = None
    """The number that was dialled."""
    reference: Spellings | None = None
    """Their own id of the call: shown, never compared."""
    minimum: Spellings | None = None
    """The minimum duration, as they have it."""


class Statuses(Section):
    """Their words for what they made of a call."""

    paid: Texts = ()
    unpaid: Texts = ()
    duplicate: Texts = ()
    late: Texts = ()
    reversed: Texts = ()

    def verdicts(self) -> dict[str, Verdict]:
        """What each of their words means, in small letters."""
        return {word.casefold(): verdict for verdict in Verdict for word in getattr(self, verdict.value)}


class StatementMap(Section):
    """How to read one buyer's statement."""

    columns: Columns
    may_lack: tuple[Optional, ...] = ()
    """Which of the columns named above need not be there."""
    delimiter: Literal[",", ";", "|", "tab"] = ","
    encoding: Annotated[str, AfterValidator(_known_encoding)] = "utf-8-sig"
    header_row: Annotated[int, Field(ge=1, le=1000)] = 1
    """The line of the heads; what stands above is passed over."""
    time_formats: Annotated[Texts, Field(min_length=1), AfterValidator(_time_formats)] = (ISO,)
    """The first that fits counts: ``iso``, ``epoch``, ``epoch_ms``, or Python's strptime formats."""
    time_zone: Annotated[str, AfterValidator(_known_zone)] = "UTC"
    """Of their clock, for times that do not say it themselves, and for the days of the statement."""
    at_is: Moment = Moment.ANSWER
    tolerance_s: Annotated[int, Field(ge=1, le=14_400)] = 120
    """How far their clock and ours may be apart."""
    duration_unit: Literal["seconds", "minutes"] = "seconds"
    """Of durations without a colon or a unit."""
    rounding: Rounding = Rounding.EXACT
    slack_s: Annotated[int, Field(ge=0, le=10)] = 1
    """How many seconds two clocks of one talk may differ without anybody being wrong."""
    timer: Timer = Timer.ANSWER
    """What the contract says."""
    accept_within_s: Annotated[int, Field(ge=1, le=300)] = 30
    """With ``timer: accept``: how long after the answer their agents take a call at most."""
    decimal_mark: Literal["point", "comma"] = "point"
    statuses: Statuses | None = None
    duplicate_within_s: Annotated[int, Field(ge=1, le=31_622_400)] | None = None
    """Their rule: a number's next call is not paid within this time of the one before."""
    cut_off: TimeOfDay | None = None
    """Calls that are dialled after this time of their day count for the next, or not at all."""

    @model_validator(mode="after")
    def _whole(self) -> "StatementMap":
        found = _disagreements(self.model_dump(exclude_none=True, exclude_defaults=True))
        if found:
            raise PydanticCustomError("mistakes", "keys disagree", {"found": found})
        return self


def _disagreements(raw: Mapping[str, object]) -> list[tuple[str, str]]:
    """Keys that do not go together: of a map as it is written, for they are told with what else is wrong in it."""
    columns, statuses = raw.get("columns"), raw.get("statuses")
    if not isinstance(columns, Mapping):
        return []
    there = {name for name, heads in columns.items() if heads is not None}
    lacking = _texts(raw.get("may_lack", ()))
    idle = [name for name in lacking if isinstance(name, str)] if isinstance(lacking, Sequence) else []
    return [
        *_time_columns(there),
        *_status_words("status" in there, statuses),
        *(("may_lack", f"columns does not name {name}; remove it here") for name in idle if name not in there),
    ]


def _time_columns(there: Collection[str]) -> list[tuple[str, str]]:
    if not {"at", "date"} & set(there):
        return [("columns.at", "it is required; add it, or date and time where they are two columns")]
    if "at" in there and {"date", "time"} & set(there):
        return [("columns.at", "keep either at, or date and time")]
    return []


def _status_words(column: bool, statuses: object) -> list[tuple[str, str]]:
    if not column:
        return [("columns.status", "name the column that the statuses stand in")] if statuses else []
    if not statuses:
        return [("statuses", "say which of their words mean paid and unpaid")]
    if not isinstance(statuses, Mapping):
        return []
    lists = [_texts(statuses.get(verdict.value, ())) for verdict in Verdict]
    words = [w.casefold() for some in lists if isinstance(some, Sequence) for w in some if isinstance(w, str)]
    twice = sorted({word for word in words if words.count(word) > 1})
    found = [("statuses", f"name each word once; twice there: {', '.join(twice)}")] if twice else []
    return found if statuses.get("paid") else [*found, ("statuses.paid", "name at least one")]


def read_map(raw: bytes, where: str) -> StatementMap:
    """The map in a YAML text. Raises `ConfigurationError` with every mistake; ``where`` names the file."""
    document, mistakes = read_yaml(raw, where)
    if not isinstance(document, dict):
        raise ConfigurationError(mistakes or [Mistake(where, "file", "write keys and values, such as columns: …")])
    try:
        found = StatementMap.model_validate(document)
    except ValidationError as error:
        wrong = remedies(error, StatementMap)
        told = {path for path, _ in wrong}
        more = [(tuple(key.split(".")), remedy) for key, remedy in _disagreements(document)]
        wrong += [one for one in more if one[0] not in told]
        mistakes += [Mistake(where, ".".join(map(str, path)) or "file", remedy) for path, remedy in wrong]
    if mistakes:
        raise ConfigurationError(mistakes)
    return found


def map_at(path: Path | None) -> StatementMap:
    """The map in a file, or the generic one that ships. Blocking. Raises `ConfigurationError`."""
    if path is None:
        return read_map(resources.files(__package__).joinpath("generic.yaml").read_bytes(), "generic.yaml")
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        remedy = f"cannot be read: {(error.strerror or type(error).__name__).lower()}; name the map of this statement"
        raise ConfigurationError([Mistake(path.name, "file", remedy)]) from error
    return read_map(raw, path.name)
