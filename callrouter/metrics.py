"""Every metric, its labels and buckets, and each series at zero from the start.

Label values come only from enums and loaded plans, never from a request. Buyer and plan never stand on one metric
together, so that series grow with their sum and not with their product.
"""

from collections.abc import Iterable, Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

from callrouter import __version__
from callrouter.carrier.seam import PushResult
from callrouter.dialplan import Plan
from callrouter.domain.call import AttemptResult, Outcome
from callrouter.domain.reasons import RESULT_LABELS, Family

ENDPOINTS = (
    *("voice", "zip", "pin", "hold", "dial", "leg", "status", "fallback"),
    *("room", "party", "out", "music"),
)
WEBHOOK_RESULTS = ("answered", "refused", "forbidden", "bad_request", "failed")
AUCTION_OUTCOMES = ("sold", "no_offer", "nobody_called", "caller_gone", "handed_over", "failed")
OVERHEAD_STAGES = ("prepare", "decide", "respond")
HOLD_OUTCOMES = ("dialled", *(outcome.value for outcome in Outcome if outcome is not Outcome.REFUSED))
CALLBACK_RESULTS = (
    *("promised", "not_owed", "delivered", "existing", "already_scheduled", "retried", "dead"),
    *("cancelled", "nothing_to_cancel", "withdrawn", "late", "test_ok"),
)
SALE_RESULTS = ("sold", "outbid", "uncertain", "no_offer", "error", "not_called", "rejected")
TRANSFER_RESULTS = ("offered", "unsold", "bridged", "cancelled")
TRANSFER_STATES = ("asking", "offered", "unsold", "connecting", "ringing", "talking", "handed_over")
TRANSFER_STEPS = ("offer", "answer", "introduce")
UNSOLD_REASONS = ("nobody_asked", "no_offer", "offers_lapsed", "dials_failed")
WHO_ENDED = ("caller", "buyer", "agent", "unknown")
JOB_STATES = ("waiting", "due", "dead")
DIALLED_BECAUSE = ("not_worth_waiting", "all_answered", "longest_wait", "served_first", "offer_lapses")
DECISIONS = (
    *(("wait", because) for because in ("worth_waiting", "too_few_offers", "others_answering", "no_offer_yet")),
    *(("dial", because) for because in DIALLED_BECAUSE),
    ("give_up", "nothing_left"),
)
ALARMS = ("answers", "talks")
SILENT_ENDPOINTS = ("zip", "hold", "dial")
"""Webhooks while which are open a caller who was answered before hears nothing."""
ENGINE_OPERATIONS = (
    *("commit", "admit", "health", "beat", "look", "job_claim", "job_done", "job_retry", "job_requeue"),
    *("job_stand", "job_withdraw", "job_due", "job_cancel", "sale_intent", "sale_step", "sale_end"),
    *("guard_book", "guard_release", "buyers_look", "reply_claim", "reply_settle", "sign_in"),
    *("get", "set", "getex", "delete", "hget", "hgetall", "hmget", "hset", "hdel"),
    *("zrange", "zrevrange", "zadd", "zcount", "mget", "xreadgroup", "xack", "ping", "gauges", "amend"),
    *("reply_keep", "lessons_add", "lessons_read", "beliefs_keep", "other"),
)

_FAST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 1.5, 2, 2.5, 4, 8, 15)
_AUCTION = (0.1, 0.25, 0.5, 1, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 25)
_OVERHEAD = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
_BRIDGE = (0.5, 1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 60)
_WINDOW = (0.1, 0.25, 0.5, 1, 2, 4, 6, 8, 10, 15, 20, 25, 30)
_PAYOUT = (1, 2.5, 5, 10, 15, 20, 30, 40, 60, 80, 120, 200, 500)
_LATE = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400, 86_400)
_ENGINE = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1.5)
_LAG = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
_SILENCE = (0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 2.5, 3, 5)
_LEFT = (1, 2, 4, 6, 8, 10, 15, 20, 25, 30, 60)
_ANSWER = (1, 2, 3, 5, 7, 10, 15, 20, 25, 30, 60)
_TALK = (5, 10, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1800)
_STEP = (0.5, 1, 2, 4, 6, 10, 15, 20, 30, 45, 60, 120, 300)

disable_created_metrics()  # type: ignore[no-untyped-call]
"""Nobody reads when a series was made, and those series would be a third of each page."""


