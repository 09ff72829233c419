"""How much time is left, as a value."""

from dataclasses import dataclass, replace

from callrouter.domain.clock import Clock


@dataclass(frozen=True)
class Budget:
    """Time until ``deadline`` (seconds of ``clock.monotonic()``). There is no endless budget."""

    deadline: float
    clock: Clock

    @classmethod
    def of(cls, seconds: float, clock: Clock) -> "Budget":
        """A budget of ``seconds`` from now. Raises `ValueError` when negative."""
        return cls(clock.monotonic() + _not_negative(seconds), clock)

    def remaining(self) -> float:
        """Seconds left: zero once the deadline has passed, never more than there is."""
        return max(0.0, self.deadline - self.clock.monotonic())

    def minus(self, seconds: float) -> "Budget":
        """This ending ``seconds`` earlier: a later step is paid first. Raises `ValueError` when negative."""
        return replace(self, deadline=self.deadline - _not_negative(seconds))


def _not_negative(seconds: float) -> float:
    if not seconds >= 0:
        raise ValueError("a budget takes no negative time")
    return seconds
