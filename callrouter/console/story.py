"""Why a call went where it went, in one or two plain sentences. Pure."""

from collections.abc import Sequence
from decimal import Decimal

from callrouter.calls.reasons import policy_of
from callrouter.console.moments import Moments, Record, auctions, epoch, events, offer_of
from callrouter.console.plain_words import (
    STATES,
    family_of,
    listed,
    money_words,
    reason_words,
    result_words,
    seconds_words,
)

_MOST_NAMED = 3


def headline(record: Record, now: float) -> str:
    """Where the call went and why; ``now`` (epoch s) is for a call that is still live."""
    moments = Moments(record, now)
    after = seconds_words(moments.end_s)
    match record.get("outcome"):
        case None:
            state = str(record.get("state"))
            return f"Still live after {after}: {_lower(STATES.get(state, state))}.{_failures(record)}"
        case "bridged":
            return _bridged(record, moments)
        case "unsold":
            return f"Unsold after {after}: {_why_unsold(record)}."
        case "abandoned":
            meanwhile = "" if record.get("transfer") else f", {_meanwhile(record)}"
            return f"{_leaver(record)} after {after}{meanwhile}.{_failures(record)}"
        case "refused":
            return "Refused: the number that was called belongs to no plan."
        case _:
            found = [event["detail"] for event in events(record, "failed", "found_missed", "ended") if event["detail"]]
            return f"Failed on our side after {after}{f': {found[0]}' if found else ''}."


def who_hung_up(record: Record) -> str:
    """Whose end it was, as far as the record says so."""
    by = [attempt.get("ended_by") for attempt in record.get("attempts") or () if attempt.get("ended_by")]
    if by and record.get("outcome") == "bridged":
        return f"the {by[-1]} hung up" if by[-1] != "agent" else "the agent let the buyer go"
    if events(record, "caller_gone", "found_ended"):
        return "the caller hung up"
    last = (record.get("attempts") or [{}])[-1]
    if first := _first_to_leave(record):
        return f"the {first} left first"
    match record.get("outcome"):
        case "bridged":
            own = (record.get("transfer") or {}).get("way") == "own_dialler"
            return f"one of the two hung up; the {'agent' if own else 'carrier'} does not say which"
        case "abandoned":
            return _lower(_leaver(record))
        case "unsold" | "failed":
            return "we said goodbye"
        case "refused":
            return "we turned the call away"
    return f"dial {last['no']} {result_words(last['result'])}" if last else "the call is live"


def ranked(record: Record) -> list[Record]:
    """The results that are offers of the last auction that brought any, in the order in which they would be dialled."""
    offers = [result for result in record.get("results") or () if result.get("offer")]
    last = max((result["auction"] for result in offers), default=0)
    found = [result for result in offers if result["auction"] == last]
    return sorted(found, key=lambda r: (-Decimal(r["offer"]["payout"]), r["offer"]["min_duration_s"], r["buyer"]))


def _bridged(record: Record, moments: Moments) -> str:
    won = next((a for a in reversed(record.get("attempts") or ()) if a["result"] == "bridged"), None)
    if won is None:
        return f"Bridged to {record.get('buyer') or 'a buyer'}."
    at_s = moments.since(won.get("answered_at") or won.get("decided_at")) or 0.0
    qualified = "qualified" if record.get("qualified") else "not qualified"
    minimum = record.get("min_duration_s") or 0
    talk = f"They talked for {seconds_words(record.get('bridged_s') or 0)}"
    talk += f"; {seconds_words(minimum)} are needed: {qualified}." if minimum else f": {qualified}."
    return f"Bridged to {won['buyer']} after {seconds_words(at_s)}: {_best(won, record)}.{_failures(record)} {talk}"


