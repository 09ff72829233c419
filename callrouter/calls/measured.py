"""What each step of a call means in metrics, read off the call before and after it."""

from collections.abc import Callable

from callrouter.auction.deps import Observer
from callrouter.calls.setting import Step
from callrouter.calls.unsold import why_unsold
from callrouter.domain.call import Attempt, AttemptResult, Call, CallState, Outcome
from callrouter.domain.offer import BuyerResult
from callrouter.domain.transfer import PartyRole, Way
from callrouter.metrics import Metrics

NEAR_S = 10
"""Talk that ends within so many seconds before the minimum duration is a near miss."""
_TALKED = frozenset({AttemptResult.BRIDGED, AttemptResult.EARLY_HANGUP})


def measure_into(metrics: Metrics) -> Callable[[Call | None, Call, Step], None]:
    """A function that counts one stored step."""

    def measure(before: Call | None, after: Call, step: Step) -> None:
        _new_dial(metrics, before, after)
        _answered_dials(metrics, before, after)
        _ended_dials(metrics, before, after)
        if after.transfer is not None:
            _transfer(metrics, before, after)
            _introduction(metrics, before, after)
        for decision in after.decisions[len(before.decisions) if before else 0 :]:
            metrics.decisions.labels(after.plan, decision.choice.value, decision.because.value).inc()
        for buyer in step.expired:
            metrics.offers_expired.labels(buyer).inc()
        if after.state is CallState.ENDED and (before is None or before.state is not CallState.ENDED):
            _end(metrics, before, after)
            if after.outcome is Outcome.UNSOLD:
                metrics.unsold.labels(after.plan, why_unsold(after, step.expired)).inc()

    return measure


def _transfer(metrics: Metrics, before: Call | None, after: Call) -> None:
    """Of each warm transfer: its first offer, and how it ended."""
    first = after.auction if after.auction is not None and after.auction.no == 1 else None
    open_before = before is not None and before.auction is not None and before.auction.closed_at is None
    if first is not None and first.closed_at is not None and open_before:
        if first.offers or after.outcome is Outcome.UNSOLD:
            metrics.transfers.labels("unsold" if after.outcome is Outcome.UNSOLD else "offered").inc()
        metrics.transfer_step.labels("offer").observe(max(0.0, first.closed_at - after.started_at))
    elif after.state is CallState.ENDED and before is not None and before.state is not CallState.ENDED:
        ended = {Outcome.BRIDGED: "bridged", Outcome.UNSOLD: "unsold"}.get(after.outcome or Outcome.FAILED)
        metrics.transfers.labels(ended or "cancelled").inc()


def _introduction(metrics: Metrics, before: Call | None, after: Call) -> None:
    """How long an agent stays with a buyer that has answered."""
    left_at, attempt = _agent_left_at(after), after.attempt
    if before is None or left_at is None or _agent_left_at(before) is not None:
        return
    if attempt is not None and attempt.answered_at is not None:
        metrics.transfer_step.labels("introduce").observe(max(0.0, left_at - attempt.answered_at))


def _agent_left_at(call: Call) -> float | None:
    """When the agent left a caller who talks with a buyer: they said so, or hung up."""
    transfer, attempt = call.transfer, call.attempt
    if transfer is None or transfer.completed_at is not None:
        return transfer.completed_at if transfer else None
    talking = call.state is CallState.BRIDGED and call.gone_at is None and not transfer.merged
    agent = transfer.latest(PartyRole.AGENT)
    if not talking or agent is None or agent.left_at is None or attempt is None or attempt.answered_at is None:
        return None
    return agent.left_at if agent.left_at >= attempt.answered_at else None


