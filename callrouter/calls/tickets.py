"""Under which names a warm transfer is found: the caller's number, its pin, whose it is, and its legs. Pure."""

from collections.abc import Mapping

from callrouter.domain.call import Call, CallState
from callrouter.engine.keys import CALL_TTL_S, Keys


def index(before: Call | None, after: Call, now: float, keys: Keys) -> Mapping[str, object] | None:
    """What the step adds to, or takes out of, the engine's index, as ``_transfers.lua`` takes it; or nothing."""
    transfer = after.transfer
    if transfer is None:
        return None
    ended = after.state is CallState.ENDED
    line = transfer.line if before is None or before.line != transfer.line else None
    if before is not None and not ended and line is None:
        return None
    phone, agent = after.caller.phone, transfer.agent.phone
    tickets = [keys.ticket_pin(transfer.pin)]
    tickets += [keys.ticket_number(after.plan, number) for number in (phone, agent) if number]
    return {
        "stage": "open" if before is None else "over" if ended else "line",
        "tickets": tickets,
        "lists": [keys.transfers_of(transfer.opened_by), keys.transfers_open(after.plan)],
        "leg": keys.leg(transfer.line) if transfer.line else "",
        "ttl_ms": int(max(1.0, transfer.until - now) * 1000),
        "list_ttl_ms": CALL_TTL_S * 1000,
        "at": int(after.started_at * 1000),
    }
