"""Whether a buyer's adapter does what an exemplar says: the request it builds, and what it makes of the reply. Pure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from callrouter.buyers.base import BuyerRequest, Quote
from callrouter.buyers.base.reply import decode
from callrouter.buyers.exemplars import Exemplar, named, readable
from callrouter.buyers.loader import Buyer, Catalogue
from callrouter.domain.offer import Decline
from callrouter.domain.phone import BadTarget, check_target
from callrouter.domain.reasons import Family
from callrouter.errors import Mistake

_FORM = "application/x-www-form-urlencoded"


def mistakes_in(folder: Path, known: Buyer) -> list[Mistake]:
    """What a folder of exemplars finds wrong with a buyer: file, key and remedy; also that there are none."""
    read, mistakes = readable(folder, known)
    if not read and not mistakes:
        remedy = "write at least one file that shows a call, the request, the reply and the offer"
        return [Mistake(named(folder, known), "exemplary", remedy)]
    for exemplar in read:
        mistakes += _misplaced(exemplar) or [
            Mistake(named(exemplar.path, known), key, remedy) for key, remedy in disagreements(exemplar)
        ]
    return mistakes


def _misplaced(exemplar: Exemplar) -> list[Mistake]:
    """What is wrong with an exemplar before the adapter is asked at all."""
    known, where, entry = exemplar.known, named(exemplar.path, exemplar.known), exemplar.entry()
    mistakes = Catalogue({known.name: known}).check_entry(entry, where, "account")
    if mistakes:
        return mistakes
    mode = known.sheet.modes[entry.mode]
    if exemplar.step not in mode.steps:
        return [Mistake(where, "step", f"{entry.mode} has no {exemplar.step}; use {' or '.join(mode.steps)}")]
    if exemplar.step == "post" and (exemplar.quote() is None) == (mode.ping is not None):
        remedy = "state what its ping had offered" if mode.ping is not None else f"{entry.mode} has no ping; remove it"
        mistakes.append(Mistake(where, "quote", remedy))
    if exemplar.exemplary and "offer" not in exemplar.doc["expect"]:
        mistakes.append(
            Mistake(where, "expect", "in exemplary/ stands what ends in an offer; move it to supplemental/")
        )
    return mistakes


def disagreements(exemplar: Exemplar) -> list[tuple[str, str]]:
    """What differs from the file: the key there, and what the adapter does instead."""
    account = exemplar.account()
    found: list[tuple[str, str]] = []
    try:
        request = exemplar.build(account)
        if request != exemplar.build(account):
            found.append(("request", "a second time another request is built; an adapter must be a pure function"))
        found += _request_differs(exemplar, request)
        if exemplar.doc["response"] is not None and exemplar.fault is None:
            verdict = exemplar.parse(account, exemplar.response())
            if verdict != exemplar.parse(account, exemplar.response()):
                found.append(
                    ("expect", "a second time the reply is read otherwise; an adapter must be a pure function")
                )
            found += disagreements_of(exemplar.doc["expect"], verdict)
    except Exception as error:  # noqa: BLE001 - the adapter may be anybody's, and its bug is what is looked for
        found.append(("(whole file)", f"the adapter raised {type(error).__name__}: {error}; it must never raise"))
    return found


def _request_differs(exemplar: Exemplar, request: BuyerRequest | Decline) -> Iterator[tuple[str, str]]:
    expected = exemplar.doc["request"]
    if expected is None:
        if isinstance(request, Decline):
            yield from disagreements_of(exemplar.doc["expect"], request)
        else:
            yield "request", f"none was expected, and one is built: {json.dumps(shown(request))}"
    elif isinstance(request, Decline):
        yield "request", f"none is built: {json.dumps(said(request))}"
    elif expected != "any":
        yield from _differences("request", expected, shown(request))


def disagreements_of(expected: Mapping[str, Any], verdict: Quote | Decline) -> list[tuple[str, str]]:
    """Where what was made of a reply differs from an exemplar's ``expect``; only the keys that it names count."""
    what = "offer" if isinstance(verdict, Quote) else "decline"
    wanted = expected.get(what)
    if wanted is not None:
        is_said = said(verdict)
        return list(_differences(f"expect.{what}", wanted, {key: is_said.get(key) for key in wanted}))
    if what == "offer" and _by_the_runner(expected):
        return []  # not the adapter refuses it: it does not know which numbers may be dialled
    return [("expect", f"the reply is read as {what} {json.dumps(said(verdict))}")]


def _by_the_runner(expected: Mapping[str, Any]) -> bool:
    reason = str((expected.get("decline") or {}).get("reason", ""))
    return reason.startswith(Family.REJECTED.value)


def _differences(key: str, expected: Any, found: Any) -> Iterator[tuple[str, str]]:
    if isinstance(expected, dict) and isinstance(found, dict):
        for name in dict.fromkeys((*expected, *found)):
            if name not in found:
                yield f"{key}.{name}", f"expected {json.dumps(expected[name])}, and there is none"
            elif name not in expected:
                yield f"{key}.{name}", f"not expected, and it is {json.dumps(found[name])}"
            else:
                yield from _differences(f"{key}.{name}", expected[name], found[name])
    elif expected != found:
        yield key, f"expected {json.dumps(expected)}, and it is {json.dumps(found)}"


def shown(request: BuyerRequest) -> dict[str, Any]:
    """A request in the form in which exemplars state it."""
    split = urlsplit(request.url)
    query = (*parse_qsl(split.query, keep_blank_values=True), *request.query)
    return sent(request.method, split.path, query, request.headers.get("Content-Type", ""), request.body or b"")


def sent(method: str, path: str, query: tuple[tuple[str, str], ...], content_type: str, body: bytes) -> dict[str, Any]:
    """The same of a request as it arrives: ``query``, then ``form``, ``json``, ``xml`` or ``text``."""
    doc: dict[str, Any] = {"method": method, "path": path}
    if query:
        doc["query"] = _pairs(query)
    kind = content_type.partition(";")[0].strip().lower()
    if not body:
        return doc
    if kind == "application/json":
        doc["json"] = json.loads(body)
    elif kind == _FORM:
        doc["form"] = _pairs(tuple(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True)))
    else:
        doc["xml" if "xml" in kind else "text"] = decode(body)
    return doc


def _pairs(pairs: tuple[tuple[str, str], ...]) -> dict[str, str | list[str]]:
    """Names with their values; a list where a name stands more than once."""
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def said(verdict: Quote | Decline) -> dict[str, Any]:
    """An offer or a decline in the form in which exemplars state it."""
    if isinstance(verdict, Decline):
        return verdict.model_dump(mode="json")
    doc = asdict(verdict)
    doc["ads"] = [dict(ad) for ad in verdict.ads]
    return {name: str(value) if isinstance(value, Decimal) else value for name, value in doc.items()} | {
        "number": _as_dialled(verdict.number)
    }


def _as_dialled(number: str | None) -> str | None:
    try:
        return check_target(number, own=(), caller=None) if number else number
    except BadTarget:
        return number
