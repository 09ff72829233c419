"""Why a call was not sold, in one word. Pure."""

from collections.abc import Collection
from typing import Literal

from callrouter.domain.call import Call
from callrouter.domain.reasons import OFFER

NOBODY_ASKED = "nobody_asked"
"""How an auction is noted to have closed in which no buyer could be asked."""

WhyUnsold = Literal["nobody_asked", "no_offer", "offers_lapsed", "dials_failed"]


def why_unsold(call: Call, expired: Collection[str] = ()) -> WhyUnsold:
    """The furthest that an unsold call came; ``expired`` are the buyers whose offers lapsed in its last step.

    A bid that its buyer took back at the post was no offer after all.
    """
    if call.attempts:
        return "dials_failed"
    noted = {event.event for event in call.timeline}
    named = any(acceptance.result == OFFER for acceptance in call.acceptances)
    in_hand = call.auction is not None and call.auction.offers > 0 and not call.acceptances
    if expired or named or in_hand or "offer_expired" in noted:
        return "offers_lapsed"
    closes = [event.detail or "" for event in call.timeline if event.event == "auction_closed"]
    return "nobody_asked" if all(close.endswith(NOBODY_ASKED) for close in closes) else "no_offer"
