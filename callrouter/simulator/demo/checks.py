"""Do the product's totals agree with what its partners saw? Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from callrouter.simulator.carrier import DialRecord
from callrouter.simulator.demo import transfer_checks
from callrouter.simulator.demo.evidence import Evidence, Record, Seen, Told
from callrouter.simulator.demo.money import earned, minimum_durations
from callrouter.simulator.demo.world import EARLY_HANGUP_S, OFFER_TTL_S, PLAN
from callrouter.simulator.partners import PartnerOffer

_TOLERANCE_S = 0.05
"""Clocks of two processes of one machine are one clock; reading it takes a moment."""
_CENT = Decimal("0.01")
_UNREACHED = "Play: cannot be fetched"
"""What the carrier notes when nobody serves the audio: after a kill, for as long as nobody does."""
_LEFT = "not_called_caller_gone"
"""A buyer that was asked, and whose answer nobody waited for any more."""


@dataclass(frozen=True)
class Check:
    """One statement about the run, and what speaks against it."""

    says: str
    against: Sequence[str]

    @property
    def holds(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.against


def check(evidence: Evidence) -> list[Check]:
    """Every check, in the order in which a call goes; after crashes only what no crash excuses."""
    left_out = _EXCUSED_BY_CRASHES if evidence.crashes else frozenset()
    return [Check(says, list(find(evidence))) for says, find in _CHECKS if find not in left_out]


def left_out() -> str:
    """What is not held against a run with crashes, for people to read."""
    names = "; ".join(says for says, find in _CHECKS if find in _EXCUSED_BY_CRASHES)
    return f"not asked after crashes, for a kill changes stories and empties counters in memory: {names}"


def _rows(evidence: Evidence) -> Iterable[str]:
    rows = Counter(row["sid"] for row in evidence.rows)
    for one in evidence.seen:
        if rows[one.sid] != 1 and (one.sid or not evidence.crashes):
            yield f"{one.sid or 'a transfer'}: {rows[one.sid]} rows"
    strangers = set(rows) - {one.sid for one in evidence.seen}
    if evidence.crashes:  # a transfer whose agent was never told its id, because of a kill
        strangers = {sid for sid in strangers if not sid.startswith("TR")}
    yield from (f"{sid}: nobody made this call" for sid in strangers)


def _stories(evidence: Evidence) -> Iterable[str]:
    for one in evidence.told:
        if not one.limited and one.outcome != one.scenario.story.outcome:
            yield f"{one.call.sid}: {one.scenario.story} should be {one.scenario.story.outcome}, is {one.outcome}"


def _outcome_counts(evidence: Evidence) -> Iterable[str]:
    outcomes = evidence.outcomes + Counter(one.outcome for one in evidence.transfers)
    for outcome, count in outcomes.items():
        counted = evidence.metric("calls_total", plan=PLAN, outcome=outcome)
        if counted != count:
            yield f"{outcome}: {count} records, the metric says {counted}"


def _bridged(evidence: Evidence) -> Iterable[str]:
    for one in evidence.told:
        # A buyer that hung up at once was bridged for the carrier, and is no sale for us.
        lasting = [dial for dial in one.call.dials if dial.bridged][-1:] if one.outcome == "bridged" else []
        if one.outcome == "bridged" and (not lasting or lasting[0].number != _sold_to(one)):
            yield f"{one.call.sid}: recorded as bridged with {_sold_to(one)}, the carrier connected somebody else"
        talked = any(dial.bridged and dial.talk_s >= EARLY_HANGUP_S for dial in one.call.dials)
        if one.outcome != "bridged" and not one.limited and talked:
            yield f"{one.call.sid}: the carrier connected it, the record says {one.outcome}"


def _sold_to(one: Told) -> str | None:
    attempts = one.record["attempts"] if one.record else ()
    return next((a["number"] for a in reversed(attempts) if a["result"] == "bridged"), None)


def _dials(evidence: Evidence) -> Iterable[str]:
    for one in evidence.seen:
        recorded = [attempt["number"] for attempt in one.record["attempts"]] if one.record else []
        dialled = [dial.number for dial in one.dials]
        if recorded != dialled:
            yield f"{one.sid}: {len(recorded)} dials recorded, the carrier made {len(dialled)}"


def _windows(evidence: Evidence) -> Iterable[str]:
    for one in evidence.seen:
        for dial in one.dials:
            age_s = offer_age_s(dial, offers_of(evidence, dial.number))
            if age_s is None or age_s > OFFER_TTL_S + _TOLERANCE_S:
                told = "that nobody offered" if age_s is None else f"{age_s:.2f} s after the offer"
                yield f"{one.sid}: dialled a number {told}"


def offers_of(evidence: Evidence, number: str) -> list[PartnerOffer]:
    """Every offer of this number, as the partners sent it."""
    return [offer for buyer in evidence.world.buyers.values() for offer in buyer.offered(number)]


def offer_age_s(dial: DialRecord, offers: Iterable[PartnerOffer]) -> float | None:
    """Seconds from the partner's latest offer before the dial to the dial; ``None`` when there was none."""
    return min((dial.started_at - o.at for o in offers if o.at <= dial.started_at + _TOLERANCE_S), default=None)


