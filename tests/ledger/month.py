"""A made-up month of calls, as records: what they came to is recomputed from them in plain Python."""

import json
import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from callrouter.domain.clock import rfc3339
from callrouter.ledger.rows import Rows
from callrouter.ledger.totals import By

BUYERS = ("acme", "bolt", "cord")
LEAST_S = (30, 90)
Record = dict[str, Any]


def rows_of(records: Iterable[Record], amendments: Iterable[tuple[Record, int]] = ()) -> Rows:
    """What the ledger takes of these records, and of what was reported later: a part of a record, and its revision."""
    rows = Rows()
    for record in records:
        rows.take({"sid": record["sid"], "record": json.dumps(record)}, "1795200000000-0")
    for part, revision in amendments:
        entry = {"sid": part["sid"], "amendment": json.dumps(part), "revision": str(revision)}
        rows.take(entry, "1795200000000-0")
    return rows


def sold(
    no: int, buyer: str, talk_s: int, *, at: float, least_s: int = 90, pays: str = "20.00", by: str = "buyer",
    plan: str = "auto", phone: str | None = "+15125550123",
) -> Record:  # fmt: skip
    """A call that one buyer was asked for, was dialled for and got."""
    qualified = talk_s >= least_s
    offer = {"payout": pays, "min_duration_s": least_s, "received_at": rfc3339(at + 0.5)}
    money = {"qualified": qualified, "expected_payout": pays if qualified else "0.00", "margin_s": talk_s - least_s}
    attempt = {
        "no": 1, "buyer": buyer, "number": "+12145550111", "result": "bridged", "bridged_s": talk_s, "ended_by": by,
        "decided_at": rfc3339(at + 1), "answered_at": rfc3339(at + 5), "ended_at": rfc3339(at + 5 + talk_s),
        "expires_at": rfc3339(at + 30.5), "timers": {"answer": {"leg": talk_s, "action": talk_s}}, **offer, **money,
    }  # fmt: skip
    return {
        "sid": f"CA{no:032x}", "plan": plan, "kind": "inbound", "from": phone, "to": "+18885550100",
        "outcome": "bridged", "buyer": buyer, "payout": pays, "min_duration_s": least_s, "bridged_s": talk_s,
        "started_at": rfc3339(at), "ended_at": rfc3339(at + 5 + talk_s), **money, "attempts": [attempt], "posts": [],
        "events": [], "results": [{"auction": 1, "buyer": buyer, "reason": "offer", "elapsed_s": 0.5,
                                   "asked_at": rfc3339(at), "offer": offer}],
    }  # fmt: skip


def month(seed: int, calls: int, start: datetime, days: int) -> list[Record]:
    """Calls of every kind, at any time of so many days."""
    rng = random.Random(seed)
    return [_call(rng, no, start.timestamp() + rng.random() * days * 86_400) for no in range(calls)]


def _call(rng: random.Random, no: int, at: float) -> Record:
    """One or two auctions; the offers of the first ones are dialled from the best, some lapse, one may be sold."""
    results: list[Record] = []
    attempts: list[Record] = []
    events: list[Record] = []
    clock, talked = at, None
    for auction in range(1, rng.choice((1, 1, 2)) + 1):
        offers = []
        for buyer in rng.sample(BUYERS, rng.randint(1, 3)):
            pays, least_s = f"{rng.randrange(500, 6000) / 100:.2f}", rng.choice(LEAST_S)
            offer = {"payout": pays, "min_duration_s": least_s, "received_at": rfc3339(clock + rng.random())}
            kind = rng.choice(("offer", "offer", "no_offer", "not_called_hours"))
            made = {"auction": auction, "buyer": buyer, "reason": kind, "elapsed_s": 0.4,
                    "asked_at": None if kind.startswith("not") else rfc3339(clock),
                    "offer": offer if kind == "offer" else None}  # fmt: skip
            results.append(made)
            if kind == "offer":
                offers.append((Decimal(pays), buyer, offer))
        clock += 2
        for _, buyer, offer in sorted(offers, reverse=True, key=lambda one: one[:2]):
            if talked is not None:
                break
            if rng.random() < 0.2:
                events.append({"at": rfc3339(clock), "event": "offer_expired", "detail": buyer})
                continue
            result = rng.choice(("bridged", "bridged", "no_answer", "busy", "early_hangup"))
            attempts.append(_attempt(rng, len(attempts) + 1, buyer, offer, clock, result))
            clock += 30
            talked = attempts[-1] if result == "bridged" else None
    return _record(rng, no, at, clock, results, attempts, events, talked)


def _attempt(rng: random.Random, no: int, buyer: str, offer: Record, at: float, result: str) -> Record:
    talk_s = {"bridged": int(rng.expovariate(1 / 80)), "early_hangup": 2}.get(result)
    leg_s = None if talk_s is None else talk_s + rng.choice((0, 0, 1))
    sale: Record = {"qualified": None, "expected_payout": "0.00", "margin_s": None}
    if result == "bridged" and talk_s is not None:
        least_s = offer["min_duration_s"]
        qualified = talk_s >= least_s
        sale = {"qualified": qualified, "expected_payout": offer["payout"] if qualified else "0.00",
                "margin_s": talk_s - least_s}  # fmt: skip
    return {
        "no": no, "buyer": buyer, "number": "+12145550111", "result": result, "bridged_s": talk_s,
        "ended_by": None if talk_s is None else rng.choice(("buyer", "caller", "agent", None)),
        "decided_at": rfc3339(at), "answered_at": None if talk_s is None else rfc3339(at + 3),
        "ended_at": rfc3339(at + 20), "timers": {"answer": {"leg": leg_s, "action": talk_s}}, **offer, **sale,
    }  # fmt: skip


