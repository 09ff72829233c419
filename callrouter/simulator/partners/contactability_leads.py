"""The desk of a simulated Contactability that buys leads: bids, posts, legs, and what was sold."""

import itertools
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from xml.sax.saxutils import escape

from callrouter.simulator.partners.answers import Answer
from callrouter.simulator.partners.faults import ABSURD_PAYOUT, Body

BID_S = 300.0
"""How long a PingID is valid."""
PINGS = ("/ping", "/ping/legs")
POSTS = ("/post", "/post/legs")
SALES = ("/direct_post", "/data_post")
PERSONAL = frozenset({"firstname", "first", "lastname", "last", "phone", "email", "address", "ipaddress", "ip"})
"""Elements that a ping may leave empty, in small letters."""
_NOT_BOUGHT = frozenset({"5xx", "429", "refused"})
"""Faults before it bought. After any other the lead is theirs, whatever the seller heard of it."""


@dataclass(frozen=True)
class LeadLeg:
    """A carrier that would buy."""

    carrier: str
    payout: Decimal
    license: str = ""


@dataclass(frozen=True)
class ContactabilitySale:
    """A lead that was bought."""

    at: float
    call: str
    """``/post``, ``/post/legs``, ``/direct_post`` or ``/data_post``."""
    lead_id: str
    payout: Decimal
    phone: str
    """Ten digits."""
    xml: str
    legs: tuple[str, ...] = ()
    """The ids of those that were sold."""


@dataclass(frozen=True)
class _Bid:
    at: float
    call: str
    shape: object
    payout: Decimal
    legs: Mapping[str, Decimal]


class Refused(Exception):
    """An ``ErrorType`` with its description and HTTP status."""

    def __init__(self, kind: str, why: str, status: int = 400) -> None:
        self.body = reply(f"<ErrorType>{escape(kind)}</ErrorType><ErrorDescription>{escape(why)}</ErrorDescription>")
        self.body = Body(self.body.content, self.body.content_type, status)
        self.kind = kind
        super().__init__(kind)


