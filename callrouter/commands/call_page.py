"""One call on a page: who called, what happened when, what each buyer said, and what is owed. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from callrouter.calls.reasons import decisions_of, told
from callrouter.calls.words import event_words, left_words, way_words
from callrouter.commands.tables import clock_time, filled, money, table

Record = Mapping[str, Any]


def call_page(call: Record) -> str:
    """A call in the shape of ``GET /api/v1/calls/{sid}`` for people to read."""
    parts = [_header(call), _section("timeline (seconds since arrival)", _timeline(call))]
    if why := _why(call):
        parts.insert(1, _section("why it went this way (seconds since arrival)", why))
    if call["results"]:
        parts.append(_section("buyers", _results(call["results"])))
    if call.get("posts"):
        parts.append(_section("posts (bids taken up)", _posts(call["posts"])))
    if (call.get("transfer") or {}).get("parties"):
        parts.append(_section("legs of the room (seconds since arrival)", _legs(call)))
    if call["attempts"]:
        parts.append(_section("dials", _attempts(call["attempts"])))
        clocks = _clocks(call["attempts"])
        if clocks:
            parts.append(_section("clocks that buyers pay by", clocks))
    if (call.get("sale") or {}).get("results"):
        parts.append(_section("sale of the lead", _offered(call["sale"]["results"])))
    return "\n".join(parts)


def _header(call: Record) -> str:
    place = " ".join(str(part) for part in (call.get("zip"), call.get("region")) if part)
    lines = [
        ("call", call["sid"]),
        ("plan", f"{call['plan']} ({call['kind']})"),
        ("from", f"{call['from'] or 'withheld'}{f', {place}' if place else ''}"),
        ("to", call["to"]),
        ("arrived", f"{clock_time(call['started_at'])} UTC"),
        ("outcome", call["outcome"] or f"still live: {call['state']}"),
    ]
    if transfer := call.get("transfer"):
        lines += [("agent", transfer["agent"] or "no longer kept"), ("way", way_words(transfer["way"]))]
    if call["buyer"]:
        talk = f"{call['bridged_s']} s of {call['min_duration_s']} s: {'' if call['qualified'] else 'not '}qualified"
        lines += [("buyer", f"{call['buyer']}, {money(call['payout'])}"), ("talk", talk)]
    sale = call.get("sale")
    lines.append(("callback", _callback(call["callback"], sale, live=call["outcome"] is None)))
    if sale:
        lines.append(("sale", _sale(sale)))
        if sale.get("remedy"):
            lines.append(("", sale["remedy"]))
    return "".join(f"{name:<9} {value}\n" for name, value in lines)


def _sale(sale: Record) -> str:
    if sale["id"] is None:
        return f"none: {sale['why']}"
    state = str(sale["state"])
    if state == "sold":
        price = money(sale["payout"]) if sale.get("payout_stated") else "at no stated price"
        state += f" to {sale['buyer']}, {price}, their {sale['lead_ref'] or '-'}"
    elif sale.get("buyer"):
        state += f", whether {sale['buyer']} bought it"
    return f"{sale['id']}: {state}{f' ({why})' if (why := sale.get('why')) else ''}"


def _callback(callback: Record | None, sale: Record | None, *, live: bool) -> str:
    if callback is None:
        return "not decided yet" if live else "none owed"
    if callback["id"] is None:
        return "none: the lead was sold" if sale and sale["state"] == "sold" else f"none: {callback['why']}"
    due_at = callback["due_at"]
    return f"{callback['id']}, {f'from {clock_time(due_at)} UTC' if due_at else 'promised when the sale ended'}"


def _timeline(call: Record) -> str:
    """When, the event's own name, and what it says."""
    arrived, events = call["started_at"], call["events"]
    width = max((len(event["event"]) for event in events), default=0)
    return "".join(
        f"{_seconds(arrived, event['at']):>8}  {event['event']:<{width}}  "
        f"{event_words(event['event'], event['detail'])}\n"
        for event in events
    )


_WIDE = 110


def _why(call: Record) -> str:
    """The story of its decisions; empty where none were kept."""
    arrived = datetime.fromisoformat(call["started_at"]).timestamp()
    steps = told(decisions_of(call), arrived=arrived, transfer=call["kind"] == "transfer")
    return "".join(
        filled(step.headline, _WIDE, f"{step.after_s:>8.3f}  ", " " * 10)
        + "".join(filled(line, _WIDE, " " * 10, " " * 12) for line in step.lines)
        for step in steps
    )