def _best(won: Record, record: Record) -> str:
    payout = money_words(won["payout"])
    offer = offer_of(won, record)
    no = next((r["auction"] for r in record.get("results") or () if r.get("offer") == offer), len(auctions(record)))
    decided = epoch(won.get("decided_at"))
    rivals = [
        r
        for r in record.get("results") or ()
        if r.get("offer") and r["auction"] == no and not _came_after(r["offer"], decided)
    ]
    higher = [r["buyer"] for r in rivals if Decimal(r["offer"]["payout"]) > Decimal(won["payout"])]
    tried = {each["buyer"] for each in (*(record.get("attempts") or ()), *(record.get("posts") or ()))}
    passed = [buyer for buyer in higher if buyer not in tried]
    policy = policy_of(record)
    anew = f" of auction {no}" if no > 1 else ""
    if len(rivals) <= 1:
        return f"it offered {payout}, the only offer{anew}"
    if not higher:
        return f"it offered {payout}, the highest of {len(rivals)} offers{anew}"
    if passed and policy == "expected_value":
        offers = "the higher offer" if len(passed) == 1 else "the higher offers"
        return f"it offered {payout}, which was worth more than {offers} of {listed(passed)}"
    if passed and policy == "priority":
        return f"it offered {payout}, and the plan serves it before {listed(passed)}"
    return f"it offered {payout}, the best left of {len(rivals)} offers{anew} after that of {listed(higher)}"


def _came_after(offer: Record, moment: float | None) -> bool:
    """Whether an offer came when the choice had been made."""
    return moment is not None and (epoch(offer.get("received_at")) or 0.0) > moment + 0.05


def _failures(record: Record) -> str:
    """Dials that came to nothing, and buyers that should have answered, as sentences with a space before each."""
    dials = [
        f"{a['buyer']} {result_words(a['result'])}{_rang(a)}"
        for a in record.get("attempts") or ()
        if a["result"] not in (None, "bridged", "caller_gone")
    ]
    last = len(auctions(record))
    errors = [
        f"{r['buyer']} {reason_words(r['reason'])}"
        for r in record.get("results") or ()
        if r["auction"] == last and family_of(r["reason"]) in ("error", "rejected")
    ]
    posts = [
        f"{p['buyer']}, asked for its number, {reason_words(p['reason'])}"
        for p in record.get("posts") or ()
        if p["reason"] not in (None, "offer")
    ]
    return "".join(f" {_some(found)}." for found in (dials, posts, errors) if found)


def _rang(attempt: Record) -> str:
    began, ended = epoch(attempt.get("ringing_at")), epoch(attempt.get("ended_at"))
    if attempt["result"] != "no_answer" or began is None or ended is None:
        return ""
    return f" in {seconds_words(ended - began)}"


def _why_unsold(record: Record) -> str:
    results: Sequence[Record] = record.get("results") or ()
    if record.get("attempts") or record.get("posts"):
        return f"no offer led to a talk.{_failures(record)}".rstrip(".")
    offers = [r["buyer"] for r in results if r.get("offer")]
    if offers:
        return f"the offers of {listed(offers)} lapsed before they could be dialled"
    if not results:
        return "the plan had no buyer to ask"
    said = [f"{result['buyer']} {reason_words(result['reason'])}" for result in results]
    return f"nobody made an offer; {_some(said)}"


def _leaver(record: Record) -> str:
    if not record.get("transfer") or events(record, "caller_gone"):
        return "The caller hung up"
    if events(record, "transfer_lapsed"):
        return "Given up, since nobody closed the transfer,"
    return "The agent kept the caller"


def _first_to_leave(record: Record) -> str | None:
    """Of a room that had a talk: whether the caller or the buyer left it first. Nobody knows where they share a leg."""
    parties = (record.get("transfer") or {}).get("parties") or ()
    left = {p["role"]: str(p["left_at"]) for p in parties if p.get("joined_at") and p.get("left_at")}
    caller, buyer = left.get("caller"), left.get("buyer")
    if caller is None or buyer is None or caller == buyer or record.get("outcome") != "bridged":
        return None
    return "caller" if caller < buyer else "buyer"


def _meanwhile(record: Record) -> str:
    names = [e["event"] for e in events(record) if e["event"] not in ("ended", "caller_gone", "found_ended")]
    last = names[-1] if names else "arrived"
    if last == "zip_asked":
        return "while being asked for the zip"
    if last.startswith(("dial_", "leg_")):
        ringing = (record.get("attempts") or [{}])[-1].get("buyer", "a buyer")
        return f"while the phone of {ringing} was ringing" if last != "dial_ended" else "between two dials"
    return "while buyers were being asked" if last != "arrived" else "before anything was asked"


def _some(found: Sequence[str]) -> str:
    left = len(found) - _MOST_NAMED
    return "; ".join(found[:_MOST_NAMED]) + (f"; and {left} more" if left > 0 else "")


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
