"""Exemplar files: a call, the request expected, the reply given, and the offer or reason expected of it.

A folder of them has ``account.json`` (the plan's entry), ``exemplary/`` (what a buyer is for and may not decline)
and ``supplemental/`` (everything else). File names are sentences. An exemplar's ``account`` changes parts of the
entry (``null`` removes one); its ``step`` is ``ping`` or ``post``, and a post that follows a ping is given ``quote``.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from callrouter.buyers.base import Account, Ask, BuyerRequest, BuyerResponse, Quote
from callrouter.buyers.base.sheet import Step
from callrouter.buyers.loader import OTHER_URLS, Buyer, Catalogue
from callrouter.dialplan import BuyerEntry
from callrouter.domain.caller import Caller
from callrouter.domain.offer import Decline
from callrouter.errors import ConfigurationError, Mistake

ACCOUNT = "account.json"
KINDS = ("exemplary", "supplemental")
ALLOWED_MS = 5_000
"""What every exemplar's buyer may take."""
_ADDRESSES = ("url", *OTHER_URLS)
_QUOTE = frozenset(each.name for each in fields(Quote))


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Caller(Caller):
    model_config = ConfigDict(extra="forbid")


class _Call(_Part):
    transfer_type: Literal[1, 2] = 1
    floor: Decimal = Decimal(0)
    caller: _Caller


class _Response(_Part):
    status: int = 200
    content_type: str = ""
    body: Any = Field(default=None, alias="json")
    text: str = ""
    base64: str = ""
    fault: str = ""


class _Expect(_Part):
    offer: Mapping[str, Any] | None = None
    decline: Mapping[str, Any] | None = None


class _File(_Part):
    about: str
    todo: str = ""
    """What is still to be written; until then the file counts as wrong."""
    account: Mapping[str, Any] = {}
    step: Step = "ping"
    call: _Call
    quote: Mapping[str, Any] | None = None
    request: Mapping[str, Any] | Literal["any"] | None
    response: _Response | None
    expect: _Expect


@dataclass(frozen=True)
class Exemplar:
    """One file. ``doc`` is what stands in it."""

    known: Buyer = field(repr=False)
    path: Path
    doc: Mapping[str, Any] = field(repr=False)

    @property
    def buyer(self) -> str:
        """The adapter's name."""
        return self.known.name

    @property
    def exemplary(self) -> bool:
        """Whether the buyer may not decline it."""
        return self.path.parent.name == "exemplary"

    @property
    def step(self) -> Step:
        """Which step it shows."""
        step: Step = self.doc.get("step", "ping")
        return step

    @property
    def fault(self) -> str | None:
        """How the partner misbehaves, where it does not reply."""
        fault: str | None = (self.doc["response"] or {}).get("fault")
        return fault

    def entry(self, origin: str | None = None) -> BuyerEntry:
        """The plan's entry, at another origin when the exemplar is replayed. Raises `ValueError`."""
        folder = self.path.parent.parent
        doc = _changed(json.loads((folder / ACCOUNT).read_text("utf-8")), self.doc.get("account", {}))
        if origin is not None:
            doc |= {key: origin + urlsplit(doc[key]).path for key in _ADDRESSES if key in doc}
        entry = BuyerEntry.model_validate({"adapter": self.buyer, **doc})
        return entry.with_template((folder / entry.template).read_text("utf-8")) if entry.template else entry

    def account(self, origin: str | None = None) -> Account:
        """Our account with the buyer."""
        return Catalogue({self.buyer: self.known}).account(self.buyer, self.entry(origin))

    def ask(self) -> Ask:
        """The call, or the lead."""
        call = _Call.model_validate(self.doc["call"])
        return Ask(
            sid="CA1", transfer_type=call.transfer_type, caller=Caller(**call.caller.model_dump()), floor=call.floor
        )

    def quote(self) -> Quote | None:
        """What the post is given of its ping."""
        given = self.doc.get("quote")
        if given is None:
            return None
        return Quote(**{"number": None, **given, "payout": Decimal(given.get("payout", "0"))})

    def response(self) -> BuyerResponse:
        """The reply, whole."""
        given = self.doc["response"]
        if "json" in given:
            body = json.dumps(given["json"]).encode()
        elif "base64" in given:
            body = base64.b64decode(given["base64"])
        else:
            body = given.get("text", "").encode()
        return BuyerResponse(given.get("status", 200), body, given.get("content_type", "text/html"))

    def build(self, account: Account) -> BuyerRequest | Decline:
        """The request that the adapter builds of it."""
        if self.step == "ping":
            return self.known.adapter.build_request(self.ask(), account, ALLOWED_MS)
        return self.known.two_step.build_accept(self.ask(), account, self.quote(), ALLOWED_MS)

    def parse(self, account: Account, response: BuyerResponse) -> Quote | Decline:
        """What the adapter makes of a reply."""
        if self.step == "ping":
            return self.known.adapter.parse_response(self.ask(), account, response)
        return self.known.two_step.parse_accept(self.ask(), account, self.quote(), response)


def readable(folder: Path, known: Buyer) -> tuple[list[Exemplar], list[Mistake]]:
    """The files of this buyer that can be read, and what is wrong in the others."""
    read: list[Exemplar] = []
    mistakes: list[Mistake] = []
    for path in sorted(path for kind in KINDS for path in (folder / kind).glob("*.json")):
        try:
            read.append(_read(path, known))
        except ConfigurationError as error:
            mistakes += error.mistakes
    return read, mistakes


def _read(path: Path, known: Buyer) -> Exemplar:
    where = named(path, known)
    try:
        doc = json.loads(path.read_text("utf-8"))
        _File.model_validate(doc)
        exemplar = Exemplar(known, path, doc)
        exemplar.entry()
        strange = {*(doc.get("quote") or {}), *(doc["expect"].get("offer") or {})} - _QUOTE
        if not strange:
            exemplar.quote()
    except ValidationError as error:
        wrong = [(".".join(map(str, e["loc"])) or "(whole file)", e["msg"]) for e in error.errors()]
        raise ConfigurationError([Mistake(where, *each) for each in wrong]) from error
    except (OSError, ValueError, TypeError, ArithmeticError) as error:
        raise ConfigurationError([Mistake(where, "(whole file)", str(error))]) from error
    if doc.get("todo"):
        raise ConfigurationError([Mistake(where, "todo", str(doc["todo"]))])
    if strange:
        known_names = ", ".join(sorted(_QUOTE))
        raise ConfigurationError([Mistake(where, name, f"no field of an offer; use {known_names}") for name in strange])
    return exemplar


def named(path: Path, known: Buyer) -> str:
    """A file of a buyer as a mistake names it: from the buyer's folder on."""
    start = max((no for no, part in enumerate(path.parts) if part == known.name), default=0)
    return "/".join(path.parts[start:])


def _changed(doc: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    for key, value in changes.items():
        both = {**doc.get(key, {}), **value} if isinstance(value, dict) else value
        doc[key] = {k: v for k, v in both.items() if v is not None} if isinstance(both, dict) else both
    return {key: value for key, value in doc.items() if value is not None}
