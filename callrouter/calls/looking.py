"""When the sweeper should look at a call if nothing else happens to it. Pure."""

from callrouter.calls.rooms import CONFIRM_S
from callrouter.calls.setting import Setting
from callrouter.calls.transferring import renew_at
from callrouter.carrier.seam import Capabilities
from callrouter.dialplan import Plan
from callrouter.domain.call import Call, CallState
from callrouter.domain.transfer import Way

LOOK_S = 10.0
"""How long nothing may happen to a call before the sweeper asks the carrier."""
LOOK_BRIDGED_S = 60.0
LOOK_GONE_S = 3.0
LOOK_OWNER_S = 4.0
"""How long an auction that no caller's poll watches runs before its instance is checked: by then the dead are known."""
LOOK_ROOM_S = 20.0
LOOK_CLEARED_S = 5.0
"""How long after a transfer's end nobody may be left in its room."""


def look_at(call: Call, plan: Plan | None, now: float, carrier: Capabilities) -> float:
    """Epoch seconds; 0 for never again."""
    if call.state is CallState.ENDED:
        in_room = call.transfer is not None and call.transfer.way is Way.BRIDGE
        return now + LOOK_CLEARED_S if in_room else 0
    if call.gone_at is not None:
        return now + LOOK_GONE_S
    if call.transfer is None or call.transfer.line is not None or plan is None:
        return now + (LOOK_BRIDGED_S if call.state is CallState.BRIDGED else LOOK_S)
    at = Setting(plan, now, now, "", carrier)
    due = [call.transfer.until if call.transfer.way is not Way.BRIDGE else now + LOOK_ROOM_S]
    if call.state is CallState.AUCTION or call.renewing:
        due.append(now + LOOK_OWNER_S)
    renew = renew_at(call, at)
    if renew is not None:
        due.append(renew)
    if any(not party.over and party.joined_at is None for party in call.transfer.parties):
        due.append(now + CONFIRM_S)
    orders = [p.hold_ordered_at for p in call.transfer.parties if p.there and p.hold_ordered_at is not None]
    due += [ordered_at + CONFIRM_S for ordered_at in orders]
    attempt = call.attempt
    if attempt is not None and attempt.live and call.transfer.way is Way.BRIDGE:
        party = call.transfer.party(f"buyer-{attempt.no}")
        if (party is not None and party.over) or attempt.leg_s is not None:
            due.append(now + LOOK_GONE_S)
    return max(now + 0.2, min(due))
