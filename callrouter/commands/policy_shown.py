"""What a plan says of the choice among offers as ``callrouter check`` shows it, and what is hardly meant. Pure."""

from collections.abc import Iterator
from typing import Any

from callrouter.dialplan import Plan


def policy_shown(plan: Plan) -> dict[str, Any]:
    """The values in effect, by their keys in the file."""
    auction = plan.auction
    return {
        "vertical": plan.vertical_name,
        "auction.policy": auction.policy,
        "auction.max_wait_s": "none" if auction.max_wait_s is None else auction.max_wait_s,
        "auction.min_offers": auction.min_offers,
    }


def unwise_policy(plan: Plan) -> Iterator[tuple[str, str]]:
    """Keys that change nothing, or more than anybody wants, with what to do."""
    auction = plan.auction
    asked = {name: entry for name, entry in plan.call_buyers.items() if entry.enabled}
    if auction.max_wait_s is not None and auction.max_wait_s >= auction.deadline_s:
        yield "auction.max_wait_s", "it is not below deadline_s, so it bounds nothing; write less, or remove it"
    if asked and auction.min_offers > len(asked):
        buyers = "one buyer" if len(asked) == 1 else f"{len(asked)} buyers"
        remedy = f"calls are offered to {buyers} only, so all are waited for, always; write {len(asked)} at most"
        yield "auction.min_offers", remedy
    if auction.policy != "priority":
        for name, entry in plan.buyers.items():
            for key in ("priority", "weight"):
                if getattr(entry, key) != 1:
                    remedy = "only the policy priority heeds it; write auction.policy: priority, or remove it"
                    yield f"buyers.{name}.{key}", remedy
    elif len(asked) > 1 and len({(entry.priority, entry.weight) for entry in asked.values()}) == 1:
        remedy = (
            "all buyers have one priority and one weight, so who is served first is a lot; give them a priority each"
        )
        yield "auction.policy", remedy
