"""Who calls, and which plan they reach."""

from collections.abc import Callable

from callrouter.dialplan import Plan
from callrouter.domain.call import CallKind
from callrouter.domain.phone import caller_number

PlanFor = Callable[[str], tuple[Plan, CallKind] | None]
"""The plan of one of our numbers, and how a call to it came in; ``None`` for any other number."""


def caller_phone(from_raw: str, plan_for: PlanFor) -> str | None:
    """The caller's number, if it is one that may be called: ours are not, calling them back would call ourselves."""
    phone = caller_number(from_raw)
    return None if phone is None or plan_for(phone) is not None else phone
