"""Taking up a bid while the caller waits: the post that commits, and the number that it brings."""

import logging
from collections.abc import Collection
from dataclasses import replace

from callrouter.auction.asking import Progress, allowed_ms, ask_buyer, ended, masked
from callrouter.auction.budget import Budget
from callrouter.auction.deps import Deps
from callrouter.auction.exchange import Masker
from callrouter.auction.guards import SLACK_S
from callrouter.auction.runner import booked, checked, note_health, seat_of
from callrouter.buyers.base import Ask, Quote, TwoStepAdapter
from callrouter.dialplan import BuyerEntry
from callrouter.domain.offer import BuyerResult, Decline, Offer
from callrouter.domain.reasons import Reason

log = logging.getLogger("callrouter.auction")


async def run_accept(
    deps: Deps, ask: Ask, bid: Offer, entry: BuyerEntry, budget: Budget, *, allow_regions: Collection[str] = ()
) -> BuyerResult:
    """Post once to the buyer of ``bid``: always a result, by the budget's end; raises only when cancelled.

    The window of the offer that comes of it starts when the post's reply has arrived.
    """
    progress = Progress(bid.buyer)
    try:
        verdict = await _verdict(deps, ask, bid, entry, budget, allow_regions, progress)
    except Exception as error:  # noqa: BLE001 - a buyer's bug must never cost the call
        log.error("adapter failed", extra={"buyer": bid.buyer, "error": type(error).__name__})
        verdict = Decline(reason=Reason.ERROR_ADAPTER, detail=type(error).__name__)
    return ended(deps, progress, verdict)


async def _verdict(
    deps: Deps,
    ask: Ask,
    bid: Offer,
    entry: BuyerEntry,
    budget: Budget,
    allow_regions: Collection[str],
    progress: Progress,
) -> Offer | Decline:
    known = deps.catalogue.get(entry.adapter)
    adapter: TwoStepAdapter = known.two_step
    account = deps.catalogue.account(bid.buyer, entry)
    masker = Masker(ask, account, known.sheet.cuts)
    quote = quote_of(bid)
    request = adapter.build_accept(ask, account, quote, allowed_ms(known.sheet, budget))
    if isinstance(request, Decline):
        return masked(request, masker)
    # The partner counts posts, too; and it may have been switched off since its bid.
    admission = await deps.limits.admit_post(entry.adapter, known.sheet, account, ask.plan)
    if admission.reason is not None:
        return Decline(reason=admission.reason)
    answer, received_at = await ask_buyer(
        deps,
        known.sheet,
        request,
        lambda reply: adapter.parse_accept(ask, account, quote, reply),
        budget,
        masker,
        progress,
    )
    note_health(deps, entry, progress, answer.reason if isinstance(answer, Decline) else None)
    if isinstance(answer, Decline):
        return masked(answer, masker)
    offer = checked(deps, ask, entry, bid.buyer, answer, received_at, allow_regions)
    # Its caps have the bid's price booked; the post's is the one that counts.
    seat = seat_of(deps, ask, bid.buyer, entry, entry.offer_ttl_s + SLACK_S)
    return offer if isinstance(offer, Decline) else await booked(deps, replace(seat, asked_at=0), offer)


def quote_of(bid: Offer) -> Quote:
    """The bid as its adapter quoted it."""
    return Quote(
        number=None,
        payout=bid.payout,
        min_duration_s=bid.min_duration_s,
        min_duration_stated=bid.min_duration_stated,
        buyer_ref=bid.buyer_ref,
        provider=bid.provider,
        token=bid.token,
        kept=bid.kept,
    )
