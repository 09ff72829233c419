"""Calls for people: live ones from the engine, ended ones from the ledger (or the engine, until the drainer ran)."""

from collections.abc import Mapping
from typing import Any

from callrouter.callbacks.outbox import UNCERTAIN_REMEDY, Job, Outbox
from callrouter.calls.closing import AFTER_SALE
from callrouter.calls.record import record
from callrouter.calls.store import CallStore
from callrouter.dialplan import Plan
from callrouter.domain.call import CallState
from callrouter.ledger.reads import Ledger


class Calls:
    """The records of `calls/record.py`, wherever a call is now."""

    def __init__(self, store: CallStore, ledger: Ledger, outbox: Outbox, plans: Mapping[str, Plan]) -> None:
        self._store = store
        self._ledger = ledger
        self._outbox = outbox
        self._plans = plans

    async def live(self) -> list[dict[str, Any]]:
        """Every call that has not ended, newest first."""
        found = await self._store.load_all(await self._store.live_sids())
        live = [record(call, replies) for call, replies in found if call.state is not CallState.ENDED]
        return sorted(live, key=lambda record: str(record["started_at"]), reverse=True)

    async def get(self, sid: str) -> dict[str, Any] | None:
        """The whole decision of one call, with what became of its lead."""
        kept = await self._ledger.get(sid)
        found = dict(kept.record) if kept is not None else await self._from_engine(sid)
        sale_id = _sale_id(found)
        if found is None or sale_id is None:
            return found
        sale = (await self._ledger.sales([sale_id])).get(sale_id)
        if sale is None:
            job = await self._outbox.get(sale_id)
            return found if job is None else {**found, "sale": _under_way(job)}
        return await self._with_callback(with_sale(found, sale))

    async def _with_callback(self, found: dict[str, Any]) -> dict[str, Any]:
        """A call whose person had a sale of another call's already may owe a callback of its own by now."""
        if _promised(found) or found["sale"]["sid"] == found["sid"]:
            return found
        job = await self._outbox.get(f"cb-{found['sid']}")
        return found if job is None else {**found, "callback": _callback(job.id)}

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
        buyer: str | None = None,
        qualified: bool | None = None,
    ) -> list[dict[str, Any]]:
        """Ended calls, newest first; ``before`` is the last page's last sid, ``buyer`` who got the call."""
        found = await self._ledger.find(
            since=since, until=until, phone=phone, plan=plan, outcome=outcome, limit=limit, before=before,
            buyer=buyer, qualified=qualified,
        )  # fmt: skip
        records = [dict(call.record) for call in found]
        sales = await self._ledger.sales([sale_id for sale_id in map(_sale_id, records) if sale_id])
        return [
            with_sale(record, sales[sale_id]) if (sale_id := _sale_id(record)) in sales else record
            for record in records
        ]

    async def _from_engine(self, sid: str) -> dict[str, Any] | None:
        call = (await self._store.load(sid)).call
        if call is None:
            return None
        plan = self._plans.get(call.plan)
        buyers = plan.call_buyers if plan is not None and call.state is CallState.ENDED else ()
        return record(call, await self._store.replies(sid), buyers)


def with_sale(found: Mapping[str, Any], sale: Mapping[str, Any]) -> dict[str, Any]:
    """A call's record with the sale of its lead, and the callback that was promised when nobody bought it."""
    remedy = {"remedy": UNCERTAIN_REMEDY} if sale.get("state") == "uncertain" else {}
    merged = {**found, "sale": {**sale, **remedy}}
    if sale.get("callback") and (sale.get("sid") == found["sid"] or _waited_for(found, sale)):
        merged["callback"] = _callback(sale["callback"])
    elif sale.get("state") == "sold" and _waited_for_sale(found):
        merged["callback"] = {"id": None, "due_at": None, "why": "the lead was sold"}
    return merged


def _waited_for_sale(found: Mapping[str, Any]) -> bool:
    return bool((found.get("callback") or {}).get("why") == AFTER_SALE.removeprefix("none: "))


def _sale_id(found: Mapping[str, Any] | None) -> str | None:
    sale = found.get("sale") if found else None
    sale_id = sale.get("id") if isinstance(sale, Mapping) else None
    return sale_id if isinstance(sale_id, str) else None


def _under_way(job: Job) -> dict[str, Any]:
    """A sale that is not in the ledger yet."""
    return {"id": job.id, "state": job.outcome or "pending"}


def _waited_for(found: Mapping[str, Any], sale: Mapping[str, Any]) -> bool:
    """Whether the callback of this call hung on the sale of an earlier one, which was under way when it ended."""
    return _waited_for_sale(found) and found.get("ended_at") is not None and bool(sale["at"] >= found["ended_at"])


def _promised(found: Mapping[str, Any]) -> bool:
    return bool((found.get("callback") or {}).get("id"))


def _callback(job_id: str) -> dict[str, Any]:
    return {"id": job_id, "due_at": None, "why": None}
