"""A desk with one transfer, for what the API itself does: who may ask, what is refused, how an answer is put."""

import asyncio
from typing import Any

from callrouter.domain.caller import Caller
from callrouter.domain.clock import SystemClock
from callrouter.errors import NotFound
from callrouter.transfers.desk import Holder, Opening, TransferRefused
from callrouter.transfers.shown import (
    BridgeWanted,
    DialInShown,
    DialledWanted,
    OfferShown,
    TransferAction,
    TransferShown,
    TransferState,
)

SID = "TR" + "a" * 32


class ScriptedDesk:
    """Says what it was told to say, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.state = TransferState.OFFERED
        self.refuses: TransferRefused | None = None
        self.failure: Exception | None = None
        self.owner: Holder | None = None
        self.entered = asyncio.Event()
        self.gate: asyncio.Event | None = None
        """Whoever opens a transfer waits for it."""

    async def open(self, opening: Opening, by: Holder, received_at: float) -> TransferShown:
        self.entered.set()
        if self.gate:
            await self.gate.wait()
        if error := self.failure or self.refuses:
            raise error
        self.asked.append(("open", opening, by))
        self.owner = by
        assert abs(received_at - SystemClock().now()) < 60
        return self._shown()

    async def get(self, sid: str, by: Holder) -> TransferShown:
        return self._did("get", sid, by)

    async def mine(self, by: Holder) -> list[TransferShown]:
        return [self._shown()] * 3 if by == self.owner else []

    async def bridge(self, sid: str, wanted: BridgeWanted, by: Holder) -> TransferShown:
        return self._did("bridge", sid, by, wanted)

    async def following(self, sid: str, by: Holder) -> TransferShown:
        return self._did("following", sid, by)

    async def complete(self, sid: str, by: Holder) -> TransferShown:
        return self._did("complete", sid, by)

    async def cancel(self, sid: str, by: Holder) -> TransferShown:
        return self._did("cancel", sid, by)

    async def dialled(self, sid: str, wanted: DialledWanted, by: Holder) -> TransferShown:
        return self._did("dialled", sid, by, wanted)

    def _did(self, what: str, sid: str, by: Holder, *more: Any) -> TransferShown:
        if sid != SID or self.owner is None or (by.role == "agent" and by != self.owner):
            raise NotFound("transfer")
        if self.refuses:
            raise self.refuses
        self.asked.append((what, *more))
        return self._shown()

    def _shown(self) -> TransferShown:
        offer = OfferShown.model_validate(
            {
                "buyer": "lmal",
                "number": "+18005550199",
                "payout": "25",
                "min_duration_s": 90,
                "expires_at": 1_795_222_800.0,
                "expires_in_s": 29.5,
                "others": 1,
            }
        )
        return TransferShown(
            id=SID,
            plan="auto",
            state=self.state,
            way=None,
            offer=offer if self.state is TransferState.OFFERED else None,
            renewing=False,
            dial_in=DialInShown(number="+18885550101", pin="4711"),
            caller=Caller(phone="+15125550123", zip="78701"),
            agent="Ann",
            legs=(),
            attempts=(),
            reasons={"lmal": "offer"},
            can=(TransferAction.BRIDGE,),
            started_at=1_795_222_770.0,
            open_until=1_795_223_370.0,
            talking_since=None,
            talk_s=None,
            min_duration_s=None,
            completed_at=None,
            ended_at=None,
            outcome=None,
            qualified=None,
            callback_at=None,
        )
