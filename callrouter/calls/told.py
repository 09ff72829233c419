"""What the log says of a call's way: a line each for its arrival, its auctions, its dials and its end."""

import logging

from callrouter.domain.call import Call, CallState

log = logging.getLogger("callrouter.calls")


def tell(before: Call | None, after: Call) -> None:
    """Log what one stored step did. No personal data: the call's id leads to the record."""
    said = {"call_id": after.sid, "plan": after.plan}
    if before is None:
        log.info("call arrived", extra={**said, "kind": after.kind.value})
    run, was = after.auction, before.auction if before else None
    if run is not None and run.closed_at is not None and (was is None or was.closed_at is None or was.no != run.no):
        took_s = round(run.closed_at - run.started_at, 3)
        log.info("auction closed", extra={**said, "auction": run.no, "offers": run.offers, "took_s": took_s})
    for attempt in after.attempts[len(before.attempts) if before else 0 :]:
        age_s = round(attempt.offer.age_s(attempt.decided_at), 3)
        log.info("dial", extra={**said, "attempt": attempt.no, "buyer": attempt.offer.buyer, "offer_age_s": age_s})
    if after.state is CallState.ENDED and (before is None or before.state is not CallState.ENDED):
        outcome = after.outcome.value if after.outcome else None
        log.info("call ended", extra={**said, "outcome": outcome, "buyer": after.buyer, "bridged_s": after.bridged_s})
