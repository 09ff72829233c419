"""``calls/ping``: the leg (service provider) that takes a call, its payout and its number."""

from callrouter.buyers.base import Quote
from callrouter.buyers.base.reply import Reply, read_duration
from callrouter.buyers.base.sheet import Sheet
from callrouter.buyers.contactability.errors import bad, price, text
from callrouter.domain.offer import Decline
from callrouter.domain.reasons import Reason


def best(sheet: Sheet, reply: Reply) -> Quote | Decline:
    """The leg that pays most. A broken leg costs only itself, as long as another can be used."""
    legs = reply.parts(sheet.aliases["legs"])
    if not legs and reply.has(sheet.aliases["legs"]) and not text(sheet, reply, "legs"):
        return Decline(reason=Reason.NO_OFFER, detail="no legs")
    read = [_leg(sheet, leg) for leg in legs or (reply,)]
    quotes = [quote for quote in read if isinstance(quote, Quote)]
    if quotes:
        return max(quotes, key=lambda quote: (quote.payout, -quote.min_duration_s))
    declines = [decline for decline in read if isinstance(decline, Decline)]
    broken = [decline for decline in declines if decline.reason is not Reason.NO_OFFER]
    return (broken or declines)[0]


def _leg(sheet: Sheet, leg: Reply) -> Quote | Decline:
    payout = price(sheet, leg)
    if isinstance(payout, Decline):
        return payout
    number = text(sheet, leg, "number")
    if not number:
        return bad("no transfer number")
    duration = read_duration(text(sheet, leg, "duration"))
    if isinstance(duration, Decline):
        return duration
    return Quote(
        number=number,
        payout=payout,
        min_duration_s=duration or 0,
        min_duration_stated=duration is not None,
        buyer_ref=text(sheet, leg, "ref") or None,
        provider=text(sheet, leg, "provider") or None,
    )
