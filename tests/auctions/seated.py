"""One guarded buyer in the real engine, and the fixture that makes it."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio as redis
from pydantic import SecretStr

from callrouter.auction.guards import Seat
from callrouter.auction.limits import Admission, Limits
from callrouter.auction.seats import Charge, Stage
from callrouter.buyers.base import Account
from callrouter.calls.store import CallStore, Commit
from callrouter.dialplan import Plan
from callrouter.dialplan.guards import Guards
from callrouter.domain.call import Call, CallKind
from callrouter.domain.caller import Caller
from callrouter.engine.client import Engine
from tests.auctions.test_limits import SHEET, SetClock
from tests.support.engine import fresh_keys, open_engine

FREE = SHEET.model_copy(update={"limits": ()})
ACCOUNT = Account("a", "m", "https://x.test/", "get", {"token": SecretStr("T")})
PHONE = "+15125550123"
KEEP_S = 60.0


class Buyer:
    """One guarded buyer, as instances that share an engine see it."""

    def __init__(self, engine: Engine, socket: Path, clock: SetClock, **guards: Any) -> None:
        self.engine, self._socket, self.clock = engine, socket, clock
        self.limits = Limits(engine)
        entry = {"adapter": "x", "mode": "m", "guards": guards}
        raw = {"plan": "auto", "numbers": {"inbound": ["+18885550100"]}, "buyers": {"a": entry, "b": entry}}
        self.plan = Plan.model_validate(raw)
        self.guards: Guards = self.plan.buyers["a"].guards

    @property
    def now(self) -> float:
        return self.clock.ms / 1000

    def seat(self, sid: str, phone: str | None = PHONE) -> Seat:
        return Seat("auto", "a", self.guards, sid, phone, self.now, KEEP_S)

    async def ask(self, sid: str, phone: str | None = PHONE) -> Admission:
        return await self.limits.admit("x", FREE, ACCOUNT, self.seat(sid, phone))

    async def charge(self, sid: str, buyer: str = "a", stage: Stage | None = None, **used: Any) -> None:
        """One step of a call, as its commit runs it."""
        await self.commit(Charge(self.plan, buyer, sid, PHONE, stage=stage, keep_s=3600, **used))

    async def commit(self, charge: Charge) -> None:
        """A step of the call that means this to its buyer, and nothing else to anybody."""
        call = Call(
            sid=charge.sid,
            plan="auto",
            kind=CallKind.INBOUND,
            to="+18885550100",
            caller=Caller(phone=charge.phone),
            started_at=self.now,
        )
        document = charge.document(self.now, self.engine.keys)
        await CallStore(self.engine).commit(Commit(call, "", 0, charges=(document,)), None)

    async def dial(self, sid: str) -> None:
        await self.charge(sid, stage="dialled", attempts=1)

    async def connect(self, sid: str) -> None:
        await self.charge(sid, stage="talking", connects=1, had=("connected",))

    async def end(self, sid: str, paid: str | None = None) -> None:
        if paid is None:
            return await self.charge(sid)
        await self.charge(sid, qualified=1, paid=Decimal(paid), had=("qualified",))
        return None

    def later(self, seconds: float) -> None:
        self.clock.ms += int(seconds * 1000)

    async def everything(self) -> dict[str, Any]:
        """All keys and what is in them."""

        async def dump(client: redis.Redis) -> dict[str, Any]:
            return {key: await client.dump(key) async for key in client.scan_iter(f"{self.engine.keys.prefix}:*")}

        client = redis.Redis(unix_socket_path=str(self._socket), decode_responses=False)
        try:
            return await dump(client)
        finally:
            await client.aclose()


@pytest.fixture
async def made(engine_socket: Path) -> AsyncIterator[Any]:
    """Makes a buyer with these guards."""
    engines: list[Engine] = []

    def make(**guards: Any) -> Buyer:
        clock = SetClock()
        engines.append(open_engine(engine_socket, clock, fresh_keys()))
        return Buyer(engines[-1], engine_socket, clock, **guards)

    yield make
    for engine in engines:
        await engine.close()


def a_cap(of: str, most: float, per: str = "day") -> dict[str, Any]:
    return {"caps": [{"of": of, "per": per, "most": most}]}
