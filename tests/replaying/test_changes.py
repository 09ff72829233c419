"""What may be asked for with ``--what-if``."""

from decimal import Decimal

import pytest

from callrouter.domain.decision import Rules
from callrouter.replaying.changes import KEYS, Changes, changes_of


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("auction.policy=highest_payout", Changes(policy="highest_payout")),
        ("policy=priority", Changes(policy="priority")),
        ("auction.max_wait_s=2", Changes(max_wait_s=2.0)),
        ("max_wait_s=none", Changes(no_max_wait=True)),
        ("min_offers=2", Changes(min_offers=2)),
        ("floor=12", Changes(floor=Decimal(12))),
        ("auction.floor=$12.50", Changes(floor=Decimal("12.50"))),
        ("deadline_s=8", Changes(deadline_s=8.0)),
        ("bridge.max_attempts=2", Changes(max_attempts=2)),
        ("max_attempts=2", Changes(max_attempts=2)),
        ("buyers.acme.priority=2", Changes(priorities={"acme": 2})),
        ("buyers.acme.weight=2.5", Changes(weights={"acme": 2.5})),
        ("buyers.acme.enabled=false", Changes(without=frozenset({"acme"}))),
    ],
)
def test_keys_are_those_of_the_dialplan_and_short_ones(text: str, meant: Changes) -> None:
    assert changes_of([text]) == meant


def test_several_changes_are_made_together() -> None:
    changes = changes_of(["policy=priority", "buyers.a.priority=2", "buyers.b.weight=3", "buyers.c.enabled=false"])
    assert changes.buyers == {"a", "b", "c"}
    rules = changes.rules(Rules(tiers={"a": (5, 2.0), "d": (1, 1.0)}, min_offers=3))
    assert rules == Rules(policy="priority", min_offers=3, tiers={"a": (2, 2.0), "b": (1, 3.0), "d": (1, 1.0)})
    assert changes_of(["max_wait_s=none"]).rules(Rules(max_wait_s=3)).max_wait_s is None


@pytest.mark.parametrize(
    ("texts", "remedy"),
    [
        (["florr=12"], f"florr: not a key that replay can change; these are: {', '.join(KEYS)}"),
        (["bridge.floor=12"], "bridge.floor: not a key"),
        (["buyers.acme.payout=1"], "buyers.acme.payout: not a key"),
        (["buyers.enabled=false"], "buyers.enabled: not a key"),
        (["floor"], "floor: write KEY=VALUE"),
        (["floor=cheap"], "floor: write a number"),
        (["floor=-1"], "floor: write an amount such as 12.50"),
        (["floor=NaN"], "floor: write an amount"),
        (["max_wait_s=nan"], "max_wait_s: write a number from 0 to 25"),
        (["min_offers=0"], "min_offers: write a whole number from 1 to 20"),
        (["policy=best"], "policy: write one of expected_value, highest_payout, priority"),
        (["floor=1", "auction.floor=2"], "auction.floor: give it once"),
        (["buyers.acme.enabled=true"], "buyers.acme.enabled: write false; what a buyer that was not asked"),
        (["buyers.acme.weight=0"], "buyers.acme.weight: write a number above 0"),
    ],
)
def test_what_cannot_be_changed_is_refused_with_a_remedy(texts: list[str], remedy: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        changes_of(texts)
    assert str(refused.value).startswith(remedy)
