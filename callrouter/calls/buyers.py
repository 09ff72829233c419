"""Every buyer as operations see it: how it stands now, how it did lately, what is believed of it, and its switch."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from callrouter.auction.standing import CapStands, Listed, Standing, standings
from callrouter.auction.switches import Switches
from callrouter.beliefs.beliefs import Beliefs
from callrouter.beliefs.document import UnreadableBeliefs
from callrouter.beliefs.lessons import Forgiven, written
from callrouter.beliefs.replies import NEWCOMERS_OFFER
from callrouter.beliefs.summary import summary_of
from callrouter.buyers.loader import Catalogue
from callrouter.calls.lately import Lately, Tallies, count_calls, count_sales
from callrouter.dialplan import Plan
from callrouter.domain.clock import Clock, rfc3339
from callrouter.domain.money import dollars
from callrouter.engine.client import Engine
from callrouter.errors import CallrouterError
from callrouter.ledger.reads import Ledger

log = logging.getLogger("callrouter.calls")

LATELY_S = 3600.0
LATELY_CALLS = 500
KEPT_S = 10.0
"""How long what the ledger said is shown again."""
PAGE = 50
"""Calls that are read at once: a record is large, and callers are served in between."""
LEDGER_TIMEOUT_S = 5.0
LEARNED_WITHIN_S = 2.0


@dataclass(frozen=True)
class _Counted:
    """What the ledger's newest calls say of each buyer."""

    since: float
    """From when on calls were counted, epoch seconds."""
    tallies: Tallies
    read_at: float
    """``clock.monotonic()``."""


