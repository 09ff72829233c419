"""A simulated Contactability: ``calls/ping``, leads by every call that takes them, and clicks, with its limits."""

import asyncio
import json
import random
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from xml.sax.saxutils import escape

from aiohttp import web

from callrouter.domain.clock import Clock
from callrouter.simulator.partners.answers import Answer, Decide, PartnerRequest
from callrouter.simulator.partners.buyer import SimulatedBuyer, params_of
from callrouter.simulator.partners.contactability_leads import (
    PINGS,
    POSTS,
    SALES,
    ContactabilitySale,
    LeadDesk,
    Refused,
    read_lead,
    reply,
    text_of,
)
from callrouter.simulator.partners.faults import Body, send

LIMITS = ((1.0, 5), (60.0, 300), (3600.0, 10_000))
"""Window in seconds, and the most requests in any such window, over all endpoints together."""
BASE = "/api/v1"
LEADS = (*PINGS, *POSTS, *SALES)
CLICKS = ("/clicks", "/clicks.xml", "/clicks.json")


@dataclass(frozen=True)
class Leg:
    """One of several service providers in a reply."""

    payout: str
    number: str
    service_provider: str = "Acme Insurance"
    duration_s: int | None = 90


@dataclass(frozen=True)
class Ad:
    """An ad that fits."""

    title: str
    url: str
    payout: str = "1.50"


class SimulatedContactability(SimulatedBuyer):
    """Answers one leg of a call, or with ``legs`` set a list of them besides the answer's own.

    Of leads and clicks ``params["call"]`` tells ``answer`` which call it decides (``/ping``, …), and the texts of the
    lead's XML are there by their elements' names. ``jitter_s`` is taken off every window: what a strict sender spaced
    exactly can arrive that much closer. ``desk`` buys the leads.
    """

    path = f"{BASE}/calls/ping"
    more_paths = tuple(BASE + call for call in (*LEADS, *CLICKS))

    def __init__(
        self,
        *,
        clock: Clock,
        rng: random.Random,
        token: str,
        answer: Decide | None = None,
        port: int = 0,
        jitter_s: float = 0.0,
        limits: Sequence[tuple[float, int]] = LIMITS,
        xml_parameter: str = "xml",
    ) -> None:
        super().__init__(clock=clock, rng=rng, answer=answer, port=port)
        self._token = token
        self._jitter_s = jitter_s
        self._limits = limits
        self._xml_parameter = xml_parameter
        self._arrivals: deque[float] = deque(maxlen=max(most for _, most in limits) + 1)
        self.violations = 0
        """Requests beyond a limit."""
        self.legs: tuple[Leg, ...] | None = None
        self.ads: tuple[Ad, ...] = (Ad("Save now", "https://ads.example/1"),)
        self.desk = LeadDesk()

    @property
    def base_url(self) -> str:
        """The part in front of ``/ping``, known after `start`."""
        return self._server.base_url + BASE

    @property
    def sold(self) -> list[ContactabilitySale]:
        """The leads that were bought, oldest first."""
        return self.desk.sold

    def sales_of(self, phone: str) -> list[ContactabilitySale]:
        """How often the person of this number (ten digits) was sold, oldest first."""
        return [sale for sale in self.desk.sold if sale.phone == phone]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if request.path == self.path:
            return await super()._serve(request)
        call = request.path.removeprefix(BASE)
        params = await self._lead_params(request, call)
        record, refused = await self._recorded(request, params)
        if refused is not None:
            return refused
        answer = self.answer(params)
        if call in POSTS:
            answer = replace(answer, latency_s=answer.post_latency_s, fault=answer.post_fault)
        await asyncio.sleep(answer.drawn_latency_s(self._rng))
        return await send(request, self._decided(call, record, answer), answer.fault, self._rng)

    def _decided(self, call: str, record: PartnerRequest, answer: Answer) -> Body:
        record.answered_at = self._clock.now()
        try:
            if call in CLICKS:
                body = self._clicks(call, answer)
            else:
                lead = read_lead(record.params.get("xml", ""))
                body = self.desk.answered(call, record.params, lead, answer, self._clock.now())
        except Refused as refused:
            record.answered = refused.kind
            return refused.body
        record.answered = answer.fault or ("refused" if answer.payout is None else "offer")
        return body if answer.body is None else Body(answer.body, body.content_type, answer.status)

    def _clicks(self, call: str, answer: Answer) -> Body:
        ads = self.ads if answer.payout is not None else ()
        if call.endswith(".xml"):
            return reply(f"<Ads>{''.join(map(_xml_ad, ads))}</Ads>")
        return Body(json.dumps({"ads": [vars(ad) for ad in ads]}).encode(), "application/json")

    async def _lead_params(self, request: web.Request, call: str) -> Mapping[str, str]:
        if "xml" in request.content_type:
            given = dict(request.query) | {"xml": (await request.read()).decode(errors="replace")}
        else:
            given = dict(await params_of(request))
            given["xml"] = given.pop(self._xml_parameter, "")
        try:
            lead = read_lead(given["xml"])
        except Refused:
            return given | {"call": call}
        texts = {found.tag: found.text.strip() for found in lead.iter() if found.text and found.text.strip()}
        return texts | given | {"call": call, "xml_token": text_of(lead, "token")}

    def _refusal(self, request: web.Request, params: Mapping[str, str]) -> tuple[str, Body] | None:
        is_call = request.path == self.path
        if request.method != ("GET" if is_call else "POST"):
            return "bad_request", Body(b"method not allowed", "text/plain", 405)
        if self._over_limit():
            self.violations += 1
            return "limited", Body(b"Too Many Requests", "text/plain", 429)
        if is_call:
            if params.get("token") != self._token:
                return "unauthorised", Body(b'{"error":"unauthorized"}', "application/json", 401)
            return None
        given = params.get("token") if request.path.startswith(f"{BASE}/clicks") else params.get("xml_token")
        if given != self._token:
            return "unauthorised", Refused("Unauthorized", "token", 401).body
        return None

    def _over_limit(self) -> bool:
        now = self._clock.now()
        self._arrivals.append(now)
        for window_s, most in self._limits:
            if len(self._arrivals) > most and now - self._arrivals[-most - 1] < window_s - self._jitter_s:
                return True
        return False

    def _body(self, params: Mapping[str, str], answer: Answer, payout: str | None, number: str) -> Body:
        leg = _leg(Leg(payout or "0.00", number if payout else "", duration_s=answer.min_duration_s))
        shown: object = leg if self.legs is None else {"legs": [leg, *map(_leg, self.legs)]}
        return Body(json.dumps(shown).encode(), "application/json")


def _leg(leg: Leg) -> dict[str, object]:
    shown: dict[str, object] = {
        "service_provider": leg.service_provider,
        "payout": leg.payout,
        "transfer_number": leg.number,
    }
    return shown | ({} if leg.duration_s is None else {"duration": leg.duration_s})


def _xml_ad(ad: Ad) -> str:
    return "<Ad>" + "".join(f"<{name}>{escape(value)}</{name}>" for name, value in vars(ad).items()) + "</Ad>"
