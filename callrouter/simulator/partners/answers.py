"""What a simulated partner is told to answer, and what it saw."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from callrouter.simulator.partners.faults import Fault

Span = tuple[float, float]


@dataclass(frozen=True)
class Answer:
    """One reply of a buyer. Without a payout it is a refusal."""

    latency_s: float | Span = 0.3
    """Seconds before the reply, or the least and most of them."""
    payout: Decimal | None = Decimal("25.00")
    number: str = "+18005550111"
    min_duration_s: int | None = 90
    code: str | None = None
    """A refusal's code (Let's Make A Lead: ``5000``); a code refuses whatever the payout."""
    fault: Fault | None = None
    body: bytes | None = None
    """Sent as it is instead of the usual body."""
    status: int = 200
    content_type: str | None = None
    post_latency_s: float | Span = 0.2
    """Two-step partners: seconds before the reply to the post that takes this offer."""
    post_code: str | None = None
    """A code with which that post is refused."""
    post_payout: Decimal | None = None
    """What that post pays, where it is not ``payout``."""
    post_fault: Fault | None = None

    def drawn_latency_s(self, rng: random.Random) -> float:
        """Seconds to wait this time."""
        return rng.uniform(*self.latency_s) if isinstance(self.latency_s, tuple) else self.latency_s


Decide = Callable[[Mapping[str, str]], Answer]


@dataclass
class PartnerRequest:
    """One request that a partner received, and what became of it."""

    at: float
    method: str
    params: Mapping[str, str]
    answered: str | None = None
    """``offer``, ``refused``, ``limited``, ``unauthorised``, ``bad_request`` or the fault."""
    answered_at: float | None = None


@dataclass(frozen=True)
class PartnerBid:
    """A ping's price as it left the partner, to be taken once with its token."""

    at: float
    token: str
    answer: Answer
    params: Mapping[str, str]


@dataclass(frozen=True)
class PartnerCommit:
    """A post that the partner took: from here on it counts on this call."""

    at: float
    token: str
    number: str
    payout: Decimal
    params: Mapping[str, str]


@dataclass(frozen=True)
class PartnerOffer:
    """One offer as it left the partner: the product's window starts here at the earliest."""

    at: float
    number: str
    payout: Decimal
    params: Mapping[str, str]
