"""What each step of a call means in metrics, read off the call before and after it."""

from collections.abc import Callable

from callrouter.auction.deps import Observer
from callrouter.calls.setting import Step
from callrouter.domain.call import AttemptResult, Call, CallState, Outcome
from callrouter.domain.offer import BuyerResult
from callrouter.metrics import Metrics


def measure_into(metrics: Metrics) -> Callable[[Call | None, Call, Step], None]:
    """A function that counts one stored step."""

    def measure(before: Call | None, after: Call, step: Step) -> None:
        _new_dial(metrics, before, after)
        _ended_dials(metrics, before, after)
        if after.transfer is not None:
            _transfer(metrics, before, after)
        for buyer in step.expired:
            metrics.offers_expired.labels(buyer).inc()
        if after.state is CallState.ENDED and (before is None or before.state is not CallState.ENDED):
            _end(metrics, before, after)

    return measure


def _transfer(metrics: Metrics, before: Call | None, after: Call) -> None:
    """Of each warm transfer: its first offer, and how it ended."""
    first = before is not None and before.state is CallState.AUCTION and after.auction and after.auction.no == 1
    if first and after.state is not CallState.AUCTION:
        metrics.transfers.labels("offered" if after.outcome is not Outcome.UNSOLD else "unsold").inc()
    elif after.state is CallState.ENDED and before is not None and before.state is not CallState.ENDED:
        ended = {Outcome.BRIDGED: "bridged", Outcome.UNSOLD: "unsold"}.get(after.outcome or Outcome.FAILED)
        metrics.transfers.labels(ended or "cancelled").inc()


def _new_dial(metrics: Metrics, before: Call | None, after: Call) -> None:
    known = len(before.attempts) if before else 0
    for attempt in after.attempts[known:]:
        metrics.offer_age_at_dial.observe(max(0.0, attempt.offer.age_s(attempt.decided_at)))
        if attempt.no == 1:
            metrics.time_to_bridge.labels(after.plan).observe(max(0.0, attempt.decided_at - after.started_at))
        if after.auction is not None and before is not None and before.state is CallState.AUCTION:
            waited_s = max(0.0, attempt.decided_at - after.auction.started_at)
            metrics.hold.labels(after.plan, "dialled").observe(waited_s)


def _ended_dials(metrics: Metrics, before: Call | None, after: Call) -> None:
    open_before = {a.no for a in before.attempts if a.live} if before else set()
    for attempt in after.attempts:
        if attempt.no in open_before and attempt.result is not None:
            metrics.bridges.labels(after.plan, attempt.result.value).inc()
            metrics.bridge_attempts.labels(attempt.offer.buyer, attempt.result.value).inc()


def _end(metrics: Metrics, before: Call | None, after: Call) -> None:
    outcome = after.outcome.value if after.outcome else "failed"
    metrics.calls.labels(after.plan, outcome).inc()
    if before is not None and before.state is CallState.AUCTION and before.auction and after.ended_at:
        metrics.hold.labels(after.plan, outcome).observe(max(0.0, after.ended_at - before.auction.started_at))
    if after.callback is not None:
        metrics.callbacks.labels("not_owed" if after.callback.startswith("none") else "promised").inc()
    sold = next((a for a in reversed(after.attempts) if a.result is AttemptResult.BRIDGED), None)
    if after.qualified and sold is not None:
        metrics.qualified_calls.labels(sold.offer.buyer).inc()
        metrics.expected_payout.labels(sold.offer.buyer).inc(float(sold.offer.payout))


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
