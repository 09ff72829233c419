"""Callers that an agent's dialler transfers to our number: which open warm transfer they belong to, if any."""

from callrouter.calls import transferring, transitions
from callrouter.calls.arrivals import PlanFor
from callrouter.calls.progress import Applied, Progress, UnknownCall
from callrouter.carrier.seam import CallArrived
from callrouter.dialplan import Plan
from callrouter.domain.caller import Caller
from callrouter.domain.phone import caller_number
from callrouter.domain.values import Value

LOOKED_AT = 30
"""With so many transfers listed as open one may be dialled in for sure, and none is looked at."""


ASKED_TTL_S = 3_600
"""How long it is known that a caller was asked for a pin."""


class Asked(Value):
    """Who was asked for a pin, as it is kept with the leg."""

    plan: str
    to: str
    phone: str | None
    at: float


class DialIns:
    """Finds and takes open transfers. Every method raises `EngineUnavailable`."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    async def matched(self, event: CallArrived, plan: Plan, received_at: float) -> Applied | None:
        """The transfer of the number that calls, or whose call was forwarded: the caller's, or the agent's."""
        keys = self._progress.store.keys
        for raw in (event.from_raw, event.forwarded_from or ""):
            number = caller_number(raw)
            if number is None:
                continue
            taken = await self._taken(keys.ticket_number(plan.plan, number), event, received_at)
            if taken is not None:
                return taken
        return None

    async def by_pin(self, pin: str, event: CallArrived, plan: Plan, received_at: float) -> Applied | None:
        """The transfer of this pin, if it is one of this plan."""
        return await self._taken(self._progress.store.keys.ticket_pin(pin), event, received_at, plan)

    async def awaited(self, plan: Plan) -> bool:
        """Whether any transfer of the plan may still be dialled in, so that an unknown caller may belong to it."""
        store = self._progress.store
        listed = await store.listed(store.keys.transfers_open(plan.plan), LOOKED_AT)
        if len(listed) == LOOKED_AT:
            return True
        return any(transferring.may_dial_in(call) for call, _ in await store.load_all(listed))

    async def asked(self, event: CallArrived, plan: Plan) -> None:
        """Whoever calls is asked for a pin: until they answer there is no call of theirs, and they may hang up."""
        store, phone = self._progress.store, caller_number(event.from_raw)
        asked = Asked(plan=plan.plan, to=event.to, phone=phone, at=self._progress.now())
        await store.mark_leg(event.sid, asked.model_dump_json(), ASKED_TTL_S)

    async def left_unasked(self, leg_sid: str, asked: Asked, received_at: float, plans: PlanFor) -> Applied | None:
        """Whoever was asked for a pin has hung up: a call that names nobody, and is owed nothing."""
        found = plans(asked.to)
        if found is None:
            return None
        return await self._progress.create(
            leg_sid,
            "arrived",
            found[0],
            received_at,
            lambda at: transitions.left_at_pin(leg_sid, asked.to, Caller(phone=asked.phone), asked.at, at),
        )

    async def known(self, leg_sid: str) -> str | Asked | None:
        """The id of the transfer that has taken this leg, or that it was asked for a pin; else nothing."""
        store = self._progress.store
        mark = await store.found_under(store.keys.leg(leg_sid))
        return Asked.model_validate_json(mark) if mark is not None and mark.startswith("{") else mark

    async def _taken(
        self, ticket: str, event: CallArrived, received_at: float, plan: Plan | None = None
    ) -> Applied | None:
        shows = caller_number(event.from_raw)
        sid = await self._progress.store.found_under(ticket)
        if sid is None:
            return None
        try:
            if plan is not None and (await self._progress.standing(sid, received_at)).call.plan != plan.plan:
                return None
            applied = await self._progress.apply(
                sid, "", received_at, lambda call, at: transferring.dialled_in(call, event.sid, shows, at)
            )
        except (UnknownCall, transferring.NotNow):
            return None
        return applied if applied.call.line == event.sid else None
