"""One step of a sale at one buyer: the request with its guards, and over the wire."""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from callrouter.auction.asking import Progress, ask_buyer, masked
from callrouter.auction.budget import Budget
from callrouter.auction.deps import Deps
from callrouter.auction.exchange import Masker
from callrouter.auction.guards import SLACK_S, Seat, refused
from callrouter.auction.limits import health_scope
from callrouter.auction.runner import note_health, seat_of
from callrouter.buyers.base import Account, Ask, BuyerRequest, Quote
from callrouter.buyers.base.fields import fill
from callrouter.buyers.base.sheet import Mode, Step
from callrouter.buyers.loader import Buyer
from callrouter.dialplan import BuyerEntry, Plan
from callrouter.domain.money import dollars
from callrouter.domain.offer import Decline
from callrouter.domain.reasons import OFFER, Reason

log = logging.getLogger("callrouter.sales")

STEP_S = 10.0
"""How long a buyer may take for one step: a worker's claim must outlast it."""


@dataclass(frozen=True)
class Lead:
    """A person's lead and the plan by which it is sold."""

    ask: Ask
    plan: Plan

    def entry(self, buyer: str) -> BuyerEntry:
        """The buyer's entry in the plan."""
        return self.plan.buyers[buyer]

    def any_seat(self, buyer: str) -> Seat:
        """Whatever this lead has reserved at the buyer; to be released."""
        return Seat(self.plan.plan, buyer, self.entry(buyer).guards, self.ask.sid, self.ask.caller.phone, 0.0, 0.0)


@dataclass(frozen=True)
class Ready:
    """A request that may go out: built, within the guards, and admitted."""

    buyer: str
    step: Step
    quote: Quote | None
    known: Buyer
    account: Account
    request: BuyerRequest
    masker: Masker
    seat: Seat
    received_for_s: float
    """How long a bid can be taken up."""


@dataclass(frozen=True)
class Answer:
    """What a buyer said to one step, or why it was not asked."""

    buyer: str
    step: Step
    verdict: Quote | Decline
    sent: bool = False
    """Whether the buyer may have got the request."""
    asked_at: float | None = None
    elapsed_s: float = 0.0
    received_at: float = 0.0
    status: int | None = None
    exchange: Mapping[str, Any] | None = None
    """Masked."""

    @property
    def document(self) -> Mapping[str, Any]:
        """For the record."""
        decline = self.verdict if isinstance(self.verdict, Decline) else None
        quote = self.verdict if isinstance(self.verdict, Quote) else None
        return {
            "buyer": self.buyer,
            "step": self.step,
            "reason": decline.reason.value if decline else OFFER,
            "buyer_code": decline.buyer_code if decline else None,
            "detail": decline.detail if decline else None,
            "payout": dollars(quote.payout) if quote and quote.payout_stated else None,
            "elapsed_s": round(self.elapsed_s, 3),
            "exchange": self.exchange,
        }


def bid_ttl_s(mode: Mode, entry: BuyerEntry) -> float:
    """How long a bid can be taken up: what the partner documents, else what the plan says."""
    return entry.offer_ttl_s if mode.bid_ttl_s is None else mode.bid_ttl_s


def recipient(deps: Deps, lead: Lead, buyer: str) -> str:
    """Whom a post to this buyer reaches: its partner, account, mode and addresses, as one short digest."""
    entry = lead.entry(buyer)
    account = deps.catalogue.account(buyer, entry)
    addresses = (f"{name}={url}" for name, url in sorted(account.other_urls.items()))
    whole = "\n".join((health_scope(entry.adapter, account), entry.mode, entry.method, *addresses))
    return hashlib.sha256(whole.encode()).hexdigest()[:16]


async def ready(
    deps: Deps, lead: Lead, buyer: str, step: Step, quote: Quote | None = None, *, repeated: bool = False
) -> Ready | Answer:
    """Build this step's request and ask the guards; or why it is not sent. Nothing has gone out yet.

    A post that takes up a bid, or is ``repeated``, has its seat already: only the partner's own count is asked.
    """
    try:
        made = _built(deps, lead, buyer, step, quote)
        if isinstance(made, Decline):
            return Answer(buyer, step, made)
        refusal = await _kept_out(deps, lead, made, bare=repeated)
    except Exception as error:  # noqa: BLE001 - a buyer's bug must never cost the sale
        log.error("adapter failed", extra={"buyer": buyer, "error": type(error).__name__})
        return Answer(buyer, step, Decline(reason=Reason.ERROR_ADAPTER, detail=type(error).__name__))
    return made if refusal is None else Answer(buyer, step, refusal)


