"""One request to one buyer from the terminal: nothing is recorded, counted or capped, and no engine is needed."""

from dataclasses import dataclass

from callrouter.auction.asking import masked
from callrouter.auction.exchange import Masker
from callrouter.auction.outbound import Outbound, OutboundFailure
from callrouter.buyers.base import Account, Ask, BuyerRequest, Quote
from callrouter.buyers.base.sheet import Step
from callrouter.buyers.loader import Buyer
from callrouter.domain.clock import Clock
from callrouter.domain.offer import Decline
from callrouter.domain.phone import BadTarget, check_target
from callrouter.domain.reasons import OFFER, Family, Reason


@dataclass(frozen=True)
class Prepared:
    """A request that can be sent, and how to show it."""

    known: Buyer
    ask: Ask
    account: Account
    step: Step
    request: BuyerRequest
    masker: Masker

    @property
    def shown(self) -> str:
        """Method, address and body, masked."""
        return self.masker.request(self.request)


@dataclass(frozen=True)
class Answered:
    """What came back. ``reply`` and the decline's detail are masked."""

    verdict: Quote | Decline
    elapsed_s: float
    status: int | None = None
    reply: str | None = None

    @property
    def label(self) -> str:
        """``offer`` or the reason."""
        return self.verdict.reason.value if isinstance(self.verdict, Decline) else OFFER

    @property
    def meaningful(self) -> bool:
        """Whether the buyer works: it made an offer, or said that it has none."""
        return isinstance(self.verdict, Quote) or self.verdict.reason.family is Family.NO_OFFER


def prepare(known: Buyer, ask: Ask, account: Account, timeout_s: float, step: Step = "ping") -> Prepared | Decline:
    """The request of this step, or why none can be built; a post is one of a mode that has no ping."""
    allowed_ms = int(timeout_s * 1000) - known.sheet.latency_buffer_ms
    masker = Masker(ask, account, known.sheet.cuts)
    if step == "ping":
        request = known.adapter.build_request(ask, account, allowed_ms)
    else:
        request = known.two_step.build_accept(ask, account, None, allowed_ms)
    if isinstance(request, Decline):
        return masked(request, masker)
    return Prepared(known, ask, account, step, request, masker)


async def send(prepared: Prepared, clock: Clock, timeout_s: float, own_numbers: tuple[str, ...] = ()) -> Answered:
    """Send it and read the reply as an auction would."""
    sheet = prepared.known.sheet
    outbound, started = Outbound(), clock.monotonic()
    try:
        reply = await outbound.send(prepared.request, timeout_s, sheet.max_body, follow=not sheet.limits)
    finally:
        await outbound.close()
    elapsed_s = clock.monotonic() - started
    if isinstance(reply, OutboundFailure):
        return Answered(Decline(reason=reply.reason, detail=reply.detail), elapsed_s, reply.status)
    if prepared.step == "ping":
        read = prepared.known.adapter.parse_response(prepared.ask, prepared.account, reply)
    else:
        read = prepared.known.two_step.parse_accept(prepared.ask, prepared.account, None, reply)
    verdict = _checked(prepared, read, own_numbers)
    if isinstance(verdict, Decline):
        verdict = masked(verdict, prepared.masker)
    return Answered(verdict, elapsed_s, reply.status, prepared.masker.response(reply.body))


def _checked(prepared: Prepared, verdict: Quote | Decline, own_numbers: tuple[str, ...]) -> Quote | Decline:
    """The floor, and the number where this step names one that would be dialled."""
    if isinstance(verdict, Decline):
        return verdict
    if verdict.payout < prepared.ask.floor:
        detail = f"{verdict.payout} is below {prepared.ask.floor}"
        return Decline(reason=Reason.REJECTED_BELOW_FLOOR, detail=detail)
    mode = prepared.known.sheet.modes[prepared.account.mode]
    if mode.buys != "calls" or (prepared.step == "ping" and mode.post is not None):
        return verdict
    try:
        check_target(verdict.number or "", own=own_numbers, caller=prepared.ask.caller.phone)
    except BadTarget as refused:
        return Decline(reason=Reason.REJECTED_BAD_TARGET, detail=refused.why)
    return verdict
