"""The sentences in which a call's decisions are told; each is written here, once. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from callrouter.domain.decision import Awaited, Decision, PolicyName, Rated, Rules

MOST_NAMED = 3
"""How many offers or buyers are told of one by one; of the rest it is said how many they are."""
_UNIT = re.compile(r"(?<=\d) (?=(?:s|%)(?!\w))")
_MOMENT_S = 0.99
_NEGLIGIBLE = 0.005
"""Dollars."""

BY: dict[PolicyName, str] = {
    "expected_value": "The plan dials what is worth most on average, and waits while waiting is worth more.",
    "highest_payout": "The plan dials the highest payout once all have answered; of equal ones the shorter minimum.",
    "priority": "The plan serves buyers by priority; within one they come first in turn, by their weights.",
}
"""What each policy does."""
NEW_AUCTION = "Buyers had been asked anew (auction {no})."
NEWCOMER = " Little is known of {buyer}: these chances are those of buyers on the whole."
FAILED = "Nothing came of {buyer}'s offer."
A_DIAL_FAILED = "The dial failed."
DIALLED = "Dialled {offer}."
PUT_FIRST = "Put first for the agent: {offer}."
HELD = "{held} for a better offer."
HELD_FOR_FIRST = "{held} for a first offer."
HELD_FOR_NEXT = "{held} for another offer."
HELD_FOR_ANSWERS = "{held}: others had still to answer."
HELD_FOR_MORE = "{held}: the plan wants more offers in hand."
HOLDING, WAITING = "Held the caller", "Waited"
"""Of a call, and of a transfer, in which the agent talks meanwhile."""
HELD_ON = "Held on: {offers}."
NOTHING_LEFT = "No offer was left to dial, and nobody was left to make one."
NO_MORE_DIALS = "No further dial: the plan dials no more than {most}."
LAPSED = "Too little was left to dial {whose}."
NO_OFFER_MEANWHILE = "Meanwhile {buyers} made no offer."
LOOKED = "Looked again {times} until {until}: no better offer had come."
LOOKED_WORTH = "Looked again {times} until {until}: waiting stayed worth more{dollars}."
OFFER_LAPSES = "The plan would have waited on, but this offer was about to lapse."
SERVED_FIRST = "Nobody who may still answer is served before it."
ALL_ANSWERED = "Nobody was left to wait for."
TOO_FEW = "The plan wants {wanted} offers in hand before it dials; there {had}."
WAIT_OVER = "With an offer in hand the plan keeps a caller waiting for no more than {longest}."
TIME_UP = "The auction's {whole} were over."
NOT_EXPECTED = "Nobody who has not answered is expected to bring more than holding costs{dollars}."
LEFT_OF_WAIT = "Of the {longest} that the plan keeps a caller waiting with an offer in hand, {left} were left."
WORTH_IS = (
    "Worth is what an offer brings on average: its payout, times the chances that the phone is answered, that the talk "
    "lasts the minimum and that the caller is still there. They are learned from earlier calls."
)
HARDLY_MORE = "Waiting is worth hardly more than dialling now{dollars}: too little to keep a caller for."
NO_TIME = "What was left of the plan's wait was too short to bring more."
WORTH_WAITING = "Waiting is worth more than dialling now."
ORDER = "{buyer} alone is worth more; in this order, with what may follow a dial that fails, they are worth most."


def seconds(seconds_: float) -> str:
    """``0.25 s``, ``3.6 s``, ``60 s``."""
    return f"{round(seconds_, 2 if seconds_ < 1 else 1):g} s"


def percent(chance: float) -> str:
    """A chance in whole percent; what is not certain is never called so."""
    if 0.995 <= chance < 1:
        return "over 99 %"
    if 0 < chance < 0.005:
        return "under 1 %"
    return f"{chance * 100:.0f} %"


def unbroken(text: str) -> str:
    """With each number kept beside its unit, by no-break spaces."""
    return _UNIT.sub("\N{NO-BREAK SPACE}", text)


def times(count: int) -> str:
    """``once``, ``5 times``."""
    return "once" if count == 1 else f"{count} times"


def named(names: Sequence[str]) -> str:
    """``A``, ``A and B``, ``A, B and C``, ``A, B, C and 4 more``."""
    shown, more = list(names[:MOST_NAMED]), len(names) - MOST_NAMED
    shown += [f"{more} more"] if more > 0 else []
    return " and ".join([*([", ".join(shown[:-1])] if shown[1:] else []), *shown[-1:]])


def failed(buyer: str | None) -> str:
    """That what was decided before came to nothing."""
    return FAILED.format(buyer=buyer) if buyer else A_DIAL_FAILED


def lapsed(buyers: Sequence[str]) -> str:
    """Offers whose window had all but closed."""
    return LAPSED.format(whose=f"the {'offer' if len(buyers) == 1 else 'offers'} of {named(buyers)}")


def within_s(awaited: Sequence[Awaited]) -> float | None:
    """Within how many seconds the chances of those who have not answered were weighed; ``None`` where it was for a
    moment only, whose chances would explain nothing."""
    spans = [buyer.within_s for buyer in awaited if buyer.within_s is not None]
    return spans[0] if spans and spans[0] >= _MOMENT_S else None


@dataclass(frozen=True, slots=True)
class Words:
    """How one call's decisions are put: with or without ``money``, by its plan's ``rules``."""

    rules: Rules
    money: bool = True

    @property
    def by_worth(self) -> bool:
        """Whether dollars were expected at all: the policies of contracts expect none."""
        return self.rules.policy == "expected_value"

    def offers(self, offer: Rated) -> str:
        """``bolt offers $18.00 (after 60 s of talk)``."""
        return f"{offer.buyer} {self._terms(offer)}"

    def _terms(self, offer: Rated) -> str:
        verb = f"offers ${offer.payout:.2f}" if self.money else "makes an offer"
        when = f"after {offer.min_duration_s} s of talk" if self.money else f"{offer.min_duration_s} s of talk wanted"
        return f"{verb} ({when})" if offer.min_duration_s else verb

    def dialled(self, offer: Rated | None, buyer: str | None, *, transfer: bool) -> str:
        """Whose offer is dialled; to a transfer's agent it is put first."""
        said = f"{offer.buyer}, which {self._terms(offer)}" if offer else str(buyer)
        return (PUT_FIRST if transfer else DIALLED).format(offer=said)

    def best(self, offer: Rated) -> str:
        """The best offer in hand, what it is worth, and how that is reckoned."""
        if not self.by_worth:
            return f"{self.offers(offer)}."
        return f"{self.offers(offer)}{self._reckoned(offer, ', worth')}{_new(offer)}"

    def worth(self, offer: Rated, subject: str) -> str:
        """What an offer is worth that has been told of already."""
        return f"{subject}{self._reckoned(offer, ' is worth')}{_new(offer)}"

    def _reckoned(self, offer: Rated, worth: str) -> str:
        chances = _chances(offer)
        if not self.money:
            return f": {', '.join(chances)}."
        return f"{worth} ${offer.worth:.2f}: {' × '.join([f'${offer.payout:.2f}', *chances])}."

    def rivals(self, offers: Sequence[Rated]) -> str:
        """The other offers in hand."""
        shown = [self._rival(offer) for offer in offers[:MOST_NAMED]]
        more = len(offers) - MOST_NAMED
        shown += [f"and {more} more"] if more > 0 else []
        return f"Also in hand: {'; '.join(shown)}."

    def _rival(self, offer: Rated) -> str:
        place = self._place(offer.buyer)
        if not self.money:
            return f"{offer.buyer}{place}"
        worth = f", worth ${offer.worth:.2f}" if self.by_worth else ""
        return f"{offer.buyer}{place}, ${offer.payout:.2f}{worth}"

    def _place(self, buyer: str) -> str:
        tier = self.rules.tiers.get(buyer) if self.rules.policy == "priority" else None
        return f" (priority {tier[0]}, weight {tier[1]:g})" if tier else ""

    def place(self, buyer: str) -> list[str]:
        """Where a buyer stands in the plan's order, if it has one."""
        place = self._place(buyer).strip(" ()")
        return [f"{buyer} has {place.replace(', ', ' and ')}."] if place else []

    def awaited(self, buyers: Sequence[Awaited], within_s: float | None) -> list[str]:
        """Who has not answered: those one by one of whom something is expected, the others together.

        ``within_s`` is what their chances are of; ``None`` leaves these out.
        """
        expected = sorted((b for b in buyers if b.chance is not None), key=_promise)[:MOST_NAMED]
        told = [said for buyer in expected if (said := self._expected(buyer, within_s))]
        others = [b.buyer for b in buyers if b not in expected[: len(told)]]
        if others:
            places = [f"{buyer}{self._place(buyer)}" for buyer in others]
            have = "has" if len(others) == 1 else "have"
            told.append(f"{named(places)} {have} not answered{' either' if told else ''}.")
        return told

    def _expected(self, buyer: Awaited, within_s: float | None) -> str | None:
        said = f"{buyer.buyer}{self._place(buyer.buyer)} has not answered"
        worth = f"${buyer.worth:.2f}" if buyer.worth is not None and self.money and self.by_worth else None
        if within_s is None:
            return f"{said}; its offers are typically worth {worth}." if worth else None
        typically = f", typically worth {worth}" if worth else ""
        guessed = " (a guess: it is new)" if buyer.newcomer else ""
        return f"{said}; within {seconds(within_s)} it offers in {_cases(buyer.chance or 0.0)}{typically}{guessed}."

    def waiting(self, decision: Decision, first: Rated | None) -> str:
        """That waiting is worth more, and by how much."""
        waits, cost = decision.worth_waiting, self._second(decision)
        if not self.money or waits is None:
            return WORTH_WAITING
        return f"Waiting is worth ${waits:.2f}, {self._now(decision, first)}{cost}."

    def _now(self, decision: Decision, first: Rated | None) -> str:
        now = decision.worth_now or 0.0
        more = first is not None and now - first.worth >= _NEGLIGIBLE
        return f"dialling now ${now:.2f}{' (with what may follow if that fails)' if more else ''}"

    def _second(self, decision: Decision) -> str:
        cost = decision.second_costs
        if not self.money or cost is None:
            return ""
        return f"; each second of hold costs {f'${cost:.2f}' if cost >= _NEGLIGIBLE else 'less than a cent'}"

    def against(self, decision: Decision) -> str:
        """Both worths, in brackets."""
        waits, now = decision.worth_waiting, decision.worth_now
        return f" (${waits:.2f} against ${now:.2f})" if self.money and waits is not None and now is not None else ""

    def not_worth_waiting(self, decision: Decision, first: Rated | None) -> list[str]:
        """Why the caller is kept no longer although somebody may still answer."""
        waits, now, longest = decision.worth_waiting, decision.worth_now, self.rules.max_wait_s
        told = []
        if longest is not None and self._bounded(decision):
            left = seconds(max(0.0, decision.since + longest - decision.at))
            told.append(LEFT_OF_WAIT.format(longest=seconds(longest), left=left))
        if not decision.horizon_s or waits is None or now is None:
            return [*told, NO_TIME]
        if round(waits, 2) > round(now, 2):
            return [*told, HARDLY_MORE.format(dollars=self.against(decision))]
        worths = f": waiting is worth at most ${waits:.2f}, {self._now(decision, first)}{self._second(decision)}"
        return [*told, NOT_EXPECTED.format(dollars=worths if self.money else "")]

    def _bounded(self, decision: Decision) -> bool:
        longest = self.rules.max_wait_s
        return longest is not None and decision.since + longest < decision.deadline_at

    def wait_over(self, decision: Decision) -> str:
        """Which bound the wait has reached."""
        longest = self.rules.max_wait_s
        if longest is not None and self._bounded(decision):
            return WAIT_OVER.format(longest=seconds(longest))
        return TIME_UP.format(whole=seconds(decision.deadline_at - decision.since))

    def too_few(self, had: int) -> str:
        """How many offers are wanted, and how many there were."""
        return TOO_FEW.format(wanted=self.rules.min_offers, had="was 1" if had == 1 else f"were {had}")

    def given_up(self, decision: Decision) -> str:
        """Why there is nothing to dial and nothing to wait for."""
        if decision.tries_left > 0:
            return NOTHING_LEFT
        most = self.rules.max_attempts
        return NO_MORE_DIALS.format(most="one buyer a call" if most == 1 else f"{most} buyers a call")


def _chances(offer: Rated) -> list[str]:
    lasts = f"{percent(offer.talks)} that the talk lasts {offer.min_duration_s} s"
    return [
        f"{percent(offer.answers)} that it answers",
        *([lasts] if offer.min_duration_s else []),
        f"{percent(offer.stays)} that the caller is still there",
    ]


def _promise(buyer: Awaited) -> tuple[float, str]:
    """What most is expected of comes first."""
    return (-(buyer.chance or 0.0) * (buyer.worth or 0.0), buyer.buyer)


def _cases(chance: float) -> str:
    if 0 < chance < 0.005:
        return "fewer than 1 of 100 cases"
    if 0.995 <= chance < 1:
        return "more than 99 of 100 cases"
    return f"{chance * 100:.0f} of 100 cases"


def _new(offer: Rated) -> str:
    """A warning that the chances are not its own."""
    return NEWCOMER.format(buyer=offer.buyer) if offer.newcomer else ""
