"""The policies that are compared: ours, the oracle, and what the industry does, all through the product's `decide`."""

from collections.abc import Callable, Mapping
from typing import Any

from callrouter.beliefs.lessons import Lesson
from callrouter.domain.decision import PolicyName, Rules
from tests.bench.policy.oracle import Oracle
from tests.bench.policy.routed import Routed

WAITS_S = (1, 2, 3, 5, 8, 10, 15)
"""The fixed waits that ours is compared with."""
RING_TREE_WAIT_S = 5
_ALL = 1_000
"""As ``min_offers``: everybody who was asked is waited for, up to the plan's longest wait."""


class Unlearned(Routed):
    """Learns nothing: what contracts say needs no beliefs, and the comparison is over sooner."""

    def _learn(self, lesson: Lesson) -> None:
        pass


class History(Unlearned):
    """Waits five seconds, then dials whoever has earned most a dial so far, as reports of revenue a call suggest."""

    IMAGINARY = 5.0
    """So many dials at half its list price are believed of each buyer before any was seen."""

    def __init__(self, world: Any) -> None:
        super().__init__(world)
        self._earned = [self.IMAGINARY * buyer["payout"]["mean"] / 2 for buyer in world.scn["buyers"]]
        self._dials = [self.IMAGINARY] * len(self.names)
        self._payouts: dict[int, tuple[float, float]] = {}

    def start(self, call: Any) -> None:
        super().start(call)
        order = sorted(range(len(self.names)), key=lambda k: -self._earned[k] / self._dials[k])
        self.rules = Rules(
            policy="priority",
            tiers={self.names[k]: (place, 1.0) for place, k in enumerate(order, 1)},
            max_wait_s=5,
            min_offers=_ALL,
        )

    def decide(self, call: Any) -> Any:
        offers = dict(call.offers)
        act = super().decide(call)
        if act[0] == "dial":
            payout, min_s, *_ = offers[act[1]]
            self._payouts[call.i] = payout, min_s
        return act

    def on_dial(self, call: Any, k: int, answered: bool | None, seconds: float) -> None:
        self._dials[k] += 1

    def on_talk_end(self, i: int, k: int, vertical: str, seconds: float) -> None:
        payout, min_s = self._payouts.pop(i)
        self._earned[k] += payout if seconds >= min_s else 0.0


def ring_tree(world: Any) -> Routed:
    """Buyers in the order of their list prices; the dearer are waited for a while."""
    buyers = world.scn["buyers"]
    order = sorted(range(len(buyers)), key=lambda k: -buyers[k]["payout"]["mean"])
    tiers = {str(k): (place, 1.0) for place, k in enumerate(order, 1)}
    return Unlearned(world, Rules(policy="priority", tiers=tiers, max_wait_s=RING_TREE_WAIT_S))


def _waiting(policy: PolicyName, wait_s: float) -> Callable[[Any], Routed]:
    rules = Rules(policy=policy, max_wait_s=wait_s, min_offers=_ALL)
    made = Routed if policy == "expected_value" else Unlearned
    return lambda world: made(world, rules)


OURS, ORACLE, RING_TREE, HISTORY = "ours", "oracle", "ring tree", "history 5 s"


def highest_payout(wait_s: float) -> str:
    """The name of the policy that waits so long and then dials the highest payout."""
    return f"payout {wait_s:g} s"


def fixed_wait(wait_s: float) -> str:
    """The name of the policy that values as ours does, and waits so long for whoever has not answered."""
    return f"value {wait_s:g} s"


POLICIES: Mapping[str, Callable[[Any], Routed]] = {
    OURS: Routed,
    ORACLE: Oracle,
    RING_TREE: ring_tree,
    HISTORY: History,
    **{highest_payout(wait_s): _waiting("highest_payout", wait_s) for wait_s in WAITS_S},
    **{fixed_wait(wait_s): _waiting("expected_value", wait_s) for wait_s in WAITS_S},
}
INDUSTRY = (RING_TREE, highest_payout(2), highest_payout(5), highest_payout(10), HISTORY, fixed_wait(5))
FIXED = (*map(highest_payout, WAITS_S), *map(fixed_wait, WAITS_S))
