"""One call: where it went and why, drawn to scale and told in words."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callrouter.console.console import Console
from callrouter.console.decided import decided
from callrouter.console.events import live
from callrouter.console.moments import Moments, Record, events, offer_of
from callrouter.console.pages import HOME, OPERATIONS, fragment, guarded, render
from callrouter.console.plain_words import (
    KINDS,
    OUTCOMES,
    STATES,
    caller_words,
    family_of,
    money_words,
    reason_words,
    result_words,
    seconds_words,
    tone_of,
    utc_words,
)
from callrouter.console.sessions import Session
from callrouter.console.story import headline, ranked, who_hung_up
from callrouter.console.timeline import drawing
from callrouter.errors import NotFound

EVERY_S = 1.0
_SID = re.compile(r"[0-9A-Za-z_-]{1,64}", re.ASCII)


@dataclass(frozen=True)
class Answer:
    """What one buyer answered, for the table."""

    auction: str
    buyer: str
    family: str
    words: str
    code: str
    said: str
    payout: str
    minimum: str
    elapsed: str
    age: str
    """Of its offer at the first dial that followed."""
    exchange: Record | None


def answers(record: Record) -> list[Answer]:
    """Every buyer in every auction, and every post, in the order of the record. Pure."""
    found = [_answer(f"{r['auction']}", r, record) for r in record.get("results") or ()]
    return found + [_answer(f"post {p['no']}", p, record) for p in record.get("posts") or ()]


def _answer(step: str, result: Record, record: Record) -> Answer:
    offer, reason, elapsed = result.get("offer"), result["reason"], result.get("elapsed_s")
    asked = bool(result.get("asked_at") or result.get("sent_at"))
    ages = [a["offer_age_s"] for a in record.get("attempts") or () if offer and offer_of(a, record) == offer]
    return Answer(
        auction=step,
        buyer=result["buyer"],
        family=family_of(reason),
        words=reason_words(reason),
        code=str(reason or "open"),
        said=" ".join(str(part) for part in (result.get("buyer_code"), result.get("detail")) if part) or "–",
        payout=money_words(offer["payout"] if offer else None),
        minimum=_minimum(offer),
        elapsed=seconds_words(elapsed) if asked and elapsed is not None else "–",
        age=f"{float(ages[0]):.1f} s" if ages else "–",
        exchange=result.get("exchange"),
    )


def _minimum(offer: Record | None) -> str:
    if not offer:
        return "–"
    return f"{offer['min_duration_s']} s" if offer.get("min_duration_stated", True) else "none named"


def ranking(record: Record) -> list[dict[str, str]]:
    """The offers by payout, of a record from before decisions were kept; see `ranked`. Pure."""
    dialled = {a["buyer"]: a for a in record.get("attempts") or ()}
    not_dialled = "not dialled so far" if record.get("outcome") is None else "was not dialled"
    return [
        {
            "buyer": r["buyer"],
            "payout": money_words(r["offer"]["payout"]),
            "minimum": _minimum(r["offer"]),
            "number": r["offer"].get("number") or "named when its bid is taken up",
            "expires": utc_words(r["offer"]["expires_at"]),
            "came": result_words(dialled[r["buyer"]]["result"]) if r["buyer"] in dialled else not_dialled,
        }
        for r in ranked(record)
    ]


def facts(record: Record, now: float) -> list[tuple[str, str]]:
    """What stands beside the headline, as pairs of a name and its value. Pure."""
    place = " ".join(str(part) for part in (record.get("zip"), record.get("region")) if part)
    caller = caller_words(record)
    found = [
        ("Caller", f"{caller}{f', {place}' if place else ''}"),
        (_called(record), record.get("to") or "–"),
        ("Plan", f"{record['plan']}, {KINDS.get(record['kind'], record['kind']).lower()}"),
        ("Arrived", f"{utc_words(record['started_at'])} UTC"),
        ("Lasted", seconds_words(Moments(record, now).end_s)),
    ]
    if record.get("outcome"):
        found.append(("Who hung up", who_hung_up(record)))
    if record.get("buyer"):
        found += [("Buyer", record["buyer"]), ("Payout", money_words(record.get("payout")))]
        qualified = "qualified" if record.get("qualified") else "not qualified"
        talked, needed = (seconds_words(record.get(name) or 0) for name in ("bridged_s", "min_duration_s"))
        found.append(("Talk", f"{talked} of {needed}: {qualified}"))
        found += [("Clocks", words) for words in (clock_words(record),) if words]
    agent = (record.get("transfer") or {}).get("agent")
    if agent:
        found.append(("Agent", agent.get("name", "–") if isinstance(agent, dict) else str(agent)))
    return found


def clock_words(record: Record) -> str | None:
    """The clocks that buyers pay by, of the dial that was the sale: by its leg, and by the dial's action. Pure."""
    sold = next((a for a in reversed(record.get("attempts") or ()) if a.get("qualified") is not None), None)
    told = []
    for since, timers in ((sold or {}).get("timers") or {}).items():
        seconds = list(dict.fromkeys(f"{timers[by]} s" for by in ("leg", "action") if timers[by] is not None))
        if seconds:
            told.append(f"{' or '.join(seconds)} since the {since}")
    return ", ".join(told) or None