def _results(results: Sequence[Record]) -> str:
    heads = ("auction", "buyer", "result", "elapsed", "payout", "number", "minimum", "said")
    return table(heads, map(_result, results), right=("auction", "elapsed", "payout", "minimum"))


def _result(result: Record) -> tuple[object, ...]:
    offer = result["offer"] or {}
    minimum = f"{offer['min_duration_s']} s" if offer else None
    return (
        result["auction"], result["buyer"], result["reason"], f"{result['elapsed_s']:.3f} s",
        money(offer.get("payout")), offer.get("number"), minimum, _said(result),
    )  # fmt: skip


def _said(answer: Record) -> str:
    """The buyer's own code and words."""
    return " ".join(str(part) for part in (answer.get("buyer_code"), answer["detail"]) if part)


def _posts(posts: Iterable[Record]) -> str:
    heads = ("post", "buyer", "result", "elapsed", "bid's age", "payout", "number", "said")
    rows = [
        (
            p["no"], p["buyer"], p["reason"] or "(open)",
            None if p["elapsed_s"] is None else f"{p['elapsed_s']:.3f} s", f"{p['bid_age_s']:.3f} s",
            money((p["offer"] or {}).get("payout")), (p["offer"] or {}).get("number"), _said(p),
        )
        for p in posts
    ]  # fmt: skip
    return table(heads, rows, right=("post", "elapsed", "bid's age", "payout"))


def _offered(results: Iterable[Record]) -> str:
    heads = ("step", "buyer", "result", "elapsed", "payout", "said")
    rows = [
        (
            each["step"], each["buyer"], each["reason"],
            None if each["elapsed_s"] is None else f"{each['elapsed_s']:.3f} s", money(each["payout"]),
            _said(each),
        )
        for each in results
    ]  # fmt: skip
    return table(heads, rows, right=("elapsed", "payout"))


def _legs(call: Record) -> str:
    """Everybody who was brought into a warm transfer's room, and when."""
    arrived = call["started_at"]

    def since(at: str | None) -> str | None:
        return None if at is None else _seconds(arrived, at)

    heads = ("leg", "ordered", "rang", "answered", "in the room", "left", "why")
    rows = [
        (
            f"{p['role']} {p['no']}", since(p["ordered_at"]), since(p["ringing_at"]), since(p["answered_at"]),
            since(p["joined_at"]), since(p["left_at"]), left_words(p["why_left"]),
        )
        for p in call["transfer"]["parties"]
    ]  # fmt: skip
    return table(heads, rows, right=heads[1:-1])


def _attempts(attempts: Iterable[Record]) -> str:
    heads = ("dial", "buyer", "number", "payout", "offer's age", "rings at most", "result", "talk")
    rows = [
        (
            a["no"], a["buyer"], a["number"], money(a["payout"]), f"{a['offer_age_s']:.3f} s",
            f"{a['ring_timeout_s']} s", a["result"] or "(open)",
            None if a["bridged_s"] is None else f"{a['bridged_s']} s",
        )
        for a in attempts
    ]  # fmt: skip
    return table(heads, rows, right=("dial", "payout", "offer's age", "rings at most", "talk"))


def _clocks(attempts: Iterable[Record]) -> str:
    """The timers of those that talked; empty where nobody did."""
    heads = ("dial", "since", "leg", "dial's action", "hung up")
    rows = [
        (a["no"], since, _whole_s(timers["leg"]), _whole_s(timers["action"]), a.get("ended_by"))
        for a in attempts
        if a["bridged_s"] is not None
        for since, timers in (a.get("timers") or {}).items()
        if timers["leg"] is not None or timers["action"] is not None
    ]
    return table(heads, rows, right=("dial", "leg", "dial's action")) if rows else ""


def _whole_s(seconds: int | None) -> str | None:
    return None if seconds is None else f"{seconds} s"


def _section(title: str, text: str) -> str:
    return f"{title}\n" + "".join(f"  {line}\n" for line in text.splitlines())


def _seconds(start: str, at: str) -> str:
    return f"{(datetime.fromisoformat(at) - datetime.fromisoformat(start)).total_seconds():.3f}"
