"""What of a buyer's guards needs only the call and the clock: hours, places, floor. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from callrouter.buyers.base import Ask
from callrouter.dialplan.guards import WEEKDAYS, Guards, OpenHours
from callrouter.domain.caller import Caller
from callrouter.domain.offer import Decline
from callrouter.domain.reasons import Reason

SLACK_S = 30.0
"""How much longer than its offer can live an ask keeps its seat."""


@dataclass(frozen=True)
class Seat:
    """One call, or one lead, at one buyer: what the engine reserves while the buyer may still get it."""

    plan: str
    """The plan's name."""
    buyer: str
    """The name under the plan's ``buyers``."""
    guards: Guards
    sid: str
    """The call's id; the lead of a call has it too."""
    phone: str | None
    """Whose call it is; never stored as it is."""
    asked_at: float
    """When the buyer is asked, epoch seconds. Tells one ask of a call from the next; 0 stands for any."""
    keep_s: float
    """After so many seconds the seat is free again, if no dial or sale has come of it."""


def refused(guards: Guards, ask: Ask, now: float) -> Decline | None:
    """Why this buyer is not asked for this caller at this time (epoch s), or ``None``."""
    return _closed(guards, now) or _elsewhere(guards, ask.caller)


def lowest(guards: Guards, ask: Ask) -> Decimal:
    """The lowest payout that is taken of this buyer."""
    return max(ask.floor, guards.floor)


def _closed(guards: Guards, now: float) -> Decline | None:
    hours = guards.hours
    if hours is None:
        return None
    local = datetime.fromtimestamp(now, ZoneInfo(guards.time_zone))
    if local.date().isoformat() in hours.holidays:
        return Decline(reason=Reason.NOT_CALLED_HOURS, detail="a holiday")
    spans = hours.on(WEEKDAYS[local.weekday()])
    at = f"{local:%H:%M}"
    if any(opens <= at < closes for opens, closes in spans):
        return None
    return Decline(reason=Reason.NOT_CALLED_HOURS, detail=_when(hours, spans, at))


def _when(hours: OpenHours, spans: Sequence[tuple[str, str]], at: str) -> str:
    later = [opens for opens, _ in spans if opens > at]
    if later:
        return f"opens {later[0]}"
    if spans:
        return f"closed at {spans[-1][1]}"
    return "closed today" if any(hours.on(day) for day in WEEKDAYS) else "no hours in the plan"


def _elsewhere(guards: Guards, caller: Caller) -> Decline | None:
    state, zip_code = caller.state, caller.zip
    if guards.states and state not in guards.states:
        return Decline(reason=Reason.NOT_CALLED_STATE, detail=f"{state or 'an unknown state'} is not in states")
    if state in guards.not_states:
        return Decline(reason=Reason.NOT_CALLED_STATE, detail=f"{state} is in not_states")
    if guards.zips and not (zip_code or "").startswith(guards.zips):
        what = "the zip" if zip_code else "an unknown zip"
        return Decline(reason=Reason.NOT_CALLED_ZIP, detail=f"{what} is not in zips")
    if zip_code and zip_code.startswith(guards.not_zips):
        return Decline(reason=Reason.NOT_CALLED_ZIP, detail="the zip is in not_zips")
    return None
