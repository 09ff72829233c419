"""Money is ``Decimal``, in US dollars."""

import re
from decimal import Decimal, InvalidOperation

ABSURD = Decimal(10_000)
_PLAIN = re.compile(r"^\$?\s*(\d{1,3}(,\d{3})+|\d+)?(\.\d+)?$", re.ASCII)


class NotMoney(ValueError):
    """The text is not an amount that a buyer could mean; treat the reply as bad."""


def parse_money(raw: object) -> Decimal:
    """Read ``25``, ``"25.00"``, ``"$25.00"`` or ``"1,250.00"``, rounded down to cents.

    Raises `NotMoney` for anything else: NaN, negative, empty, or above 10,000.
    """
    if isinstance(raw, bool) or not isinstance(raw, int | str | Decimal | float):
        raise NotMoney(f"{type(raw).__name__} is not an amount")
    text = str(raw).strip()
    if len(text) > 32:
        raise NotMoney("too long for an amount")
    if isinstance(raw, str) and not (_PLAIN.match(text) and any(c.isdigit() for c in text)):
        raise NotMoney("not an amount")
    try:
        amount = Decimal(text.replace("$", "").replace(",", "").strip())
    except InvalidOperation as error:
        raise NotMoney("not an amount") from error
    if not amount.is_finite() or amount < 0 or amount > ABSURD:
        raise NotMoney("not a plausible amount")
    return amount.quantize(Decimal("0.01"), rounding="ROUND_DOWN")


def dollars(amount: Decimal) -> str:
    """Two decimals, no sign: the form of every API field."""
    return f"{amount:.2f}"
