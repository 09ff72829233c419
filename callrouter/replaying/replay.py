"""Recorded calls replayed, all of them: made again, and, where other settings are given, as they would have been."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from callrouter.replaying.changes import Changes
from callrouter.replaying.otherwise import otherwise
from callrouter.replaying.past import Past, Unreplayable, past_of
from callrouter.replaying.really import really
from callrouter.replaying.remade import Difference, Remade, remade
from callrouter.replaying.tally import Comes
from callrouter.replaying.walks import BeliefsThen, Walks

TRANSFER = "transfer"


@dataclass(frozen=True, slots=True)
class Compared:
    """One call: what it came to, and what it would have come to."""

    sid: str
    plan: str
    was: Comes
    would: Comes
    below_floor: int = 0


@dataclass
class Replayed:
    """What came of it."""

    calls: int = 0
    """All calls of the period that were decided about."""
    made: int = 0
    """Decisions that were made again."""
    different: list[Difference] = field(default_factory=list)
    forgotten_decisions: int = 0
    forgotten_calls: int = 0
    """Those whose beliefs are not kept."""
    undecided: int = 0
    """Calls in which nothing was to be decided."""
    unreplayable: Counter[str] = field(default_factory=Counter)
    """Why, and how many calls."""
    transfers: int = 0
    """Left out of what other settings would have brought."""
    compared: list[Compared] = field(default_factory=list)
    buyers: set[str] = field(default_factory=set)
    """Who took part in any of the calls."""

    @property
    def same(self) -> bool:
        """Whether every decision that could be made again came out as it was."""
        return not self.different

    def took(self, of: Remade) -> None:
        """One call's decisions were made again."""
        self.made += of.made
        self.different += of.different
        self.forgotten_decisions += of.forgotten
        self.forgotten_calls += bool(of.forgotten)


async def replayed(
    records: AsyncIterator[tuple[float, Mapping[str, Any]]], beliefs: BeliefsThen, changes: Changes | None = None
) -> Replayed:
    """Replay calls: when each began (epoch s, ascending), and its record."""
    found, walks = Replayed(), Walks(beliefs)
    async for started_at, record in records:
        await walks.until(started_at)
        try:
            past = past_of(record)
        except Unreplayable as why:
            found.unreplayable[str(why)] += 1
            continue
        if not past.decisions:
            found.undecided += 1
            continue
        found.calls += 1
        found.buyers |= {reply.asked.buyer for round_ in past.rounds.values() for reply in round_.replies}
        walks.add(remade(past), found.took)
        if changes is not None and past.kind == TRANSFER:
            found.transfers += 1
        elif changes is not None:
            _compare(walks, past, changes, found)
    await walks.until(float("inf"))
    found.different.sort(key=lambda one: (one.at, one.sid))
    return found


def _compare(walks: Walks, past: Past, changes: Changes, found: Replayed) -> None:
    def done(would: Comes | None) -> None:
        if would is not None:
            found.compared.append(Compared(past.sid, past.plan, really(past), would, past.below_floor))

    walks.add(otherwise(past, changes), done)