class LeadDesk:
    """Buys what its document says: fresh bids, once, for the lead that was pinged."""

    def __init__(self) -> None:
        self.legs: tuple[LeadLeg, ...] = (
            LeadLeg("Acme Insurance", Decimal("7.00")),
            LeadLeg("Jo Smith Agency", Decimal("9.50"), "TX-77"),
        )
        self.known: set[str] = set()
        """Ten-digit numbers of persons that it has already, from whomever."""
        self.sold: list[ContactabilitySale] = []
        self._bids: dict[str, _Bid] = {}
        self._taken: set[str] = set()
        self._ids = itertools.count(1)

    def answered(self, call: str, params: Mapping[str, str], lead: ET.Element, answer: Answer, now: float) -> Body:
        """The reply to one of the calls that take a lead. Raises `Refused`."""
        phone = text_of(lead, "phone")
        code = answer.post_code if call in POSTS else answer.code
        if code is not None:
            raise Refused(code, "as scripted")
        _check_distribution(lead)
        if phone in self.known:
            raise Refused("Duplicate", "the lead is already within the system")
        if call in PINGS:
            return self._bid(call, lead, answer, now)
        if not (len(phone) == 10 and phone.isdecimal()):
            raise Refused("Bad Request", "contact information is not valid")
        if call in SALES:
            return self._buy(call, params, phone, answer, now, answer.payout, ())
        return self._post(call, params, lead, answer, now)

    def _bid(self, call: str, lead: ET.Element, answer: Answer, now: float) -> Body:
        if answer.payout is None:
            return reply("<Legs/>" if call == "/ping/legs" else "<Payout>0.00</Payout>")
        ping_id = f"PING-{next(self._ids)}"
        stated = ABSURD_PAYOUT if answer.fault == "absurd_money" else f"{answer.payout:.2f}"
        if call == "/ping":
            self._bids[ping_id] = _Bid(now, call, shape(lead), answer.payout, {})
            return reply(f"<PingID>{ping_id}</PingID><Payout>{stated}</Payout>")
        ids = {f"{ping_id}-{place}": leg for place, leg in enumerate(self.legs, start=1)}
        self._bids[ping_id] = _Bid(now, call, shape(lead), Decimal(0), {name: leg.payout for name, leg in ids.items()})
        shown = "".join(_leg(name, leg) for name, leg in ids.items())
        return reply(f"<PingID>{ping_id}</PingID><Legs>{shown}</Legs>")

    def _post(self, call: str, params: Mapping[str, str], lead: ET.Element, answer: Answer, now: float) -> Body:
        ping_id = params.get("ping_id", "")
        bid = self._bids.get(ping_id)
        if bid is None or bid.call != call.replace("post", "ping") or now - bid.at > BID_S:
            raise Refused("Timeout", "no PingID of the last 5 minutes")
        if ping_id in self._taken:
            raise Refused("Duplicate", "this PingID was posted before")
        if shape(lead) != bid.shape:
            raise Refused("Bad Request", "the XML differs from the one that was pinged")
        legs = tuple(filter(None, params.get("legs", "").split(",")))
        if call == "/post/legs" and (not legs or not set(legs) <= set(bid.legs)):
            raise Refused("Bad Request", "no legs of this ping")
        payout = sum((bid.legs[name] for name in legs), Decimal(0)) if legs else bid.payout
        self._taken.add(ping_id)
        return self._buy(call, params, text_of(lead, "phone"), answer, now, answer.post_payout or payout, legs)

    def _buy(
        self,
        call: str,
        params: Mapping[str, str],
        phone: str,
        answer: Answer,
        now: float,
        payout: Decimal | None,
        legs: tuple[str, ...],
    ) -> Body:
        if payout is None:
            return reply("<Payout>0.00</Payout>")
        lead_id = f"LEAD-{next(self._ids)}"
        fault = answer.post_fault if call in POSTS else answer.fault
        if fault not in _NOT_BOUGHT:
            self.known.add(phone)
            self.sold.append(ContactabilitySale(now, call, lead_id, payout, phone, params["xml"], legs))
        return reply(f"<LeadID>{lead_id}</LeadID><Payout>{payout:.2f}</Payout>")


def read_lead(xml: str) -> ET.Element:
    """The lead. Raises `Refused` for what is no XML."""
    try:
        return ET.fromstring(xml)  # noqa: S314 - it is our own service that writes to a simulation
    except ET.ParseError:
        raise Refused("Bad Request", "the lead is not well-formed XML") from None


def shape(element: ET.Element) -> object:
    """Everything in it but the personal elements: what a post must have in common with its ping."""
    children = [shape(child) for child in element if child.tag.lower() not in PERSONAL]
    return element.tag, dict(element.attrib), (element.text or "").strip(), (element.tail or "").strip(), children


def text_of(lead: ET.Element, name: str) -> str:
    """The text of the first element of this name (small letters), wherever it stands; empty for none."""
    return next(((found.text or "").strip() for found in lead.iter() if found.tag.lower() == name), "")


def reply(inner: str) -> Body:
    """A reply of theirs."""
    return Body(f'<?xml version="1.0" encoding="UTF-8"?><Response>{inner}</Response>'.encode(), "application/xml")


def _check_distribution(lead: ET.Element) -> None:
    directives = next((found for found in lead.iter("DistributionDirectives")), None)
    if directives is None:
        return
    try:
        count = Decimal(directives.findtext("DistributionCount") or "")
    except InvalidOperation:
        count = Decimal(0)
    carriers = [found for found in directives.findall("Excludes/*") if found.tag != "LicenseNumber"]
    if not 0 < len(carriers) <= count:
        raise Refused("Bad Request", "Invalid Distribution Directives")


def _leg(name: str, leg: LeadLeg) -> str:
    license_number = f"<LicenseNumber>{escape(leg.license)}</LicenseNumber>" if leg.license else ""
    return (
        f"<Leg><CarrierName>{escape(leg.carrier)}</CarrierName>{license_number}"
        f"<LegID>{name}</LegID><Payout>{leg.payout:.2f}</Payout></Leg>"
    )
