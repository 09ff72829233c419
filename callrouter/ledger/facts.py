"""The record of a call as rows that can be counted: one a dial, one an answer. Pure.

As safe as ``rows.py``: nothing in a record can make a row that a database refuses.
"""

from bisect import bisect_right
from collections.abc import Mapping
from decimal import Decimal
from math import inf
from typing import Any

from callrouter.ledger.cells import epoch_ms, money, objects, signed, text, whole

Fields = Mapping[str, Any]


def dial_rows(record: Fields, sid: str, received_ms: int, revision: int = 1) -> list[dict[str, Any]]:
    """One row for each dial of a record, or of an amendment, which has the shape of a part of one."""
    return [
        {**_of_call(record, sid, received_ms), "revision": revision, **_dial(attempt, no)}
        for no, attempt in enumerate(objects(record, "attempts"), 1)
    ]


def answer_rows(record: Fields, sid: str, received_ms: int) -> list[dict[str, Any]]:
    """One row for each buyer and auction; the offer that could not be dialled in time, and was the best, says so."""
    rows, seen = [], set()
    winners, left, came = _winners(record), left_on_table(record), _came(record)
    for result in objects(record, "results"):
        buyer, auction = text(result, "buyer", 64) or "", whole(result.get("auction")) or 1
        if (auction, buyer) in seen:
            continue
        seen.add((auction, buyer))
        offer = result.get("offer")
        offer = offer if isinstance(offer, Mapping) else {}
        rows.append(
            {
                **_of_call(record, sid, received_ms),
                "auction": auction,
                "buyer": buyer,
                "reason": text(result, "reason", 32) or "",
                "asked_ms": epoch_ms(result.get("asked_at"), None),
                "elapsed_ms": _milliseconds(result.get("elapsed_s")),
                "payout": money(offer.get("payout")),
                "min_duration_s": whole(offer.get("min_duration_s")),
                "fate": _fate(record, buyer, offer, came) if offer else None,
                "won": winners.get(auction) == buyer,
                "left": left[1] if left is not None and left[0] is result else None,
            }
        )
    return rows


def left_on_table(record: Fields) -> tuple[Fields, Decimal] | None:
    """The best offer that could not be dialled in time, and by how much it was above what the call is expected to pay.

    ``None`` when nothing was left: no offer lapsed, or a better one was taken.
    """
    lapsed, came = [], _came(record)
    for result in objects(record, "results"):
        offer = result.get("offer")
        if not isinstance(offer, Mapping) or _fate(record, text(result, "buyer", 64) or "", offer, came) != "lapsed":
            continue
        payout = money(offer.get("payout"))
        if payout is not None:
            lapsed.append((payout, result))
    if not lapsed:
        return None
    best, result = max(lapsed, key=lambda found: found[0])
    more = best - (money(record.get("expected_payout")) or Decimal(0))
    return (result, more) if more > 0 else None


def _fate(record: Fields, buyer: str, offer: Fields, came: Mapping[str, list[int]]) -> str:
    received = offer.get("received_at")
    taken = [
        *((a.get("buyer"), a.get("received_at")) for a in objects(record, "attempts")),
        *((p.get("buyer"), p.get("bid_received_at")) for p in objects(record, "posts")),
    ]
    if (buyer, received) in taken:
        return "taken"
    since = _at(offer, "received_at")
    until = _next_after(since, came.get(buyer, []))
    told = {
        event.get("event")
        for event in objects(record, "events")
        if event.get("detail") == buyer and since <= _at(event, "at") < until
    }
    if "offer_expired" in told:
        return "lapsed"
    if "offer_passed_over" in told or until <= _at(offer, "expires_at"):
        return "unused"
    # While people talk every offer in hand grows old: that one could not be dialled says nothing, unless nobody came.
    over = record.get("outcome") == "unsold" and 0 < _at(offer, "expires_at") <= _at(record, "ended_at")
    return "lapsed" if over else "unused"


def _came(record: Fields) -> Mapping[str, list[int]]:
    """When each buyer's offers came, in order: in auctions, renewals and further auctions."""
    times: dict[str, list[int]] = {}
    for result in objects(record, "results"):
        offer = result.get("offer")
        if isinstance(offer, Mapping):
            times.setdefault(text(result, "buyer", 64) or "", []).append(_at(offer, "received_at"))
    return {buyer: sorted(came) for buyer, came in times.items()}


def _next_after(at: int, times: list[int]) -> float:
    place = bisect_right(times, at)
    return times[place] if place < len(times) else inf


def _winners(record: Fields) -> dict[int, str]:
    """The buyer of each auction whose offer was the first to be dialled or posted."""
    offers = {}
    for result in objects(record, "results"):
        offer = result.get("offer")
        if isinstance(offer, Mapping):
            key = (text(result, "buyer", 64), offer.get("received_at"))
            offers[key] = whole(result.get("auction")) or 1
    taken = [
        *((_at(a, "decided_at"), a.get("buyer"), a.get("received_at")) for a in objects(record, "attempts")),
        *((_at(p, "sent_at"), p.get("buyer"), p.get("bid_received_at")) for p in objects(record, "posts")),
    ]
    won: dict[int, str] = {}
    for _, buyer, received in sorted(taken, key=lambda one: one[0]):
        auction = offers.get((buyer, received)) if isinstance(buyer, str) else None
        if auction is not None:
            won.setdefault(auction, str(buyer))
    return won


def _of_call(record: Fields, sid: str, received_ms: int) -> dict[str, Any]:
    return {
        "sid": sid,
        "plan": text(record, "plan", 64) or "",
        "kind": text(record, "kind", 16) or "",
        "started_ms": epoch_ms(record.get("started_at"), received_ms),
    }


def _dial(attempt: Fields, place: int) -> dict[str, Any]:
    timers = attempt.get("timers")
    timers = timers if isinstance(timers, Mapping) else {}
    stated = attempt.get("min_duration_stated")
    qualified = attempt.get("qualified")
    return {
        "no": whole(attempt.get("no")) or place,
        "buyer": text(attempt, "buyer", 64) or "",
        "number": text(attempt, "number", 32),
        "payout": money(attempt.get("payout")),
        "min_duration_s": whole(attempt.get("min_duration_s")),
        "min_duration_stated": stated if isinstance(stated, bool) else None,
        **{
            f"{name}_ms": epoch_ms(attempt.get(f"{name}_at"), None)
            for name in ("received", "expires", "decided", "initiated", "ringing", "answered", "ended")
        },
        **{
            f"{timer}_{source}_s": _timer(timers, timer, source)
            for timer in ("dial", "answer", "accept")
            for source in ("leg", "action")
        },
        "result": text(attempt, "result", 16),
        "ended_by": text(attempt, "ended_by", 16),
        "talk_s": whole(attempt.get("bridged_s")),
        "qualified": qualified if isinstance(qualified, bool) else None,
        "margin_s": signed(attempt.get("margin_s")),
        "expected": money(attempt.get("expected_payout")),
    }


def _timer(timers: Fields, timer: str, source: str) -> int | None:
    of = timers.get(timer)
    return whole(of.get(source)) if isinstance(of, Mapping) else None


def _milliseconds(value: object) -> int | None:
    return whole(value * 1000) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _at(fields: Fields, name: str) -> int:
    return epoch_ms(fields.get(name), 0)