def _record(
    rng: random.Random, no: int, at: float, end: float, results: list[Record], attempts: list[Record],
    events: list[Record], talked: Record | None,
) -> Record:  # fmt: skip
    sale: Record = {"outcome": "unsold", "expected_payout": "0.00", "buyer": None, "bridged_s": None}
    if talked is not None:
        sale = {"outcome": "bridged", "payout": talked["payout"]} | {
            name: talked[name]
            for name in ("buyer", "bridged_s", "min_duration_s", "qualified", "expected_payout", "margin_s")
        }
    return {
        "sid": f"CA{no:032x}", "plan": rng.choice(("auto", "home")), "kind": "inbound", "from": "+15125550123",
        "to": "+18885550100", "started_at": rfc3339(at), "ended_at": rfc3339(end), "results": results, "posts": [],
        "attempts": attempts, "events": events, **sale,
    }  # fmt: skip


Figures = dict[str, Any]


def counted(records: Iterable[Record], by: By, zone: str) -> dict[str, Figures]:
    """What the report must say of each line; talks are kept as a list."""
    lines: dict[str, Figures] = {}
    for record in records:
        seen = set()
        for buyer, name, value in _facts(record):
            key = _key(record, by, zone, buyer)
            if key is not None:
                seen.add(key)
                _add(lines.setdefault(key, {}), name, value)
        for key in seen:
            _add(lines[key], "calls", 1)
    return lines


def _key(record: Record, by: By, zone: str, buyer: str | None) -> str | None:
    if by is By.BUYER:
        return buyer
    if by is By.PLAN:
        return str(record["plan"])
    moment = datetime.fromisoformat(record["started_at"]).astimezone(ZoneInfo(zone))
    return moment.strftime("%Y-%m-%d" if by is By.DAY else "%Y-%m-%d %H:00")


def _facts(record: Record) -> Iterator[tuple[str | None, str, Any]]:
    """Buyer, name of the figure, and what is added to it."""
    yield None, "calls", 0
    first: dict[int, str] = {}
    expired = {event["detail"] for event in record["events"]}
    lapsed = []
    for result in record["results"]:
        buyer, offer = result["buyer"], result["offer"]
        yield buyer, "asked", int(result["asked_at"] is not None)
        yield buyer, "offered", int(offer is not None)
        taken = offer is not None and any(
            (a["buyer"], a["received_at"]) == (buyer, offer["received_at"]) for a in record["attempts"]
        )
        gone = offer is not None and not taken and buyer in expired and _expired_after(record, buyer, offer)
        yield buyer, "expired", int(gone)
        if gone:
            lapsed.append((Decimal(offer["payout"]), buyer))
    for attempt in record["attempts"]:
        auction = next(r["auction"] for r in record["results"]
                       if r["offer"] and r["offer"]["received_at"] == attempt["received_at"])  # fmt: skip
        first.setdefault(auction, attempt["buyer"])
        yield from _of_dial(attempt)
    for buyer in first.values():
        yield buyer, "won", 1
    if lapsed:
        best, buyer = max(lapsed, key=lambda one: one[0])
        yield buyer, "left", max(Decimal(0), best - Decimal(record["expected_payout"]))


def _expired_after(record: Record, buyer: str, offer: Record) -> bool:
    events = record["events"]
    return any(e["detail"] == buyer and e["at"] >= offer["received_at"] for e in events)


def _of_dial(attempt: Record) -> Iterator[tuple[str, str, Any]]:
    buyer, answer = attempt["buyer"], attempt["timers"]["answer"]
    yield buyer, "dialled", 1
    yield buyer, "answered", int(attempt["answered_at"] is not None)
    yield buyer, "bridged", int(attempt["result"] == "bridged")
    yield buyer, "qualified", int(attempt["qualified"] is True)
    yield buyer, "expected", Decimal(attempt["expected_payout"])
    if None not in answer.values():
        yield buyer, "disputed_s", abs(answer["leg"] - answer["action"])
    if attempt["result"] == "bridged":
        yield buyer, "talks", [attempt["bridged_s"]]
        near = -10 <= attempt["margin_s"] < 0
        yield buyer, "near_misses", int(near)
        yield buyer, f"near by {attempt['ended_by'] or 'unknown'}", int(near)


def _add(figures: Figures, name: str, value: Any) -> None:
    figures[name] = figures[name] + value if name in figures else value


def middle(talks: list[int]) -> float | None:
    """The median, as the library has it."""
    return median(talks) if talks else None


START = datetime(2026, 10, 15, tzinfo=UTC)
"""A month in which clocks are set back in Europe (25 October) and in America (1 November)."""
