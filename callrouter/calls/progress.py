"""Applying transitions: load, decide, commit; from memory and the spool while the engine is out."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from callrouter.auction.known import Believed
from callrouter.beliefs.beliefs import Beliefs
from callrouter.calls import room_orders
from callrouter.calls.charges import booked, charges
from callrouter.calls.closing import farewell, orphaned
from callrouter.calls.evidence import late_evidence
from callrouter.calls.learned import learned, unheard
from callrouter.calls.looking import look_at
from callrouter.calls.record import amendment, record
from callrouter.calls.selling import Decide, standing
from callrouter.calls.setting import Setting, Step
from callrouter.calls.spool import Spool
from callrouter.calls.store import CallStore, Commit, Committed, with_ids
from callrouter.calls.tickets import index
from callrouter.carrier.seam import Apologise, Capabilities, Command, Farewell
from callrouter.dialplan import Plan
from callrouter.domain.call import Call, CallKind, CallState, Outcome
from callrouter.domain.caller import Caller
from callrouter.domain.clock import Clock
from callrouter.domain.offer import BuyerResult

NO_PLAN = "-"
"""The plan of a refused call."""
_CONFLICTS = 20
_REMEMBERED = 5_000

PlanOf = Callable[[str], Plan | None]
Measure = Callable[[Call | None, Call, Step], None]


class UnknownCall(Exception):
    """The engine has no call of this id."""


@dataclass(frozen=True)
class Applied:
    """A call after an event, and what the carrier should now do."""

    call: Call
    command: Command | None
    plan: Plan | None
    """``None`` only for a refused call."""
    changed: bool
    runs_auction: bool = False


class Progress:
    """Moves calls from state to state, each step durable before anybody acts on it."""

    def __init__(
        self,
        store: CallStore,
        spool: Spool,
        clock: Clock,
        instance: str,
        carrier: Capabilities,
        plan_of: PlanOf,
        measure: Measure,
        plan_at: PlanOf = lambda number: None,
        beliefs: Callable[[], Believed] = Beliefs,
    ) -> None:
        self.store = store
        self._spool = spool
        self._clock = clock
        self.instance = instance
        self._carrier = carrier
        self._plan_of = plan_of
        self._measure = measure
        self._plan_at = plan_at
        self._beliefs = beliefs
        self.owner = instance
        """Who owns the auctions that begin here: nobody while the instance drains, so that any other takes them."""
        self._memory: OrderedDict[str, tuple[Call, int]] = OrderedDict()

    def setting(self, plan: Plan, received_at: float) -> Setting:
        """What a transition of this plan may know now."""
        return Setting(plan, self._clock.now(), received_at, self.owner, self._carrier, self._beliefs())

    def now(self) -> float:
        """The time by this instance's clock, epoch seconds."""
        return self._clock.now()

    async def create(
        self, sid: str, event_id: str, plan: Plan, received_at: float, first: Callable[[Setting], Step]
    ) -> Applied:
        """Apply the first step of a new call; a repeat is answered from where the call stands."""
        await self._catch_up(sid)
        step = await self._owed(self._settled(first(self.setting(plan, received_at)), plan))
        done = await self.store.commit(await self._commit(None, step, plan, event_id), 0)
        if done.kind != "ok":
            return await self.standing(sid, received_at)
        return self._applied(None, step, plan, done)

    async def refuse(self, sid: str, to: str, caller: Caller) -> None:
        """Record a call to a number that no plan has."""
        now = self._clock.now()
        call = Call(
            sid=sid,
            plan=NO_PLAN,
            kind=CallKind.INBOUND,
            to=to[:40],
            caller=caller,
            state=CallState.ENDED,
            outcome=Outcome.REFUSED,
            started_at=now,
            ended_at=now,
        ).noted(now, "refused", "not a number of any plan")
        await self.store.commit(Commit(call, "arrived", 0, record=record(call, {})), 0)

    async def apply(self, sid: str, event_id: str, received_at: float, decide: Decide, event: object = None) -> Applied:
        """Apply one event to a call; repeats and events after the end change nothing.

        What an ``event`` tells of a dial's length after the end is kept as evidence.
        Raises `UnknownCall`, `EngineUnavailable`.
        """
        await self._catch_up(sid)
        stored = await self.store.load(sid, event_id)
        call, version = stored.call, stored.version
        for _ in range(_CONFLICTS):
            if call is None:
                raise UnknownCall(sid)
            if call.state is CallState.ENDED and event is not None and not stored.seen:
                call, version = await self._amended(call, version, event_id, event)
            if stored.seen or call.state is CallState.ENDED:
                return self._unchanged(call, version, received_at)
            plan = self.plan(call)
            step = decide(call, self.setting(plan, received_at)) if plan else orphaned(call, self._clock.now())
            if step.call is call:
                self._on_orders(step)
                return Applied(call, step.command, plan, changed=False)
            step = await self._explained(call, await self._owed(self._settled(step, plan)))
            done = await self.store.commit(await self._commit(call, step, plan, event_id), version)
            if done.kind == "ok":
                return self._applied(call, step, plan, done)
            if done.kind == "closed" and event is not None:
                stored = await self.store.load(sid, event_id)
                call, version = stored.call, stored.version
                continue
            if done.kind != "conflict":
                return await self.standing(sid, received_at)
            call, version = done.current, done.version
        raise RuntimeError(f"{_CONFLICTS} conflicts in a row on one call")

    async def _amended(self, call: Call, version: int, event_id: str, event: object) -> tuple[Call, int]:
        """The ended call with what the event adds to it, in the ledger too as a further revision."""
        for _ in range(_CONFLICTS):
            attempt = late_evidence(call, event, self._clock.now())
            if attempt is None:
                return call, version
            amended = call.with_attempt(attempt)
            if await self.store.amend(amended, version, event_id, amendment(amended, attempt)):
                return amended, version + 1
            stored = await self.store.load(call.sid)
            if stored.call is None:
                return call, version
            call, version = stored.call, stored.version
        raise RuntimeError(f"{_CONFLICTS} conflicts in a row on one call")

    async def standing(self, sid: str, received_at: float) -> Applied:
        """Where the call stands. Raises `UnknownCall`, `EngineUnavailable`."""
        await self._catch_up(sid)
        stored = await self.store.load(sid)
        if stored.call is None:
            raise UnknownCall(sid)
        return self._unchanged(stored.call, stored.version, received_at)

    def remembered(self, sid: str) -> Call | None:
        """The call as this instance last saw it, for when the engine is out."""
        found = self._memory.get(sid)
        return found[0] if found else None

    def apply_unstored(self, call: Call | None, step: Step, plan: Plan, event_id: str) -> Applied:
        """Go on without the engine: the step is on disk before the carrier is answered.

        Raises `OSError` when the disk refuses as well.
        """
        step = self._settled(step, plan)
        known = self._memory.get(step.call.sid)
        version = known[1] if known else 0
        self._spool.keep(self._commit_with(None, call, step, plan, event_id), version, self._clock.now())
        self._measure(call, step.call, step)
        self._remember(step.call, version + 1)
        return Applied(step.call, step.command, plan, changed=True, runs_auction=step.runs_auction)

    def _applied(self, before: Call | None, step: Step, plan: Plan | None, done: Committed) -> Applied:
        after = with_ids(step.call, done)
        self._measure(before, after, step)
        self._remember(after, done.version)
        return Applied(after, step.command, plan, changed=True, runs_auction=step.runs_auction)

    def _unchanged(self, call: Call, version: int, received_at: float) -> Applied:
        self._remember(call, version)
        if call.outcome is Outcome.REFUSED:
            return Applied(call, Apologise(Farewell.REFUSED), None, changed=False)
        plan = self.plan(call)
        if plan is None:
            return Applied(call, Apologise(Farewell.FAILED), None, changed=False)
        return Applied(call, standing(call, self.setting(plan, received_at)), plan, changed=False)

    def plan(self, call: Call) -> Plan | None:
        """The call's plan, also one whose file is gone meanwhile; else whichever has the number now, if any."""
        return self._plan_of(call.plan) or self._plan_at(call.to)

    async def _owed(self, step: Step) -> Step:
        """Whoever was connected on another call since this one began is owed nothing by it."""
        call = step.call
        if (step.callback is None and step.sale is None) or call.caller.phone is None:
            return step
        if await self.store.bridged_at(call.plan, call.caller.phone) < call.started_at:
            return step
        why = "none: the person was connected on another call"
        unowed = call.replaced(callback=why, callback_at=None, sale=why if step.sale else call.sale)
        words = Apologise(farewell(unowed)) if isinstance(step.command, Apologise) else step.command
        return replace(step, call=unowed, callback=None, sale=None, command=words)

    async def _explained(self, before: Call, step: Step) -> Step:
        """With why the caller was held, where the call ends before its auction is decided: only its owner knew."""
        run, call = before.auction, step.call
        undecided = before.state is CallState.AUCTION and run is not None and run.closed_at is None
        if not undecided or run is None or call.state is not CallState.ENDED or call.decisions != before.decisions:
            return step
        waits = await self.store.waits(call.sid, run.no)
        return replace(step, call=call.replaced(decisions=(*call.decisions, *waits))) if waits else step

    async def _commit(self, before: Call | None, step: Step, plan: Plan | None, event_id: str) -> Commit:
        ended = step.call.state is CallState.ENDED
        replies = await self.store.replies(step.call.sid) if ended else None
        return self._commit_with(replies, before, step, plan, event_id)

    def _commit_with(
        self,
        replies: Mapping[str, BuyerResult] | None,
        before: Call | None,
        step: Step,
        plan: Plan | None,
        event_id: str,
    ) -> Commit:
        """``replies`` is ``None`` when the engine cannot be asked for them."""
        call = step.call
        ended = call.state is CallState.ENDED
        buyers = plan.call_buyers if plan and replies is not None else ()
        vertical = plan.vertical_name if plan else call.plan
        return Commit(
            call,
            event_id,
            look_at=look_at(call, plan, self._clock.now(), self._carrier),
            record=record(call, replies or {}, buyers) if ended else None,
            callback=step.callback,
            sale=step.sale,
            withdraws_callback=step.withdraws_callback,
            charges=charges(before, call, plan, self._clock.now(), self.store.keys),
            booked=booked(before, call),
            lessons=learned(before, call, vertical),
            unheard=unheard(before, call, replies or {}, buyers),
            index=index(before, call, self._clock.now(), self.store.keys),
        )

    def _settled(self, step: Step, plan: Plan | None) -> Step:
        return room_orders.settled(step, self.setting(plan, self._clock.now())) if plan else step

    def _on_orders(self, step: Step) -> None:
        """Orders of a step that changed nothing."""
        if step.orders:
            self._measure(step.call, step.call, step)

    async def _catch_up(self, sid: str) -> None:
        """What this instance decided while the engine was out comes before whatever is decided now."""
        if self._spool.holds(sid):
            await self._spool.replay(self.store)

    def _remember(self, call: Call, version: int) -> None:
        self._memory[call.sid] = (call, version)
        self._memory.move_to_end(call.sid)
        while len(self._memory) > _REMEMBERED:
            self._memory.popitem(last=False)
