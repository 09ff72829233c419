"""A simulated Let's Make A Lead, one-step call routing."""

import json
import random
from collections.abc import Mapping
from xml.sax.saxutils import escape

from aiohttp import web

from callrouter.domain.clock import Clock
from callrouter.simulator.partners.answers import Answer, Decide
from callrouter.simulator.partners.buyer import SimulatedBuyer
from callrouter.simulator.partners.faults import Body

REASONS = {
    "1000": "Server under maintenance",
    "1100": "Request limit exceeded",
    "2000": "Invalid Partner ID or Blocked source",
    "3000": "Approval Phase",
    "4000": "Daily Cap reached",
    "5000": "No coverage or buyers",
    "6000": "Minimum bid not met",
}
REQUIRED = ("partnerid", "key", "numcategory", "subid", "transfer_type", "zipcode")
MISSING_FIELD = "9000"
"""The document names no code for a missing field: "other, ask your representative"."""


class SimulatedLmal(SimulatedBuyer):
    """Takes form, JSON and GET; answers JSON or, with ``resptype=XML`` or none, XML."""

    path = "/Ping_Partner_CR.php"

    def __init__(
        self,
        *,
        clock: Clock,
        rng: random.Random,
        partnerid: str,
        key: str,
        answer: Decide | None = None,
        port: int = 0,
    ) -> None:
        super().__init__(clock=clock, rng=rng, answer=answer, port=port)
        self._identity = (partnerid, key)

    def _refusal(self, request: web.Request, params: Mapping[str, str]) -> tuple[str, Body] | None:
        if (params.get("partnerid"), params.get("key")) != self._identity:
            return "unauthorised", _formatted(params, _rejection("2000"))
        missing = [name for name in REQUIRED if not params.get(name)]
        if missing or params["transfer_type"] not in {"1", "2"} or len(params["zipcode"]) != 5:
            return "bad_request", _formatted(params, _rejection(MISSING_FIELD))
        return None

    def _body(self, params: Mapping[str, str], answer: Answer, payout: str | None, number: str) -> Body:
        if payout is None:
            return _formatted(params, _rejection(answer.code or "5000"))
        fields = {"status": "Accepted", "price": payout, "PhoneNumber": number.removeprefix("+1")}
        if answer.min_duration_s is not None:
            fields["duration"] = str(answer.min_duration_s)
        return _formatted(params, fields)


def _rejection(code: str) -> dict[str, str]:
    return {"status": "Rejected", "errorCode": code, "reason": REASONS.get(code, "Ask Your Representative")}


def _formatted(params: Mapping[str, str], fields: Mapping[str, str]) -> Body:
    if params.get("resptype", "").upper() == "JSON":
        return Body(json.dumps(fields).encode(), "application/json")
    inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in fields.items())
    return Body(f'<?xml version="1.0" encoding="UTF-8"?><response>{inner}</response>'.encode(), "text/xml")
