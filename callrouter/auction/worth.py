"""What a dial is worth, and the best order of dials. Pure; dollars are floats here, and only here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from math import exp

from callrouter.auction.known import Believed, InHand, Known

FIRSTS = 3
"""How many of the best are tried as the first dial: one that lapses soon may have to come before a better one."""


@dataclass(frozen=True, slots=True)
class Dial:
    """One dial: what it wins, how likely it leaves us with a caller to be offered on, and how long it rings then."""

    win: float
    """Payout × chance that it is answered × chance that the talk lasts × chance that the caller is still there."""
    keep: float
    """Chance that it fails and the caller is still there."""
    failing_s: float
    buyer: str
    there: float = 1.0
    """Chance that its offer is in hand when its turn comes."""
    dial_by: float = float("inf")
    answers: float = 1.0
    """Chance that its phone is picked up."""

    @property
    def index(self) -> float:
        """By which dials are ordered: dialling in its order is worth most (two neighbours exchanged prove it)."""
        return self.win / (1.0 - self.keep) if self.keep < 1.0 else 0.0


@dataclass(frozen=True, slots=True)
class Chances:
    """The chances of one buyer's offer, as they are explained."""

    answers: float
    talks: float
    stays: float
    newcomer: bool
    """Whether nothing is known of its phone."""


class Weighing:
    """What is believed of a call's buyers at one moment, asked for once each."""

    def __init__(self, known: Known, believed: Believed, now: float) -> None:
        self._believed, self._vertical, self.now = believed, known.vertical, now
        self.hold_leave = believed.leave_per_s(known.vertical, "hold")
        self.ring_leave = believed.leave_per_s(known.vertical, "ring")
        self._phones: dict[str, tuple[float, float, float, float]] = {}
        self._lasts: dict[tuple[str, int], float] = {}

    def _phone(self, buyer: str) -> tuple[float, float, float, float]:
        phone = self._phones.get(buyer)
        if phone is None:
            believed, leave = self._believed, self.ring_leave
            answers, failing_s = believed.answers(buyer), believed.failing_s(buyer)
            stays = exp(-leave * believed.ring_s(buyer))
            phone = (answers, stays, (1.0 - answers) * exp(-leave * failing_s), failing_s)
            self._phones[buyer] = phone
        return phone

    def _talks(self, buyer: str, min_s: int) -> float:
        lasts = self._lasts.get((buyer, min_s))
        if lasts is None:
            lasts = self._lasts[buyer, min_s] = self._believed.talks(buyer, self._vertical, min_s, self.now)
        return lasts

    def chances(self, buyer: str, min_s: int) -> Chances:
        """Of an offer with this minimum duration."""
        answers, stays, _, _ = self._phone(buyer)
        return Chances(answers, self._talks(buyer, min_s), stays, not self._believed.dialled(buyer))

    def dial(self, offer: InHand) -> Dial:
        """Of an offer in hand."""
        answers, stays, keep, failing_s = self._phone(offer.buyer)
        win = float(offer.payout) * answers * self._talks(offer.buyer, offer.min_s) * stays
        return Dial(win, keep, failing_s, offer.buyer, dial_by=offer.dial_by, answers=answers)

    def typical(self, buyer: str) -> tuple[Dial, tuple[float, ...]]:
        """Of what a buyer may offer that has not answered yet: its mean as a dial, and what each would win."""
        answers, stays, keep, failing_s = self._phone(buyer)
        per_dollar: dict[int, float] = {}
        wins = []
        for payout, min_s in self._believed.typical_offers(buyer):
            worth = per_dollar.get(min_s)
            if worth is None:
                worth = per_dollar[min_s] = answers * self._talks(buyer, min_s) * stays
            wins.append(payout * worth)
        return Dial(sum(wins) / len(wins), keep, failing_s, buyer), tuple(wins)


def in_order(dials: Sequence[Dial]) -> list[Dial]:
    """Best first; equal ones by their winnings, then by name, so that the order of arrival decides nothing."""
    return sorted(dials, key=lambda dial: (-dial.index, -dial.win, dial.buyer))


def value_of(dials: Iterable[Dial], tries: float, now: float) -> float:
    """What following this order is worth, from ``now`` (epoch s): each next dial if the one before has failed."""
    value, reach = 0.0, 1.0
    for dial in dials:
        if tries <= 0.0 or reach < 1e-4:
            break
        if now > dial.dial_by:
            continue
        there = dial.there if tries >= dial.there else tries
        value += reach * there * dial.win
        reach *= 1.0 - there + there * dial.keep
        now += there * dial.failing_s
        tries -= there
    return value


def best_plan(in_hand: Sequence[Dial], others: Sequence[Dial], tries: int, now: float) -> tuple[Dial | None, float]:
    """Which offer in hand to dial first, and what that is worth with all that may follow; ``others`` may come."""
    best, worth = None, 0.0
    order = in_order([*in_hand, *others])
    for first in in_order(in_hand)[:FIRSTS]:
        if first.dial_by < now or any(_beats(other, first, now) for other in in_hand):
            continue
        rest = (dial for dial in order if dial is not first and dial.buyer != first.buyer)
        value = value_of(chain((first,), rest), tries, now)
        if best is None or value > worth + 1e-9:
            best, worth = first, value
    return best, worth


def _beats(better: Dial, dial: Dial, now: float) -> bool:
    """Whether a dial pays more and is answered as often, and the other can still follow it.

    Without this a poor offer may come first only because it is likely to fail, and so to pass the time.
    """
    return (
        better.win > dial.win
        and better.answers >= dial.answers
        and better.win * dial.answers >= dial.win * better.answers
        and better.failing_s <= dial.failing_s
        and now <= better.dial_by
        and now + better.failing_s <= dial.dial_by
    )
