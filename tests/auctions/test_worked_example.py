"""The README's worked example of the policy: the figures are those that the policy itself comes to."""

import re
from collections.abc import Sequence
from decimal import Decimal
from math import exp
from pathlib import Path

from callrouter.auction.known import Asked, InHand, Known
from callrouter.auction.policy import decide
from callrouter.auction.verdict import Verdict
from callrouter.domain.decision import Because, Choice, Rules

README = Path(__file__).parents[2] / "README.md"
ACME = InHand("acme", Decimal("40.00"), 90, dial_by=25.0)
BOLT = InHand("bolt", Decimal("32.00"), 60, dial_by=25.0)
UNHEARD = Asked("bolt", 0.0, until=10.0)


class Taught:
    """What the example says is known of the two buyers and of callers."""

    version = 1

    def answers(self, buyer: str) -> float:
        return {"acme": 0.80, "bolt": 0.85}[buyer]

    def talks(self, buyer: str, vertical: str, min_s: float, now: float) -> float:
        return {"acme": 0.50, "bolt": 0.80}[buyer]

    def ring_s(self, buyer: str) -> float:
        return 6.0

    def failing_s(self, buyer: str) -> float:
        return 12.0

    def dialled(self, buyer: str) -> bool:
        return True

    def heard(self, buyer: str) -> bool:
        return True

    def offers_within(self, buyer: str, silent_s: float, later_s: Sequence[float]) -> list[float]:
        """Seven of ten offer, after two seconds on average."""
        silent = 0.3 + 0.7 * exp(-silent_s / 2)
        return [0.7 * (exp(-silent_s / 2) - exp(-moment / 2)) / silent for moment in later_s]

    def typical_offers(self, buyer: str) -> Sequence[tuple[float, int]]:
        return [(32.0, 60)]

    def leave_per_s(self, vertical: str, hearing: str) -> float:
        return 1 / 60 if hearing == "hold" else 1 / 120


def decided(now: float, in_hand: tuple[InHand, ...], awaited: tuple[Asked, ...] = ()) -> Verdict:
    known = Known("CA1", "auto", 0.0, 10.0, 4, in_hand, awaited, Rules())
    return decide(known, Taught(), now)


def dollars(worth: float | None) -> str:
    assert worth is not None
    return f"${worth:.2f}"


def test_the_readmes_example_is_what_the_policy_decides() -> None:
    early = decided(0.5, (ACME,), (UNHEARD,))
    answered = decided(2.0, (ACME, BOLT))
    silent = decided(7.0, (ACME,), (UNHEARD,))
    assert (early.choice, early.because) == (Choice.WAIT, Because.WORTH_WAITING)
    assert decided(6.0, (ACME,), (UNHEARD,)).choice is Choice.WAIT
    assert (silent.choice, silent.because) == (Choice.DIAL, Because.NOT_WORTH_WAITING)
    assert (answered.choice, answered.buyer) == (Choice.DIAL, "bolt")
    comes = early.coming[0].by_horizon[early.horizons.index(2.0)]
    told = [
        *(dollars(dial.win) for dial in (early.ranking[0], early.coming[0].dial)),
        f"{comes:.0%}".replace("%", " of 100"),
        *map(dollars, (early.worth_now, early.worth_waiting, early.second_costs)),
        *(dollars(answered.ranking[0].win), dollars(answered.worth_now)),
        *map(dollars, (silent.worth_waiting, silent.worth_now)),
    ]
    example = re.search(r"^\*An example\.\*(.*?)\n\n", README.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert example is not None
    figures = re.findall(r"\$\d+\.\d\d|\d+ of 100(?= cases)", example[1])
    assert [figure for figure in figures if figure not in ("$40.00", "$32.00")] == told
