"""What all of Contactability's replies have in common: how they refuse."""

from decimal import Decimal

from callrouter.buyers.base import BuyerResponse
from callrouter.buyers.base.reply import Reply, declined_by_status, read_money, read_reply, unreadable
from callrouter.buyers.base.sheet import Sheet, plain_name
from callrouter.domain.offer import Decline
from callrouter.domain.reasons import Reason


def read(sheet: Sheet, response: BuyerResponse) -> Reply | Decline:
    """The reply, or the refusal that it is: 4xx with an ``ErrorType``, 5xx, or a refusal in a 200."""
    by_status = declined_by_status(response.status)
    reply = read_reply(response.body)
    if isinstance(reply, Decline):
        return unreadable(reply, by_status)
    code, words = text(sheet, reply, "code"), text(sheet, reply, "reason")
    known = sheet.error_codes.get(plain_name(code or ""))
    if known is not None:
        return Decline(reason=known, buyer_code=code, detail=words)
    if by_status is not None:
        return Decline(reason=by_status.reason, buyer_code=code, detail=words or by_status.detail)
    if plain_name(text(sheet, reply, "status") or "") in sheet.words.rejected:
        return Decline(reason=Reason.NO_OFFER, buyer_code=code, detail=words)
    if code and not text(sheet, reply, "price"):
        return Decline(reason=Reason.ERROR_OTHER, buyer_code=code, detail=words)
    return reply


def text(sheet: Sheet, reply: Reply, what: str) -> str | None:
    """The text under the names that the sheet gives for ``what``."""
    return reply.find(sheet.aliases[what])


def price(sheet: Sheet, reply: Reply) -> Decimal | Decline:
    """What they would pay; zero is their way to say no."""
    payout = read_money(text(sheet, reply, "price"))
    return Decline(reason=Reason.NO_OFFER, detail="payout of zero") if payout == 0 else payout


def bad(detail: str) -> Decline:
    """A reply that cannot be used."""
    return Decline(reason=Reason.ERROR_BAD_RESPONSE, detail=detail)