async def send(deps: Deps, lead: Lead, made: Ready) -> Answer:
    """One request over the wire, and what the reply means. Raises only when cancelled."""
    ask, entry, adapter = lead.ask, lead.entry(made.buyer), made.known.adapter
    progress = Progress(made.buyer)
    received_at = 0.0
    try:
        verdict, received_at = await ask_buyer(
            deps,
            made.known.sheet,
            made.request,
            lambda reply: (
                adapter.parse_response(ask, made.account, reply)
                if made.step == "ping"
                else made.known.two_step.parse_accept(ask, made.account, made.quote, reply)
            ),
            Budget.of(STEP_S, deps.clock),
            made.masker,
            progress,
        )
    except Exception as error:  # noqa: BLE001 - a buyer's bug must never cost the sale
        log.error("adapter failed", extra={"buyer": made.buyer, "error": type(error).__name__})
        verdict = Decline(reason=Reason.ERROR_ADAPTER, detail=type(error).__name__)
    note_health(deps, entry, progress, verdict.reason if isinstance(verdict, Decline) else None)
    return Answer(
        made.buyer,
        made.step,
        masked(verdict, made.masker) if isinstance(verdict, Decline) else verdict,
        sent=progress.sent,
        asked_at=progress.asked_at,
        elapsed_s=deps.clock.monotonic() - progress.started,
        received_at=received_at,
        status=progress.exchange.status if progress.exchange else None,
        exchange=progress.exchange.model_dump() if progress.exchange else None,
    )


def _built(deps: Deps, lead: Lead, buyer: str, step: Step, quote: Quote | None) -> Ready | Decline:
    entry = lead.entry(buyer)
    known = deps.catalogue.get(entry.adapter)
    mode = known.sheet.modes[entry.mode]
    if not entry.enabled:
        return Decline(reason=Reason.NOT_CALLED_DISABLED)
    if mode.buys != "leads":
        return Decline(reason=Reason.NOT_CALLED_INELIGIBLE, detail=f"buys {mode.buys}, not leads")
    account = deps.catalogue.account(buyer, entry)
    masker = Masker(lead.ask, account, known.sheet.cuts)
    # The same at each repeat, so that the request is the same, too.
    allowed_ms = int(STEP_S * 1000) - known.sheet.latency_buffer_ms
    if step == "ping":
        if mode.post is not None and not mode.template:
            # No price is asked for that could not be taken: a template's data is checked when it is rendered.
            lacking = fill(known.sheet, lead.ask, account, "post")
            if isinstance(lacking, Decline):
                return masked(lacking, masker)
        request = known.adapter.build_request(lead.ask, account, allowed_ms)
    else:
        request = known.two_step.build_accept(lead.ask, account, quote, allowed_ms)
    if isinstance(request, Decline):
        return masked(request, masker)
    ttl_s = bid_ttl_s(mode, entry)
    seat = seat_of(deps, lead.ask, buyer, entry, ttl_s + STEP_S + SLACK_S)
    return Ready(buyer, step, quote, known, account, request, masker, seat, ttl_s)


async def _kept_out(deps: Deps, lead: Lead, made: Ready, *, bare: bool) -> Decline | None:
    entry, sheet = lead.entry(made.buyer), made.known.sheet
    if bare or (made.step == "post" and made.quote is not None):
        admission = await deps.limits.admit_post(entry.adapter, sheet, made.account, lead.plan.plan)
        return None if admission.reason is None else Decline(reason=admission.reason)
    refusal = refused(entry.guards, lead.ask, deps.clock.now())
    if refusal is not None:
        return refusal
    admission = await deps.limits.admit(entry.adapter, sheet, made.account, made.seat)
    return None if admission.reason is None else Decline(reason=admission.reason)
