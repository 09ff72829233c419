"""When a buyer of a plan is not asked, whatever it would pay.

What needs only the call and the clock (hours, places, floor) is judged by ``auction/guards.py``; what all instances
share (duplicates, caps, concurrency, spacing) in one step of the engine.
"""

from decimal import Decimal
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from callrouter.dialplan.section import ZONE_PATTERN, Day, Dollars, Section, Span, State, ZipPrefix, mistake

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Counted = Literal["attempts", "connects", "qualified", "dollars"]
"""Dials; dials that were answered; calls that reached the minimum duration (or leads sold); what those pay."""
Per = Literal["hour", "day", "month", "ever"]


def _known_zone(raw: object) -> object:
    if isinstance(raw, str):
        try:
            ZoneInfo(raw)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("write a time zone that exists, such as America/New_York") from None
    return raw


Zone = Annotated[str, StringConstraints(pattern=ZONE_PATTERN), BeforeValidator(_known_zone)]
Spans = tuple[Span, ...]


class OpenHours(Section):
    """When the buyer takes calls, in its own time zone; a day that is left out is closed."""

    mon: Spans = ()
    """Spans of the day, in order; the gaps between them are breaks."""
    tue: Spans = ()
    """As ``mon``."""
    wed: Spans = ()
    """As ``mon``."""
    thu: Spans = ()
    """As ``mon``."""
    fri: Spans = ()
    """As ``mon``."""
    sat: Spans = ()
    """As ``mon``."""
    sun: Spans = ()
    """As ``mon``."""
    holidays: tuple[Day, ...] = ()
    """Days on which it is closed all day."""

    @model_validator(mode="after")
    def _in_order(self) -> "OpenHours":
        for day in WEEKDAYS:
            times = [time for span in self.on(day) for time in span]
            if times != sorted(times) or any(opens == closes for opens, closes in self.on(day)):
                raise mistake(day, "write the spans in order, without overlaps, each ending after it begins")
        return self

    def on(self, day: Weekday) -> list[tuple[str, str]]:
        """The opening and closing times (``HH:MM``) of one weekday."""
        spans: Spans = getattr(self, day)
        return [(span[:5], span[6:]) for span in spans]


class Duplicates(Section):
    """A caller who had a buyer lately is not offered to it again."""

    within_s: int = Field(default=2_592_000, ge=1, le=31_536_000)
    """How long a person counts as a duplicate, in seconds (30 days)."""
    after: Literal["connected", "qualified"] = "connected"
    """What made the person one: a connection, or one that reached the minimum duration."""
    of: Literal["buyer", "plan"] = "buyer"
    """Whether connections to any buyer of the plan count, or only those to this one."""


class Cap(Section):
    """At most so much, in a calendar hour, day or month of the guards' time zone, or ever."""

    of: Counted
    """What is counted."""
    per: Per
    """In which period."""
    most: Annotated[Decimal, Field(ge=0, le=100_000_000, decimal_places=2)]
    """The most of it; whole numbers but for dollars."""

    @model_validator(mode="after")
    def _whole(self) -> "Cap":
        if self.of != "dollars" and self.most != self.most.to_integral_value():
            raise mistake("most", "write a whole number")
        return self


class Guards(Section):
    """What keeps a buyer from being asked. Everything is optional, and nothing of it is ever waited for."""

    time_zone: Zone = "America/New_York"
    """The time zone of the hours and of the caps' days."""
    hours: OpenHours | None = None
    """When it is open; left out: always."""
    states: tuple[State, ...] = ()
    """Only callers of these states; left out: all."""
    not_states: tuple[State, ...] = ()
    """No callers of these states."""
    zips: tuple[ZipPrefix, ...] = ()
    """Only callers whose zip begins like this; left out: all."""
    not_zips: tuple[ZipPrefix, ...] = ()
    """No callers whose zip begins like this."""
    floor: Dollars = Decimal(0)
    """The lowest payout taken of this buyer, where it is above the plan's."""
    duplicates: Duplicates | None = None
    """Left out, a person may be offered to the buyer again and again."""
    caps: tuple[Cap, ...] = ()
    """Every one of them holds, to the last call, whatever instances and callers do at once."""
    concurrency: int | None = Field(default=None, ge=1, le=100_000)
    """At most so many callers at once that it may still get or has on the line."""
    spacing_s: float = Field(default=0, ge=0, le=3600)
    """At least so many seconds between two asks."""

    @model_validator(mode="after")
    def _agree(self) -> "Guards":
        both = sorted(set(self.states) & set(self.not_states))
        if both:
            raise mistake("not_states", f"remove {', '.join(both)} here or in states")
        return self

    @property
    def counted(self) -> bool:
        """Whether the engine must be asked: without it such a buyer cannot be asked either."""
        return bool(self.duplicates or self.caps or self.concurrency is not None or self.spacing_s)
