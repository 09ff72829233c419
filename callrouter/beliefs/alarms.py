"""Notices that a buyer has begun to disappoint: a one-sided cumulative sum for each kind of outcome."""

from dataclasses import dataclass, field

SLACK = 0.2
"""Disappointment a turn that is taken for chance."""
ALARM_AT = 4.0
KEPT_SHARE = 0.02
"""What is left of the old evidence when the alarm trips."""
_LONGEST_RUN = 100


@dataclass(slots=True)
class Alarm:
    """The sum, and the outcomes since it was last nothing: those count in full when it trips."""

    sum: float = 0.0
    run: list[float] = field(default_factory=list)
    tripped: int = 0
    """How often it has."""

    def notes(self, expected: float, got: float, outcome: float) -> list[float] | None:
        """Take one outcome (``expected`` and ``got`` from 0 to 1); the run that counts when this trips the alarm."""
        self.sum = max(0.0, self.sum + (expected - got) - SLACK)
        if self.sum == 0.0:
            self.run.clear()
            return None
        self.run.append(outcome)
        if len(self.run) > _LONGEST_RUN:
            del self.run[0]
        if self.sum < ALARM_AT:
            return None
        run, self.sum, self.run = self.run, 0.0, []
        self.tripped += 1
        return run
