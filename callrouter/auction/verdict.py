"""What `decide` says: the choice, and the numbers behind it."""

from dataclasses import dataclass, replace

from callrouter.auction.stopping import Arrivals
from callrouter.auction.worth import Dial, Weighing
from callrouter.domain.decision import Because, Choice


@dataclass(frozen=True, slots=True)
class Verdict:
    """Times are epoch seconds, worth is dollars."""

    choice: Choice
    because: Because
    buyer: str | None = None
    """Whose offer is dialled, or would be."""
    until: float | None = None
    """Until when to wait if nothing happens before."""
    worth_now: float | None = None
    worth_waiting: float | None = None
    horizon_s: float | None = None
    second_costs: float | None = None
    ranking: tuple[Dial, ...] = ()
    """The offers that can be dialled, best first."""
    coming: tuple[Arrivals, ...] = ()
    horizons: tuple[float, ...] = ()
    weighing: Weighing | None = None

    def but(self, **changes: object) -> "Verdict":
        """This with these fields changed."""
        return replace(self, **changes)  # type: ignore[arg-type]
