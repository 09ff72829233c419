"""Which buyers of a plan would be asked for a caller, and what speaks against the others. Nothing is changed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import redis.asyncio as redis

from callrouter.auction.guards import refused
from callrouter.auction.limits import PROBE_ONE_IN
from callrouter.auction.seats import digest
from callrouter.auction.standing import CapStands, Listed, Standing, standings
from callrouter.buyers.base import Ask
from callrouter.buyers.loader import Catalogue
from callrouter.commands.trying import prepare
from callrouter.dialplan import BuyerEntry, Guards, Plan
from callrouter.domain.offer import Decline
from callrouter.domain.reasons import Reason
from callrouter.engine.client import Engine

_COUNTED = {"attempts": "dials", "connects": "connected calls", "qualified": "qualified calls", "dollars": "dollars"}
_PASSING = frozenset(
    {Reason.NOT_CALLED_RATE_LIMITED, Reason.NOT_CALLED_CONCURRENCY, Reason.NOT_CALLED_SPACING}
)  # fmt: skip
"""What is over in a moment, and says nothing of another time."""


@dataclass(frozen=True)
class Candidate:
    """One buyer of the plan, and what speaks against asking it."""

    buyer: str
    entry: BuyerEntry
    against: tuple[Decline, ...] = ()
    """Empty: it is asked."""
    just_now: tuple[Decline, ...] = ()
    """What speaks against it now, and may or may not at the other time that was asked about."""


@dataclass(frozen=True)
class Moment:
    """When the caller would call, epoch seconds, and what time it is."""

    at: float
    now: float

    @property
    def is_now(self) -> bool:
        """Whether everything can be known of it."""
        return self.at == self.now


async def candidates(
    plan: Plan, catalogue: Catalogue, ask: Ask, engine: Engine | None, moment: Moment, phone: str | None
) -> list[Candidate]:
    """Every buyer of the plan, in its order. Without an engine nothing is switched off, failing or used up;
    without the person's ``phone`` nobody has had them lately.

    Raises `EngineUnavailable`.
    """
    found = [
        Candidate(buyer, entry, tuple(_by_plan(plan, catalogue, ask, buyer, moment.at)))
        for buyer, entry in plan.buyers.items()
    ]
    if engine is None:
        return found
    listed = [Listed(plan.plan, each.buyer, each.entry) for each in found]
    stand = await standings(engine, catalogue, listed, moment.now)
    return [
        _at(each, standing, [*_present(each, standing), *await _remembered(engine, plan, each, moment, phone)], moment)
        for each, standing in zip(found, stand, strict=True)
    ]


def _by_plan(plan: Plan, catalogue: Catalogue, ask: Ask, buyer: str, at: float) -> list[Decline]:
    """What the plan, the person and the clock say against it."""
    entry = plan.buyers[buyer]
    known = catalogue.get(entry.adapter)
    if buyer not in plan.call_buyers or known.sheet.modes[entry.mode].buys != "calls":
        return [Decline(reason=Reason.NOT_CALLED_INELIGIBLE, detail=f"it buys {catalogue.buys(entry)}, not calls")]
    against = [] if entry.enabled else [Decline(reason=Reason.NOT_CALLED_DISABLED, detail="enabled: false")]
    against += _guarded(entry.guards, ask, at)
    if int(plan.auction.deadline_s * 1000) - known.sheet.latency_buffer_ms < known.sheet.min_response_ms:
        return [*against, Decline(reason=Reason.NOT_CALLED_NO_TIME, detail="the plan's deadline_s is too short for it")]
    prepared = prepare(known, ask, catalogue.account(buyer, entry), plan.auction.deadline_s)
    return [*against, prepared] if isinstance(prepared, Decline) else against


def _guarded(guards: Guards, ask: Ask, at: float) -> Iterator[Decline]:
    """What the hours, and what the places say."""
    always, anywhere = {"hours": None}, {"states": (), "not_states": (), "zips": (), "not_zips": ()}
    closed = refused(guards.model_copy(update=anywhere), ask, at)
    if closed is not None:
        yield closed.model_copy(update={"detail": f"{closed.detail}, {guards.time_zone}"})
    elsewhere = refused(guards.model_copy(update=always), ask, at)
    if elsewhere is not None:
        yield elsewhere


def _at(each: Candidate, standing: Standing, present: Sequence[Decline], moment: Moment) -> Candidate:
    """With what the engine says, as far as it tells of the moment."""
    if not each.entry.enabled or any(no.reason is Reason.NOT_CALLED_INELIGIBLE for no in each.against):
        return each
    caps = [_full(cap) for cap in standing.caps if cap.left <= 0 and _same_period(cap, moment)]
    if moment.is_now:
        return replace(each, against=(*each.against, *caps, *present))
    lasting = [no for no in present if no.reason is Reason.NOT_CALLED_DUPLICATE]
    perhaps = [no for no in present if no not in lasting and no.reason not in _PASSING]
    return replace(each, against=(*each.against, *caps, *lasting), just_now=tuple(perhaps))


def _same_period(cap: CapStands, moment: Moment) -> bool:
    """Whether what is used up now is used up then: in the same calendar period, and not earlier."""
    return moment.at >= moment.now and (cap.resets_at is None or moment.at < cap.resets_at)


def _full(stands: CapStands) -> Decline:
    cap = stands.cap
    again = f"; begins anew {utc(stands.resets_at)}" if stands.resets_at is not None else ""
    most = f"${cap.most:,.2f}" if cap.of == "dollars" else f"{cap.most:,.0f} {_COUNTED[cap.of]}"
    of = most if cap.per == "ever" else f"{most} a {cap.per}"
    return Decline(reason=Reason(f"not_called_cap_{cap.of}"), detail=f"{of}{again}")


def _present(each: Candidate, standing: Standing) -> list[Decline]:
    """What speaks against it at this moment."""
    against = []
    off, limit = standing.switched_off, each.entry.guards.concurrency
    if off is not None:
        why = f": {off.why}" if off.why else ""
        against.append(Decline(reason=Reason.NOT_CALLED_SWITCHED_OFF, detail=f"by {off.by}, {utc(off.at)}{why}"))
    if limit is not None and standing.in_use >= limit:
        against.append(Decline(reason=Reason.NOT_CALLED_CONCURRENCY, detail=f"{standing.in_use} of {limit}"))
    if standing.health.unhealthy:
        detail = f"one request in {PROBE_ONE_IN} still goes to it"
        against.append(Decline(reason=Reason.NOT_CALLED_UNHEALTHY, detail=detail))
    for window, used in standing.windows:
        if used >= window.calls:
            detail = f"{window.calls:,} requests in {window.per_s:g} s"
            against.append(Decline(reason=Reason.NOT_CALLED_RATE_LIMITED, detail=detail))
    return against


async def _remembered(engine: Engine, plan: Plan, each: Candidate, moment: Moment, phone: str | None) -> list[Decline]:
    """What the engine remembers of this buyer's last ask, and of this person."""
    guards, against = each.entry.guards, []
    last = await engine.get(engine.keys.last_ask(plan.plan, each.buyer)) if guards.spacing_s else None
    if last is not None and moment.now - float(last) / 1000 < guards.spacing_s:
        against.append(Decline(reason=Reason.NOT_CALLED_SPACING, detail=f"{guards.spacing_s:g} s between two asks"))
    duplicates, had = guards.duplicates, await _had_at(engine, plan, each, phone)
    if duplicates is not None and had is not None and moment.at - had < duplicates.within_s:
        of = "a buyer of the plan" if duplicates.of == "plan" else "it"
        again = f"asked again from {utc(had + duplicates.within_s)}"
        detail = f"{duplicates.after} with {of} at {utc(had)}; {again}"
        against.append(Decline(reason=Reason.NOT_CALLED_DUPLICATE, detail=detail))
    return against


async def _had_at(engine: Engine, plan: Plan, each: Candidate, phone: str | None) -> float | None:
    """When this person last had the buyer, or any of the plan where that is what counts; epoch seconds."""
    duplicates = each.entry.guards.duplicates
    if duplicates is None or phone is None:
        return None
    of = None if duplicates.of == "plan" else each.buyer
    key = engine.keys.had(plan.plan, of, duplicates.after, digest(phone))

    async def newest(client: redis.Redis) -> Any:
        return await client.zrevrange(key, 0, 0, withscores=True)

    marks = await engine.raw("zrevrange", newest, again=True)
    return float(marks[0][1]) / 1000 if marks else None


def utc(at: float) -> str:
    """``2026-11-21 02:25 UTC``."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
