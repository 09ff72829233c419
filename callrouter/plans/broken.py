"""What can still be said of a plan that is broken elsewhere, so that its mistakes are all told at once."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from callrouter.dialplan import BuyerEntry, disagreements


def readable_entries(document: object) -> Mapping[str, BuyerEntry]:
    """The buyers whose adapter and mode can be read, without their wrong values."""
    found = {}
    for name, raw in _section(_section(document).get("buyers")).items():
        entry = _without_wrong(raw)
        if entry is not None:
            found[str(name)] = entry
    return found


def broken_disagreements(document: object) -> list[tuple[str, str]]:
    """What is wrong between those keys of the plan that can be read: the key, and what to do about it."""
    plan = _section(document)
    numbers, buyers = plan.get("numbers"), plan.get("buyers")
    kinds = [_section(numbers).get(kind, []) for kind in ("inbound", "transfer")]
    listed = [number for kind in kinds for number in _texts(kind)]
    found = disagreements(listed, _section(buyers), readable_sell_lead(document))
    read = {
        # None at all can only be said when nothing there was left out.
        "numbers": bool(listed) or (isinstance(numbers, dict) and all(kind == [] for kind in kinds)),
        "unsold.sell_lead": isinstance(buyers, dict),
    }
    return [(key, remedy) for key, remedy in found if read[key]]


def readable_sell_lead(document: object) -> list[str]:
    """The names under ``unsold.sell_lead`` that can be read."""
    return _texts(_section(_section(document).get("unsold")).get("sell_lead"))


def _without_wrong(raw: object) -> BuyerEntry | None:
    if not isinstance(raw, dict):
        return None
    try:
        return BuyerEntry.model_validate(raw)
    except ValidationError as error:
        places = [detail["loc"] for detail in error.errors(include_url=False)]
    kept: dict[Any, Any] = {key: dict(value) if isinstance(value, dict) else value for key, value in raw.items()}
    for place in places:
        if place[0] in ("adapter", "mode"):
            return None
        inner = kept.get(place[0])
        if len(place) > 1 and isinstance(inner, dict):
            inner.pop(place[1], None)
        else:
            kept.pop(place[0], None)
    try:
        return BuyerEntry.model_validate(kept)
    except ValidationError:
        return None


def _section(node: object) -> Mapping[Any, Any]:
    return node if isinstance(node, dict) else {}


def _texts(node: object) -> list[str]:
    return [item for item in node if isinstance(item, str) and item] if isinstance(node, list) else []