def _called(record: Record) -> str:
    """What our number is to this call: who opens a transfer is only offered it, and mostly goes another way."""
    way = (record.get("transfer") or {}).get("way")
    return "Called" if record["kind"] != "transfer" or way == "dial_in" else "To dial in"


def callback_words(record: Record) -> tuple[str, str | None]:
    """What is owed to the person, and the id of the callback if there is one. Pure."""
    callback, sale = record.get("callback"), record.get("sale")
    if callback is None:
        return ("not decided yet" if record.get("outcome") is None else "none is owed", None)
    if callback["id"] is None:
        sold = bool(sale) and (sale or {}).get("state") == "sold"
        return ("none: the lead was sold" if sold else f"none: {callback['why']}", None)
    due = callback.get("due_at")
    return (f"due {utc_words(due)} UTC" if due else "promised when the sale ended", callback["id"])


def sale_words(record: Record) -> str | None:
    """What became of the lead. Pure."""
    sale = record.get("sale")
    if sale is None:
        return None
    if sale.get("id") is None:
        return f"not tried: {sale.get('why')}"
    if sale["state"] == "sold":
        price = money_words(sale.get("payout")) if sale.get("payout_stated") else "at no stated price"
        return f"sold to {sale.get('buyer')}, {price}, their reference {sale.get('lead_ref') or '–'}"
    why = f": {sale['why']}" if sale.get("why") else ""
    remedy = f"; {sale['remedy']}" if sale.get("remedy") else ""
    return f"{sale['state']}{why}{remedy}"


def page_values(record: Record, now: float, fast_answer_s: float, buyers: Sequence[str]) -> dict[str, Any]:
    """Everything that the page shows of a record. Pure."""
    owed, callback_id = callback_words(record)
    outcome = record.get("outcome")
    moments = Moments(record, now)
    return {
        "sid": record["sid"],
        "live": outcome is None,
        "title": OUTCOMES.get(outcome or "", STATES.get(str(record.get("state")), "Call")),
        "tone": tone_of(outcome, record.get("qualified")),
        "badge": _badge(record),
        "headline": headline(record, now),
        "facts": facts(record, now),
        "drawing": drawing(record, now, fast_answer_s=fast_answer_s, buyers=buyers),
        "answers": answers(record),
        "decided": decided(record),
        "ranking": ranking(record) if record.get("decisions") is None else [],
        "callback": owed,
        "callback_id": callback_id,
        "sale": sale_words(record),
        "events": [
            (f"{moments.since(event['at']) or 0:.3f} s", event["event"], event.get("detail") or "–")
            for event in events(record)
        ],
    }


def _badge(record: Record) -> str:
    if record.get("outcome") is None:
        return "live"
    qualified = record.get("qualified")
    return "" if qualified is None else "qualified" if qualified else "not qualified"


def routes(console: Console) -> list[Route]:
    """The page, and the stream that keeps a live call's fresh."""

    async def read(sid: str) -> tuple[Record, dict[str, Any]]:
        record = await console.calls.get(sid) if _SID.fullmatch(sid) else None
        if record is None:
            raise NotFound("call")
        plan = console.plans.get(record["plan"])
        fast_answer_s = plan.auction.fast_answer_s if plan else 1.5
        buyers = list(plan.call_buyers) if plan else []
        return record, page_values(record, console.clock.now(), fast_answer_s, buyers)

    async def page(request: Request, session: Session) -> Response:
        _, values = await read(request.path_params["sid"])
        return render(request, session, "call.html", now=console.clock.now(), **values)

    async def stream(request: Request, session: Session) -> Response:
        sid, over = request.path_params["sid"], False

        async def part() -> str:
            nonlocal over
            if over:
                raise NotFound("call")
            record, values = await read(sid)
            over = record.get("outcome") is not None
            return fragment(session, "call_part.html", **values)

        return live(console, request, session, part, EVERY_S)

    return [
        Route(f"{HOME}/calls/{{sid}}", guarded(console, OPERATIONS, page), methods=["GET"]),
        Route(f"{HOME}/calls/{{sid}}/stream", guarded(console, OPERATIONS, stream), methods=["GET"]),
    ]
