"""Whether a buyer may be asked now: its switch, guards, rate windows and health, shared by every instance.

One round trip an ask, and a second one for the offer of a buyer that has a dollar cap.
"""

import asyncio
import hashlib
import json
import logging
from collections.abc import Coroutine, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from pydantic import SecretStr

from callrouter.auction.guards import Seat
from callrouter.auction.seats import guard_document
from callrouter.auction.switches import switch_field
from callrouter.buyers.base import Account
from callrouter.buyers.base.sheet import Sheet
from callrouter.domain.offer import Decline
from callrouter.domain.reasons import Family, Reason
from callrouter.engine.client import Engine
from callrouter.engine.keys import HEALTH_TTL_S, LIMIT_TTL_S
from callrouter.errors import EngineUnavailable

T = TypeVar("T")

log = logging.getLogger("callrouter.auction")

ADMIT_TIMEOUT_S = 0.5
"""An engine that hangs costs a caller no more than this; then the buyer is asked without it, if its guards allow."""
PROBE_INTERVAL_MS = 5_000
PROBE_ONE_IN = 10
WEIGHT = 0.1
MIN_SAMPLES = 10
LEAVE_ABOVE = 0.5
RETURN_BELOW = 0.3

_NOT_ITS_FAULT = frozenset({Reason.ERROR_ADAPTER})


class Admission(StrEnum):
    """What the engine says to one ask."""

    ADMITTED = "admitted"
    SWITCHED_OFF = "switched_off"
    LIMITED = "limited"
    UNHEALTHY = "unhealthy"
    DUPLICATE = "duplicate"
    CAP_ATTEMPTS = "cap_attempts"
    CAP_CONNECTS = "cap_connects"
    CAP_QUALIFIED = "cap_qualified"
    CAP_DOLLARS = "cap_dollars"
    CONCURRENCY = "concurrency"
    SPACING = "spacing"
    UNGUARDED = "unguarded"
    """It says nothing, and without its word this buyer's guards cannot be kept."""

    @property
    def reason(self) -> Reason | None:
        """Why the buyer is not asked; ``None`` when it is."""
        if self is Admission.ADMITTED:
            return None
        return Reason.NOT_CALLED_RATE_LIMITED if self is Admission.LIMITED else Reason(f"not_called_{self.value}")


def speaks_ill(reason: Reason | None, waited_s: float, sheet: Sheet) -> bool | None:
    """Whether a result says that the buyer is unwell; ``None`` when it says nothing of the buyer."""
    if reason in _NOT_ITS_FAULT:
        return None
    if reason is Reason.ERROR_TIMEOUT and waited_s * 1000 < sheet.patience_ms:
        return None
    return reason is not None and reason.family is Family.ERROR


