"""JSON in, JSON out: ``{"price", "token"}`` to a ping, ``{"lead"}`` to a post, ``{"error": <reason>}`` to both."""

import json
from decimal import Decimal

from callrouter.buyers.base import Account, Ask, BuyerRequest, BuyerResponse, Quote
from callrouter.buyers.base.fields import address, encode, fill
from callrouter.buyers.base.reply import declined_by_status
from callrouter.buyers.base.sheet import Sheet
from callrouter.domain.offer import Decline
from callrouter.domain.reasons import Reason


class Adapter:
    """See the module."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet

    def build_request(self, ask: Ask, account: Account, allowed_ms: int) -> BuyerRequest | Decline:
        values = fill(self._sheet, ask, account, "ping")
        if isinstance(values, Decline):
            return values
        return encode(account, values, address(self._sheet, account, "ping"))

    def parse_response(self, ask: Ask, account: Account, response: BuyerResponse) -> Quote | Decline:
        said = _read(response)
        if isinstance(said, Decline):
            return said
        return Quote(number=None, payout=Decimal(str(said["price"])), token=str(said["token"]))

    def build_accept(self, ask: Ask, account: Account, quote: Quote | None, allowed_ms: int) -> BuyerRequest | Decline:
        values = fill(self._sheet, ask, account, "post")
        if isinstance(values, Decline):
            return values
        token = {"token": quote.token} if quote and quote.token else {}
        return encode(account, {**values, **token}, address(self._sheet, account, "post"))

    def parse_accept(self, ask: Ask, account: Account, quote: Quote | None, response: BuyerResponse) -> Quote | Decline:
        said = _read(response)
        if isinstance(said, Decline):
            return said
        price = said.get("price")
        return Quote(
            number=None,
            payout=Decimal(str(price or 0)),
            payout_stated=price is not None,
            buyer_ref=str(said["lead"]),
        )


def _read(response: BuyerResponse) -> dict[str, object] | Decline:
    try:
        said: dict[str, object] = json.loads(response.body)
    except ValueError:
        return declined_by_status(response.status) or Decline(reason=Reason.ERROR_BAD_RESPONSE)
    if "error" in said:
        return Decline(reason=Reason(str(said["error"])))
    return declined_by_status(response.status) or said
