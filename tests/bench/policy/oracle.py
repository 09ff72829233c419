"""The oracle: the same decision rule, fed with the scenario's true parameters and not with what was learned."""

from collections.abc import Sequence
from math import erf, exp, log, sqrt
from statistics import NormalDist
from typing import Any

from callrouter.auction.known import Believed
from tests.bench.policy.given.sim import talk_sf
from tests.bench.policy.routed import Routed

_NORMAL = NormalDist()
_QUANTILES = tuple(_NORMAL.inv_cdf((2 * i + 1) / 24) for i in range(12))

Latency = tuple[tuple[float, float, float], ...]
"""Of each part of a mixture: weight, logarithm of the median, sigma × √2."""


def came_by(latency: Latency, seconds: float) -> float:
    """The share of replies that have come by then."""
    if seconds <= 0:
        return 0.0
    at = log(seconds)
    return sum(weight * (0.5 + 0.5 * erf((at - middle) / spread)) for weight, middle, spread in latency)


def latency_of(spec: Any) -> Latency:
    """A scenario's reply times: one log-normal, or several with weights."""
    parts = spec if isinstance(spec, list) else [{**spec, "w": 1.0}]
    total = sum(part["w"] for part in parts)
    return tuple((part["w"] / total, log(part["median"]), part["sigma"] * sqrt(2)) for part in parts)


class TrueBeliefs:
    """What there is to know about one call of the world, ``call``; outcomes are not known."""

    version = 0

    def __init__(self, world: Any) -> None:
        self._world = world
        self.call = 0
        # By the identity of a buyer's parameters, which live as long as the world.
        self._latency: dict[int, Latency] = {}
        self._offers: dict[int, list[tuple[float, int]]] = {}

    def _buyer(self, buyer: str) -> Any:
        return self._world.param[self.call][int(buyer)]

    def answers(self, buyer: str) -> float:
        return float(self._buyer(buyer)["p_answer"])

    def talks(self, buyer: str, vertical: str, min_s: float, now: float) -> float:
        return float(talk_sf(self._world.talk_spec(self.call, int(buyer)), min_s))

    def ring_s(self, buyer: str) -> float:
        ring = self._buyer(buyer)["ring"]
        return float(min(ring["median"] * exp(ring["sigma"] ** 2 / 2), self._world.T - 0.5))

    def failing_s(self, buyer: str) -> float:
        busy = self._buyer(buyer)["p_busy"]
        return float(busy * 2.0 + (1 - busy) * self._world.T)

    def offers_within(self, buyer: str, silent_s: float, later_s: Sequence[float]) -> list[float]:
        known = self._buyer(buyer)
        latency = self._latency.get(id(known))
        if latency is None:
            latency = self._latency[id(known)] = latency_of(known["latency"])
        replies = 1 - known["p_silent"]
        now = came_by(latency, silent_s)
        silent = 1 - replies * now
        return [replies * known["p_offer"] * (came_by(latency, later) - now) / silent for later in later_s]

    def dialled(self, buyer: str) -> bool:
        return True

    def heard(self, buyer: str) -> bool:
        return True

    def typical_offers(self, buyer: str) -> Sequence[tuple[float, int]]:
        known = self._buyer(buyer)
        offers = self._offers.get(id(known))
        if offers is None:
            variance = log(1 + known["payout"]["cv"] ** 2)
            middle = log(known["payout"]["mean"]) - variance / 2
            payouts = [exp(middle + sqrt(variance) * quantile) for quantile in _QUANTILES]
            offers = self._offers[id(known)] = [(payout, int(min_s)) for payout in payouts for min_s in known["min_s"]]
        return offers

    def leave_per_s(self, vertical: str, hearing: str) -> float:
        patience = self._world.scn["patience"]
        mean = patience["mean"]
        return float((patience.get("ring_mult", 1.0) if hearing == "ring" else 1.0) / mean)


class Oracle(Routed):
    """See the module."""

    def __init__(self, world: Any) -> None:
        super().__init__(world)
        self._true = TrueBeliefs(world)

    def believed(self, call: Any) -> Believed:
        self._true.call = call.i
        return self._true

    def _learn(self, lesson: Any) -> None:
        """It knows."""