class Metrics:
    """The metrics of one instance, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

        def counter(name: str, says: str, *labels: str) -> Counter:
            return Counter(f"callrouter_{name}", says, labels, registry=self.registry)

        def gauge(name: str, says: str, *labels: str) -> Gauge:
            return Gauge(f"callrouter_{name}", says, labels, registry=self.registry)

        def histogram(name: str, says: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(f"callrouter_{name}", says, labels, registry=self.registry, buckets=buckets)

        self.webhooks = counter("webhooks", "Requests of the carrier.", "endpoint", "result")
        self.webhook_duration = histogram("webhook_duration_seconds", "First byte to answer.", _FAST, "endpoint")
        self.calls = counter("calls", "Calls that ended.", "plan", "outcome")
        self.calls_live = gauge("calls_live", "Calls that have not ended, in the engine: the same on every instance.")
        self.auctions = counter("auctions", "Auctions held.", "plan", "outcome")
        self.auction_duration = histogram("auction_duration_seconds", "Start to close.", _AUCTION, "plan")
        self.auction_overhead = histogram(
            "auction_overhead_seconds", "What we add to it; respond: with the push to the carrier.", _OVERHEAD, "stage"
        )
        self.buyer_results = counter("buyer_results", "One for each buyer and auction.", "buyer", "reason")
        self.buyer_response = histogram(
            "buyer_response_seconds", "Request to verdict, timeouts included.", _AUCTION, "buyer", "family"
        )
        self.buyer_offer_payout = histogram("buyer_offer_payout_dollars", "Payouts offered.", _PAYOUT, "buyer")
        self.buyer_wins = counter("buyer_wins", "Auctions in which this buyer's offer ranked first.", "buyer")
        self.buyer_inflight = gauge("buyer_inflight", "Requests under way.", "buyer")
        self.posts = counter("buyer_posts", "Bids taken up while the caller waited.", "buyer", "reason")
        self.bridges = counter("bridges", "Dials that ended, by plan.", "plan", "result")
        self.bridge_attempts = counter("bridge_attempts", "Dials that ended, by buyer.", "buyer", "result")
        self.time_to_bridge = histogram("time_to_bridge_seconds", "Arrival to the first dial.", _BRIDGE, "plan")
        self.hold = histogram("hold_seconds", "Auction's start to what ended the wait.", _BRIDGE, "plan", "outcome")
        self.offer_age_at_dial = histogram("offer_age_at_dial_seconds", "Reply's arrival to dial.", _WINDOW)
        self.offers_expired = counter("offers_expired", "Offers that expired before they could be dialled.", "buyer")
        self.late_offers = counter("late_offers", "Offers that came after the first dial and were kept.", "buyer")
        self.decisions = counter("decisions", "What the policy decided, and why.", "plan", "choice", "because")
        self.belief_alarms = counter(
            "belief_alarms", "A buyer began to disappoint: its past was cut off.", "buyer", "of"
        )
        self.lessons_behind = gauge("lessons_behind", "Lessons in the engine that this instance has not learned yet.")
        self.callbacks = counter("callbacks", "What became of callbacks.", "result")
        self.callbacks_due = gauge("callbacks_due", "Deliveries to the dialler that are due now.")
        self.callback_punctuality = histogram(
            "callback_punctuality_seconds", "How late deliveries to the dialler ran.", _LATE
        )
        self.near_misses = counter(
            "near_misses", "Bridged calls that ended within 10 s before their minimum duration.", "buyer", "ended_by"
        )
        self.window_left_at_dial = histogram(
            "window_left_at_dial_seconds", "Dial to the offer's expiry.", _LEFT, "buyer"
        )
        self.answer = histogram("answer_seconds", "Dial to answer, of dials that were answered.", _ANSWER, "buyer")
        self.talk = histogram("talk_seconds", "Bridged talk, early hang-ups included.", _TALK, "buyer")
        self.unsold = counter("unsold", "Unsold calls.", "plan", "reason")
        self.silence = histogram(
            "silence_seconds", "How long an answered caller heard nothing for a webhook.", _SILENCE, "endpoint"
        )
        self.buyer_breaker_open = gauge(
            "buyer_breaker_open", "1: left out for its errors; 0.5: so, and the next caller tries it.", "buyer"
        )
        self.buyer_limit_used = gauge("buyer_limit_used_ratio", "The fullest of its rate windows, 0 to 1.", "buyer")
        self.buyer_switched_off = gauge("buyer_switched_off", "1: switched off by hand in some plan.", "buyer")
        self.outbox_jobs = gauge(
            "outbox_jobs", "Jobs in the engine; waiting: due later, or with a worker now.", "state"
        )
        self.callbacks_late = gauge("callbacks_late", "Deliveries to the dialler that are due for more than 60 s.")
        self.ledger_waiting = gauge("ledger_waiting", "Finished calls and sales that the ledger does not have yet.")
        self.auctions_live = gauge("auctions_live", "Auctions that this instance runs now.")
        self.sales = counter("sales", "Leads of unsold calls, one for each buyer and sale.", "buyer", "result")
        self.transfers = counter("transfers", "Warm transfers.", "result")
        self.transfers_open = gauge("transfers_open", "Open warm transfers, by where they stand.", "state")
        self.transfer_step = histogram(
            "transfer_step_seconds",
            "offer: opened to the first offer, or none; answer: bridge to the buyer's answer; "
            "introduce: answer to the agent's leaving.",
            _STEP,
            "step",
        )
        self.pushes = counter("pushes", "Decisions pushed to live calls.", "result")
        self.engine_errors = counter("engine_errors", "Engine commands that failed.", "operation")
        self.engine_seconds = histogram("engine_seconds", "Round trip of an engine command.", _ENGINE, "operation")
        self.event_loop_lag = histogram("event_loop_lag_seconds", "How late a timer of this instance fires.", _LAG)
        self.ledger_errors = counter("ledger_errors", "Batches that the ledger did not take.")
        self.dialplans_broken = gauge("dialplans_broken", "Dialplan files refused; the last good ones serve.")
        self.draining = gauge("draining", "1 while this instance is stopping.")
        self.build_info = gauge("build_info", "The release that runs.", "version")
        ProcessCollector(namespace="callrouter", registry=self.registry)
        self._preload()
        self._engine_timers = {name: self.engine_seconds.labels(name) for name in ENGINE_OPERATIONS}

    def engine_failed(self, operation: str) -> None:
        """Count one failed engine command."""
        self.engine_errors.labels(operation if operation in ENGINE_OPERATIONS else "other").inc()

    def engine_took(self, operation: str, seconds: float) -> None:
        """Count the time of one engine command, failed ones too."""
        timers = self._engine_timers
        (timers.get(operation) or timers["other"]).observe(seconds)

    def callback_happened(self, result: str) -> None:
        """Count one step of a callback."""
        if result in CALLBACK_RESULTS:
            self.callbacks.labels(result).inc()

    def sale_ended(self, came: Mapping[str, str]) -> None:
        """Count what a sale came to with each of its buyers."""
        for buyer, result in came.items():
            self.sales.labels(buyer, result).inc()

    def preload_plans(self, plans: Iterable[Plan]) -> None:
        """Every series of these plans and their buyers, at zero unless it counts already."""
        for plan in plans:
            name = plan.plan
            _zero(self.calls, [(name, outcome.value) for outcome in Outcome])
            _zero(self.auctions, [(name, outcome) for outcome in AUCTION_OUTCOMES])
            _zero(self.bridges, [(name, result.value) for result in AttemptResult])
            _zero(self.hold, [(name, outcome) for outcome in HOLD_OUTCOMES])
            _zero(self.unsold, [(name, reason) for reason in UNSOLD_REASONS])
            _zero(self.decisions, [(name, choice, because) for choice, because in DECISIONS])
            for metric in (self.auction_duration, self.time_to_bridge):
                metric.labels(name)
            for buyer in plan.buyers:
                self._preload_buyer(buyer)

    def _preload_buyer(self, buyer: str) -> None:
        for results in (self.buyer_results, self.posts):
            _zero(results, [(buyer, label) for label in RESULT_LABELS])
        _zero(
            self.buyer_response,
            [(buyer, family.value) for family in Family if family is not Family.NOT_CALLED],
        )
        _zero(self.bridge_attempts, [(buyer, result.value) for result in AttemptResult])
        _zero(self.sales, [(buyer, result) for result in SALE_RESULTS])
        for metric in (self.buyer_wins, self.offers_expired, self.late_offers):
            metric.labels(buyer)
        _zero(self.belief_alarms, [(buyer, of) for of in ALARMS])
        _zero(self.near_misses, [(buyer, who) for who in WHO_ENDED])
        for histogram in (self.buyer_offer_payout, self.window_left_at_dial, self.answer, self.talk):
            histogram.labels(buyer)
        for gauge in (self.buyer_inflight, self.buyer_breaker_open, self.buyer_limit_used, self.buyer_switched_off):
            gauge.labels(buyer)

    def _preload(self) -> None:
        _zero(self.webhooks, [(endpoint, result) for endpoint in ENDPOINTS for result in WEBHOOK_RESULTS])
        _zero(self.webhook_duration, [(endpoint,) for endpoint in ENDPOINTS])
        _zero(self.auction_overhead, [(stage,) for stage in OVERHEAD_STAGES])
        _zero(self.callbacks, [(result,) for result in CALLBACK_RESULTS])
        _zero(self.transfers, [(result,) for result in TRANSFER_RESULTS])
        _zero(self.pushes, [(result.value,) for result in PushResult])
        _zero(self.engine_errors, [(operation,) for operation in ENGINE_OPERATIONS])
        _zero(self.silence, [(endpoint,) for endpoint in SILENT_ENDPOINTS])
        _zero(self.outbox_jobs, [(state,) for state in JOB_STATES])
        _zero(self.transfers_open, [(state,) for state in TRANSFER_STATES])
        _zero(self.transfer_step, [(step,) for step in TRANSFER_STEPS])
        self.build_info.labels(__version__).set(1)


def _zero(metric: Counter | Gauge | Histogram, series: Iterable[tuple[str, ...]]) -> None:
    for labels in series:
        metric.labels(*labels)
