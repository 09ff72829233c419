"""Other settings than those that calls were decided with: what may be asked, and what it changes. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any, cast, get_args

from callrouter.auction.known import Known
from callrouter.domain.decision import PolicyName, Rules


@dataclass(frozen=True)
class Changes:
    """``None``: as it was."""

    policy: PolicyName | None = None
    max_wait_s: float | None = None
    no_max_wait: bool = False
    """The plan's bound is taken away."""
    min_offers: int | None = None
    floor: Decimal | None = None
    deadline_s: float | None = None
    max_attempts: int | None = None
    priorities: Mapping[str, int] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    """Buyers that are not asked."""

    @property
    def buyers(self) -> frozenset[str]:
        """Who is named."""
        return frozenset({*self.priorities, *self.weights, *self.without})

    def allows(self, buyer: str, payout: Decimal) -> bool:
        """Whether such an offer counts."""
        return buyer not in self.without and (self.floor is None or payout >= self.floor)

    def rules(self, rules: Rules) -> Rules:
        """The plan's rules with the changes."""
        changed: dict[str, Any] = {
            name: value
            for name in ("policy", "max_wait_s", "min_offers", "max_attempts")
            if (value := getattr(self, name)) is not None
        }
        if self.no_max_wait:
            changed["max_wait_s"] = None
        if self.priorities or self.weights:
            named = {*rules.tiers, *self.priorities, *self.weights}
            changed["tiers"] = {name: self._tier(name, rules) for name in named}
        return rules.model_copy(update=changed)

    def _tier(self, buyer: str, rules: Rules) -> tuple[int, float]:
        priority, weight = rules.tiers.get(buyer, (1, 1.0))
        return self.priorities.get(buyer, priority), self.weights.get(buyer, weight)

    def known(self, known: Known) -> Known:
        """What would have been known at the same moment."""
        rules = self.rules(known.rules)
        return replace(
            known,
            deadline_at=self.deadline_at(known.since, known.deadline_at),
            tries_left=known.tries_left + rules.max_attempts - known.rules.max_attempts,
            in_hand=tuple(offer for offer in known.in_hand if self.allows(offer.buyer, offer.payout)),
            awaited=tuple(asked for asked in known.awaited if asked.buyer not in self.without),
            rules=rules,
        )

    def deadline_at(self, since: float, otherwise: float) -> float:
        """The deadline of an auction that began ``since``."""
        return otherwise if self.deadline_s is None else since + self.deadline_s


KEYS = (
    "auction.policy",
    "auction.max_wait_s",
    "auction.min_offers",
    "auction.floor",
    "auction.deadline_s",
    "bridge.max_attempts",
    "buyers.NAME.priority",
    "buyers.NAME.weight",
    "buyers.NAME.enabled",
)
"""As the dialplan names them; those of ``auction`` and ``bridge`` also by their last part alone."""


def changes_of(texts: Sequence[str]) -> Changes:
    """Read ``KEY=VALUE`` each. Raises `ValueError` with the remedy."""
    changes = Changes()
    given: set[str] = set()
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"{text}: write KEY=VALUE")
        if _named(key) in given:
            raise ValueError(f"{key}: give it once")
        given.add(_named(key))
        changes = _changed(changes, key, value)
    return changes


def _named(key: str) -> str:
    section, _, name = key.partition(".")
    return name if section in ("auction", "bridge") and name in _PLAIN and _PLAIN[name][0] == section else key


def _changed(changes: Changes, key: str, value: str) -> Changes:
    name = _named(key)
    if name in _PLAIN:
        return replace(changes, **_read(key, value, _PLAIN[name][1]))
    section, _, rest = key.partition(".")
    buyer, dot, of = rest.rpartition(".")
    if section == "buyers" and dot and buyer and of in _OF_BUYERS:
        return cast(Changes, _read(key, value, lambda text: _OF_BUYERS[of](changes, buyer, text)))
    raise ValueError(f"{key}: not a key that replay can change; these are: {', '.join(KEYS)}")


def _read(key: str, value: str, read: Callable[[str], Any]) -> Any:
    try:
        return read(value)
    except (ValueError, InvalidOperation) as error:
        raise ValueError(f"{key}: {error if isinstance(error, _Remedy) else 'write a number'}") from None


class _Remedy(ValueError):
    pass


def _number(text: str, low: float, high: float) -> float:
    number = float(text)
    if not (isfinite(number) and low <= number <= high):
        raise _Remedy(f"write a number from {low:g} to {high:g}")
    return number


def _whole(text: str, low: int, high: int) -> int:
    if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
        raise _Remedy(f"write a whole number from {low} to {high}")
    return int(text)


def _policy(text: str) -> dict[str, Any]:
    if text not in get_args(PolicyName):
        raise _Remedy(f"write one of {', '.join(get_args(PolicyName))}")
    return {"policy": text}


def _max_wait(text: str) -> dict[str, Any]:
    return {"no_max_wait": True} if text == "none" else {"max_wait_s": _number(text, 0, 25)}


def _floor(text: str) -> dict[str, Any]:
    amount = Decimal(text.removeprefix("$"))
    if not amount.is_finite() or not 0 <= amount <= 10_000:
        raise _Remedy("write an amount such as 12.50")
    return {"floor": amount}


_PLAIN: Mapping[str, tuple[str, Callable[[str], dict[str, Any]]]] = {
    "policy": ("auction", _policy),
    "max_wait_s": ("auction", _max_wait),
    "min_offers": ("auction", lambda text: {"min_offers": _whole(text, 1, 20)}),
    "floor": ("auction", _floor),
    "deadline_s": ("auction", lambda text: {"deadline_s": _number(text, 0.5, 25)}),
    "max_attempts": ("bridge", lambda text: {"max_attempts": _whole(text, 1, 10)}),
}


def _enabled(changes: Changes, buyer: str, text: str) -> Changes:
    if text != "false":
        raise _Remedy("write false; what a buyer that was not asked would have answered, nobody knows")
    return replace(changes, without=changes.without | {buyer})


def _priority(changes: Changes, buyer: str, text: str) -> Changes:
    return replace(changes, priorities={**changes.priorities, buyer: _whole(text, 1, 100)})


def _weight(changes: Changes, buyer: str, text: str) -> Changes:
    weight = _number(text, 0, 1000)
    if not weight:
        raise _Remedy("write a number above 0")
    return replace(changes, weights={**changes.weights, buyer: weight})


_OF_BUYERS: Mapping[str, Callable[[Changes, str, str], Changes]] = {
    "enabled": _enabled,
    "priority": _priority,
    "weight": _weight,
}
