"""Let's Make A Lead, call routing in one step: price, minimum duration and transfer number in one reply."""

from callrouter.buyers.base import Account, Ask, BuyerRequest, BuyerResponse, Quote
from callrouter.buyers.base.fields import encode, fill
from callrouter.buyers.base.reply import Reply, declined_by_status, read_duration, read_money, read_reply
from callrouter.buyers.base.sheet import Sheet, plain_name
from callrouter.domain.offer import Decline
from callrouter.domain.reasons import Reason


class Adapter:
    """Their refusals come as HTTP 200, so the body decides and the status only when the body says nothing."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet

    def build_request(self, ask: Ask, account: Account, allowed_ms: int) -> BuyerRequest | Decline:
        """Form, JSON or GET as the account says; the partner takes no time limit."""
        values = fill(self._sheet, ask, account)
        return values if isinstance(values, Decline) else encode(account, values)

    def parse_response(self, ask: Ask, account: Account, response: BuyerResponse) -> Quote | Decline:
        """XML and JSON alike, whatever was asked for."""
        by_status = declined_by_status(response.status)
        reply = read_reply(response.body)
        if isinstance(reply, Decline):
            return reply if by_status is None or reply.reason is Reason.ERROR_UNSAFE_XML else by_status
        refusal = self._refusal(reply)
        if refusal is not None and (by_status is None or refusal.reason is not Reason.ERROR_OTHER):
            return refusal
        if by_status is not None and (by_status.reason is not Reason.ERROR_HTTP_STATUS or not self._offers(reply)):
            return by_status
        return self._quote(reply)

    def _refusal(self, reply: Reply) -> Decline | None:
        """The reason that the reply states, if it is a refusal: a known code counts wherever it stands."""
        code, status, words = (self._text(reply, what) for what in ("code", "status", "reason"))
        for text in (code, status, words):
            known = self._sheet.error_codes.get(plain_name(text)) if text else None
            if known is not None:
                return Decline(reason=known, buyer_code=text, detail=words)
        said = plain_name(status or "")
        if said in self._sheet.words.rejected:
            reason = Reason.ERROR_OTHER if code else Reason.NO_OFFER
            return Decline(reason=reason, buyer_code=code, detail=words)
        if said in self._sheet.words.accepted or self._offers(reply):
            return None
        return Decline(reason=Reason.ERROR_OTHER, buyer_code=code, detail=words) if code else None

    def _offers(self, reply: Reply) -> bool:
        return bool(self._text(reply, "price")) and bool(self._text(reply, "number"))

    def _quote(self, reply: Reply) -> Quote | Decline:
        payout = read_money(self._text(reply, "price"))
        if isinstance(payout, Decline):
            return payout
        if payout == 0:
            return Decline(reason=Reason.NO_OFFER, detail="price of zero")
        duration = read_duration(self._text(reply, "duration"))
        if isinstance(duration, Decline):
            return duration
        number = self._text(reply, "number")
        if not number:
            return Decline(reason=Reason.ERROR_BAD_RESPONSE, detail="no transfer number")
        return Quote(
            number=number,
            payout=payout,
            min_duration_s=duration or 0,
            min_duration_stated=duration is not None,
            buyer_ref=self._text(reply, "token") or None,
        )

    def _text(self, reply: Reply, what: str) -> str | None:
        return reply.find(self._sheet.aliases[what])
