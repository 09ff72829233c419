"""Writing what buyers are sent: the fields that the sheet documents, filled from what we know of the call."""

import json
from collections.abc import Mapping
from urllib.parse import urlencode

from callrouter.buyers.base import Account, Ask, BuyerRequest
from callrouter.buyers.sheet import FieldRule, Sheet
from callrouter.domain.offer import Decline
from callrouter.domain.reasons import Reason

ACCEPT = "application/json, application/xml, text/xml"


def fill(sheet: Sheet, ask: Ask, account: Account) -> dict[str, str] | Decline:
    """Every field that has a value, under the partner's names; or which required one has none.

    The plan's params win over the call, what we know of the call over the caller's extras, credentials over
    all of them. Fields are cut to their documented length and never sent empty.
    """
    filled: dict[str, str] = {}
    for name, rule in sheet.fields.items():
        extra = _text(ask.caller.fields.get(name)).strip()
        value = account.params.get(name) or _known(rule, ask) or _formed(rule, extra)
        value = value[: rule.max_chars].strip()
        if value:
            filled[name] = value
        elif rule.required:
            return Decline(reason=Reason.NOT_CALLED_UNBUILDABLE, detail=f"{rule.source or name} is not known")
    constants = {name: value for name, value in account.params.items() if value and name not in filled}
    secrets = {name: secret.get_secret_value() for name, secret in account.credentials.items()}
    return {**constants, **filled, **secrets}


def encode(account: Account, values: Mapping[str, str]) -> BuyerRequest:
    """The request in the account's method: URL-encoded form, JSON, or GET."""
    headers = {"Accept": ACCEPT}
    if account.method == "get":
        return BuyerRequest("GET", account.url, query=tuple(values.items()), headers=headers)
    if account.method == "json":
        body = json.dumps(dict(values), ensure_ascii=True).encode()
        return BuyerRequest("POST", account.url, headers={**headers, "Content-Type": "application/json"}, body=body)
    form = "application/x-www-form-urlencoded"
    body = urlencode(dict(values), errors="replace").encode()
    return BuyerRequest("POST", account.url, headers={**headers, "Content-Type": form}, body=body)


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


def _formed(rule: FieldRule, text: str) -> str:
    if rule.form == "ten_digits":
        return "".join(filter(str.isdigit, text))[-10:]
    return text[-4:] if rule.form == "last_four" else text


def _text(raw: str | int | bool | None) -> str:
    if raw is None:
        return ""
    return str(int(raw)) if isinstance(raw, bool) else str(raw)
