"""Every decision of a call made again with what was known and believed: it must come out the same. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from callrouter.auction.policy import decide
from callrouter.auction.recorded import recorded
from callrouter.domain.decision import Decision
from callrouter.replaying.past import Past
from callrouter.replaying.walks import Walk, Wanted


@dataclass(frozen=True)
class Difference:
    """A decision that does not come out as it was recorded."""

    sid: str
    at: float
    """Epoch seconds."""
    was: Mapping[str, Any]
    """The fields that differ, as recorded, and as they are now."""
    now: Mapping[str, Any]


@dataclass(frozen=True)
class Remade:
    """What came of one call's decisions."""

    made: int
    different: tuple[Difference, ...]
    forgotten: int
    """Decisions whose beliefs are not kept any more: they could not be made again."""


def remade(past: Past) -> Walk[Remade]:
    """Make them again, to the last digit that is recorded."""
    made, different, forgotten = 0, [], 0
    for place, decision in enumerate(past.decisions):
        believed = yield Wanted(decision.beliefs, decision.at)
        if believed is None:
            forgotten += 1
            continue
        made += 1
        known = past.known[place]
        again = recorded(
            known,
            decide(known, believed, decision.at),
            decision.at,
            auction=decision.auction,
            after=decision.after,
            beliefs=believed.version,
            earlier=past.decisions[:place],
        )
        if again != decision:
            different.append(_difference(past.sid, decision, again))
    return Remade(made, tuple(different), forgotten)


def _difference(sid: str, was: Decision, now: Decision) -> Difference:
    old, new = was.model_dump(mode="json"), now.model_dump(mode="json")
    names = [name for name in old if old[name] != new[name]]
    return Difference(sid, was.at, {name: old[name] for name in names}, {name: new[name] for name in names})
