"""Leads as XML: the ping without personal data, the post with it, and what both are answered."""

import re
from collections.abc import Mapping
from decimal import Decimal

from callrouter.buyers.base import Account, Ask, BuyerRequest, Quote
from callrouter.buyers.base.fields import ACCEPT, encode, ten_digits
from callrouter.buyers.base.reply import Reply, read_money
from callrouter.buyers.base.sheet import Sheet
from callrouter.buyers.base.template import BadTemplate, Distribution, LeadValues, filled, places, render
from callrouter.buyers.base.template_rules import PERSONAL, PLAIN
from callrouter.buyers.contactability.errors import bad, price, text
from callrouter.domain.caller import Caller
from callrouter.domain.offer import Decline
from callrouter.domain.reasons import Reason

RAW = "body"
"""``params.xml_parameter`` of an account that posts the XML itself instead of a form with it."""


def rendered(sheet: Sheet, ask: Ask, account: Account) -> str | Decline:
    """The lead by the account's template, with marks for the personal data and the token."""
    shared = distribution(sheet, ask.caller)
    if isinstance(shared, Decline):
        return shared
    try:
        lead = render(account.template, _values(ask, account, shared))
        if shared is not None and lead == render(account.template, _values(ask, account, None)):
            return _unbuildable("the template leaves out to whom the lead was sold already: place distribution")
    except BadTemplate as error:
        return _unbuildable(f"template: {error}")
    return lead if places(lead, "token") else _unbuildable("the template leaves out the token: place it")


def ping(account: Account, url: str, lead: str, beside: Mapping[str, str] | None = None) -> BuyerRequest | Decline:
    """What asks for a bid, personal data left out; the lead with its marks is kept for the post."""
    return _request(account, url, lead, {}, beside or {}, kept=lead)


def post(ask: Ask, account: Account, url: str, lead: str, beside: Mapping[str, str]) -> BuyerRequest | Decline:
    """What sells: the same lead with the personal data in it, and ``beside`` it what identifies the bid."""
    return _request(account, url, lead, _personal(ask.caller), beside, kept=None)


def bid(sheet: Sheet, reply: Reply) -> Quote | Decline:
    """What they would pay; a bid above zero comes with a ``PingID``."""
    payout = price(sheet, reply)
    if isinstance(payout, Decline):
        return payout
    token = reply.whole(sheet.aliases["ping"])
    if not token:
        return bad("a payout without a PingID")
    return Quote(number=None, payout=payout, min_duration_stated=False, token=token)


def sold(sheet: Sheet, quote: Quote | None, reply: Reply) -> Quote | Decline:
    """Their ``LeadID`` and what they pay, which is taken as it is where it is not what they had bid.

    A payout above zero without a ``LeadID`` is a sale as well: to sell such a lead again would be the worse mistake.
    """
    lead_id, stated = text(sheet, reply, "lead") or None, text(sheet, reply, "price")
    offered = quote.payout if quote is not None else Decimal(0)
    payout = read_money(stated) if stated else offered
    if isinstance(payout, Decline):
        return payout
    if lead_id is None and not stated:
        return bad("neither a LeadID nor a payout")
    if lead_id is None and payout == 0:
        return Decline(reason=Reason.NO_OFFER, detail="payout of zero")
    details = {} if lead_id else {"lead_id": "not stated"}
    if quote is not None and payout != offered:
        details["bid"] = str(offered)
    return Quote(
        number=None,
        payout=payout,
        payout_stated=bool(stated),
        min_duration_stated=False,
        buyer_ref=lead_id,
        provider=quote.provider if quote is not None else None,
        details=details,
    )


def distribution(sheet: Sheet, caller: Caller) -> Distribution | Decline | None:
    """To whom the lead was sold already, by the caller's extras; ``None`` of an exclusive lead.

    One carrier may have bought it more than once, so there may be fewer carriers than sales, but not more.
    """
    count, excludes, license_number = (
        str(caller.fields.get(name, "")).strip() for name in ("DistributionCount", "Excludes", "LicenseNumber")
    )
    if not (count or excludes or license_number):
        return None
    carriers = tuple(dict.fromkeys(name.strip() for name in excludes.split(",") if name.strip()))
    if not re.fullmatch(sheet.fields["DistributionCount"].pattern or "", count, re.ASCII):
        return _unbuildable("DistributionCount is not how often the lead was sold")
    if not carriers or len(carriers) > int(count):
        return _unbuildable("Excludes does not name each carrier that DistributionCount counts")
    return Distribution(int(count), carriers, license_number)


def _values(ask: Ask, account: Account, shared: Distribution | None) -> LeadValues:
    caller = ask.caller
    return LeadValues(
        caller={name: getattr(caller, name) for name in PLAIN},
        known=frozenset(_personal(caller)),
        fields=caller.fields,
        params=account.params,
        transfer_type=ask.transfer_type,
        lead_type=account.params.get("lead_type", ""),
        lead_source_id=account.params.get("LeadSourceID", ""),
        distribution=shared,
    )


def _personal(caller: Caller) -> dict[str, str]:
    """What is known of the person that a ping leaves out; the phone as ten digits."""
    known = {name: (getattr(caller, name) or "").strip() for name in PERSONAL}
    known["phone"] = ten_digits(known["phone"])
    return {name: value for name, value in known.items() if value}


def _request(
    account: Account, url: str, lead: str, personal: Mapping[str, str], beside: Mapping[str, str], kept: str | None
) -> BuyerRequest | Decline:
    parameter = account.params.get("xml_parameter") or "xml"
    if parameter in beside:
        return _unbuildable("params.xml_parameter is the name of another parameter")
    try:
        xml = filled(lead, {**personal, "token": account.credentials["token"].get_secret_value()})
    except BadTemplate as error:
        return _unbuildable(f"template: {error}")
    if parameter != RAW:
        request = encode(account, {parameter: xml, **beside}, url)
        return BuyerRequest(request.method, url, headers=request.headers, body=request.body, kept=kept)
    headers = {"Accept": ACCEPT, "Content-Type": "application/xml"}
    return BuyerRequest("POST", url, tuple(beside.items()), headers, xml.encode(), kept)


def _unbuildable(detail: str) -> Decline:
    return Decline(reason=Reason.NOT_CALLED_UNBUILDABLE, detail=detail)
