"""What one line of a statement says."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

UNKNOWN_DIGIT = "?"


class Verdict(StrEnum):
    """What their status column says of a row."""

    PAID = "paid"
    UNPAID = "unpaid"
    DUPLICATE = "duplicate"
    """Not paid, because they had the caller before."""
    LATE = "late"
    """Not paid, because the call came after their cut-off."""
    REVERSED = "reversed"
    """Paid before, and taken back with this row."""


@dataclass(frozen=True, slots=True)
class Row:
    """One readable row. Times are epoch seconds, by the map's zone."""

    line: int
    """From 1, as an editor counts them."""
    caller: str | None
    """E.164; ten characters with ``?`` for each masked digit; ``None``: withheld."""
    at: float
    other_at: float | None
    """The second moment that the time may mean, where clocks were put back or forward."""
    span_s: int
    """How long the moment may be: 59 for a time without seconds, a day for a day."""
    duration_s: int | None
    amount: Decimal
    """What they pay, to the cent; negative when they take back."""
    verdict: Verdict | None
    minimum_s: int | None
    number: str | None
    """What was dialled, as they have it."""
    reference: str

    @property
    def whole(self) -> bool:
        """Whether the whole number of the caller is there."""
        return self.caller is not None and UNKNOWN_DIGIT not in self.caller

    @property
    def masked(self) -> bool:
        """Whether some of the caller's digits are there, and some are not."""
        return self.caller is not None and UNKNOWN_DIGIT in self.caller

    def distance_s(self, moment: float) -> float:
        """Seconds between the row's time and a moment; 0 inside its span."""
        found = max(self.at - moment, moment - self.at - self.span_s, 0.0)
        if self.other_at is not None:
            found = min(found, max(self.other_at - moment, moment - self.other_at - self.span_s, 0.0))
        return found


@dataclass(frozen=True, slots=True)
class BadRow:
    """One row that cannot be read, with what can be read of it."""

    line: int
    why: str
    """Names the column and the kind of mistake; never the cell's text, which may be a number or a name."""
    caller: str | None = None
    at: float | None = None
    amount: Decimal = Decimal(0)
    """Counts in their total; 0 where it cannot be read, or where the row is of no call (a line of totals)."""
    reference: str = ""
