"""What a step of a call uses up of its buyers' caps. Pure."""

from collections.abc import Mapping

from callrouter.dialplan import Plan
from callrouter.domain.call import Call
from callrouter.engine.keys import Keys


def charges(
    before: Call | None, after: Call, plan: Plan | None, now: float, keys: Keys
) -> tuple[Mapping[str, object], ...]:
    """The charges of one step, as ``_guards.lua`` takes them; ``now`` is epoch seconds."""
    return ()
