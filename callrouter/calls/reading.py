"""Calls for people: live ones from the engine, ended ones from the ledger (or the engine, until the drainer ran)."""

from collections.abc import Mapping
from typing import Any

from callrouter.calls.record import record
from callrouter.calls.store import CallStore
from callrouter.dialplan import Plan
from callrouter.domain.call import CallState
from callrouter.ledger.reads import Ledger


class Calls:
    """The records of `calls/record.py`, wherever a call is now."""

    def __init__(self, store: CallStore, ledger: Ledger, plans: Mapping[str, Plan]) -> None:
        self._store = store
        self._ledger = ledger
        self._plans = plans

    async def live(self) -> list[dict[str, Any]]:
        """Every call that has not ended, newest first."""
        found = [await self._from_engine(sid) for sid in await self._store.live_sids()]
        live = [record for record in found if record is not None and record["state"] != "ended"]
        return sorted(live, key=lambda record: str(record["started_at"]), reverse=True)

    async def get(self, sid: str) -> dict[str, Any] | None:
        """The whole decision of one call."""
        kept = await self._ledger.get(sid)
        return dict(kept.record) if kept is not None else await self._from_engine(sid)

    async def find(
        self,
        *,
        since: float | None = None,
        until: float | None = None,
        phone: str | None = None,
        plan: str | None = None,
        outcome: str | None = None,
        limit: int = 100,
        before: str | None = None,
    ) -> list[dict[str, Any]]:
        """Ended calls, newest first; ``before`` is the sid that the last page ended with."""
        found = await self._ledger.find(
            since=since, until=until, phone=phone, plan=plan, outcome=outcome, limit=limit, before=before
        )
        return [dict(call.record) for call in found]

    async def _from_engine(self, sid: str) -> dict[str, Any] | None:
        call = (await self._store.load(sid)).call
        if call is None:
            return None
        plan = self._plans.get(call.plan)
        buyers = plan.buyers if plan is not None and call.state is CallState.ENDED else ()
        return record(call, await self._store.replies(sid), buyers)
