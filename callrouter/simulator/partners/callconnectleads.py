"""A simulated CallConnectLeads ``pingPostLead``: buys leads by ping and post, or in one ``full`` request."""

import hashlib
import itertools
import random
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from xml.sax.saxutils import escape, quoteattr

from aiohttp import web

from callrouter.domain.clock import Clock
from callrouter.simulator.partners.answers import Answer, Decide, PartnerRequest
from callrouter.simulator.partners.buyer import SimulatedBuyer, params_of
from callrouter.simulator.partners.faults import ABSURD_PAYOUT, Body, send

FORM_PATH, XML_PATH = "/api.php", "/apiXML.php"
PARTNERS = ("Acme Roofing", "Bolt Windows")
"""Those whose hashes a ping returns."""
_BOTH = ("Key", "API_Action", "Mode", "TYPE")
_PING = ("SRC", "Zip", "Home_Improvement_Product", "Score")
_PERSON = ("IP_Address", "Landing_Page", "First_Name", "Last_Name", "Address", "City", "Email", "Home_Phone")
REQUIRED = {
    "ping": (*_BOTH, *_PING),
    "post": (*_BOTH, "Lead_ID", *_PERSON),
    "full": (*_BOTH, *_PING, *_PERSON),
}
_DIGITS = {"Zip": 5, "Home_Phone": 10, "Cell_Phone": 10, "Requested_Zip": 5}
_NOT_BOUGHT = frozenset({"5xx", "429", "refused"})
"""Faults before it bought. After any other the lead is theirs, whatever the seller heard of it."""


@dataclass(frozen=True)
class SoldLead:
    """A lead that the partner took: the person was sold."""

    at: float
    lead_id: str
    mode: str
    """``post`` or ``full``."""
    payout: Decimal
    params: Mapping[str, str]


class SimulatedCallConnectLeads(SimulatedBuyer):
    """Form and GET at `url`, XML at `xml_url`; ``params["Mode"]`` tells ``answer`` which step it decides.

    An `Answer` without a payout is Unmatched; its ``code`` is the text of an Error. A lead that was posted twice is
    bought twice: nothing in their document says otherwise, so whoever sells must take care.
    """

    path = FORM_PATH
    more_paths = (XML_PATH,)

    def __init__(
        self,
        *,
        clock: Clock,
        rng: random.Random,
        key: str,
        answer: Decide | None = None,
        port: int = 0,
    ) -> None:
        super().__init__(clock=clock, rng=rng, answer=answer, port=port)
        self._key = key
        self._ids = map(str, itertools.count(874))
        self._bids: dict[str, Decimal] = {}
        self._returned: dict[str, frozenset[str]] = {}
        self.sold: list[SoldLead] = []

    @property
    def xml_url(self) -> str:
        """Where XML goes, known after `start`."""
        return self._server.base_url + XML_PATH

    def sales_of(self, phone: str) -> list[SoldLead]:
        """How often the person of this ``Home_Phone`` (ten digits) was sold, oldest first."""
        return [lead for lead in self.sold if lead.params["Home_Phone"] == phone]

    async def _params(self, request: web.Request) -> Mapping[str, str]:
        return await _fields(request)

    async def _reply(self, request: web.Request, record: PartnerRequest, answer: Answer) -> web.StreamResponse:
        body = self._decided(record, answer)
        if answer.body is not None:
            body = Body(answer.body, body.content_type, answer.status)
        body = Body(body.content, answer.content_type or body.content_type, body.status)
        record.answered = answer.fault or record.answered
        record.answered_at = self._clock.now()
        return await send(request, body, answer.fault, self._rng)

    def _refusal(self, request: web.Request, params: Mapping[str, str]) -> tuple[str, Body] | None:
        wrong_door = request.path == XML_PATH and (request.method != "POST" or "Request" not in params)
        if wrong_door or request.method not in ("GET", "POST"):
            return "bad_request", _error("Invalid request")
        required = REQUIRED.get(params.get("Mode", ""))
        if required is None:
            return "bad_request", _error("Invalid value Mode")
        missing = next((name for name in required if not params.get(name)), None)
        if missing is not None:
            return "bad_request", _error(f"Required value {missing} is missing")
        if params["Key"] != self._key:
            return "unauthorised", _error("Invalid Key")
        wrong = next((name for name, count in _DIGITS.items() if not _is_number(params.get(name), count)), None)
        if wrong is None and (params["API_Action"], params["TYPE"]) != ("pingPostLead", "7"):
            wrong = "API_Action"
        return None if wrong is None else ("bad_request", _error(f"Invalid value {wrong}"))

    def _decided(self, record: PartnerRequest, answer: Answer) -> Body:
        params, mode = record.params, record.params["Mode"]
        lead_id = params["Lead_ID"] if mode == "post" else next(self._ids)
        record.answered = "refused"
        if answer.code is not None:
            return _error(answer.code)
        if mode == "post" and lead_id not in self._bids:
            return _error("Invalid value Lead_ID")
        if mode == "post" and not _selected(params) <= self._returned.get(lead_id, frozenset()):
            return _error("Invalid value Selected_Partner_Hash")
        if answer.payout is None:
            return _reply("Unmatched", lead_id)
        payout = self._bids[lead_id] if mode == "post" else answer.payout
        record.answered = "offer"
        if mode == "ping":
            self._bids[lead_id] = _cost(params) or payout
        elif answer.fault not in _NOT_BOUGHT:
            self.sold.append(SoldLead(self._clock.now(), lead_id, mode, payout, params))
        return _reply("Matched", lead_id, self._told(lead_id, params, answer, payout))

    def _told(self, lead_id: str, params: Mapping[str, str], answer: Answer, payout: Decimal) -> str:
        """What a Matched names besides its id: only what was asked for."""
        told = ""
        if params.get("Return_Best_Price") == "1" and params["Mode"] != "post":
            told += f"<price>{ABSURD_PAYOUT if answer.fault == 'absurd_money' else format(payout, '.2f')}</price>"
        if params.get("Allowed_Times_Sold"):
            told += f"<matches>{params['Allowed_Times_Sold']}</matches>"
        of, how = params.get("Return_Hash_Value_Type"), params.get("Return_Hash_Type")
        if params["Mode"] == "ping" and of and how in ("md5", "sha1"):
            values = [hashlib.new(how, f"{of} of {partner}".encode()).hexdigest() for partner in PARTNERS]
            self._returned[lead_id] = frozenset(f"{of}:{how}:{value}" for value in values)
            kinds = f"ValueType={quoteattr(of)} HashType={quoteattr(how)}"
            told += f"<hashes>{''.join(f'<hash {kinds}>{value}</hash>' for value in values)}</hashes>"
        return told


