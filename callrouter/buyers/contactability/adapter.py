"""Contactability: who takes a call, what a lead is worth (whole or by carrier), and which ads fit."""

from callrouter.buyers.base import Account, Ask, BuyerRequest, BuyerResponse, Quote
from callrouter.buyers.base.fields import address, encode, fill
from callrouter.buyers.base.sheet import Sheet
from callrouter.buyers.contactability import calls, clicks, leads, legs
from callrouter.buyers.contactability.errors import read
from callrouter.domain.offer import Decline
from callrouter.domain.reasons import Reason

CALLS, CLICKS, LEGS = "calls_ping", "clicks", "legs"


class Adapter:
    """What each mode sends and reads is in a file of its own; refusals are the same for all of them."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet

    def build_request(self, ask: Ask, account: Account, allowed_ms: int) -> BuyerRequest | Decline:
        """A GET with parameters for a call, the lead without personal data for a bid, both for ads."""
        if self._sheet.modes[account.mode].ping is None:
            return Decline(reason=Reason.NOT_CALLED_UNBUILDABLE, detail=f"{account.mode} has no ping: it sells")
        url = address(self._sheet, account)
        if account.mode == CALLS:
            values = fill(self._sheet, ask, account)
            return values if isinstance(values, Decline) else encode(account, values, url)
        if account.mode == CLICKS:
            return clicks.request(self._sheet, ask, account, url)
        rendered = leads.rendered(self._sheet, ask, account)
        return rendered if isinstance(rendered, Decline) else leads.ping(account, url, rendered)

    def parse_response(self, ask: Ask, account: Account, response: BuyerResponse) -> Quote | Decline:
        """JSON or XML, whatever was asked for: their errors are XML."""
        reply = read(self._sheet, response)
        if isinstance(reply, Decline):
            return reply
        if account.mode == CALLS:
            return calls.best(self._sheet, reply)
        if account.mode == CLICKS:
            return clicks.fitting(self._sheet, reply)
        if account.mode == LEGS:
            return legs.chosen(self._sheet, account, reply)
        return leads.bid(self._sheet, reply)

    def build_accept(self, ask: Ask, account: Account, quote: Quote | None, allowed_ms: int) -> BuyerRequest | Decline:
        """The lead that was pinged with its personal data, and what identifies the bid; or a lead sold without one."""
        mode = self._sheet.modes[account.mode]
        if mode.post is None:
            return Decline(reason=Reason.NOT_CALLED_UNBUILDABLE, detail=f"{account.mode} has no post")
        url = address(self._sheet, account, "post")
        if mode.ping is None:
            rendered = leads.rendered(self._sheet, ask, account)
            return rendered if isinstance(rendered, Decline) else leads.post(ask, account, url, rendered, {})
        if quote is None or not quote.kept or not quote.token:
            return Decline(reason=Reason.NOT_CALLED_UNBUILDABLE, detail="there is no bid to take up")
        taken = legs.taken(account, quote.token) if account.mode == LEGS else {"ping_id": quote.token}
        return taken if isinstance(taken, Decline) else leads.post(ask, account, url, quote.kept, taken)

    def parse_accept(self, ask: Ask, account: Account, quote: Quote | None, response: BuyerResponse) -> Quote | Decline:
        """Sold, with their ``LeadID``, or why not."""
        reply = read(self._sheet, response)
        return reply if isinstance(reply, Decline) else leads.sold(self._sheet, quote, reply)