def _pings(evidence: Evidence) -> Iterable[str]:
    for name, buyer in evidence.world.buyers.items():
        answered = evidence.metric("buyer_response_seconds_count", buyer=name)
        left = sum(1 for one in evidence.seen for r in _results(one) if (r["buyer"], r["reason"]) == (name, _LEFT))
        unheard = left - evidence.metric("buyer_results_total", buyer=name, reason=_LEFT)
        if answered + unheard != len(buyer.requests):
            yield f"{name}: {answered:g} verdicts and {unheard:g} callers gone, {len(buyer.requests)} requests"


def _under_way(evidence: Evidence) -> Iterable[str]:
    for name in evidence.world.buyers:
        if waiting := evidence.metric("buyer_inflight", buyer=name):
            yield f"{name}: {waiting:g} requests"


def _one_result_each(evidence: Evidence) -> Iterable[str]:
    for one in evidence.seen:
        results = Counter((r["auction"], r["buyer"]) for r in _results(one))
        auctions = {auction for auction, _ in results}
        wanted = {(auction, buyer) for auction in auctions for buyer in evidence.world.buyers}
        if set(results) != wanted or any(count != 1 for count in results.values()):
            yield f"{one.sid}: its results are {sorted(results.elements())}"


def _results(one: Seen) -> Sequence[Record]:
    return one.record["results"] if one.record else ()


def _limits(evidence: Evidence) -> Iterable[str]:
    if evidence.world.contactability.violations:
        yield f"{evidence.world.contactability.violations} requests beyond the limit"


def _payouts(evidence: Evidence) -> Iterable[str]:
    said = {
        "the metric": evidence.metric("expected_payout_dollars_total").quantize(_CENT),
        **evidence.money,
        "the records": evidence.payout,
        "carrier and buyers": _talked_for(evidence),
    }
    if len(set(said.values())) > 1:
        yield ", ".join(f"{who} ${dollars:.2f}" for who, dollars in said.items())


def _talked_for(evidence: Evidence) -> Decimal:
    """What the talks that the carrier saw are worth by what the buyers had offered."""
    world = evidence.world
    minimum_s = minimum_durations([*world.cast, *world.handovers])
    offers = {number: offers_of(evidence, number) for number in minimum_s}
    return earned((dial for one in evidence.seen for dial in one.dials), offers, minimum_s)


def _callbacks_owed(evidence: Evidence) -> Iterable[str]:
    owed = Counter(one.scenario.caller.from_ for one in evidence.told if _owes(one))
    leads = Counter(f"+1{lead.mobile[-10:]}" for lead in evidence.world.dialler.standing())
    for phone in sorted(set(owed) | set(leads)):
        if owed[phone] != leads[phone]:
            yield f"{phone}: {owed[phone]} owed, {leads[phone]} at the dialler"


def _owes(one: Told) -> bool:
    callback = one.record["callback"] if one.record else None
    return bool(callback and callback["id"])


def _callback_or_bridge(evidence: Evidence) -> Iterable[str]:
    for one in evidence.told:
        if _owes(one) + is_sold(one) + (one.outcome == "bridged") != 1:
            sold = "a sold lead" if is_sold(one) else "no sale"
            yield f"{one.call.sid}: {one.outcome}, {sold}, and {'a' if _owes(one) else 'no'} callback"


