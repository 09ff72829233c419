"""The offer's window: whether, and for how long, an offer may still be rung. Pure."""

import math

from callrouter.carrier.seam import Capabilities
from callrouter.dialplan import Bridge
from callrouter.domain.offer import Offer

MARGIN_S = 1.0
"""What may pass between our decision and the carrier's dial: the push, the answer, the carrier's own work."""


def may_post(offer: Offer, now: float) -> bool:
    """Whether a bid can still be taken up: its post must reach the buyer before it lapses."""
    return offer.expires_at - now > MARGIN_S


def ring_timeout_s(offer: Offer, bridge: Bridge, carrier: Capabilities, now: float) -> int | None:
    """Whole seconds to ring so that even the carrier's added buffer ends inside the window.

    ``None`` when the window is too short to be worth a dial.
    """
    remaining = offer.expires_at - now - carrier.timeout_buffer_s - MARGIN_S
    seconds = min(bridge.ring_s, math.floor(remaining))
    return seconds if seconds >= carrier.min_ring_s else None
