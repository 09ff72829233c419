"""What the answer to a post means: sold, refused for certain, or nobody knows. Pure."""

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from callrouter.buyers.base import Quote
from callrouter.domain.offer import Decline
from callrouter.domain.reasons import Family, Reason


class Meaning(StrEnum):
    """Who has the lead after a post."""

    SOLD = "sold"
    REFUSED = "refused"
    """Not this buyer, for certain: the next one may be tried."""
    UNCERTAIN = "uncertain"
    """Perhaps this buyer: the same post may tell when it is sent again."""
    UNTOLD = "untold"
    """Perhaps this buyer, and sending the post again will not tell."""


@dataclass(frozen=True)
class Verdict:
    """What a post came to. ``quote`` is the price at which it is sold."""

    meaning: Meaning
    quote: Quote | None = None


_UNREADABLE = frozenset(
    {
        Reason.ERROR_TIMEOUT,
        Reason.ERROR_UNREACHABLE,
        Reason.ERROR_BAD_RESPONSE,
        Reason.ERROR_TOO_LARGE,
        Reason.ERROR_REDIRECT,
        Reason.ERROR_UNSAFE_XML,
        Reason.ERROR_ADAPTER,
    }
)
_TELLS_NOTHING = frozenset({Reason.NO_OFFER_EXPIRED, Reason.NO_OFFER_CAPPED})
"""To a repeat: the bid may have lapsed, or the cap been reached, with the first one."""
_HTTP_TIMEOUT = 408


def judge(answer: Quote | Decline, bid: Quote | None, *, sent: bool, status: int | None, repeated: bool) -> Verdict:
    """What ``answer`` means to a post of ``bid``; ``repeated`` when an earlier one may have been taken.

    ``sent`` is whether the buyer may have got the request at all.
    """
    if isinstance(answer, Quote):
        return Verdict(Meaning.SOLD, _priced(answer, bid))
    if not sent:
        return Verdict(Meaning.UNCERTAIN if repeated else Meaning.REFUSED)
    if _lost(answer, status):
        return Verdict(Meaning.UNCERTAIN)
    if not repeated:
        return Verdict(Meaning.REFUSED)
    if answer.reason is Reason.NO_OFFER_DUPLICATE:
        return Verdict(Meaning.SOLD, bid or Quote(number=None, payout=Decimal(0), payout_stated=False))
    if answer.reason in _TELLS_NOTHING:
        return Verdict(Meaning.UNTOLD)
    return Verdict(Meaning.REFUSED if answer.reason.family is Family.NO_OFFER else Meaning.UNCERTAIN)


def _lost(answer: Decline, status: int | None) -> bool:
    """Whether the buyer may have bought the lead all the same."""
    if answer.reason in _UNREADABLE or status is None or status >= 500 or status == _HTTP_TIMEOUT:
        return True
    return answer.reason is Reason.ERROR_HTTP_STATUS and status < 400


def _priced(answer: Quote, bid: Quote | None) -> Quote:
    """The answer at its own price, else at the price of the bid."""
    if answer.payout_stated or bid is None:
        return answer
    return replace(answer, payout=bid.payout, payout_stated=bid.payout_stated)
