"""One buyer in one auction: guards, request, reply, checks, and exactly one result."""

import logging
from collections.abc import Collection

from callrouter.auction.asking import Progress, allowed_ms, ask_buyer, ended, masked
from callrouter.auction.budget import Budget
from callrouter.auction.deps import Deps
from callrouter.auction.exchange import Masker
from callrouter.auction.guards import SLACK_S, Seat, lowest, refused
from callrouter.buyers.base import Account, Ask, BuyerRequest, Quote
from callrouter.dialplan import BuyerEntry
from callrouter.domain.offer import BuyerResult, Decline, Offer
from callrouter.domain.phone import BadTarget, check_target
from callrouter.domain.reasons import Reason

log = logging.getLogger("callrouter.auction")


async def run_buyer(
    deps: Deps,
    ask: Ask,
    buyer: str,
    entry: BuyerEntry,
    budget: Budget,
    *,
    allow_regions: Collection[str] = (),
    progress: Progress | None = None,
    in_hand: bool = False,
) -> BuyerResult:
    """Ask one buyer and check its answer: always a result, by the budget's end; raises only when cancelled.

    ``buyer`` is the name under the plan's ``buyers``. ``progress`` is filled in on the way. ``in_hand``: an earlier
    offer of it stands, and keeps its seat whatever comes of this ask.
    """
    progress = progress or Progress(buyer)
    try:
        verdict = await _verdict(deps, ask, entry, budget, allow_regions, progress, in_hand)
    except Exception as error:  # noqa: BLE001 - the one place: a buyer's bug must never cost the call
        log.error("adapter failed", extra={"buyer": buyer, "error": type(error).__name__})
        verdict = Decline(reason=Reason.ERROR_ADAPTER, detail=type(error).__name__)
    return ended(deps, progress, verdict)


def note_health(deps: Deps, entry: BuyerEntry, progress: Progress, reason: Reason | None) -> None:
    """Tell the buyer's health record how this request ended; ``None``: with an offer."""
    sheet = deps.catalogue.get(entry.adapter).sheet
    account = deps.catalogue.account(progress.buyer, entry)
    deps.limits.note(entry.adapter, sheet, account, reason, deps.clock.monotonic() - progress.started)


def seat_of(deps: Deps, ask: Ask, buyer: str, entry: BuyerEntry, keep_s: float) -> Seat:
    """What this call, or lead, reserves at the buyer from now on, for so many seconds."""
    return Seat(ask.plan, buyer, entry.guards, ask.sid, ask.caller.phone, deps.clock.now(), keep_s)


async def _verdict(
    deps: Deps,
    ask: Ask,
    entry: BuyerEntry,
    budget: Budget,
    allow_regions: Collection[str],
    progress: Progress,
    in_hand: bool,
) -> Offer | Decline:
    if not entry.enabled:
        return Decline(reason=Reason.NOT_CALLED_DISABLED)
    known = deps.catalogue.get(entry.adapter)
    if known.sheet.modes[entry.mode].buys != "calls":
        return Decline(reason=Reason.NOT_CALLED_INELIGIBLE, detail="buys leads, not calls")
    if guarded := refused(entry.guards, ask, deps.clock.now()):
        return guarded
    time_ms = allowed_ms(known.sheet, budget)
    if time_ms < known.sheet.min_response_ms:
        return Decline(reason=Reason.NOT_CALLED_NO_TIME)
    account = deps.catalogue.account(progress.buyer, entry)
    masker = Masker(ask, account, known.sheet.cuts)
    request = known.adapter.build_request(ask, account, time_ms)
    if isinstance(request, Decline):
        return masked(request, masker)
    seat = seat_of(deps, ask, progress.buyer, entry, budget.remaining() + entry.offer_ttl_s + SLACK_S)
    admission = await deps.limits.admit(entry.adapter, known.sheet, account, seat)
    if admission.reason is not None:
        return Decline(reason=admission.reason)
    kept = in_hand
    try:
        verdict = await _asked(deps, ask, entry, account, request, budget, allow_regions, progress, masker)
        verdict = await booked(deps, seat, verdict)
        kept = kept or isinstance(verdict, Offer)
        return verdict
    finally:
        if not kept:
            deps.limits.release(seat)


async def _asked(
    deps: Deps,
    ask: Ask,
    entry: BuyerEntry,
    account: Account,
    request: BuyerRequest,
    budget: Budget,
    allow_regions: Collection[str],
    progress: Progress,
    masker: Masker,
) -> Offer | Decline:
    """What an admitted buyer answers, checked."""
    known = deps.catalogue.get(entry.adapter)
    if allowed_ms(known.sheet, budget) < known.sheet.min_response_ms:
        return Decline(reason=Reason.NOT_CALLED_NO_TIME)
    deps.observer.on_asked(progress.buyer)
    quote, received_at = await ask_buyer(
        deps,
        known.sheet,
        request,
        lambda reply: known.adapter.parse_response(ask, account, reply),
        budget,
        masker,
        progress,
    )
    note_health(deps, entry, progress, quote.reason if isinstance(quote, Decline) else None)
    if isinstance(quote, Decline):
        return masked(quote, masker)
    awaits_post = known.sheet.modes[entry.mode].post is not None
    return checked(deps, ask, entry, progress.buyer, quote, received_at, allow_regions, awaits_post=awaits_post)


async def booked(deps: Deps, seat: Seat, verdict: Offer | Decline) -> Offer | Decline:
    """The offer, if the buyer's dollar caps have room for its payout, which is then reserved."""
    if isinstance(verdict, Decline):
        return verdict
    return await deps.limits.book(seat, verdict.payout, deps.clock.now()) or verdict


def checked(
    deps: Deps,
    ask: Ask,
    entry: BuyerEntry,
    buyer: str,
    quote: Quote,
    received_at: float,
    allow_regions: Collection[str],
    *,
    awaits_post: bool = False,
) -> Offer | Decline:
    """The offer that a quote makes, or what is wrong with it; a bid that ``awaits_post`` names no number yet."""
    floor = lowest(entry.guards, ask)
    if quote.payout < floor:
        return Decline(reason=Reason.REJECTED_BELOW_FLOOR, detail=f"{quote.payout} is below {floor}")
    number = ""
    try:
        if not awaits_post:
            named = quote.number or ""
            number = check_target(named, own=deps.own_numbers, caller=ask.caller.phone, allow_regions=allow_regions)
    except BadTarget as bad:
        return Decline(reason=Reason.REJECTED_BAD_TARGET, detail=bad.why)
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
        token=quote.token if awaits_post else None,
        kept=quote.kept if awaits_post else None,
    )
