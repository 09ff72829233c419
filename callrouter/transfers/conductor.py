"""Does what a warm transfer's steps order with its room, and looks after transfers that nobody's webhook moves on.

Orders follow a step that is stored: an instance that dies before it has carried them out leaves a transfer that is due
to be looked at, and whoever looks finds what is missing and orders it again.
"""

import asyncio
import logging
from collections.abc import Callable

from callrouter.calls import room_looks, rooms, selling, transferring, transitions
from callrouter.calls.hearts import Hearts
from callrouter.calls.progress import Applied, Progress, UnknownCall
from callrouter.calls.setting import Setting, Step
from callrouter.carrier.seam import (
    BringIn,
    CallIn,
    Carrier,
    Leg,
    LegStatus,
    Order,
    Ordered,
    OrderResult,
    PartyChanged,
    Release,
)
from callrouter.domain.call import Call, CallState
from callrouter.domain.clock import Clock
from callrouter.domain.transfer import Party, Way
from callrouter.errors import EngineUnavailable

TRIES = 3
AGAIN_S = 0.4
DRAIN_S = 5.0

log = logging.getLogger("callrouter.transfers")


class Conductor:
    """See the module. ``went_on`` begins the auction that a step calls for."""

    def __init__(
        self, progress: Progress, carrier: Carrier, hearts: Hearts, clock: Clock, went_on: Callable[[Applied], None]
    ) -> None:
        self._progress = progress
        self._carrier = carrier
        self._hearts = hearts
        self._clock = clock
        self._went_on = went_on
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self.running: Callable[[str], bool] = lambda sid: False
        """Whether this instance runs an auction of this call; filled in by whoever builds both."""

    def take(self, call: Call, orders: tuple[Order, ...]) -> None:
        """Carry these out, one after the other, behind those of the same call that are under way."""
        if not orders:
            return
        before = self._under_way.get(call.sid)
        task = asyncio.create_task(self._in_turn(before, call, orders), name=f"orders {call.sid}")
        self._under_way[call.sid] = task
        task.add_done_callback(lambda done: self._forget(call.sid, done))

    async def drain(self) -> None:
        """Wait for what is under way; what is left is found by whoever looks at the transfer next."""
        if self._under_way:
            await asyncio.wait(self._under_way.values(), timeout=DRAIN_S)
        for task in list(self._under_way.values()):
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    async def attend(self, call: Call) -> bool:
        """Look at one transfer that has no line of ours; ``False`` when nothing more is expected of it.

        Raises `EngineUnavailable`, `CarrierUnavailable`.
        """
        if call.state is CallState.ENDED:
            return await self._clear(call)
        if (call.state is CallState.AUCTION or call.renewing) and await self._taken_over(call):
            return True
        if call.transfer is not None and call.transfer.way is Way.BRIDGE:
            await self._look_into_room(call)
        await self._apply(call.sid, transferring.lapse)
        await self._apply(call.sid, transferring.renewed)
        return True

    async def _in_turn(self, before: asyncio.Task[None] | None, call: Call, orders: tuple[Order, ...]) -> None:
        if before is not None:
            await asyncio.wait([before])
        for order in orders:
            try:
                await self._carry_out(call, order)
            except EngineUnavailable:
                log.warning("order's end not kept", extra={"call_id": call.sid, "order": type(order).__name__})
            except Exception:
                log.exception("order failed", extra={"call_id": call.sid, "order": type(order).__name__})

    async def _carry_out(self, call: Call, order: Order) -> None:
        if isinstance(order, CallIn) and not self._wanted(call.sid, order.label):
            return
        said = await self._carrier.carry_out(order, call.sid, call.plan)
        if not isinstance(order, CallIn):
            # Doing it twice does no harm: what may not have been done is done again.
            for _ in range(TRIES - 1):
                if said.result is not OrderResult.UNKNOWN:
                    break
                await asyncio.sleep(AGAIN_S)
                said = await self._carrier.carry_out(order, call.sid, call.plan)
        level = logging.INFO if said.result is OrderResult.DONE else logging.WARNING
        what = {"call_id": call.sid, "order": type(order).__name__, "label": order.label, "result": said.result.value}
        log.log(level, "order", extra={**what, "why": said.why})
        await self._follow_up(call, order, said)

    def _wanted(self, sid: str, label: str) -> bool:
        """Whether a leg is still to be placed, as far as this instance knows: it may have been called off meanwhile."""
        known = self._progress.remembered(sid)
        party = known.transfer.party(label) if known is not None and known.transfer is not None else None
        return known is None or (known.state is not CallState.ENDED and party is not None and not party.over)

    async def _follow_up(self, call: Call, order: Order, said: Ordered) -> None:
        if isinstance(order, CallIn) and said.result is OrderResult.DONE and said.leg_sid:
            news = PartyChanged(call.sid, order.label, said.leg_sid, LegStatus.INITIATED)
            applied = await self._apply(
                call.sid, lambda c, at: rooms.party_changed(c, news, at), event_id=news.event_id
            )
            stray = rooms.stray(applied.call, news) if applied is not None else None
            if stray is not None:
                await self._carrier.carry_out(stray, call.sid, call.plan)
        failed = said.result in (OrderResult.REFUSED, OrderResult.GONE)
        if isinstance(order, CallIn | BringIn) and failed:
            status = LegStatus.COMPLETED if said.result is OrderResult.GONE else LegStatus.FAILED
            await self._apply(call.sid, lambda c, at: _refused(c, order.label, status, said, at))

    async def _apply(self, sid: str, decide: selling.Decide, *, event_id: str = "") -> Applied | None:
        try:
            applied = await self._progress.apply(sid, event_id, self._clock.now(), decide)
        except UnknownCall:
            return None
        self._went_on(applied)
        return applied

    async def _taken_over(self, call: Call) -> bool:
        """Whether the auction was a dead instance's, and is ours now."""
        owner = call.auction.owner if call.auction is not None else ""
        if self.running(call.sid):
            return False
        if owner != self._progress.instance and await self._hearts.alive(owner):
            return False
        log.warning("auction taken over", extra={"call_id": call.sid, "from": owner})
        await self._apply(call.sid, lambda c, at: transitions.take_over(c, owner, at))
        return True

    async def _look_into_room(self, call: Call) -> None:
        transfer = call.transfer
        if transfer is None or transfer.room is None:
            return
        room = await self._carrier.room(transfer.room)
        attempt = call.attempt
        wanted = [p for p in transfer.parties if p.sid and (not p.over or (attempt is not None and _is(p, attempt.no)))]
        legs: dict[str, Leg | None] = {p.sid: await self._carrier.look_up(p.sid) for p in wanted if p.sid}
        await self._apply(call.sid, lambda c, at: room_looks.looked(c, room, legs, at))

    async def _clear(self, call: Call) -> bool:
        """Whether somebody is still in the room of a transfer that is over; who should not be there is let go."""
        transfer = call.transfer
        if transfer is None or transfer.room is None:
            return False
        room = await self._carrier.room(transfer.room)
        here = room.legs if room is not None else ()
        roles = {leg.label.partition("-")[0] for leg in here}
        if not here or roles == {"agent", "caller"}:
            ringing = [p for p in transfer.parties if p.sid and not p.over and p.joined_at is None]
            still = [p for p in ringing if _lives(await self._carrier.look_up(p.sid or ""))]
            self.take(call, tuple(Release(p.label, p.sid or "") for p in still))
            return bool(still)
        self.take(call, tuple(Release(leg.label, leg.leg_sid) for leg in here))
        return True

    def _forget(self, sid: str, task: asyncio.Task[None]) -> None:
        if self._under_way.get(sid) is task:
            del self._under_way[sid]


def _refused(call: Call, label: str, status: LegStatus, said: Ordered, at: Setting) -> Step:
    if call.state is CallState.ENDED or call.transfer is None:
        return Step(call, None)
    return rooms.gone(
        call.noted(at.now, "order_refused", f"{label} {said.why or said.result.value}"), label, status, None, at
    )


def _is(party: Party, attempt_no: int) -> bool:
    return party.label == f"buyer-{attempt_no}"


def _lives(leg: Leg | None) -> bool:
    return leg is not None and not leg.status.final
