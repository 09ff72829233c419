"""One request to one buyer over the wire, and what its reply means. Used by every kind of step."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from callrouter.auction.budget import Budget
from callrouter.auction.deps import Deps
from callrouter.auction.exchange import Masker
from callrouter.auction.outbound import OutboundFailure
from callrouter.buyers.base import BuyerRequest, BuyerResponse, Quote
from callrouter.buyers.base.sheet import Sheet
from callrouter.domain.offer import BuyerResult, Decline, Exchange, Offer


@dataclass
class Progress:
    """How far one buyer has come, so that whoever ends it can still say so."""

    buyer: str
    asked_at: float | None = None
    started: float = 0.0
    """``clock.monotonic()`` when the request went out."""
    exchange: Exchange | None = None
    sent: bool = False
    """Whether the buyer may have got the request; ``False`` for certain only when no connection was made."""


Parse = Callable[[BuyerResponse], Quote | Decline]
"""The adapter's reading of this step's reply."""


async def ask_buyer(
    deps: Deps, sheet: Sheet, request: BuyerRequest, parse: Parse, budget: Budget, masker: Masker, progress: Progress
) -> tuple[Quote | Decline, float]:
    """What the buyer answers within the budget, and when its reply had arrived (epoch s). Raises if cancelled."""
    trace = masker.request(request)
    progress.exchange = Exchange(request=trace)
    progress.asked_at, progress.started = deps.clock.now(), deps.clock.monotonic()
    progress.sent = True
    reply = await deps.outbound.send(request, budget.remaining(), sheet.max_body, follow=not sheet.limits)
    received_at = deps.clock.now()
    if isinstance(reply, OutboundFailure):
        progress.sent = reply.sent
        progress.exchange = Exchange(request=trace, status=reply.status)
        return Decline(reason=reply.reason, detail=reply.detail), received_at
    progress.exchange = Exchange(request=trace, status=reply.status, response=masker.response(reply.body))
    verdict = parse(reply)
    return replace(verdict, kept=request.kept) if isinstance(verdict, Quote) else verdict, received_at


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


def allowed_ms(sheet: Sheet, budget: Budget) -> int:
    """What the buyer is told that it may take: less than we wait, by its way there and back."""
    return int(budget.remaining() * 1000) - sheet.latency_buffer_ms


def masked(decline: Decline, masker: Masker) -> Decline:
    """The decline without what the buyer quoted of the caller."""
    return Decline(
        reason=decline.reason,
        buyer_code=masker.detail(decline.buyer_code),
        detail=masker.detail(decline.detail),
    )
