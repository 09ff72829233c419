"""Whether a buyer may be asked now: its rate windows and its health, shared by every instance."""

import asyncio
import hashlib
import logging
from collections.abc import Mapping
from enum import StrEnum

from pydantic import SecretStr

from callrouter.buyers.base import Account
from callrouter.buyers.base.sheet import Sheet
from callrouter.domain.reasons import Family, Reason
from callrouter.engine.client import Engine
from callrouter.engine.keys import HEALTH_TTL_S, LIMIT_TTL_S
from callrouter.errors import EngineUnavailable

log = logging.getLogger("callrouter.auction")

ADMIT_TIMEOUT_S = 0.5
"""An engine that hangs costs a caller no more than this; then the buyer is asked without it."""
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
    LIMITED = "limited"
    UNHEALTHY = "unhealthy"


def speaks_ill(reason: Reason | None, waited_s: float, sheet: Sheet) -> bool | None:
    """Whether a result says that the buyer is unwell; ``None`` when it says nothing of the buyer."""
    if reason in _NOT_ITS_FAULT:
        return None
    if reason is Reason.ERROR_TIMEOUT and waited_s * 1000 < sheet.patience_ms:
        return None
    return reason is not None and reason.family is Family.ERROR


class Limits:
    """Admissions and health in the engine. Without it buyers are asked all the same, and that is counted."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._notes: set[asyncio.Task[None]] = set()
        self.failed_open = 0
        """How many asks went out without the engine's word."""

    async def admit(self, adapter: str, sheet: Sheet, account: Account) -> Admission:
        """One atomic step: admitted and counted, or declined at once. Never raises for a lost engine."""
        keys = self._engine.keys
        windows = [
            number
            for limit in sheet.limits
            for number in (limit.calls, round(limit.per_s * 1000) + sheet.limit_margin_ms)
        ]
        try:
            async with asyncio.timeout(ADMIT_TIMEOUT_S):
                said = await self._engine.run(
                    "admit",
                    [keys.limit(limit_scope(adapter, account)), keys.health(health_scope(adapter, account))],
                    [self._engine.time_arg(), PROBE_INTERVAL_MS, PROBE_ONE_IN, LIMIT_TTL_S * 1000, *windows],
                )
        except (TimeoutError, EngineUnavailable):
            self.failed_open += 1
            log.warning("buyer asked without limits, engine out", extra={"buyer": account.buyer})
            return Admission.ADMITTED
        return Admission(said)

    def note(self, adapter: str, sheet: Sheet, account: Account, reason: Reason | None, waited_s: float) -> None:
        """Record what a reply (``None``: an offer) says of the buyer's health. Nobody waits for it."""
        bad = speaks_ill(reason, waited_s, sheet)
        if bad is None:
            return
        task = asyncio.get_running_loop().create_task(self._record(adapter, account, bad))
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)

    async def drain(self) -> None:
        """Wait for the notes that are still being written; before the engine is closed."""
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
