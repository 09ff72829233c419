"""One decision about a call: what was known, what it was worth, and what was chosen. Kept with the call."""

from decimal import Decimal
from enum import StrEnum
from typing import Literal

from pydantic import Field

from callrouter.domain.values import Value

FORM = 1
"""The form in which decisions are written; replay reads all up to this one."""

PolicyName = Literal["expected_value", "highest_payout", "priority"]


class Choice(StrEnum):
    """What is done."""

    DIAL = "dial"
    WAIT = "wait"
    GIVE_UP = "give_up"


class Because(StrEnum):
    """Why it was chosen."""

    WORTH_WAITING = "worth_waiting"
    """A better offer is likely enough to come."""
    NOT_WORTH_WAITING = "not_worth_waiting"
    """Whoever has not answered is not expected to bring more than holding costs."""
    ALL_ANSWERED = "all_answered"
    """Nobody is left to be waited for."""
    OFFER_LAPSES = "offer_lapses"
    """The plan's policy would wait on, but the offer that it would dial does not live that long."""
    LONGEST_WAIT = "longest_wait"
    """The plan's bound has been reached."""
    TOO_FEW_OFFERS = "too_few_offers"
    """The plan wants more offers in hand first."""
    OTHERS_ANSWERING = "others_answering"
    """The plan's policy waits for whoever may still offer more, or is to be served first."""
    SERVED_FIRST = "served_first"
    """Nobody who may still answer would be served before the best in hand."""
    NO_OFFER_YET = "no_offer_yet"
    NOTHING_LEFT = "nothing_left"
    """No offer is in hand, and nobody may still make one."""


class Rules(Value):
    """What the plan says of the choice."""

    policy: PolicyName = "expected_value"
    max_wait_s: float | None = None
    """With an offer in hand no caller holds for longer than this since the auction's start."""
    min_offers: int = 1
    """How many offers are to be in hand before one is dialled, while others may still come."""
    max_attempts: int = 4
    tiers: dict[str, tuple[int, float]] = Field(default_factory=dict)
    """Of `priority`: each buyer's priority (1 first) and weight."""


class Rated(Value):
    """An offer in hand, and what dialling it first is worth."""

    buyer: str
    payout: Decimal
    min_duration_s: int
    dial_by: float
    """Until when its dial must have been decided, epoch seconds."""
    answers: float = 1.0
    """Chance that the phone is picked up."""
    talks: float = 1.0
    """Chance that the talk lasts the minimum duration."""
    stays: float = 1.0
    """Chance that the caller is still there when it is picked up."""
    worth: float = 0.0
    """Dollars: payout × the three."""
    newcomer: bool = False
    """Whether it has never been dialled, so that the chances are those of buyers on the whole."""


class Awaited(Value):
    """A buyer that has been asked and has not answered."""

    buyer: str
    asked_at: float
    until: float
    """When its time is up, epoch seconds."""
    chance: float | None = None
    """That it offers within ``within_s``."""
    within_s: float | None = None
    """The wait that was weighed; where nobody is waited for, the longest that was thought of."""
    newcomer: bool = False
    """Whether nothing is known of it yet, so that it is valued like anybody."""
    worth: float | None = None
    """Dollars: what an offer of it would be worth, typically."""


class Decision(Value):
    """See the module. The times are epoch seconds, money is dollars."""

    form: int = FORM
    at: float
    auction: int
    after: Literal["start", "reply", "look", "close", "dial"]
    """What led to it: the auction's beginning, a reply, time that passed, the auction's end, a dial that failed."""
    beliefs: int
    """The version of what was believed."""
    vertical: str
    since: float
    """When the auction began."""
    deadline_at: float
    tries_left: int
    rules: Rules | None = None
    """``None``: those of the decision before."""
    choice: Choice
    because: Because
    buyer: str | None = None
    """Whose offer is dialled."""
    until: float | None = None
    """Until when to wait, if nothing happens before."""
    worth_now: float | None = None
    """Of dialling now, with what may follow if it fails."""
    worth_waiting: float | None = None
    """Of waiting for ``horizon_s``."""
    horizon_s: float | None = None
    second_costs: float | None = None
    """What a second of hold costs: the chance that the caller leaves in it, times what they are worth."""
    news: bool = True
    """Whether an offer had come, or one was dialled, since the decision before; if not, ``offers`` and ``awaited`` are
    left out here, and are those of the decision before without whoever has ``answered``."""
    answered: tuple[str, ...] = ()
    """Where there is no news: who has answered since the decision before, and made no offer."""
    offers: tuple[Rated, ...] = ()
    """In hand and still to be dialled, best first."""
    awaited: tuple[Awaited, ...] = ()
    """Those who may still answer."""
