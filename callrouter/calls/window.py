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


def ring_timeout_s(offer: Offer, bridge: Bridge, carrier: Capabilities, now: float, later_s: float = 0.0) -> int | None:
    """Whole seconds to ring so that even the carrier's added buffer ends inside the window.

    ``later_s`` is how much later than usual the dial may start. ``None`` when the window is too short to be worth one.
    """
    remaining = offer.expires_at - now - carrier.timeout_buffer_s - MARGIN_S - later_s
    seconds = min(bridge.ring_s, math.floor(remaining))
    return seconds if seconds >= carrier.min_ring_s else None


def dial_by(offer: Offer, carrier: Capabilities, later_s: float = 0.0) -> float:
    """Until when the dial of an offer, or the post of a bid, must be decided; epoch seconds."""
    if offer.awaits_post:
        return offer.expires_at - MARGIN_S
    return offer.expires_at - carrier.timeout_buffer_s - carrier.min_ring_s - later_s - MARGIN_S


def last_ring_at(offer: Offer, carrier: Capabilities) -> float:
    """Until when the offer's buyer can be rung in a room, or its bid be taken up; epoch seconds."""
    return dial_by(offer, carrier, carrier.place_s)