class Buyers:
    """Reads, switches and forgives buyers. ``plans`` gives the loaded plans, by name; ``beliefs`` what is believed now;
    ``learn`` has that follow at once what was just taught.

    All may raise `EngineUnavailable`.
    """

    def __init__(
        self,
        engine: Engine,
        ledger: Ledger,
        plans: Callable[[], Mapping[str, Plan]],
        catalogue: Catalogue,
        clock: Clock,
        beliefs: Callable[[], Beliefs] = Beliefs,
        learn: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._engine = engine
        self._beliefs = beliefs
        self._learn = learn
        self._ledger = ledger
        self._plans = plans
        self._catalogue = catalogue
        self._clock = clock
        self._switches = Switches(engine, clock)
        self._reading = asyncio.Lock()
        self._counted: _Counted | None = None

    async def all(self) -> list[dict[str, Any]]:
        """Every buyer of every loaded plan, of calls and of leads, in the plans' order."""
        listed = [
            Listed(plan.plan, buyer, entry) for plan in self._plans().values() for buyer, entry in plan.buyers.items()
        ]
        return await self._shown(listed)

    async def one(self, plan: str, buyer: str) -> dict[str, Any] | None:
        """One buyer of a plan; ``None`` when there is none."""
        listed = self._find(plan, buyer)
        return (await self._shown([listed]))[0] if listed else None

    async def switch_off(self, plan: str, buyer: str, by: str, why: str | None = None) -> dict[str, Any] | None:
        """Nothing more goes to this buyer of the plan, on any instance, until it is switched on; then as `one`.

        ``by`` is whose word it is, ``why`` for operations to read. What it has offered with a number may be dialled.
        """
        if self._find(plan, buyer) is None:
            return None
        await self._switches.off(plan, buyer, by, why)
        return await self.one(plan, buyer)

    async def switch_on(self, plan: str, buyer: str, by: str) -> dict[str, Any] | None:
        """The buyer is asked again, from the next caller on; then as `one`."""
        if self._find(plan, buyer) is None:
            return None
        await self._switches.on(plan, buyer, by)
        return await self.one(plan, buyer)

    async def forgive(self, plan: str, buyer: str, by: str) -> dict[str, Any] | None:
        """Forget how this buyer's phone was answered and how long its talks lasted, in every plan; then as `one`.

        Other instances learn it within some seconds. ``by`` is whose word it is. Twice is the same as once.
        """
        if self._find(plan, buyer) is None:
            return None
        keys = [self._engine.keys.lessons, self._engine.keys.lessons_count]
        lesson = json.dumps(written(Forgiven(buyer)), separators=(",", ":"))
        await self._engine.run("lessons_add", keys, [self._engine.time_arg(), lesson], again=True)
        log.info("buyer forgiven", extra={"plan": plan, "buyer": buyer, "by": by})
        if self._learn is not None:
            with suppress(CallrouterError, UnreadableBeliefs, TimeoutError):  # it is written down, and learned later
                async with asyncio.timeout(LEARNED_WITHIN_S):
                    await self._learn()
        return await self.one(plan, buyer)

    def _find(self, plan: str, buyer: str) -> Listed | None:
        found = self._plans().get(plan)
        entry = found.buyers.get(buyer) if found else None
        return Listed(plan, buyer, entry) if entry else None

    async def _shown(self, listed: list[Listed]) -> list[dict[str, Any]]:
        stand = await standings(self._engine, self._catalogue, listed, self._clock.now())
        lately = await self._lately()
        return [self._document(one, standing, lately) for one, standing in zip(listed, stand, strict=True)]

    def _document(self, listed: Listed, standing: Standing, counted: _Counted | None) -> dict[str, Any]:
        entry, off, health = listed.entry, standing.switched_off, standing.health
        tally = counted.tallies.get((listed.plan, listed.buyer), Lately()) if counted else Lately()
        limit = entry.guards.concurrency
        return {
            "plan": listed.plan,
            "buyer": listed.buyer,
            "adapter": entry.adapter,
            "mode": entry.mode,
            "buys": self._catalogue.buys(entry),
            "enabled": entry.enabled,
            "switched_off": {"at": rfc3339(off.at), "by": off.by, "why": off.why} if off else None,
            "health": {
                "state": "unhealthy" if health.unhealthy else "ok",
                "failing_share": None if health.failing_share is None else float(health.failing_share),
                "next_probe_at": rfc3339(health.next_probe_at),
            },
            "limits": [{"calls": rate.calls, "per_s": rate.per_s, "used": used} for rate, used in standing.windows],
            "caps": [_cap(cap) for cap in standing.caps],
            "concurrency": None if limit is None else {"limit": limit, "in_use": standing.in_use},
            "lately": {"since": rfc3339(counted.since), **tally.shown} if counted else None,
            "payout": tally.payout,
            "believed": self._believed(listed) if self._catalogue.buys(entry) == "calls" else None,
        }

    def _believed(self, listed: Listed) -> dict[str, Any]:
        """What was learned of it, of calls of its plan's vertical."""
        beliefs, now = self._beliefs(), self._clock.now()
        plan = self._plans().get(listed.plan)
        vertical = plan.vertical_name if plan else listed.plan
        found = summary_of(beliefs, listed.buyer, now)
        min_s = (found.typical or NEWCOMERS_OFFER)[1]
        return {
            "requests": found.pings,
            "offer_rate": round(found.offer_share, 3),
            "offer_after_s": None if found.offer_after_s is None else round(found.offer_after_s, 2),
            "usual_offer": None
            if found.typical is None
            else {"payout": f"{found.typical[0]:.2f}", "min_duration_s": found.typical[1]},
            "dials": round(found.dials, 1),
            "answer_rate": round(found.answers, 3),
            "talks": round(sum(talk.seen for talk in found.talks if talk.vertical == vertical), 1),
            "talk_s": min_s,
            "talk_rate": round(beliefs.talks(listed.buyer, vertical, min_s, now), 3),
            "alarms": found.alarms,
        }

    async def _lately(self) -> _Counted | None:
        """What the ledger says, or said some seconds ago; ``None`` when it does not answer: switches work without."""
        async with self._reading:
            now = self._clock.monotonic()
            if self._counted is not None and now - self._counted.read_at < KEPT_S:
                return self._counted
            try:
                async with asyncio.timeout(LEDGER_TIMEOUT_S):
                    self._counted = await self._count(now)
            except Exception as error:  # noqa: BLE001 - any driver's error means the same here
                log.warning("ledger not read for buyers", extra={"error": type(error.__cause__ or error).__name__})
                return None
            return self._counted

    async def _count(self, read_at: float) -> _Counted:
        since = self._clock.now() - LATELY_S
        tallies: Tallies = {}
        last, read = None, 0
        while read < LATELY_CALLS:
            page = await self._ledger.find(since=since, limit=PAGE, before=last)
            records = [call.record for call in page]
            count_calls(tallies, records)
            ids = [str(sale["id"]) for record in records if (sale := record.get("sale")) and sale.get("id")]
            if ids:
                count_sales(tallies, records, await self._ledger.sales(ids))
            read += len(page)
            if len(page) < PAGE:
                return _Counted(since, tallies, read_at)
            last = page[-1].sid
            oldest = page[-1].started_at
        return _Counted(oldest, tallies, read_at)


def _cap(stands: CapStands) -> dict[str, Any]:
    cap = stands.cap
    amounts = {"limit": cap.most, "used": stands.used, "reserved": stands.reserved, "left": stands.left}
    money = cap.of == "dollars"
    return {
        "of": cap.of,
        "per": cap.per,
        **{name: dollars(amount) if money else int(amount) for name, amount in amounts.items()},
        "resets_at": rfc3339(stands.resets_at),
    }
