"""One buyer in one auction: guards, request, reply, checks, and exactly one result."""

import logging
from collections.abc import Collection
from dataclasses import dataclass

from callrouter.auction.budget import Budget
from callrouter.auction.deps import Deps
from callrouter.auction.exchange import Masker
from callrouter.auction.limits import Admission
from callrouter.auction.outbound import OutboundFailure
from callrouter.buyers.base import Account, Ask, BuyerRequest, Quote
from callrouter.buyers.loader import Buyer
from callrouter.dialplan import BuyerEntry
from callrouter.domain.offer import BuyerResult, Decline, Exchange, Offer
from callrouter.domain.phone import BadTarget, check_target
from callrouter.domain.reasons import Reason

log = logging.getLogger("callrouter.auction")

_REFUSED = {
    Admission.LIMITED: Reason.NOT_CALLED_RATE_LIMITED,
    Admission.UNHEALTHY: Reason.NOT_CALLED_UNHEALTHY,
}


@dataclass
class Progress:
    """How far one buyer has come, so that whoever ends it can still say so."""

    buyer: str
    asked_at: float | None = None
    started: float = 0.0
    """``clock.monotonic()`` when the request went out."""
    exchange: Exchange | None = None


async def run_buyer(
    deps: Deps,
    ask: Ask,
    buyer: str,
    entry: BuyerEntry,
    budget: Budget,
    *,
    allow_regions: Collection[str] = (),
    progress: Progress | None = None,
) -> BuyerResult:
    """Ask one buyer and check its answer: always a result, by the budget's end; raises only when cancelled.

    ``buyer`` is the name under the plan's ``buyers``. ``progress`` is filled in on the way.
    """
    progress = progress or Progress(buyer)
    try:
        verdict = await _verdict(deps, ask, entry, budget, allow_regions, progress)
    except Exception as error:  # noqa: BLE001 - the one place: a buyer's bug must never cost the call
        log.error("adapter failed", extra={"buyer": buyer, "error": type(error).__name__})
        verdict = Decline(reason=Reason.ERROR_ADAPTER, detail=type(error).__name__)
    return ended(deps, progress, verdict)


def ended(deps: Deps, progress: Progress, verdict: Offer | Decline) -> BuyerResult:
    """The result of a buyer that has come this far; also for one that the auction's close cut off."""
    asked = progress.asked_at is not None
    return BuyerResult(
        buyer=progress.buyer,
        offer=verdict if isinstance(verdict, Offer) else None,
        decline=verdict if isinstance(verdict, Decline) else None,
        elapsed_s=deps.clock.monotonic() - progress.started if asked else 0.0,
        asked_at=progress.asked_at,
        exchange=progress.exchange,
    )


def note_health(deps: Deps, entry: BuyerEntry, progress: Progress, reason: Reason | None) -> None:
    """Tell the buyer's health record how this request ended; ``None``: with an offer."""
    sheet = deps.catalogue.get(entry.adapter).sheet
    account = deps.catalogue.account(progress.buyer, entry)
    deps.limits.note(entry.adapter, sheet, account, reason, deps.clock.monotonic() - progress.started)


async def _verdict(
    deps: Deps,
    ask: Ask,
    entry: BuyerEntry,
    budget: Budget,
    allow_regions: Collection[str],
    progress: Progress,
) -> Offer | Decline:
    if not entry.enabled:
        return Decline(reason=Reason.NOT_CALLED_DISABLED)
    known = deps.catalogue.get(entry.adapter)
    if known.sheet.modes[entry.mode].buys != "calls":
        return Decline(reason=Reason.NOT_CALLED_INELIGIBLE, detail="buys leads, not calls")
    allowed_ms = _allowed_ms(known, budget)
    if allowed_ms < known.sheet.min_response_ms:
        return Decline(reason=Reason.NOT_CALLED_NO_TIME)
    account = deps.catalogue.account(progress.buyer, entry)
    cuts = {rule.max_chars for rule in known.sheet.fields.values() if rule.max_chars}
    masker = Masker(ask, account, cuts)
    request = known.adapter.build_request(ask, account, allowed_ms)
    if isinstance(request, Decline):
        return _masked(request, masker)
    admission = await deps.limits.admit(entry.adapter, known.sheet, account)
    if admission is not Admission.ADMITTED:
        return Decline(reason=_REFUSED[admission])
    if _allowed_ms(known, budget) < known.sheet.min_response_ms:
        return Decline(reason=Reason.NOT_CALLED_NO_TIME)
    quote, received_at = await _asked(deps, ask, known, account, request, budget, masker, progress)
    note_health(deps, entry, progress, quote.reason if isinstance(quote, Decline) else None)
    if isinstance(quote, Decline):
        return _masked(quote, masker)
    return _checked(deps, ask, entry, progress.buyer, quote, received_at, allow_regions)


async def _asked(
    deps: Deps,
    ask: Ask,
    known: Buyer,
    account: Account,
    request: BuyerRequest,
    budget: Budget,
    masker: Masker,
    progress: Progress,
) -> tuple[Quote | Decline, float]:
    """What the buyer answers, and when its reply had arrived (epoch s)."""
    trace = masker.request(request)
    progress.exchange = Exchange(request=trace)
    progress.asked_at, progress.started = deps.clock.now(), deps.clock.monotonic()
    deps.observer.on_asked(progress.buyer)
    sheet = known.sheet
    reply = await deps.outbound.send(request, budget.remaining(), sheet.max_body, follow=not sheet.limits)
    received_at = deps.clock.now()
    if isinstance(reply, OutboundFailure):
        progress.exchange = Exchange(request=trace, status=reply.status)
        return Decline(reason=reply.reason, detail=reply.detail), received_at
    progress.exchange = Exchange(request=trace, status=reply.status, response=masker.response(reply.body))
    return known.adapter.parse_response(ask, account, reply), received_at


def _checked(
    deps: Deps,
    ask: Ask,
    entry: BuyerEntry,
    buyer: str,
    quote: Quote,
    received_at: float,
    allow_regions: Collection[str],
) -> Offer | Decline:
    if quote.payout < ask.floor:
        return Decline(reason=Reason.REJECTED_BELOW_FLOOR, detail=f"{quote.payout} is below {ask.floor}")
    try:
        number = check_target(
            quote.number or "", own=deps.own_numbers, caller=ask.caller.phone, allow_regions=allow_regions
        )
    except BadTarget as refused:
        return Decline(reason=Reason.REJECTED_BAD_TARGET, detail=refused.why)
    return Offer(
        buyer=buyer,
        number=number,
        payout=quote.payout,
        min_duration_s=quote.min_duration_s,
        min_duration_stated=quote.min_duration_stated,
        received_at=received_at,
        expires_at=received_at + entry.offer_ttl_s,
        buyer_ref=quote.buyer_ref,
        provider=quote.provider,
    )


def _allowed_ms(known: Buyer, budget: Budget) -> int:
    """What the buyer is told that it may take: less than we wait, by its way there and back."""
    return int(budget.remaining() * 1000) - known.sheet.latency_buffer_ms


def _masked(decline: Decline, masker: Masker) -> Decline:
    return Decline(
        reason=decline.reason,
        buyer_code=masker.detail(decline.buyer_code),
        detail=masker.detail(decline.detail),
    )