def _new_dial(metrics: Metrics, before: Call | None, after: Call) -> None:
    known = len(before.attempts) if before else 0
    for attempt in after.attempts[known:]:
        metrics.offer_age_at_dial.observe(max(0.0, attempt.offer.age_s(attempt.decided_at)))
        left_s = max(0.0, attempt.offer.expires_at - attempt.decided_at)
        metrics.window_left_at_dial.labels(attempt.offer.buyer).observe(left_s)
        if attempt.no == 1:
            metrics.time_to_bridge.labels(after.plan).observe(max(0.0, attempt.decided_at - after.started_at))
        if after.auction is not None and before is not None and before.state is CallState.AUCTION:
            waited_s = max(0.0, attempt.decided_at - after.auction.started_at)
            metrics.hold.labels(after.plan, "dialled").observe(waited_s)


def _answered_dials(metrics: Metrics, before: Call | None, after: Call) -> None:
    """Of each dial that somebody saw answered: nobody sees those of an agent's own dialler."""
    if before is None or (after.transfer is not None and after.transfer.way is Way.OWN_DIALLER):
        return
    ringing = {a.no for a in before.attempts if a.live and a.answered_at is None}
    for attempt in after.attempts:
        if attempt.no in ringing and attempt.answered_at is not None:
            answer_s = max(0.0, attempt.answered_at - attempt.decided_at)
            metrics.answer.labels(attempt.offer.buyer).observe(answer_s)
            _bridge_answered(metrics, after, attempt, attempt.answered_at)


def _bridge_answered(metrics: Metrics, call: Call, attempt: Attempt, answered_at: float) -> None:
    """The first answer since an agent asked for the bridge; an earlier buyer may have left again."""
    asked_at = next((e.at for e in reversed(call.timeline) if e.event == "bridge_asked"), None)
    if asked_at is None or call.transfer is None or call.transfer.way is not Way.BRIDGE:
        return
    others = (a.answered_at for a in call.attempts if a.no != attempt.no)
    if not any(other is not None and other >= asked_at for other in others):
        metrics.transfer_step.labels("answer").observe(max(0.0, answered_at - asked_at))


def _ended_dials(metrics: Metrics, before: Call | None, after: Call) -> None:
    open_before = {a.no for a in before.attempts if a.live} if before else set()
    for attempt in after.attempts:
        if attempt.no in open_before and attempt.result is not None:
            metrics.bridges.labels(after.plan, attempt.result.value).inc()
            metrics.bridge_attempts.labels(attempt.offer.buyer, attempt.result.value).inc()
            _talk(metrics, attempt)


def _talk(metrics: Metrics, attempt: Attempt) -> None:
    buyer, short_s = attempt.offer.buyer, attempt.offer.min_duration_s - attempt.talk_s
    said = attempt.leg_s is not None or attempt.bridged_s is not None
    if attempt.result in _TALKED and said:
        metrics.talk.labels(buyer).observe(attempt.talk_s)
    if attempt.result is AttemptResult.BRIDGED and 0 < short_s <= NEAR_S:
        metrics.near_misses.labels(buyer, attempt.ended_by or "unknown").inc()


def _end(metrics: Metrics, before: Call | None, after: Call) -> None:
    outcome = after.outcome.value if after.outcome else "failed"
    metrics.calls.labels(after.plan, outcome).inc()
    if before is not None and before.state is CallState.AUCTION and before.auction and after.ended_at:
        metrics.hold.labels(after.plan, outcome).observe(max(0.0, after.ended_at - before.auction.started_at))
    if after.callback is not None:
        metrics.callbacks.labels("not_owed" if after.callback.startswith("none") else "promised").inc()


class BuyerMeasures(Observer):
    """Counts what the auction tells of each buyer."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def on_asked(self, buyer: str) -> None:
        self._metrics.buyer_inflight.labels(buyer).inc()

    def on_result(self, result: BuyerResult) -> None:
        metrics = self._metrics
        metrics.buyer_results.labels(result.buyer, result.label).inc()
        if result.asked_at is not None:
            metrics.buyer_inflight.labels(result.buyer).dec()
            metrics.buyer_response.labels(result.buyer, result.family.value).observe(result.elapsed_s)
        if result.offer is not None:
            metrics.buyer_offer_payout.labels(result.buyer).observe(float(result.offer.payout))
