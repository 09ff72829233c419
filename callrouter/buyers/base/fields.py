"""Writing what buyers are sent: the fields that the sheet documents, filled from what we know of the call."""

import json
import re
from collections.abc import Mapping
from urllib.parse import urlencode

from callrouter.buyers.base import Account, Ask, BuyerRequest
from callrouter.buyers.base.sheet import FieldRule, Sheet, Step
from callrouter.domain.offer import Decline
from callrouter.domain.reasons import Reason

ACCEPT = "application/json, application/xml, text/xml"


def fill(sheet: Sheet, ask: Ask, account: Account, step: Step = "ping") -> dict[str, str] | Decline:
    """Every field of this step that has a value, under the partner's names; or what keeps it from being sent.

    The plan's params win over the call, what we know of the call over the caller's extras, credentials over
    all of them. Fields are never sent empty; what is too long is cut, or refused where the sheet says so.
    """
    filled: dict[str, str] = {}
    variant = account.params.get(sheet.varies_by, "")
    for name, rule in sheet.fields.items():
        if step not in rule.steps:
            continue
        extra = _text(ask.caller.fields.get(name)).strip()
        value = account.params.get(name) or _known(rule, ask) or _formed(rule, extra)
        longest = rule.longest(variant)
        if sheet.too_long == "cut":
            value = value[:longest].strip()
        wrong = _wrong(rule, value, longest) if value else None
        if wrong is not None:
            return Decline(reason=Reason.NOT_CALLED_UNBUILDABLE, detail=f"{name} {wrong}")
        if value:
            filled[name] = value
        elif rule.required_in(step):
            return Decline(reason=Reason.NOT_CALLED_UNBUILDABLE, detail=f"{rule.source or name} is not known")
    secrets = {name: secret.get_secret_value() for name, secret in account.credentials.items()}
    return {**_extras(sheet, ask), **_constants(sheet, account, step), **filled, **secrets}


def _constants(sheet: Sheet, account: Account, step: Step) -> dict[str, str]:
    """The plan's params that are no fields, as far as this step sends them."""
    others = {name: value for name, value in account.params.items() if value and name not in sheet.fields}
    return {
        name: value for name, value in others.items() if name not in sheet.params or step in sheet.params[name].steps
    }


def _extras(sheet: Sheet, ask: Ask) -> dict[str, str]:
    """The caller's extras that the sheet lets through without naming each."""
    given = {name: _text(raw).strip() for name, raw in ask.caller.fields.items() if _may_pass(sheet, name)}
    return {name: value for name, value in given.items() if value}


def _may_pass(sheet: Sheet, name: str) -> bool:
    known = name in sheet.fields or name in sheet.params or name in sheet.left_out
    return not known and any(pattern.fullmatch(name) for pattern in sheet.extra_fields)


def _wrong(rule: FieldRule, value: str, longest: int | None) -> str | None:
    """Why the partner would not take this value. Says nothing of the value: it may be personal."""
    if longest is not None and len(value) > longest:
        return f"is longer than {longest} characters"
    if rule.one_of and value not in rule.one_of:
        return "is none of the documented values"
    if rule.pattern is not None and not re.fullmatch(rule.pattern, value):
        return "has not the documented form"
    return None


def address(sheet: Sheet, account: Account, step: Step = "ping") -> str:
    """Where this step of the account's mode goes."""
    mode = sheet.modes[account.mode]
    endpoint = mode.endpoint(step)
    if account.method == "xml" and mode.xml_url:
        return account.other_urls["xml_url"]
    base = account.url if endpoint.url == "url" else account.other_urls[endpoint.url]
    return base.rstrip("/") + endpoint.path if endpoint.path else base


def encode(account: Account, values: Mapping[str, str], url: str | None = None) -> BuyerRequest:
    """The request in the account's method: URL-encoded form, JSON, or GET; to ``url``, else the account's own."""
    url = account.url if url is None else url
    headers = {"Accept": ACCEPT}
    if account.method == "get":
        return BuyerRequest("GET", url, query=tuple(values.items()), headers=headers)
    if account.method == "json":
        body = json.dumps(dict(values), ensure_ascii=True).encode()
        return BuyerRequest("POST", url, headers={**headers, "Content-Type": "application/json"}, body=body)
    form = "application/x-www-form-urlencoded"
    body = urlencode(dict(values), errors="replace").encode()
    return BuyerRequest("POST", url, headers={**headers, "Content-Type": form}, body=body)


def _known(rule: FieldRule, ask: Ask) -> str:
    if rule.source is None:
        return ""
    raw = ask.transfer_type if rule.source == "transfer_type" else getattr(ask.caller, rule.source)
    if raw is None:
        return ""
    if isinstance(raw, bool):
        word = "yes" if raw else "no"
        return rule.values.get(word, word)
    text = _formed(rule, str(raw).strip())
    return rule.values.get(text, text)


def ten_digits(text: str) -> str:
    """A North American number without its 1; of any other country's nothing: its end would be somebody else's."""
    digits = "".join(filter(str.isdigit, text))
    if text.startswith("+") and not digits.startswith("1"):
        return ""
    return digits.removeprefix("1") if len(digits) > 10 else digits


def _formed(rule: FieldRule, text: str) -> str:
    if rule.form == "ten_digits":
        return ten_digits(text)
    return text[-4:] if rule.form == "last_four" else text


def _text(raw: str | int | bool | None) -> str:
    if raw is None:
        return ""
    return str(int(raw)) if isinstance(raw, bool) else str(raw)
