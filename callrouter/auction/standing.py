"""How buyers stand in the engine just now: switch, health, and what of their limits and caps is used."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from callrouter.auction.limits import health_scope, limit_scope
from callrouter.auction.seats import bucket_ends, held_document
from callrouter.auction.switches import SwitchedOff, switch_field
from callrouter.buyers.base.sheet import Limit, Sheet
from callrouter.buyers.loader import Catalogue
from callrouter.dialplan import BuyerEntry
from callrouter.dialplan.guards import Cap
from callrouter.engine.client import Engine


@dataclass(frozen=True)
class Listed:
    """A buyer of a plan."""

    plan: str
    buyer: str
    entry: BuyerEntry


@dataclass(frozen=True)
class Health:
    """What the replies of a buyer's account say of it."""

    unhealthy: bool
    failing_share: Decimal | None
    """Moving average, 0 to 1; ``None`` when nothing is known."""
    next_probe_at: float | None
    """When an unhealthy buyer is asked again for certain, epoch seconds."""


@dataclass(frozen=True)
class CapStands:
    """A cap, what is used up of it, and what calls that are not over have reserved."""

    cap: Cap
    used: Decimal
    reserved: Decimal
    resets_at: float | None
    """When its calendar period ends, epoch seconds; ``None``: it has no period."""

    @property
    def left(self) -> Decimal:
        """What is free; none when a cap was lowered below its use."""
        return max(Decimal(0), self.cap.most - self.used - self.reserved)


@dataclass(frozen=True)
class Standing:
    """One buyer as the engine knows it."""

    switched_off: SwitchedOff | None
    health: Health
    windows: tuple[tuple[Limit, int], ...]
    """The rate windows of its account, each with the requests that are in it."""
    caps: tuple[CapStands, ...]
    in_use: int
    """Callers that it may still get or has on the line."""


async def standings(engine: Engine, catalogue: Catalogue, buyers: Sequence[Listed], now: float) -> list[Standing]:
    """How each of these buyers stands at ``now`` (epoch s), in their order, with one round trip.

    Raises `EngineUnavailable`.
    """
    if not buyers:
        return []
    sheets = [catalogue.get(listed.entry.adapter).sheet for listed in buyers]
    questions = [_question(engine, catalogue, listed, sheet, now) for listed, sheet in zip(buyers, sheets, strict=True)]
    arguments: list[str | int] = [engine.time_arg(), json.dumps(questions)]
    answers = await engine.run("buyers_look", [engine.keys.switches], arguments, again=True)
    return [
        _standing(listed, sheet, answer, now) for listed, sheet, answer in zip(buyers, sheets, answers, strict=True)
    ]


def _question(engine: Engine, catalogue: Catalogue, listed: Listed, sheet: Sheet, now: float) -> Mapping[str, object]:
    keys, entry = engine.keys, listed.entry
    account = catalogue.account(listed.buyer, entry)
    return {
        "switch": switch_field(listed.plan, listed.buyer),
        "health": keys.health(health_scope(entry.adapter, account)),
        "limit": keys.limit(limit_scope(entry.adapter, account)),
        "windows": [round(limit.per_s * 1000) + sheet.limit_margin_ms for limit in sheet.limits],
        **held_document(listed.plan, listed.buyer, entry.guards, now, keys),
    }


def _standing(listed: Listed, sheet: Sheet, answer: Sequence[Any], now: float) -> Standing:
    switch, health, windows, seats, caps = answer
    guards = listed.entry.guards
    asked, dialled, talking, cents = (int(count) for count in seats)
    reserved = {
        "attempts": Decimal(asked),
        "connects": Decimal(asked + dialled),
        "qualified": Decimal(asked + dialled + talking),
        "dollars": Decimal(cents).scaleb(-2),
    }
    return Standing(
        switched_off=SwitchedOff.read(switch) if switch else None,
        health=_health(health),
        windows=tuple((limit, int(used)) for limit, used in zip(sheet.limits, windows, strict=True)),
        caps=tuple(
            CapStands(
                cap,
                Decimal(int(used)).scaleb(-2) if cap.of == "dollars" else Decimal(int(used)),
                reserved[cap.of],
                bucket_ends(cap.per, guards.time_zone, now),
            )
            for cap, used in zip(guards.caps, caps, strict=True)
        ),
        in_use=asked + dialled + talking,
    )


def _health(found: Sequence[str]) -> Health:
    out, bad, samples, probe_at = found
    unhealthy = out == "1"
    return Health(
        unhealthy=unhealthy,
        failing_share=Decimal(bad).quantize(Decimal("0.001")) if samples else None,
        next_probe_at=float(probe_at) / 1000 if unhealthy and probe_at else None,
    )
