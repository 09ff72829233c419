"""The oracle: the same decision rule, fed with the scenario's true parameters and not with what was learned."""

from collections.abc import Sequence
from functools import lru_cache
from math import exp, log, sqrt
from statistics import NormalDist
from typing import Any

from callrouter.auction.known import Believed
from tests.bench.policy.given.sim import talk_sf
from tests.bench.policy.routed import Routed

_NORMAL = NormalDist()
_QUANTILES = tuple((2 * i + 1) / 24 for i in range(12))


@lru_cache(100_000)
def came_by(latency: tuple[tuple[float, float, float], ...], seconds: float) -> float:
    """The share of replies that have come by then; ``latency`` is (weight, median, sigma) of each part."""
    if seconds <= 0:
        return 0.0
    return sum(weight * _NORMAL.cdf(log(seconds / median) / sigma) for weight, median, sigma in latency)


class TrueBeliefs:
    """What there is to know about one call of the world; outcomes are not known."""

    version = 0

    def __init__(self, world: Any, call: int) -> None:
        self._world, self._call = world, call

    def _buyer(self, buyer: str) -> Any:
        return self._world.param[self._call][int(buyer)]

    def answers(self, buyer: str) -> float:
        return float(self._buyer(buyer)["p_answer"])

    def talks(self, buyer: str, vertical: str, min_s: float, now: float) -> float:
        return float(talk_sf(self._world.talk_spec(self._call, int(buyer)), min_s))

    def ring_s(self, buyer: str) -> float:
        ring = self._buyer(buyer)["ring"]
        return float(min(ring["median"] * exp(ring["sigma"] ** 2 / 2), self._world.T - 0.5))

    def failing_s(self, buyer: str) -> float:
        busy = self._buyer(buyer)["p_busy"]
        return float(busy * 2.0 + (1 - busy) * self._world.T)

    def offers_within(self, buyer: str, silent_s: float, later_s: Sequence[float]) -> list[float]:
        known = self._buyer(buyer)
        spec = known["latency"]
        parts = spec if isinstance(spec, list) else [{**spec, "w": 1.0}]
        total = sum(part["w"] for part in parts)
        latency = tuple((part["w"] / total, part["median"], part["sigma"]) for part in parts)
        replies = 1 - known["p_silent"]
        now = came_by(latency, silent_s)
        silent = 1 - replies * now
        return [replies * known["p_offer"] * (came_by(latency, later) - now) / silent for later in later_s]

    def typical_offers(self, buyer: str) -> Sequence[tuple[float, int]]:
        known = self._buyer(buyer)
        variance = log(1 + known["payout"]["cv"] ** 2)
        middle = log(known["payout"]["mean"]) - variance / 2
        payouts = [exp(middle + sqrt(variance) * _NORMAL.inv_cdf(share)) for share in _QUANTILES]
        return [(payout, int(min_s)) for payout in payouts for min_s in known["min_s"]]

    def leave_per_s(self, vertical: str, hearing: str) -> float:
        patience = self._world.scn["patience"]
        mean = patience["mean"]
        return float((patience.get("ring_mult", 1.0) if hearing == "ring" else 1.0) / mean)


class Oracle(Routed):
    """See the module."""

    def __init__(self, world: Any) -> None:
        super().__init__(world)
        self._world = world

    def believed(self, call: Any) -> Believed:
        return TrueBeliefs(self._world, call.i)
