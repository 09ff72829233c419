"""A simulated Contactability ``calls/ping``, with its limits."""

import json
import random
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web

from callrouter.domain.clock import Clock
from callrouter.simulator.partners.answers import Answer, Decide
from callrouter.simulator.partners.buyer import SimulatedBuyer
from callrouter.simulator.partners.faults import Body

LIMITS = ((1.0, 5), (60.0, 300), (3600.0, 10_000))
"""Window in seconds, and the most requests in any such window."""


@dataclass(frozen=True)
class Leg:
    """One of several service providers in a reply."""

    payout: str
    number: str
    service_provider: str = "Acme Insurance"
    duration_s: int | None = 90


class SimulatedContactability(SimulatedBuyer):
    """Answers one leg, or with ``legs`` set a list of them besides the answer's own.

    ``jitter_s`` is taken off every window: what a strict sender spaced exactly can arrive that much closer.
    """

    path = "/api/v1/calls/ping"

    def __init__(
        self,
        *,
        clock: Clock,
        rng: random.Random,
        token: str,
        answer: Decide | None = None,
        port: int = 0,
        jitter_s: float = 0.0,
        limits: Sequence[tuple[float, int]] = LIMITS,
    ) -> None:
        super().__init__(clock=clock, rng=rng, answer=answer, port=port)
        self._token = token
        self._jitter_s = jitter_s
        self._limits = limits
        self._arrivals: deque[float] = deque(maxlen=max(most for _, most in limits) + 1)
        self.violations = 0
        """Requests beyond a limit."""
        self.legs: tuple[Leg, ...] | None = None

    def _refusal(self, request: web.Request, params: Mapping[str, str]) -> tuple[str, Body] | None:
        if request.method != "GET":
            return "bad_request", Body(b"method not allowed", "text/plain", 405)
        if self._over_limit():
            self.violations += 1
            return "limited", Body(b"Too Many Requests", "text/plain", 429)
        if params.get("token") != self._token:
            return "unauthorised", Body(b'{"error":"unauthorized"}', "application/json", 401)
        return None

    def _over_limit(self) -> bool:
        now = self._clock.now()
        self._arrivals.append(now)
        for window_s, most in self._limits:
            if len(self._arrivals) > most and now - self._arrivals[-most - 1] < window_s - self._jitter_s:
                return True
        return False

    def _body(self, params: Mapping[str, str], answer: Answer, payout: str | None, number: str) -> Body:
        leg = _leg(Leg(payout or "0.00", number if payout else "", duration_s=answer.min_duration_s))
        reply: object = leg if self.legs is None else {"legs": [leg, *map(_leg, self.legs)]}
        return Body(json.dumps(reply).encode(), "application/json")


def _leg(leg: Leg) -> dict[str, object]:
    shown: dict[str, object] = {
        "service_provider": leg.service_provider,
        "payout": leg.payout,
        "transfer_number": leg.number,
    }
    return shown | ({} if leg.duration_s is None else {"duration": leg.duration_s})
