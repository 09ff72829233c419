"""A buyer's guards in words, as ``callrouter check`` shows them. Pure."""

from collections.abc import Mapping
from typing import Any

from callrouter.dialplan import Guards
from callrouter.dialplan.guards import WEEKDAYS


def guards_shown(guards: Guards) -> dict[str, str]:
    """What is stated, by its key; empty when nothing is."""
    stated = set(guards.model_dump(exclude_defaults=True))
    if not stated:
        return {}
    whole = guards.model_dump(mode="json", include={"time_zone", *stated})
    return {key: _words(key, value) for key, value in whole.items()}


def _words(key: str, value: Any) -> str:
    if key == "hours":
        return _hours(value)
    if key == "caps":
        return "; ".join(f"{cap['of']} {cap['most']} per {cap['per']}" for cap in value)
    if key == "duplicates":
        return f"of {value['of']}, after {value['after']}, within {value['within_s']} s"
    if isinstance(value, list):
        return ", ".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _hours(hours: Mapping[str, Any]) -> str:
    days = [f"{day} {', '.join(hours[day])}" for day in WEEKDAYS if hours[day]]
    closed = f"closed on {', '.join(hours['holidays'])}" if hours["holidays"] else ""
    return "; ".join([*(days or ["always closed"]), *([closed] if days and closed else [])])
