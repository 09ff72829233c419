"""Contactability, ``calls/ping``: the leg (service provider) that takes a call, its payout and its number."""

from callrouter.buyers.base import Account, Ask, BuyerRequest, BuyerResponse, Quote
from callrouter.buyers.base.fields import encode, fill
from callrouter.buyers.base.reply import Reply, declined_by_status, read_duration, read_money, read_reply
from callrouter.buyers.base.sheet import Sheet, plain_name
from callrouter.domain.offer import Decline
from callrouter.domain.reasons import Reason


class Adapter:
    """One leg, or several under ``legs``: the best payout is taken. Errors are 4xx with an ``ErrorType``."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet

    def build_request(self, ask: Ask, account: Account, allowed_ms: int) -> BuyerRequest | Decline:
        """A GET with the parameters of ``buyer.yaml``, the caller's number among them."""
        values = fill(self._sheet, ask, account)
        return values if isinstance(values, Decline) else encode(account, values)

    def parse_response(self, ask: Ask, account: Account, response: BuyerResponse) -> Quote | Decline:
        """JSON as documented; XML is read as well, because their errors are XML."""
        by_status = declined_by_status(response.status)
        reply = read_reply(response.body)
        if isinstance(reply, Decline):
            return reply if by_status is None or reply.reason is Reason.ERROR_UNSAFE_XML else by_status
        code, words = self._text(reply, "code"), self._text(reply, "reason")
        known = self._sheet.error_codes.get(plain_name(code or ""))
        if known is not None:
            return Decline(reason=known, buyer_code=code, detail=words)
        if by_status is not None:
            return Decline(reason=by_status.reason, buyer_code=code, detail=words or by_status.detail)
        if self._refused(reply):
            return Decline(reason=Reason.NO_OFFER, buyer_code=code, detail=words)
        if code and not self._text(reply, "price"):
            return Decline(reason=Reason.ERROR_OTHER, buyer_code=code, detail=words)
        return self._best(reply)

    def _refused(self, reply: Reply) -> bool:
        return plain_name(self._text(reply, "status") or "") in self._sheet.words.rejected

    def _best(self, reply: Reply) -> Quote | Decline:
        """The leg that pays most. A broken leg costs only itself, as long as another can be used."""
        legs = reply.parts(self._sheet.aliases["legs"])
        if not legs and reply.has(self._sheet.aliases["legs"]):
            return Decline(reason=Reason.NO_OFFER, detail="no legs")
        read = [self._leg(leg) for leg in legs or (reply,)]
        quotes = [quote for quote in read if isinstance(quote, Quote)]
        if quotes:
            return max(quotes, key=lambda quote: (quote.payout, -quote.min_duration_s))
        declines = [decline for decline in read if isinstance(decline, Decline)]
        broken = [decline for decline in declines if decline.reason is not Reason.NO_OFFER]
        return (broken or declines)[0]

    def _leg(self, leg: Reply) -> Quote | Decline:
        payout = read_money(self._text(leg, "price"))
        if isinstance(payout, Decline):
            return payout
        if payout == 0:
            return Decline(reason=Reason.NO_OFFER, detail="payout of zero")
        number = self._text(leg, "number")
        if not number:
            return Decline(reason=Reason.ERROR_BAD_RESPONSE, detail="no transfer number")
        duration = read_duration(self._text(leg, "duration"))
        if isinstance(duration, Decline):
            return duration
        return Quote(
            number=number,
            payout=payout,
            min_duration_s=duration or 0,
            min_duration_stated=duration is not None,
            buyer_ref=self._text(leg, "ref") or None,
            provider=self._text(leg, "provider") or None,
        )

    def _text(self, reply: Reply, what: str) -> str | None:
        return reply.find(self._sheet.aliases[what])
