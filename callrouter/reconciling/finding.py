"""What comes out of a reconciliation: differences, habits of the statement, and sums that add up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from callrouter.reconciling.cause import Cause


@dataclass(frozen=True, slots=True)
class Theirs:
    """A row of the statement. The time is epoch seconds by their clock."""

    line: int
    reference: str
    caller: str | None
    """To be masked before it is shown."""
    at: float | None
    seconds: int | None
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Ours:
    """A dial of our ledger. The time is epoch seconds, of the moment that theirs is of."""

    sid: str
    dial_no: int
    caller: str | None
    """To be masked before it is shown; a keyed hash after the plan's retention."""
    at: float
    seconds: int | None
    """By the timer that the contract means."""
    expected: Decimal | None
    """``None`` where another row counts the call already."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference between the statement and our ledger."""

    cause: Cause
    evidence: str
    """One sentence, without personal data."""
    theirs: Theirs | None
    """``None``: there is no such row."""
    ours: Ours | None
    """``None``: there is no such call."""

    @property
    def money(self) -> Decimal:
        """What it adds to the gap: theirs less ours."""
        theirs = self.theirs.amount if self.theirs else Decimal(0)
        return theirs - ((self.ours.expected if self.ours else None) or Decimal(0))


@dataclass(frozen=True, slots=True)
class Note:
    """Something that holds for the statement, or a day of it, and is told once. It moves no money."""

    cause: Cause
    evidence: str
    rows: int


@dataclass(frozen=True, slots=True)
class Sum:
    """The differences of one cause."""

    count: int
    money: Decimal


@dataclass(frozen=True, slots=True)
class Reconciled:
    """A statement and our ledger, compared."""

    findings: Sequence[Finding]
    """In the order of the statement, then what is missing on it by time."""
    notes: Sequence[Note]
    since: float
    until: float
    """The period: calls of ours in it should be on the statement."""
    rows: int
    """Rows of the file that are of the period, bad ones with them."""
    outside: int
    """Rows of another period than was asked for."""
    bad_rows: int
    matched: int
    agreed: int
    theirs: Decimal
    """The sum of their amounts."""
    ours: Decimal
    """The sum of what we expect for the period's calls, and for those that they count into it."""

    @property
    def gap(self) -> Decimal:
        """Theirs less ours; the sum of all differences."""
        return self.theirs - self.ours

    @property
    def by_cause(self) -> Mapping[Cause, Sum]:
        """How many differences of each cause there are, and what they come to."""
        found = {}
        for cause in Cause:
            of_cause = [one.money for one in self.findings if one.cause is cause]
            if of_cause:
                found[cause] = Sum(len(of_cause), sum(of_cause, Decimal(0)))
        return found
