"""``ping/legs`` and ``post/legs``: a bid for each carrier that would buy, and the choice among them."""

import json
from dataclasses import dataclass
from decimal import Decimal

from callrouter.buyers.base import Account, Quote
from callrouter.buyers.base.reply import Reply, read_money
from callrouter.buyers.base.sheet import Sheet
from callrouter.buyers.contactability.errors import bad, price, text
from callrouter.domain.money import ABSURD
from callrouter.domain.offer import Decline
from callrouter.domain.reasons import Reason

_MAX_SHOWN = 20
_SHOWN_CHARS = 60


@dataclass(frozen=True)
class Leg:
    """One carrier's bid."""

    id: str
    payout: Decimal
    carrier: str
    license: str
    """Of an independent agent."""

    @property
    def shown(self) -> str:
        """For the record."""
        parts = (self.id, self.carrier, f"license {self.license}" if self.license else "", str(self.payout))
        return ", ".join(part[:_SHOWN_CHARS] for part in parts if part)


def chosen(sheet: Sheet, account: Account, reply: Reply) -> Quote | Decline:
    """A bid of what the chosen legs pay together: all of them, or with ``params.legs: best`` the best.

    A leg that cannot be read costs only itself, as long as another can be used.
    """
    parts = reply.parts(sheet.aliases["legs"])
    if not parts:
        return _without_legs(sheet, reply)
    read = [_leg(sheet, part) for part in parts]
    legs = {leg.id: leg for leg in read if isinstance(leg, Leg)}
    if not legs:
        declines = [leg for leg in read if isinstance(leg, Decline)]
        return next((decline for decline in declines if decline.reason is not Reason.NO_OFFER), declines[0])
    best = max(legs.values(), key=lambda leg: leg.payout)
    sold = [best] if account.params.get("legs") == "best" else list(legs.values())
    payout = sum((leg.payout for leg in sold), Decimal(0))
    if payout > ABSURD:
        return bad("price")
    ping_id = reply.whole(sheet.aliases["ping"]) or ""
    return Quote(
        number=None,
        payout=payout,
        min_duration_stated=False,
        provider=best.carrier or None,
        token=json.dumps({"ping_id": ping_id, "legs": [leg.id for leg in sold]}),
        details={f"leg_{place}": leg.shown for place, leg in enumerate(sold[:_MAX_SHOWN], start=1)},
    )


def taken(account: Account, token: str) -> dict[str, str] | Decline:
    """The parameters that name the chosen legs, of a bid's token."""
    try:
        read = json.loads(token)
        ids = ",".join(read["legs"])
        ping_id = str(read["ping_id"])
    except (ValueError, TypeError, LookupError):
        return Decline(reason=Reason.NOT_CALLED_UNBUILDABLE, detail="there is no bid to take up")
    names = {account.params.get("legs_parameter") or "legs": ids}
    return {"ping_id": ping_id, **names} if ping_id else names


def _leg(sheet: Sheet, part: Reply) -> Leg | Decline:
    payout = price(sheet, part)
    if isinstance(payout, Decline):
        return payout
    name = text(sheet, part, "leg")
    if not name or "," in name:
        return bad("a leg without an id that can be sent back")
    return Leg(name, payout, text(sheet, part, "provider") or "", text(sheet, part, "license") or "")


def _without_legs(sheet: Sheet, reply: Reply) -> Decline:
    payout = read_money(text(sheet, reply, "price"))
    if reply.has(sheet.aliases["legs"]) or payout == 0:
        return Decline(reason=Reason.NO_OFFER, detail="no legs")
    return payout if isinstance(payout, Decline) else bad("a payout without legs")