async def _fields(request: web.Request) -> Mapping[str, str]:
    """Query or form, or the XML's elements where they belong; lists as ``ValueType:HashType:value;…``."""
    if request.path != XML_PATH:
        return await params_of(request)
    try:
        root = ET.fromstring(await request.read())  # noqa: S314 - it is our own service that writes to a simulation
    except ET.ParseError:
        return {}
    data = root.find("Data")
    lists = ("Matches", "Match_With_Partner_Hashes")
    plain = [child for child in root if child.tag not in ("Data", *lists) and child.tag not in _PING + _PERSON]
    fields = {child.tag: child.text or "" for child in (*plain, *(() if data is None else data))}
    for name in lists:
        entries = root.findall(f"{name}/*")
        if entries:
            fields[name] = ";".join(f"{e.get('ValueType')}:{e.get('HashType')}:{e.text}" for e in entries)
    return fields | ({"Request": "XML"} if root.tag == "Request" else {})


def _selected(params: Mapping[str, str]) -> frozenset[str]:
    return frozenset(filter(None, params.get("Match_With_Partner_Hashes", "").split(";")))


def _cost(params: Mapping[str, str]) -> Decimal | None:
    """What the seller asks for the lead; only a ping's counts, and only above zero."""
    cost = params.get("Cost", "")
    return (Decimal(cost) or None) if cost.replace(".", "", 1).isdecimal() else None


def _is_number(value: str | None, count: int) -> bool:
    return not value or (value.isdecimal() and len(value) == count)


def _reply(status: str, lead_id: str, more: str = "") -> Body:
    return _body(f"<status>{status}</status><lead_id>{escape(lead_id)}</lead_id>{more}")


def _error(text: str) -> Body:
    return _body(f"<status>Error</status><error>{escape(text)}</error>")


def _body(inner: str) -> Body:
    return Body(f'<?xml version="1.0" encoding="UTF-8"?><response>{inner}</response>'.encode(), "text/xml")
