"""What a report adds to a call that has ended: evidence for whoever reconciles money. Pure.

The call's outcome, and whether it qualified, were decided when it ended and stay as they are.
"""

from callrouter.carrier.seam import DialEnded, LegChanged, PartyChanged
from callrouter.domain.call import Attempt, AttemptResult, Call
from callrouter.domain.transfer import PartyRole


def late_evidence(call: Call, event: object, now: float) -> Attempt | None:
    """The dial with what this report says of its length, and of who hung up; ``None`` when it says nothing new.

    Of two reports of one source the first is kept. ``now`` is epoch seconds.
    """
    attempt = _of(call, event)
    if attempt is None:
        return None
    known: float | None
    news: dict[str, object]
    if isinstance(event, DialEnded):
        known, news = attempt.action_at, {"action_at": now, "action_s": event.bridged_s}
        if attempt.result is AttemptResult.BRIDGED and attempt.ended_by in (None, "caller"):
            # The caller may have left in the silence after the buyer, and that was told first.
            news["ended_by"] = "buyer" if event.caller_there else "caller"
    elif isinstance(event, LegChanged | PartyChanged) and event.status.final:
        leg_s = attempt.leg_s if attempt.leg_s is not None else event.leg_s
        known, news = attempt.leg_ended_at, {"leg_ended_at": now, "leg_s": leg_s}
    else:
        return None
    return attempt.model_copy(update=news) if known is None else None


def _of(call: Call, event: object) -> Attempt | None:
    no: int | None = None
    if isinstance(event, DialEnded | LegChanged):
        no = event.attempt_no
    elif isinstance(event, PartyChanged) and event.label.startswith(f"{PartyRole.BUYER.value}-"):
        label_no = event.label.rpartition("-")[2]
        no = int(label_no) if label_no.isdecimal() else None
    return next((attempt for attempt in call.attempts if attempt.no == no), None)
