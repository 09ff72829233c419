"""Let's Make A Lead, call routing: price, minimum duration and transfer number in one step, or in a ping and a post."""

from dataclasses import replace

from callrouter.buyers.base import Account, Ask, BuyerRequest, BuyerResponse, Quote
from callrouter.buyers.base.fields import address, encode, fill
from callrouter.buyers.base.reply import (
    MAX_LEAF_CHARS,
    Reply,
    declined_by_status,
    read_any_reply,
    read_duration,
    read_money,
    unreadable,
)
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
        return values if isinstance(values, Decline) else encode(account, values, address(self._sheet, account))

    def parse_response(self, ask: Ask, account: Account, response: BuyerResponse) -> Quote | Decline:
        """The offer with its number, or of a ping the price with its token. Any format, whatever was asked for."""
        last = "token" if self._sheet.modes[account.mode].post else "number"
        reply = self._accepted(response, ("price", last))
        return reply if isinstance(reply, Decline) else self._quote(reply, last)

    def build_accept(self, ask: Ask, account: Account, quote: Quote | None, allowed_ms: int) -> BuyerRequest | Decline:
        """Everything that the ping said, and its token."""
        if quote is None or not quote.token:
            return Decline(reason=Reason.NOT_CALLED_UNBUILDABLE, detail="no token of a ping")
        # As a param the token wins over whatever a caller's extras call by that name.
        with_token = replace(account, params={**account.params, "token": quote.token})
        values = fill(self._sheet, ask, with_token, "post")
        if isinstance(values, Decline):
            return values
        return encode(account, values, address(self._sheet, account, "post"))

    def parse_accept(self, ask: Ask, account: Account, quote: Quote | None, response: BuyerResponse) -> Quote | Decline:
        """The number to dial. Price and duration are the ping's where the post does not say them again."""
        reply = self._accepted(response, ("number",))
        return reply if isinstance(reply, Decline) else self._quote(reply, "number", quote)

    def _accepted(self, response: BuyerResponse, wanted: tuple[str, ...]) -> Reply | Decline:
        """The reply, unless it refuses. One that says neither yes nor no accepts if it has all that is ``wanted``."""
        by_status = declined_by_status(response.status)
        reply = read_any_reply(response.body)
        if isinstance(reply, Decline):
            return unreadable(reply, by_status)
        offers = all(self._text(reply, what) for what in wanted)
        refusal = self._refusal(reply, offers)
        if refusal is not None and by_status is not None and refusal.reason is Reason.ERROR_OTHER:
            words = refusal.detail or by_status.detail
            return Decline(reason=by_status.reason, buyer_code=refusal.buyer_code, detail=words)
        if refusal is not None:
            return refusal
        if by_status is not None and (by_status.reason is not Reason.ERROR_HTTP_STATUS or not offers):
            return by_status
        return reply

    def _refusal(self, reply: Reply, offers: bool) -> Decline | None:
        """The reason that the reply states, if it is a refusal: a known code counts wherever it stands."""
        code, status, words = (self._text(reply, what) for what in ("code", "status", "reason"))
        for text in (code, status, words):
            known = self._sheet.error_codes.get(plain_name(text)) if text else None
            if known is not None:
                return Decline(reason=known, buyer_code=text, detail=words)
        said = {plain_name(word) for word in reply.every(self._sheet.aliases["status"])}
        if not said.isdisjoint(self._sheet.words.rejected):
            reason = Reason.ERROR_OTHER if code else Reason.NO_OFFER
            return Decline(reason=reason, buyer_code=code, detail=words)
        if not said.isdisjoint(self._sheet.words.accepted) or offers:
            return None
        return Decline(reason=Reason.ERROR_OTHER, buyer_code=code, detail=words) if code else None

    def _quote(self, reply: Reply, last: str, ping: Quote | None = None) -> Quote | Decline:
        """What an acceptance offers, if it has what it must have in the end: a ``number``, or a ``token`` for one."""
        price = self._text(reply, "price")
        payout = ping.payout if ping is not None and not price else read_money(price)
        if isinstance(payout, Decline):
            return payout
        if payout == 0:
            return Decline(reason=Reason.NO_OFFER, detail="price of zero")
        duration = read_duration(self._text(reply, "duration"))
        if isinstance(duration, Decline):
            return duration
        if not self._text(reply, last):
            return Decline(reason=Reason.ERROR_BAD_RESPONSE, detail=_LACKING[last])
        if duration is None and ping is not None and ping.min_duration_stated:
            duration = ping.min_duration_s
        token = reply.whole(self._sheet.aliases["token"]) or (ping.token if ping is not None else None) or None
        return Quote(
            number=self._text(reply, "number") if last == "number" else None,
            payout=payout,
            min_duration_s=duration or 0,
            min_duration_stated=duration is not None,
            buyer_ref=token[:MAX_LEAF_CHARS] if token else None,
            token=token if last == "token" else None,
        )

    def _text(self, reply: Reply, what: str) -> str | None:
        return reply.find(self._sheet.aliases[what])


_LACKING = {"number": "no transfer number", "token": "no token"}
