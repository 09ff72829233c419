"""The handler of a sale's job: one step for each claim, and what follows from it."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from random import Random

from callrouter.auction.deps import Deps
from callrouter.auction.guards import lowest
from callrouter.auction.seats import sold_lead
from callrouter.buyers.base import Ask, Quote
from callrouter.callbacks.outbox import Ack, Job, JobKind
from callrouter.callbacks.outcome import Delivery, DeliveryOutcome
from callrouter.callbacks.worker import LEASE_S, Handler, backoff_s
from callrouter.dialplan import Plan
from callrouter.domain.caller import Caller
from callrouter.domain.money import dollars
from callrouter.domain.offer import Decline
from callrouter.domain.reasons import Reason
from callrouter.errors import EngineUnavailable
from callrouter.sales.asking import Answer, Lead, Ready, ready, recipient, send
from callrouter.sales.book import GO, TALKING, SaleBook, Sold, ack_of
from callrouter.sales.progress import (
    Bid,
    PingThem,
    Posting,
    PostTo,
    SaleOutcome,
    SaleProgress,
    next_move,
    tally,
    waited,
)
from callrouter.sales.verdict import Meaning, judge

log = logging.getLogger("callrouter.sales")

FRESH_S = LEASE_S / 2
"""A post that is not out this long after its claim is not sent: another worker may have the sale soon."""

OnSale = Callable[[Mapping[str, str]], None]
"""Told of each sale that is over: what it came to with each buyer, see `tally`."""

_WAITED_FOR = frozenset({Reason.NOT_CALLED_RATE_LIMITED, Reason.NOT_CALLED_UNGUARDED})
"""Reasons that pass by themselves, and soon: nobody is on the line."""

Charges = tuple[Mapping[str, object], ...]


class LeadSale:
    """Sells leads; ``handlers`` is what `OutboxWorker` takes. ``plan_of`` finds a plan by its name."""

    def __init__(
        self, deps: Deps, book: SaleBook, plan_of: Callable[[str], Plan | None], rng: Random, on_sale: OnSale
    ) -> None:
        self._deps = deps
        self._on_sale = on_sale
        self._book = book
        self._plan_of = plan_of
        self._rng = rng

    @property
    def handlers(self) -> Mapping[JobKind, Handler]:
        """The handler of a sale's job."""
        return {JobKind.SALE: self.step}

    async def step(self, job: Job) -> Delivery:
        """The next step of one sale. What it came to is stored by `Delivery.settle`."""
        began = self._deps.clock.monotonic()
        plan = self._plan_of(job.payload["plan"])
        if plan is None:
            return Delivery(DeliveryOutcome.TRANSIENT, "the plan is not loaded")
        lead = _lead(job, plan)
        progress = SaleProgress.read(job.progress, job.results)
        if progress.posting is not None:
            return await self._repeat(job, lead, progress, progress.posting, began)
        if lead.ask.caller.consent is not True:
            return self._end(job, lead, _without_consent(lead, progress), SaleOutcome.UNSOLD, "no consent")
        match next_move(progress, self._sellers(lead), self._deps.clock.now()):
            case PingThem(buyers):
                return await self._ping(job, lead, progress, buyers)
            case PostTo(buyer, quote):
                return await self._post(job, lead, progress, buyer, quote, began)
            case None:
                return self._end(job, lead, progress, SaleOutcome.UNSOLD)

    def _sellers(self, lead: Lead) -> dict[str, bool]:
        """The plan's lead buyers, and whether each can be asked for its price."""
        modes = {}
        for buyer in lead.plan.unsold.sell_lead:
            entry = lead.entry(buyer)
            modes[buyer] = "ping" in self._deps.catalogue.get(entry.adapter).sheet.modes[entry.mode].steps
        return modes

    async def _ping(self, job: Job, lead: Lead, progress: SaleProgress, buyers: tuple[str, ...]) -> Delivery:
        asked = await asyncio.gather(*(self._asked(lead, buyer) for buyer in buyers))
        error = ""
        for answer, bid in asked:
            later = waited(progress, answer.buyer) if _to_be_waited_for(answer) else None
            if later is not None:
                progress, error = later, str(answer.document["reason"])
                continue
            progress = progress.pinged(answer.buyer, bid).noted(answer.document)
            if bid is None:
                progress = progress.through(answer.buyer)
        return self._again(job, lead, progress, error)

    async def _asked(self, lead: Lead, buyer: str) -> tuple[Answer, Bid | None]:
        """One buyer's price, and its bid if that is good enough."""
        made = await ready(self._deps, lead, buyer, "ping")
        if isinstance(made, Answer):
            return made, None
        kept = False
        try:
            answer = await send(self._deps, lead, made)
            if isinstance(answer.verdict, Decline):
                return answer, None
            decline = await self._unwanted(lead, made, answer.verdict)
            if decline is not None:
                return replace(answer, verdict=decline), None
            kept = True
            expires_at = answer.received_at + made.received_for_s
            return answer, Bid(buyer=buyer, quote=answer.verdict, expires_at=expires_at)
        finally:
            if not kept:
                self._deps.limits.release(made.seat)

    async def _unwanted(self, lead: Lead, made: Ready, quote: Quote) -> Decline | None:
        floor = lowest(made.seat.guards, lead.ask)
        if quote.payout < floor:
            return Decline(reason=Reason.REJECTED_BELOW_FLOOR, detail=f"{quote.payout} is below {floor}")
        return await self._deps.limits.book(made.seat, quote.payout, self._deps.clock.now())

    async def _post(
        self, job: Job, lead: Lead, progress: SaleProgress, buyer: str, quote: Quote | None, began: float
    ) -> Delivery:
        """A first post to this buyer."""
        posting = Posting(buyer=buyer, quote=quote, to=recipient(self._deps, lead, buyer))
        made = await ready(self._deps, lead, buyer, "post", quote)
        if isinstance(made, Answer):
            later = waited(progress, buyer) if _to_be_waited_for(made) else None
            if later is not None:
                return self._again(job, lead, later, str(made.document["reason"]))
            return self._refused(job, lead, progress, made)
        kept_back = self._again(job, lead, progress, "not sent")
        try:
            said = await self._intend(job, lead, progress, posting)
        except EngineUnavailable:
            return kept_back
        if said == TALKING:
            return self._again(job, lead, progress, "the person is talking to a buyer")
        if said != GO:
            self._deps.limits.release(lead.any_seat(buyer))
            return self._over(lead, progress, said)
        if self._deps.clock.monotonic() - began > FRESH_S:
            return kept_back
        answer = await send(self._deps, lead, made)
        return self._answered(job, lead, progress.replaced(posting=posting), posting, answer, repeated=False)

    async def _repeat(self, job: Job, lead: Lead, progress: SaleProgress, posting: Posting, began: float) -> Delivery:
        """The answer to a post is not known: the same one again, where the buyer recognises it."""
        if not self._repeats(lead, posting):
            return self._end(job, lead, progress, SaleOutcome.UNCERTAIN, "the answer to the post was lost")
        made = await ready(self._deps, lead, posting.buyer, "post", posting.quote, repeated=True)
        if isinstance(made, Answer):
            if _to_be_waited_for(made):
                return self._again(job, lead, progress, str(made.document["reason"]))
            note = "the answer to the post was lost, and it cannot be sent again"
            return self._end(job, lead, progress.noted(made.document), SaleOutcome.UNCERTAIN, note)
        try:
            said = await self._intend(job, lead, progress, posting)
        except EngineUnavailable:
            return self._again(job, lead, progress, "not sent")
        if said != GO:
            return self._over(lead, progress, said)
        if self._deps.clock.monotonic() - began > FRESH_S:
            return self._again(job, lead, progress, "not sent")
        answer = await send(self._deps, lead, made)
        return self._answered(job, lead, progress, posting, answer, repeated=True)

    def _repeats(self, lead: Lead, posting: Posting) -> bool:
        """Whether the same post may go out again: to whoever got it first, who recognises it."""
        entry = lead.plan.buyers.get(posting.buyer)
        if entry is None or recipient(self._deps, lead, posting.buyer) != posting.to:
            return False
        return self._deps.catalogue.get(entry.adapter).sheet.modes[entry.mode].repeat == "safe"

    async def _intend(self, job: Job, lead: Lead, progress: SaleProgress, posting: Posting) -> str:
        payout = posting.quote.payout if posting.quote else Decimal(0)
        return await self._book.intend(
            job, progress.replaced(posting=posting), (self._charge(lead, posting.buyer, payout),)
        )

    def _answered(
        self, job: Job, lead: Lead, progress: SaleProgress, posting: Posting, answer: Answer, *, repeated: bool
    ) -> Delivery:
        verdict = judge(answer.verdict, posting.quote, sent=answer.sent, status=answer.status, repeated=repeated)
        if verdict.meaning is Meaning.REFUSED:
            return self._refused(job, lead, progress, answer)
        progress = progress.noted(answer.document)
        if verdict.meaning is Meaning.SOLD and verdict.quote is not None:
            return self._sold(job, lead, progress, posting.buyer, verdict.quote)
        why = str(answer.document["reason"])
        if verdict.meaning is Meaning.UNCERTAIN and self._repeats(lead, posting):
            return self._again(job, lead, progress, why)
        return self._end(job, lead, progress, SaleOutcome.UNCERTAIN, f"the answer to the post was lost: {why}")

    def _refused(self, job: Job, lead: Lead, progress: SaleProgress, answer: Answer) -> Delivery:
        self._deps.limits.release(lead.any_seat(answer.buyer))
        progress, verdict = progress.noted(answer.document), answer.verdict
        bid = any(bid.buyer == answer.buyer for bid in progress.bids)
        if bid and isinstance(verdict, Decline) and verdict.reason is Reason.NO_OFFER_EXPIRED:
            # By the buyer's clock the bid was too old: it can be asked for another.
            return self._again(job, lead, progress.lapsed(answer.buyer), verdict.reason.value)
        return self._again(job, lead, progress.through(answer.buyer))

    def _sold(self, job: Job, lead: Lead, progress: SaleProgress, buyer: str, quote: Quote) -> Delivery:
        sold = Sold(buyer, dollars(quote.payout), quote.payout_stated, quote.buyer_ref)
        others = (bid.buyer for bid in progress.bids if bid.buyer != buyer and bid.buyer in lead.plan.buyers)
        charges = (self._charge(lead, buyer, quote.payout), *(self._charge(lead, other, None) for other in others))
        log.info("lead sold", extra={"job": job.id, "buyer": buyer})
        return self._ended(job, progress.replaced(posting=None, bids=()), SaleOutcome.SOLD, "", sold, charges)

    def _end(self, job: Job, lead: Lead, progress: SaleProgress, outcome: SaleOutcome, note: str = "") -> Delivery:
        """The sale is over, and nobody has bought the lead for certain."""
        posted = progress.posting.buyer if progress.posting else None
        left = (bid.buyer for bid in progress.bids if bid.buyer != posted and bid.buyer in lead.plan.buyers)
        charges = tuple(self._charge(lead, buyer, None) for buyer in left)
        return self._ended(job, progress, outcome, note, None, charges)

    def _ended(
        self, job: Job, progress: SaleProgress, outcome: SaleOutcome, note: str, sold: Sold | None, charges: Charges
    ) -> Delivery:
        async def settle() -> Ack:
            ack = await self._book.end(job, progress, outcome, note, sold, charges)
            if ack is Ack.ENDED:
                self._on_sale(tally(progress, sold.buyer if sold else None))
            return ack

        return Delivery(DeliveryOutcome.ENDED, outcome.value, settle=settle)

    def _again(self, job: Job, lead: Lead, progress: SaleProgress, error: str = "") -> Delivery:
        """On with the next step: at once, or after an ``error`` once some time has passed."""
        delay_s = backoff_s(job.attempts, self._rng) if error else 0.0
        outcome = DeliveryOutcome.TRANSIENT if error else DeliveryOutcome.CONTINUED

        async def settle() -> Ack:
            ack = await self._book.step(job, progress, delay_s, error)
            self._told(lead, progress, ack)
            return ack

        return Delivery(outcome, error, settle=settle)

    def _over(self, lead: Lead, progress: SaleProgress, said: str) -> Delivery:
        """The sale ended, or went to another worker, when its next post was announced."""
        ack = ack_of(said)
        self._told(lead, progress, ack)

        async def settled() -> Ack:
            return ack

        return Delivery(DeliveryOutcome.ENDED, said, settle=settled)

    def _told(self, lead: Lead, progress: SaleProgress, ack: Ack) -> None:
        """What a step came to: if it was the last, it is counted, and who had bid keeps no seat for it."""
        if ack in (Ack.RETRIED, Ack.LATE):
            return
        self._on_sale(tally(progress, None))
        for bid in progress.bids:
            if bid.buyer in lead.plan.buyers:
                self._deps.limits.release(lead.any_seat(bid.buyer))

    def _charge(self, lead: Lead, buyer: str, payout: Decimal | None) -> Mapping[str, object]:
        charge = sold_lead(lead.plan, buyer, lead.ask.sid, lead.ask.caller.phone, payout)
        return charge.document(self._deps.clock.now(), self._book.keys)


def _lead(job: Job, plan: Plan) -> Lead:
    told = job.payload
    caller = Caller.model_validate(told["caller"])
    return Lead(Ask(str(told["sid"]), int(told["transfer_type"]), caller, plan=plan.plan), plan)


def _to_be_waited_for(answer: Answer) -> bool:
    return isinstance(answer.verdict, Decline) and answer.verdict.reason in _WAITED_FOR


def _without_consent(lead: Lead, progress: SaleProgress) -> SaleProgress:
    for buyer in lead.plan.unsold.sell_lead:
        progress = progress.noted(Answer(buyer, "ping", Decline(reason=Reason.NOT_CALLED_NO_CONSENT)).document)
    return progress
