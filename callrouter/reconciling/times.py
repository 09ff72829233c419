"""Their times: texts in a few formats, by a clock that is put forward and back."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from callrouter.reconciling.cells import UnreadableCell
from callrouter.reconciling.statement_map import EPOCH, EPOCH_MS, ISO

DAY_S = 86_400
_OLDEST_S, _NEWEST_S = 946_684_800.0, 4_102_444_800.0
"""The years 2000 and 2100: what is outside was read with the wrong format."""

_NUMBER = re.compile(r"\d{1,11}(\.\d+)?", re.ASCII)
_NUMBER_MS = re.compile(r"\d{1,14}(\.\d+)?", re.ASCII)
_DAY_ONLY = re.compile(r"\d{4}-?\d{2}-?\d{2}", re.ASCII)
_MINUTES_ONLY = re.compile(r"\d{4}-?\d{2}-?\d{2}[T ]\d{2}:?\d{2}([+-]\d{2}:?\d{2}|Z)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Read:
    """A moment as epoch seconds; see `Row` for ``other_at`` and ``span_s``."""

    at: float
    other_at: float | None = None
    span_s: int = 0


class TimeReader:
    """Reads the times of one statement, each by the first format that fits it."""

    def __init__(self, formats: Sequence[str], zone: str) -> None:
        self._formats = formats
        self.zone = ZoneInfo(zone)

    def read(self, text: str) -> Read:
        """Raises `UnreadableCell`."""
        text = text.strip()
        if not text:
            raise UnreadableCell("there is no time")
        for one in self._formats:
            try:
                found = self._by(one, text)
            except (ValueError, OverflowError):
                continue
            if _OLDEST_S <= found.at < _NEWEST_S:
                return found
        raise UnreadableCell("the time fits none of time_formats")

    def _by(self, one: str, text: str) -> Read:
        if one in (EPOCH, EPOCH_MS):
            if not (_NUMBER if one == EPOCH else _NUMBER_MS).fullmatch(text):
                raise ValueError(one)
            return Read(float(text) / (1 if one == EPOCH else 1000))
        if one == ISO:
            span_s = DAY_S - 1 if _DAY_ONLY.fullmatch(text) else 59 if _MINUTES_ONLY.fullmatch(text) else 0
            return self._moment(datetime.fromisoformat(text), span_s)
        return self._moment(datetime.strptime(text, one), _span_s(one))  # noqa: DTZ007 - the zone is added below

    def _moment(self, read: datetime, span_s: int) -> Read:
        if read.tzinfo is not None:
            return Read(read.timestamp(), None, span_s)
        first = read.replace(tzinfo=self.zone).timestamp()
        second = read.replace(tzinfo=self.zone, fold=1).timestamp()
        if span_s == DAY_S - 1:  # the day on which clocks are put back has 25 hours
            span_s = max(span_s, round(self.midnight(first, days=1) - first) - 1)
        # They differ in the hour that is there twice, and in the one that is skipped.
        return Read(first, second if second != first else None, span_s)

    def day_of(self, moment: float) -> str:
        """The day by their clock, as ``2026-11-21``."""
        return datetime.fromtimestamp(moment, self.zone).date().isoformat()

    def time_of_day(self, moment: float) -> str:
        """The time by their clock, as ``21:59``."""
        return datetime.fromtimestamp(moment, self.zone).strftime("%H:%M")

    def midnight(self, moment: float, days: int = 0) -> float:
        """The beginning of the day that a moment is in by their clock, or of one so many days later."""
        day = datetime.fromtimestamp(moment, self.zone).date() + timedelta(days=days)
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).timestamp()


def _span_s(one: str) -> int:
    """How much a format leaves open."""
    if any(part in one for part in ("%S", "%s", "%T", "%X", "%c", "%r")):
        return 0
    if any(part in one for part in ("%M", "%R")):
        return 59
    return 3599 if any(part in one for part in ("%H", "%I")) else DAY_S - 1


def utc_text(moment: float | None) -> str | None:
    """``2026-11-21 02:25:00`` (UTC)."""
    return None if moment is None else datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S")