def is_sold(one: Told) -> bool:
    """Whether the record says that the person's lead was sold."""
    sale = one.record["sale"] if one.record else None
    return sale is not None and sale["state"] == "sold"


def _leads(evidence: Evidence) -> Iterable[str]:
    for one in evidence.told:
        bought = len(evidence.world.leads.sales_of(one.scenario.caller.from_[-10:]))
        if _cut_off(evidence, f"sale-{one.call.sid}") and bought <= 1:
            continue
        if bought != is_sold(one):
            yield f"{one.call.sid}: bought {bought} times, the record says {'sold' if is_sold(one) else 'not sold'}"


def _cut_off(evidence: Evidence, job_id: str) -> bool:
    """Whether a kill came between a lead's post and its answer: nobody here can know, and it is not tried again."""
    jobs = evidence.callbacks if evidence.crashes else ()
    return any(job["id"] == job_id and job["state"] == "dead" and "lost" in job["last_error"] for job in jobs)


def _outbox(evidence: Evidence) -> Iterable[str]:
    for job in evidence.callbacks:
        if job["state"] not in ("delivered", "cancelled", "ended") and not _cut_off(evidence, job["id"]):
            yield f"{job['id']} is {job['state']}: {job['last_error']}"


def _documents(evidence: Evidence) -> Iterable[str]:
    for document in evidence.world.carrier.documents:
        for problem in document.problems:
            if not (evidence.crashes and problem == _UNREACHED):
                yield f"{document.call_sid}: {problem}"


def _webhooks(evidence: Evidence) -> Iterable[str]:
    for webhook in evidence.world.carrier.webhooks:
        if webhook.error is not None or webhook.status not in (200, 204):
            yield f"{webhook.call_sid}: {webhook.kind} got {webhook.status or webhook.error}"


def _rest(evidence: Evidence) -> Iterable[str]:
    for request in evidence.world.carrier.rest_log:
        yield from (f"{request.method} {request.path}: {problem}" for problem in request.problems)


def _sound(evidence: Evidence) -> Iterable[str]:
    return (f"{type(error).__name__}: {error}" for error in evidence.world.carrier.errors)


_CHECKS: Sequence[tuple[str, Callable[[Evidence], Iterable[str]]]] = (
    ("each call is in the ledger exactly once", _rows),
    ("each call ended as its story goes", _stories),
    ("each transfer ended as its story goes", transfer_checks.as_their_stories_go),
    ("outcomes in records and metrics are the same", _outcome_counts),
    ("each buyer has one result in each auction", _one_result_each),
    ("verdicts and callers gone = requests that the buyers received", _pings),
    ("no request still counts as under way", _under_way),
    ("no buyer got more requests than its limit", _limits),
    ("dials recorded = dials that the carrier made", _dials),
    ("no number was dialled outside its offer's window", _windows),
    ("bridged calls = calls that the carrier connected", _bridged),
    ("bridged transfers = transfers whose callers met a buyer", transfer_checks.connected),
    ("no buyer was rung twice for a transfer", transfer_checks.placed_once),
    ("every room has ended, and everybody's leg in it", transfer_checks.rooms_over),
    ("nobody was left alone in a room", transfer_checks.nobody_alone),
    ("expected payout: metrics, ledger, report and the console say the same, as do carrier and buyers", _payouts),
    ("each call is bridged, or its lead is sold, or it has a callback: one of them", _callback_or_bridge),
    ("whom an agent kept, or a buyer took, is not called back", transfer_checks.nobody_called_back),
    ("leads sold = leads that their buyer bought, each once", _leads),
    ("callbacks owed = callbacks that the dialler holds", _callbacks_owed),
    ("nothing is left in the outbox", _outbox),
    ("every webhook was answered", _webhooks),
    ("every TwiML document is as documented", _documents),
    ("every REST request is as documented", _rest),
    ("the simulation itself is sound", _sound),
)

_EXCUSED_BY_CRASHES = frozenset({
    _stories, _outcome_counts, _pings, _under_way, _webhooks,
    transfer_checks.as_their_stories_go, transfer_checks.connected, transfer_checks.nobody_alone,
})  # fmt: skip
