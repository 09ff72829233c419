"""Exemplar files: a call, the request expected, the reply or fault given, the offer or reason expected.

``exemplary/`` holds what a buyer is for and may not decline; ``supplemental/`` everything else.
File names are sentences. ``account.json`` is the plan's entry; an exemplar's ``account`` changes parts of it.
"""

import base64
import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from callrouter.buyers.base import Account, Ask, BuyerRequest, BuyerResponse
from callrouter.buyers.loader import Catalogue
from callrouter.dialplan import BuyerEntry
from callrouter.domain.caller import Caller

HOME = Path(__file__).parent
CATALOGUE = Catalogue.load()


@dataclass(frozen=True)
class Exemplar:
    """One file."""

    buyer: str
    path: Path
    doc: dict[str, Any]

    @property
    def exemplary(self) -> bool:
        return self.path.parent.name == "exemplary"

    @property
    def fault(self) -> str | None:
        fault: str | None = (self.doc["response"] or {}).get("fault")
        return fault

    def entry(self, origin: str | None = None) -> BuyerEntry:
        """The plan's entry, at another origin when the exemplar is replayed."""
        doc = json.loads((HOME / self.buyer / "account.json").read_text())
        for key, value in self.doc.get("account", {}).items():
            doc[key] = {**doc[key], **value} if isinstance(value, dict) else value
        if origin is not None:
            doc["url"] = origin + urlsplit(doc["url"]).path
        return BuyerEntry.model_validate({"adapter": self.buyer, **doc})

    def account(self) -> Account:
        return CATALOGUE.account(self.buyer, self.entry())

    def ask(self) -> Ask:
        call = self.doc["call"]
        return Ask(
            sid="CA1",
            transfer_type=call.get("transfer_type", 1),
            caller=Caller(**call["caller"]),
            floor=Decimal(call.get("floor", "0")),
        )

    def response(self) -> BuyerResponse:
        given = self.doc["response"]
        if "json" in given:
            body = json.dumps(given["json"]).encode()
        elif "base64" in given:
            body = base64.b64decode(given["base64"])
        else:
            body = given.get("text", "").encode()
        return BuyerResponse(given.get("status", 200), body, given.get("content_type", "text/html"))


def exemplars() -> list[Exemplar]:
    """Every file of every buyer."""
    return [
        Exemplar(path.parent.parent.name, path, json.loads(path.read_text()))
        for path in sorted(HOME.glob("*/*/*.json"))
    ]


def name(exemplar: Exemplar) -> str:
    return f"{exemplar.buyer}: {exemplar.path.stem}"


def shown(request: BuyerRequest) -> dict[str, Any]:
    """A request in the form in which exemplars state it."""
    split = urlsplit(request.url)
    query = dict(parse_qsl(split.query)) | dict(request.query)
    return sent(request.method, split.path, query, request.headers.get("Content-Type", ""), request.body or b"")


def sent(method: str, path: str, query: dict[str, str], content_type: str, body: bytes) -> dict[str, Any]:
    doc: dict[str, Any] = {"method": method, "path": path}
    if query:
        doc["query"] = query
    if content_type == "application/json":
        doc["json"] = json.loads(body)
    elif body:
        doc["form"] = dict(parse_qsl(body.decode(), strict_parsing=True))
    return doc
