"""``clicks``, ``clicks.xml``, ``clicks.json``: the ads that fit a lead."""

from decimal import Decimal

from callrouter.buyers.base import Account, Ask, BuyerRequest, Quote
from callrouter.buyers.base.fields import fill
from callrouter.buyers.base.reply import Reply, read_money
from callrouter.buyers.base.sheet import Sheet
from callrouter.buyers.contactability import leads
from callrouter.buyers.contactability.errors import bad, text
from callrouter.domain.offer import Decline
from callrouter.domain.reasons import Reason

_MAX_PARTS = 30


def request(sheet: Sheet, ask: Ask, account: Account, url: str) -> BuyerRequest | Decline:
    """The parameters of ``calls/ping`` and the lead without personal data, to the address of the wanted form."""
    values = fill(sheet, ask, account)
    if isinstance(values, Decline):
        return values
    rendered = leads.rendered(sheet, ask, account)
    if isinstance(rendered, Decline):
        return rendered
    form = account.params.get("format", "default")
    return leads.ping(account, url if form == "default" else f"{url}.{form}", rendered, values)


def fitting(sheet: Sheet, reply: Reply) -> Quote | Decline:
    """Every ad, the best payout first. One whose payout cannot be read is left out."""
    ads = reply.parts(sheet.aliases["ads"])
    if not ads:
        none = reply.has(sheet.aliases["ads"])
        return Decline(reason=Reason.NO_OFFER, detail="no ads") if none else bad("no ads")
    read = [(_payout(sheet, ad), _shown(ad)) for ad in ads]
    usable = [(payout, shown) for payout, shown in read if not isinstance(payout, Decline)]
    if not usable:
        return bad("no ad with a payout that can be read")
    usable.sort(key=lambda ad: ad[0] or Decimal(0), reverse=True)
    best = usable[0][0]
    return Quote(
        number=None,
        payout=best or Decimal(0),
        payout_stated=best is not None,
        min_duration_stated=False,
        ads=tuple(shown for _, shown in usable),
    )


def _payout(sheet: Sheet, ad: Reply) -> Decimal | Decline | None:
    stated = text(sheet, ad, "price")
    return read_money(stated) if stated else None


def _shown(ad: Reply) -> dict[str, str]:
    """The ad's own texts by their plain names."""
    texts = {name: next((value for value in values if isinstance(value, str)), "") for name, values in ad.tree.items()}
    return {name: value for name, value in list(texts.items())[:_MAX_PARTS] if value}
