"""Finds the calls whose end nobody told us, and those that came while nobody here could answer.

Status callbacks are best effort, and an instance that was killed heard none. The carrier knows: each live call that
has been quiet for long is looked up, and its list of recent calls is held against ours.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine

from callrouter.calls import transitions
from callrouter.calls.arrivals import PlanFor, caller_phone
from callrouter.calls.auctioneer import Auctioneer
from callrouter.calls.dial_ins import DialIns
from callrouter.calls.looking import LOOK_BRIDGED_S, LOOK_S
from callrouter.calls.progress import Progress, UnknownCall
from callrouter.calls.spool import Spool
from callrouter.carrier.seam import Carrier, Leg
from callrouter.domain.call import Call, CallState
from callrouter.domain.caller import Caller
from callrouter.domain.clock import Clock
from callrouter.engine.client import Engine
from callrouter.errors import CarrierUnavailable, EngineUnavailable
from callrouter.tasks import ended

EVERY_S = 1.0
AT_ONCE = 40
"""How many looks may be under way: one that the carrier keeps waiting makes no other call wait."""
MISSED_EVERY_S = 10.0
OVERLAP_S = 120.0
"""How far before the last look the list of recent calls is read again."""

_MISSED = "missed calls"

log = logging.getLogger("callrouter.calls")


class Sweeper:
    """See the module. Runs in every instance; the engine hands each call to one of them.

    ``attend`` looks at a warm transfer that has no line of ours; ``False`` when nothing more is expected of it.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        progress: Progress,
        auctioneer: Auctioneer,
        carrier: Carrier,
        spool: Spool,
        clock: Clock,
        plan_for: PlanFor,
        known_caller: Callable[[str], Awaitable[Caller | None]],
        attend: Callable[[Call], Awaitable[bool]],
    ) -> None:
        self._engine = engine
        self._progress = progress
        self._auctioneer = auctioneer
        self._carrier = carrier
        self._spool = spool
        self._clock = clock
        self._plan_for = plan_for
        self._known_caller = known_caller
        self._attend = attend
        self._dial_ins = DialIns(progress)
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self.last_round = float("-inf")
        """When a round last ended well, on the monotonic clock."""

    async def run(self) -> None:
        """Sweep until cancelled."""
        try:
            while True:
                try:
                    await self.once()
                    self.last_round = self._clock.monotonic()
                except EngineUnavailable as error:
                    log.warning("sweep put off", extra={"why": type(error).__name__})
                except Exception:
                    log.exception("sweep failed")
                await asyncio.sleep(EVERY_S)
        finally:
            await ended(self._under_way.values())

    async def once(self) -> None:
        """One round: replay the spool, begin to look at quiet calls, and now and then for missed ones."""
        await self._spool.replay(self._progress.store)
        free = AT_ONCE - len(self._under_way)
        for sid in await self._progress.store.claim_looks(free, LOOK_S) if free > 0 else ():
            self._begin(sid, self._look)
        if _MISSED not in self._under_way and await self._claims_missed():
            self._begin(_MISSED, self._find_missed)

    def _begin(self, what: str, look: Callable[[str], Coroutine[object, object, None]]) -> None:
        if what in self._under_way:
            return
        task = self._under_way[what] = asyncio.create_task(self._tried(what, look), name=f"look {what}")
        task.add_done_callback(lambda done: self._under_way.pop(what))

    async def _tried(self, what: str, look: Callable[[str], Coroutine[object, object, None]]) -> None:
        try:
            await look(what)
        except (CarrierUnavailable, EngineUnavailable) as error:
            log.warning("look put off", extra={"call_id": what, "why": type(error).__name__})
        except Exception:
            log.exception("look failed", extra={"call_id": what})

    async def _find_missed(self, what: str) -> None:
        await self.find_missed()

    async def _look(self, sid: str) -> None:
        try:
            call = (await self._progress.standing(sid, self._clock.now())).call
        except UnknownCall:
            await self._forget(sid)
            return
        line = call.line
        if line is None:
            if not await self._attend(call):
                await self._forget(sid)
            return
        if call.state is CallState.ENDED:
            await self._forget(sid)
            return
        leg = await self._carrier.look_up(line)
        if leg is not None and not leg.status.final:
            if call.state is CallState.BRIDGED:
                await self._look_later(sid)
            return
        legs = await self._carrier.legs_of(line) if call.attempts else ()
        if any(not found.status.final for found in legs):
            return
        log.info("call found ended", extra={"call_id": sid, "state": call.state.value})
        await self._progress.apply(sid, "lost", self._clock.now(), lambda c, at: transitions.lost(c, legs, at))
        self._auctioneer.caller_left(sid)

    async def find_missed(self) -> int:
        """Hold the carrier's recent calls against ours; how many had been missed."""
        started, keys = self._clock.now(), self._engine.keys
        (since,) = await self._engine.hash_fields(keys.sweep, "calls_since")
        missed = 0
        if since is not None:
            for leg in await self._carrier.recent_calls(float(since) - OVERLAP_S):
                missed += await self._missed(leg)
        await self._engine.raw("hset", lambda r: r.hset(keys.sweep, "calls_since", str(started)), again=True)
        return missed

    async def _missed(self, leg: Leg) -> bool:
        found = self._plan_for(leg.to)
        if found is None or not leg.status.final:
            return False
        try:
            await self._progress.standing(leg.sid, self._clock.now())
            return False
        except UnknownCall:
            plan, kind = found
        known = await self._dial_ins.known(leg.sid)
        if isinstance(known, str):
            return False  # a warm transfer has taken it
        if known is not None:  # it hung up at the question for the pin
            return await self._dial_ins.left_unasked(leg.sid, known, self._clock.now(), self._plan_for) is not None
        taken = any(child.duration_s > 0 for child in await self._carrier.legs_of(leg.sid))
        phone = caller_phone(leg.from_raw, self._plan_for)
        caller = (await self._known_caller(phone) if phone else None) or Caller(phone=phone)
        started_at = leg.started_at if leg.started_at is not None else self._clock.now()
        applied = await self._progress.create(
            leg.sid,
            "missed",
            plan,
            self._clock.now(),
            lambda at: transitions.missed(leg.sid, leg.to, kind, caller, started_at, taken, at),
        )
        log.warning("missed call found", extra={"call_id": leg.sid, "callback": applied.call.callback})
        return applied.changed

    async def _claims_missed(self) -> bool:
        """Whether this instance should look for missed calls now; one does, every `MISSED_EVERY_S`."""
        key = self._engine.keys.sweep_due
        await self._engine.raw("zadd", lambda r: r.zadd(key, {"missed": 0}, nx=True), again=True)
        args = [self._engine.time_arg(), 1, int(MISSED_EVERY_S * 1000)]
        return bool(await self._engine.run("look", [key], args))

    async def _look_later(self, sid: str) -> None:
        at_ms = int((self._clock.now() + LOOK_BRIDGED_S) * 1000)
        live = self._engine.keys.live
        await self._engine.raw("zadd", lambda r: r.zadd(live, {sid: at_ms}, xx=True), again=True)

    async def _forget(self, sid: str) -> None:
        await self._engine.raw("zrem", lambda r: r.zrem(self._engine.keys.live, sid), again=True)
