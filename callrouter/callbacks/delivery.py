"""The handlers of the outbox's jobs: one request to the plan's dialler, within lawful hours."""

import asyncio
import math
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
from yarl import URL

from callrouter.callbacks.dialler import (
    DiallerRequest,
    Reply,
    build_add,
    build_cancel,
    parse_add,
    parse_cancel,
)
from callrouter.callbacks.hours import call_back_at
from callrouter.callbacks.outbox import Job, JobKind
from callrouter.callbacks.outcome import COMPLETE, Delivery, DeliveryOutcome
from callrouter.callbacks.worker import Handler
from callrouter.dialplan import Callback
from callrouter.domain.clock import Clock

TIMEOUT_S = 10.0
MAX_BODY = 65_536

PlanCallback = Callable[[str], Callback | None]
"""The callback section of the plan of this name, ``None`` when there is no such plan or it has none."""

Parse = Callable[[int, str, Mapping[str, Any]], Reply]

_NO_PLAN = Delivery(DeliveryOutcome.TRANSIENT, "the plan is not loaded, or has no callback section")


class DiallerDelivery:
    """Delivers jobs over a session that is passed in; ``handlers`` is what `OutboxWorker` takes."""

    def __init__(self, session: aiohttp.ClientSession, plan_callback: PlanCallback, clock: Clock) -> None:
        self._session = session
        self._plan_callback = plan_callback
        self._clock = clock

    @property
    def handlers(self) -> Mapping[JobKind, Handler]:
        """One handler for each kind of job."""
        return {JobKind.CALLBACK: self.add, JobKind.CANCEL: self.cancel}

    async def add(self, job: Job) -> Delivery:
        """Schedule the callback; how long the dialler is to wait is worked out anew at each attempt."""
        account = self._plan_callback(job.payload["plan"])
        if account is None:
            return _NO_PLAN
        now = self._clock.now()
        delays_s = lawful_delay_s(now, job.payload, account)
        if delays_s is None:
            return Delivery(DeliveryOutcome.PERMANENT, "no lawful calling time")
        if job.renewed:
            taken_back = await self._send(build_cancel(job.payload, account), account, parse_cancel)
            if taken_back.outcome not in COMPLETE:
                return Delivery(taken_back.outcome, taken_back.detail)
        reply = await self._send(build_add(job.payload, account, delays_s), account, parse_add)
        if reply.outcome not in COMPLETE:
            return Delivery(reply.outcome, reply.detail)
        called_at = now + delays_s
        first = _lawful(job.payload["wanted_at"], 0, job.payload, account)
        punctuality_s = None if first is None else max(0.0, called_at - first)
        return Delivery(reply.outcome, reply.detail, stands_until=called_at, punctuality_s=punctuality_s)

    async def cancel(self, job: Job) -> Delivery:
        """Take the callback back."""
        account = self._plan_callback(job.payload["plan"])
        if account is None:
            return _NO_PLAN
        reply = await self._send(build_cancel(job.payload, account), account, parse_cancel)
        return Delivery(reply.outcome, reply.detail)

    async def try_format(self, account: Callback, person: Mapping[str, Any]) -> Reply:
        """The dialler's own test: it looks at the fields and saves nothing."""
        return await self._send(build_add(person, account, account.delay_s, test=True), account, parse_add)

    async def _send(self, request: DiallerRequest, account: Callback, parse: Parse) -> Reply:
        url = URL(account.url.rstrip("/") + request.path).with_query(key=account.key.get_secret_value())
        try:
            async with (
                asyncio.timeout(TIMEOUT_S),
                self._session.post(url, json=dict(request.body), allow_redirects=False) as response,
            ):
                raw = await _body(response)
                status = response.status
        except TimeoutError:
            return Reply(DeliveryOutcome.TRANSIENT, "timeout")
        except (aiohttp.ClientError, OSError) as error:
            # Its text can name the address, and with it the key.
            return Reply(DeliveryOutcome.TRANSIENT, type(error).__name__)
        if raw is None:
            return Reply(DeliveryOutcome.TRANSIENT, f"HTTP {status}: the body is over {MAX_BODY} bytes")
        return parse(status, raw.decode("utf-8", "replace"), request.body)


def lawful_delay_s(now: float, payload: Mapping[str, Any], account: Callback) -> int | None:
    """Whole seconds from ``now`` to the first lawful moment that is not before the one wished for."""
    delay_s = max(0, math.ceil(payload["wanted_at"] - now))
    moment = _lawful(now, delay_s, payload, account)
    if moment is None:
        return None
    return delay_s if moment == now + delay_s else math.ceil(moment - now)


def _lawful(now: float, delay_s: float, payload: Mapping[str, Any], account: Callback) -> float | None:
    person = payload.get("phone"), payload.get("zip"), payload.get("state")
    return call_back_at(now, delay_s, account.hours, *person)


async def _body(response: aiohttp.ClientResponse) -> bytes | None:
    """The whole body, ``None`` when it is too long."""
    raw = bytearray()
    async for chunk in response.content.iter_any():
        raw += chunk
        if len(raw) > MAX_BODY:
            return None
    return bytes(raw)
