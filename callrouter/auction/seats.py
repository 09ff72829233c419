"""The documents that ``_guards.lua`` takes: seats, caps with their calendar buckets, marks of who had a buyer. Pure."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from callrouter.auction.guards import Seat
from callrouter.dialplan import Plan
from callrouter.dialplan.guards import Duplicates, Guards, Per
from callrouter.engine.keys import SEAT_LONGEST_S, USED_TTL_S, Keys

Stage = Literal["dialled", "talking"]
Had = Literal["connected", "qualified"]

_BUCKETS: Mapping[Per, str] = {"hour": "%Y%m%dT%H%z", "day": "%Y%m%d", "month": "%Y%m", "ever": ""}
"""With the offset, the two hours between 1 and 2 of the night when clocks go back are two."""


@dataclass(frozen=True)
class Charge:
    """What one step of a call, or a sold lead, means to one buyer."""

    plan: Plan
    buyer: str
    sid: str
    phone: str | None
    attempts: int = 0
    connects: int = 0
    qualified: int = 0
    paid: Decimal = Decimal(0)
    """What a qualified call pays, dollars."""
    stage: Stage | None = None
    """Where the seat is from now on; ``None`` releases it."""
    keep_s: float = 0.0
    """How long the seat is kept in that stage."""
    worth: Decimal = Decimal(0)
    """What the call would pay, where its seat had lapsed."""
    had: Sequence[Had] = field(default=())
    """What the caller now had of the buyer."""

    def document(self, now: float, keys: Keys) -> dict[str, object]:
        """As ``guards_charge`` takes it; ``now`` (epoch s) decides the calendar buckets."""
        guards = self.plan.buyers[self.buyer].guards
        add = {
            "attempts": self.attempts,
            "connects": self.connects,
            "qualified": self.qualified,
            "cents": _cents(self.paid),
        }
        document: dict[str, object] = {
            "sid": self.sid,
            "seat": _seat(keys, self.plan.plan, self.buyer),
            "add": {name: count for name, count in add.items() if count},
            "used": _used(keys, self.plan.plan, self.buyer, guards, now),
            "had": self._marks(keys),
        }
        if self.stage is not None:
            document |= {"stage": self.stage, "keep_ms": int(self.keep_s * 1000), "cents": _cents(self.worth)}
        return document

    def _marks(self, keys: Keys) -> list[dict[str, object]]:
        if self.phone is None:
            return []
        marks: list[dict[str, object]] = []
        for kind in self.had:
            for of, wanted in _wanted(self.plan, self.buyer, kind).items():
                ttl_s = max(duplicates.within_s for duplicates in wanted)
                buyer = self.buyer if of == "buyer" else None
                marks.append({"key": keys.had(self.plan.plan, buyer, kind, digest(self.phone)), "ttl_s": ttl_s})
        return marks


def sold_lead(plan: Plan, buyer: str, sid: str, phone: str | None, payout: Decimal | None) -> Charge:
    """What the end of a sale means to its buyer's caps; ``None``: it was not sold to it."""
    if payout is None:
        return Charge(plan, buyer, sid, phone)
    had: tuple[Had, ...] = ("connected", "qualified")
    return Charge(plan, buyer, sid, phone, attempts=1, connects=1, qualified=1, paid=payout, had=had)


def watched(plan: Plan) -> tuple[str, ...]:
    """The buyers whose calls are counted: those with guards that need it, and all where duplicates are the plan's."""
    plan_wide = any(_of_plan(entry.guards.duplicates) for entry in plan.buyers.values())
    return tuple(name for name, entry in plan.buyers.items() if plan_wide or entry.guards.counted)