class Limits:
    """Admissions, seats and health in the engine.

    Without it buyers are asked all the same, and that is counted; but none whose guards it keeps. So a buyer without
    such guards that is switched off may be asked while the engine is out: where the switch is kept.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._notes: set[asyncio.Task[object]] = set()
        self.failed_open = 0
        """How many asks went out without the engine's word."""

    async def admit(self, adapter: str, sheet: Sheet, account: Account, seat: Seat | None = None) -> Admission:
        """One atomic step: admitted, counted and seated, or declined at once. Never raises for a lost engine.

        A call that has a seat keeps it: it is never counted twice. ``seat`` also says whose switch is looked at.
        """
        switch = switch_field(seat.plan, seat.buyer) if seat else ""
        if seat is None or not seat.guards.counted:
            return await self._admit(adapter, sheet, account, None, switch)
        return await self._whole(self._admit(adapter, sheet, account, seat, switch), seat)

    async def admit_post(self, adapter: str, sheet: Sheet, account: Account, plan: str) -> Admission:
        """Whether a post to this buyer of the plan may go out; it is then counted in the partner's rate windows.

        ``SWITCHED_OFF`` and ``LIMITED`` speak against it: a bid is not taken up once its buyer is switched off.
        Its seat it has from the ping, and its partner's health is no reason to drop a bid that was just made.
        """
        return await self._admit(adapter, sheet, account, None, switch_field(plan, account.buyer), one_in=1)

    async def book(self, seat: Seat, payout: Decimal, now: float) -> Decline | None:
        """Reserve what the buyer has offered, or why its dollar caps have no room for it; then release the seat.

        Again with another payout, this one counts. ``now`` is epoch seconds.
        """
        if not any(cap.of == "dollars" for cap in seat.guards.caps):
            return None
        return await self._whole(self._book(seat, payout, now), seat)

    def release(self, seat: Seat) -> None:
        """Nothing came of an ask: its seat is free again. Nobody waits for it; if it is lost the seat lapses."""
        if seat.guards.counted:
            self._later(self._release(seat))

    async def _admit(
        self,
        adapter: str,
        sheet: Sheet,
        account: Account,
        seat: Seat | None,
        switch: str,
        one_in: int = PROBE_ONE_IN,
    ) -> Admission:
        keys = self._engine.keys
        windows: list[str | int] = [
            number
            for limit in sheet.limits
            for number in (limit.calls, round(limit.per_s * 1000) + sheet.limit_margin_ms)
        ]
        guard = json.dumps(guard_document(seat, seat.asked_at, keys)) if seat else ""
        of = [keys.limit(limit_scope(adapter, account)), keys.health(health_scope(adapter, account)), keys.switches]
        ask = [self._engine.time_arg(), PROBE_INTERVAL_MS, one_in, LIMIT_TTL_S * 1000, guard, switch, *windows]
        try:
            async with asyncio.timeout(ADMIT_TIMEOUT_S):
                said = await self._engine.run("admit", of, ask)
        except (TimeoutError, EngineUnavailable):
            if seat is not None:
                log.warning("buyer with guards not asked, engine out", extra={"buyer": account.buyer})
                self.release(seat)  # it may have heard the question
                return Admission.UNGUARDED
            self.failed_open += 1
            log.warning("buyer asked without limits, engine out", extra={"buyer": account.buyer})
            return Admission.ADMITTED
        return Admission(said)

    async def _book(self, seat: Seat, payout: Decimal, now: float) -> Decline | None:
        guard = json.dumps(guard_document(seat, now, self._engine.keys))
        try:
            async with asyncio.timeout(ADMIT_TIMEOUT_S):
                said = await self._engine.run(
                    "guard_book", [], [self._engine.time_arg(), guard, int(payout * 100)], again=True
                )
        except (TimeoutError, EngineUnavailable):
            log.warning("offer not taken, engine out", extra={"buyer": seat.buyer})
            return Decline(reason=Reason.NOT_CALLED_UNGUARDED, detail="its offer could not be booked")
        if said == "booked":
            return None
        if said == "released":
            return Decline(reason=Reason.NO_OFFER_CALLER_GONE, detail="the call ended while it was asked")
        detail = None if said == Admission.CAP_DOLLARS else f"{said} is full meanwhile"
        return Decline(reason=Reason.REJECTED_OVER_CAP, detail=detail)

    async def _release(self, seat: Seat) -> None:
        try:
            guard = json.dumps(guard_document(seat, seat.asked_at, self._engine.keys))
            await self._engine.run("guard_release", [], [guard], again=True)
        except EngineUnavailable:
            return  # counted by the engine's own on_error; the seat lapses

    async def _whole(self, step: Coroutine[object, object, T], seat: Seat) -> T:
        """A step of the engine that is not cut off: who is cancelled meanwhile gives the seat back after it."""
        task = self._later(step)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self._later(self._give_back(task, seat))
            raise

    async def _give_back(self, step: asyncio.Task[T], seat: Seat) -> None:
        await asyncio.wait([step])
        await self._release(seat)

    def _later(self, work: Coroutine[object, object, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work)
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)
        return task

    def note(self, adapter: str, sheet: Sheet, account: Account, reason: Reason | None, waited_s: float) -> None:
        """Record what a reply (``None``: an offer) says of the buyer's health. Nobody waits for it."""
        bad = speaks_ill(reason, waited_s, sheet)
        if bad is None:
            return
        self._later(self._record(adapter, account, bad))

    async def drain(self) -> None:
        """Wait for what is still being written; before the engine is closed."""
        while self._notes:
            await asyncio.gather(*self._notes)

    async def _record(self, adapter: str, account: Account, bad: bool) -> None:
        try:
            change = await self._engine.run(
                "health",
                [self._engine.keys.health(health_scope(adapter, account))],
                [
                    self._engine.time_arg(),
                    int(bad),
                    *(WEIGHT, MIN_SAMPLES, LEAVE_ABOVE, RETURN_BELOW),
                    *(PROBE_INTERVAL_MS, HEALTH_TTL_S),
                ],
            )
        except EngineUnavailable:
            return  # counted by the engine's own on_error; the next reply is noted again
        if change == "left":
            log.warning("buyer unhealthy", extra={"buyer": account.buyer})
        elif change == "returned":
            log.warning("buyer healthy again", extra={"buyer": account.buyer})


def limit_scope(adapter: str, account: Account) -> str:
    """One account at one partner: plans that share the credentials share its limits."""
    return f"{adapter}:{_digest(account.credentials)}"


def health_scope(adapter: str, account: Account) -> str:
    """One account at one address."""
    return f"{adapter}:{_digest(account.credentials, account.url)}"


def _digest(credentials: Mapping[str, SecretStr], *more: str) -> str:
    parts = [f"{name}={secret.get_secret_value()}" for name, secret in sorted(credentials.items())]
    return hashlib.sha256("\n".join((*parts, *more)).encode()).hexdigest()[:16]
