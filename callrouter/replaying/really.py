"""What a call really came to, counted as `otherwise` counts what it would have come to. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from callrouter.domain.decision import Choice
from callrouter.replaying.past import Past
from callrouter.replaying.tally import Comes, Stake


@dataclass(frozen=True, slots=True)
class Held:
    """One stretch of hold: from the auction's beginning, or a failed dial, to the next dial or the end."""

    seconds: float
    left: bool
    """Whether the caller left at its end."""


def really(past: Past) -> Comes:
    """Of the record alone."""
    stakes: dict[str, Stake] = {}
    for dial in past.dials.values():
        if dial.result is None:
            continue
        paid = float(dial.paid)
        stakes[dial.buyer] = stakes.get(dial.buyer, Stake()).plus(1.0, paid, paid * paid)
    return Comes(sum(held.seconds for held in stretches(past)), float(past.abandoned), stakes)


def stretches(past: Past) -> list[Held]:
    """The call's holds, in order."""
    return list(_stretches(past))


def _stretches(past: Past) -> Iterator[Held]:
    if not past.decisions:
        return
    began: float | None = past.decisions[0].since
    for place, decision in enumerate(past.decisions):
        if began is None or decision.choice is not Choice.DIAL:
            continue
        yield Held(max(0.0, decision.at - began), left=False)
        began = past.dials[place].ended_at if place in past.dials and not _last(past, place) else None
    if began is not None:
        yield Held(max(0.0, _end(past) - began), left=past.abandoned)


def _last(past: Past, place: int) -> bool:
    """Whether this dial is how the call ended."""
    result = past.dials[place].result
    return result in OVER or (place + 1 == len(past.decisions) and not (result in FAILED and past.abandoned))


def _end(past: Past) -> float:
    """Until when the caller was held."""
    last = past.decisions[-1]
    return last.at if last.choice is Choice.GIVE_UP else past.ended_at


FAILED = frozenset({"busy", "no_answer", "failed", "early_hangup"})
"""Results of a dial after which the caller is offered on."""
OVER = frozenset({"bridged", "caller_gone", "called_off"})