def guard_document(seat: Seat, now: float, keys: Keys) -> dict[str, object]:
    """A seat and the guards over it, as the engine judges them at ``now`` (epoch s)."""
    guards = seat.guards
    document: dict[str, object] = {
        "sid": seat.sid,
        "tag": str(int(seat.asked_at * 1000)),
        "keep_ms": int(min(seat.keep_s, SEAT_LONGEST_S) * 1000),
        "seat": _seat(keys, seat.plan, seat.buyer),
        "caps": _caps(keys, seat.plan, seat.buyer, guards, now),
        "spacing_ms": round(guards.spacing_s * 1000),
        "last": keys.last_ask(seat.plan, seat.buyer),
    }
    if guards.concurrency is not None:
        document["concurrency"] = guards.concurrency
    if guards.duplicates is not None and seat.phone is not None:
        buyer = None if _of_plan(guards.duplicates) else seat.buyer
        document["had"] = {
            "key": keys.had(seat.plan, buyer, guards.duplicates.after, digest(seat.phone)),
            "within_ms": guards.duplicates.within_s * 1000,
        }
    return document


def bucket(per: Per, time_zone: str, now: float) -> str:
    """The name of the calendar hour, day or month that ``now`` (epoch s) is in."""
    return datetime.fromtimestamp(now, ZoneInfo(time_zone)).strftime(_BUCKETS[per])


def bucket_ends(per: Per, time_zone: str, now: float) -> float | None:
    """When the calendar hour, day or month that ``now`` is in is over (epoch s); ``None``: never."""
    if per == "ever":
        return None
    zone = ZoneInfo(time_zone)
    local = datetime.fromtimestamp(now, zone)
    if per == "hour":
        # Counted on, and not looked up: the clocks may be changed at the hour's end.
        return now - (local.minute * 60 + local.second + local.microsecond / 1e6) + 3600
    begins = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if per == "day":
        return (begins + timedelta(days=1)).timestamp()
    return (begins.replace(day=1) + timedelta(days=32)).replace(day=1).timestamp()


def held_document(plan: str, buyer: str, guards: Guards, now: float, keys: Keys) -> dict[str, object]:
    """A buyer's seats and caps, as ``buyers_look`` reads them at ``now`` (epoch s)."""
    return {"seat": _seat(keys, plan, buyer), "caps": _caps(keys, plan, buyer, guards, now)}


def digest(phone: str) -> str:
    """What stands for a phone number in a key."""
    return hashlib.sha256(phone.encode()).hexdigest()[:20]


def _seat(keys: Keys, plan: str, buyer: str) -> dict[str, str]:
    return {part: keys.seats(plan, buyer, part) for part in ("asked", "dialled", "talking", "held")}


def _caps(keys: Keys, plan: str, buyer: str, guards: Guards, now: float) -> list[dict[str, object]]:
    return [
        {
            "of": "cents" if cap.of == "dollars" else cap.of,
            "most": _cents(cap.most) if cap.of == "dollars" else int(cap.most),
            "used": keys.used(plan, buyer, cap.per, bucket(cap.per, guards.time_zone, now)),
        }
        for cap in guards.caps
    ]


def _used(keys: Keys, plan: str, buyer: str, guards: Guards, now: float) -> list[dict[str, object]]:
    periods = dict.fromkeys(cap.per for cap in guards.caps)
    return [
        {"key": keys.used(plan, buyer, per, bucket(per, guards.time_zone, now)), "ttl_s": USED_TTL_S[per]}
        for per in periods
    ]


def _wanted(plan: Plan, buyer: str, kind: Had) -> dict[str, list[Duplicates]]:
    """Which guards look at a mark of this kind, by whose mark it is."""
    wanted: dict[str, list[Duplicates]] = {}
    for name, entry in plan.buyers.items():
        duplicates = entry.guards.duplicates
        if duplicates is not None and duplicates.after == kind and (name == buyer or _of_plan(duplicates)):
            wanted.setdefault(duplicates.of, []).append(duplicates)
    return wanted


def _of_plan(duplicates: Duplicates | None) -> bool:
    return duplicates is not None and duplicates.of == "plan"


def _cents(amount: Decimal) -> int:
    return int(amount * 100)
