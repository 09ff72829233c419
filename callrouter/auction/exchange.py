"""What went over the wire, for the call's record: secrets and the caller's personal data masked, and cut."""

import json
import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, quote, quote_plus
from xml.sax.saxutils import escape

from callrouter.buyers.base import Account, Ask, BuyerRequest
from callrouter.buyers.base.reply import decode
from callrouter.domain.caller import Caller

MAX_CHARS = 2_000
MASK = "***"
_READ_CHARS = 4 * MAX_CHARS
_DETAIL_CHARS = 200
_SHORT = 4


class Masker:
    """Masks everything in a text that this account or this caller must not leave there."""

    def __init__(self, ask: Ask, account: Account, cuts: Iterable[int] = ()) -> None:
        private = {secret.get_secret_value() for secret in account.credentials.values()}
        personal = {value.strip() for value in _personal(ask.caller)}
        private |= personal | {value[:cut].strip() for value in personal for cut in cuts if _SHORT < cut < len(value)}
        patterns = {_pattern(form) for value in private if value for form in _written(value)}
        patterns |= {_number_pattern(digits) for value in personal if (digits := _ten_digits(value))}
        patterns |= set(_phone_patterns(ask.caller.phone))
        self._private = (
            re.compile("|".join(sorted(patterns, key=len, reverse=True)), re.IGNORECASE) if patterns else None
        )

    def text(self, raw: str, limit: int = MAX_CHARS) -> str:
        """The text masked, then cut to ``limit`` characters."""
        raw = raw[:_READ_CHARS]
        shown = self._private.sub(MASK, raw) if self._private else raw
        return shown if len(shown) <= limit else shown[: limit - 1] + "…"

    def detail(self, raw: str | None) -> str | None:
        """A decline's detail, which can quote the buyer's own words."""
        return None if raw is None else self.text(raw, _DETAIL_CHARS)

    def request(self, request: BuyerRequest) -> str:
        """Method, address and body. Where the address itself has a query, that it has one is all that is shown."""
        parts = ([MASK] if "?" in request.url else []) + [f"{quote_plus(k)}={quote_plus(v)}" for k, v in request.query]
        query = "?" + "&".join(parts) if parts else ""
        body = "\n" + _readable(request) if request.body else ""
        return self.text(f"{request.method} {without_secrets(request.url)}{query}{body}")

    def response(self, body: bytes) -> str:
        """The reply's body as text."""
        return self.text(decode(body[:_READ_CHARS]))


def without_secrets(url: str) -> str:
    """A partner's URL without user, password and query: there may be secrets in them."""
    scheme, _, rest = url.partition("?")[0].partition("://")
    place, slash, path = rest.partition("/")
    return f"{scheme}://{place.rpartition('@')[2]}{slash}{path}"


def _readable(request: BuyerRequest) -> str:
    """The body for people. A form is decoded: what it encodes a second time (XML) would hide from the mask."""
    text = decode(request.body or b"")
    if "x-www-form-urlencoded" not in request.headers.get("Content-Type", ""):
        return text
    return "\n".join(f"{name}={value}" for name, value in parse_qsl(text, keep_blank_values=True))


def _personal(caller: Caller) -> Iterable[str]:
    known = (caller.first_name, caller.last_name, caller.email, caller.address, caller.city, caller.ip)
    yield from (value for value in known if value)
    # A partner's extras can be anything; short ones are codes (`driver1: 1`) that the record needs.
    yield from (str(value) for value in caller.fields.values() if len(str(value)) > _SHORT)


def _written(value: str) -> set[str]:
    """The ways in which a value stands in a form, a JSON text or an XML text."""
    return {
        value,
        quote_plus(value),
        quote(value),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        json.dumps(value)[1:-1].replace("/", r"\/"),
        json.dumps(value, ensure_ascii=False)[1:-1].replace("/", r"\/"),
        *(escape(value, {'"': "&quot;", "'": quoted}) for quoted in ("&apos;", "&#39;", "&#039;", "&#x27;")),
    }


def _pattern(value: str) -> str:
    exact = re.escape(value)
    return exact if len(value) >= _SHORT else rf"(?<![^\W_]){exact}(?![^\W_])"


def _phone_patterns(phone: str | None) -> Iterable[str]:
    if phone is None:
        return
    yield _number_pattern(phone[-10:])
    yield rf"(?<!\d){phone[-4:]}(?!\d)"


def _number_pattern(digits: str) -> str:
    area, exchange, line = digits[:3], digits[3:6], digits[6:]
    return rf"(?:(?:\+|%2B)?1\D{{0,3}})?{area}\D{{0,3}}{exchange}\D{{0,3}}{line}"


def _ten_digits(value: str) -> str | None:
    """The ten digits of a value that is a North American number, however it is written."""
    digits = re.sub(r"[\s().+-]", "", value)
    return digits[-10:] if re.fullmatch(r"1?\d{10}", digits, re.ASCII) else None
