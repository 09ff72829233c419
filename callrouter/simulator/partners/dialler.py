"""A simulated dialler: takes leads to call back, and cancels them."""

import asyncio
import json
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from aiohttp import web

from callrouter.domain.clock import Clock
from callrouter.simulator.partners.faults import TIMEOUT_S
from callrouter.simulator.server import LoopbackServer

DiallerFault = Literal[
    "500",
    "timeout",
    "400",
    "unknown_type",
    "existing",
    "already_scheduled",
    "garbage",
    "server_error",
    "not_found",
    "already_processed",
]

REQUIRED = ("email", "first_name", "surname", "mobile", "type")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE = re.compile(r"\+?[0-9]{10,15}")


@dataclass
class LeadAdd:
    """One ``lead/add`` that arrived."""

    at: float
    body: Mapping[str, Any]
    saved: bool = False
    processed: bool = False
    error: str | None = None
    cancelled_at: float | None = None

    @property
    def mobile(self) -> str:
        """Whom to call."""
        return str(self.body.get("mobile", ""))

    @property
    def due_at(self) -> float:
        """When the person is to be called, epoch seconds."""
        return self.at + float(self.body.get("delays", 0) or 0)


@dataclass(frozen=True)
class LeadCancel:
    """One ``lead/cancel`` that arrived."""

    at: float
    body: Mapping[str, Any]
    cancelled: bool


class SimulatedDialler:
    """Validates as its document says. ``fail_next`` scripts the next replies, one each."""

    def __init__(
        self,
        *,
        clock: Clock,
        rng: random.Random,
        key: str,
        types: frozenset[str] = frozenset({"motor-trade"}),
        latency_s: float = 0.05,
        port: int = 0,
    ) -> None:
        self._clock = clock
        self._rng = rng
        self._key = key
        self._types = types
        self._latency_s = latency_s
        self.fail_next: list[DiallerFault] = []
        self.leads: list[LeadAdd] = []
        self.cancels: list[LeadCancel] = []
        app = web.Application()
        app.router.add_post("/lead/add", self._add)
        app.router.add_post("/lead/cancel", self._cancel)
        self._server = LoopbackServer(app, port)

    async def start(self) -> None:
        """Listen."""
        await self._server.start()

    async def stop(self) -> None:
        """Close."""
        await self._server.stop()

    async def refuse(self) -> None:
        """Refuse connections from now on, until `accept`."""
        await self._server.refuse()

    async def accept(self) -> None:
        """Take connections again, on the same port."""
        await self._server.listen()

    @property
    def url(self) -> str:
        """The base in front of ``/lead/add``."""
        return self._server.base_url

    def standing(self) -> list[LeadAdd]:
        """Leads that are saved, taken, and not cancelled."""
        return [lead for lead in self.leads if lead.saved and lead.processed and lead.cancelled_at is None]

    async def _add(self, request: web.Request) -> web.Response:
        body, early = await self._received(request)
        if early is not None:
            return early
        lead = LeadAdd(self._clock.now(), body)
        self.leads.append(lead)
        fault = self.fail_next.pop(0) if self.fail_next else None
        broken = await _broken(fault)
        if broken is not None:
            return broken
        wrong = {"email": "Email cannot be blank."} if fault == "400" else _wrong_fields(body)
        if wrong:
            return web.json_response({name: {"0": why} for name, why in wrong.items()}, status=400)
        if body.get("test"):
            return web.json_response({"test": "ok"})
        lead.error = self._objection(lead, fault)
        lead.saved, lead.processed = True, lead.error is None
        reply: dict[str, object] = {"saved": True, "processed": lead.processed}
        return web.json_response(reply if lead.error is None else reply | {"error": lead.error})

    def _objection(self, lead: LeadAdd, fault: DiallerFault | None) -> str | None:
        if fault == "unknown_type" or lead.body["type"] not in self._types:
            return "Unknown Type"
        if fault == "existing":
            return "Existing Contact"
        if fault == "already_scheduled" or self._waiting(lead.body):
            return "Another call is already scheduled"
        return None

    async def _cancel(self, request: web.Request) -> web.Response:
        body, early = await self._received(request)
        if early is not None:
            return early
        fault = self.fail_next.pop(0) if self.fail_next else None
        broken = await _broken(fault)
        if broken is not None:
            return broken
        waiting = self._waiting(body) if fault is None else []
        self.cancels.append(LeadCancel(self._clock.now(), body, bool(waiting)))
        for lead in waiting:
            lead.cancelled_at = self._clock.now()
        if waiting:
            return web.json_response({"cancelled": True})
        warning = {"server_error": "server error (save)", "already_processed": "already processed"}
        return web.json_response({"cancelled": False, "warning": warning.get(fault or "", "not found")})

    def _waiting(self, body: Mapping[str, Any]) -> list[LeadAdd]:
        """Standing leads of this type and number whose time has not come."""
        now, key = self._clock.now(), (body.get("type"), body.get("mobile"))
        return [
            lead for lead in self.standing() if (lead.body["type"], lead.body["mobile"]) == key and lead.due_at > now
        ]

    async def _received(self, request: web.Request) -> tuple[Mapping[str, Any], web.Response | None]:
        raw = await request.read()
        await asyncio.sleep(self._latency_s)
        if request.query.get("key") != self._key:
            return {}, web.json_response({"error": "invalid key"}, status=401)
        try:
            body = json.loads(raw)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            return {}, web.json_response({"body": {"0": "Not a JSON object"}}, status=400)
        return body, None


async def _broken(fault: DiallerFault | None) -> web.Response | None:
    if fault == "timeout":
        await asyncio.sleep(TIMEOUT_S)
    if fault in {"500", "timeout"}:
        return web.Response(status=500, text="Internal Server Error")
    if fault == "garbage":
        return web.Response(text='{"saved": tru', content_type="application/json")
    return None


def _wrong_fields(body: Mapping[str, Any]) -> dict[str, str]:
    """Field and message for everything that the document would refuse."""
    wrong = {
        name: f"{name.replace('_', ' ').capitalize()} cannot be blank."
        for name in REQUIRED
        if not isinstance(body.get(name), str) or not body[name].strip()
    }
    if "email" not in wrong and not _EMAIL.fullmatch(body["email"]):
        wrong["email"] = "Email is not valid."
    if "mobile" not in wrong and not _PHONE.fullmatch(body["mobile"]):
        wrong["mobile"] = "Mobile is not a valid phone number."
    delays = body.get("delays", 0)
    if isinstance(delays, bool) or not isinstance(delays, int | float) or delays < 0:
        wrong["delays"] = "Delays is not a number."
    if "data" in body and not _is_json(body["data"]):
        wrong["data"] = "Empty or invalid content of `data` field"
    if body.get("test", "true") != "true":
        wrong["test"] = "Test must be true."
    return wrong


def _is_json(text: object) -> bool:
    try:
        return isinstance(text, str) and json.loads(text) is not None
    except ValueError:
        return False
