"""Records of calls for the console's pure parts, in the shape of ``GET /api/v1/calls/{sid}``; times are seconds."""

from typing import Any

from callrouter.domain.clock import rfc3339
from tests.calls import decided

START = 1_795_200_000.0
Record = dict[str, Any]


def at(seconds: float | None) -> str | None:
    """The moment so many seconds after the arrival."""
    return None if seconds is None else rfc3339(START + seconds)


_EXCHANGE = {"request": "POST https://buyer.example/ping\nkey=***", "status": 200, "response": "<b>ok</b>"}


def offer(payout: str, received: float, *, expires: float | None = None, minimum: int = 90) -> Record:
    """A buyer's offer."""
    return {
        "number": "+12145550111", "payout": payout, "min_duration_s": minimum, "min_duration_stated": True,
        "received_at": at(received), "expires_at": at(received + 30 if expires is None else expires), "provider": None,
    }  # fmt: skip


def result(
    buyer: str,
    asked: float | None,
    elapsed: float = 0.3,
    reason: str = "offer",
    *,
    pays: str = "42.00",
    auction: int = 1,
    minimum: int = 90,
) -> Record:
    """A buyer's result in an auction; ``asked`` is ``None`` for one that was not asked."""
    made = offer(pays, (asked or 0) + elapsed, minimum=minimum) if reason == "offer" else None
    return {
        "auction": auction, "buyer": buyer, "reason": reason, "elapsed_s": elapsed, "asked_at": at(asked),
        "buyer_code": None, "detail": None, "offer": made,
        "exchange": None if asked is None else _EXCHANGE,
    }  # fmt: skip


def dial(
    no: int, buyer: str, decided: float, ended: float | None, came: str | None, *,
    rings: float | None = None, answered: float | None = None, age: float = 0.0, pays: str = "42.00",
) -> Record:  # fmt: skip
    """A dial of a buyer."""
    talked = round(ended - answered) if ended is not None and answered is not None else None
    return {
        "no": no, "buyer": buyer, "number": "+12145550111", "payout": pays, "offer_age_s": age, "ring_timeout_s": 20,
        "decided_at": at(decided), "initiated_at": at(decided + 0.1),
        "ringing_at": at(decided + 0.2 if rings is None else rings), "answered_at": at(answered),
        "ended_at": at(ended), "result": came, "bridged_s": talked,
    }  # fmt: skip


def call(*events: tuple[float, str, str | None], **changes: Any) -> Record:
    """A call with these events."""
    ended = next((seconds for seconds, name, _ in events if name == "ended"), None)
    return {
        "sid": "CA" + "1" * 32, "plan": "auto", "kind": "inbound", "from": "+15125550123", "to": "+18885550100",
        "state": "auction" if ended is None else "ended", "outcome": None, "qualified": None, "buyer": None,
        "payout": None, "min_duration_s": None, "bridged_s": None, "started_at": at(0), "ended_at": at(ended),
        "zip": "78701", "region": "TX", "results": [], "posts": [], "attempts": [], "callback": None, "sale": None,
        "events": [{"at": at(seconds), "event": name, "detail": detail} for seconds, name, detail in events],
        **changes,
    }  # fmt: skip


def bridged(talk: float = 135.0) -> Record:
    """Two offers, an error, and the highest takes the call after 6.5 s."""
    end = 6.5 + talk
    return call(
        (0, "arrived", "inbound"), (0, "zip_asked", "1"), (2, "zip_entered", "understood"),
        (2, "auction_started", "1"), (4.5, "auction_closed", "2 offers, all_answered"),
        (4.5, "dial_decided", "1 bolt"), (4.6, "leg_initiated", "1"), (4.7, "leg_ringing", "1"),
        (6.5, "leg_in_progress", "1"), (end, "leg_completed", "1"), (end, "dial_ended", "1 bridged"),
        (end, "ended", "bridged"),
        outcome="bridged", qualified=True, buyer="bolt", payout="42.00", min_duration_s=90, bridged_s=round(talk),
        results=[
            result("acme", 2, 0.4, pays="38.50"), result("bolt", 2, 2.5),
            result("cord", 2, 2.5, "error_timeout"), result("dune", None, 0, "not_called_hours"),
        ],
        attempts=[dial(1, "bolt", 4.5, end, "bridged", answered=6.5)],
    )  # fmt: skip


def two_failed() -> Record:
    """The first is busy, the second does not answer, a new auction brings nobody."""
    return call(
        (0, "arrived", "inbound"), (0, "auction_started", "1"), (0.5, "auction_closed", "2 offers, all_answered"),
        (0.5, "dial_decided", "1 bolt"), (0.7, "leg_ringing", "1"), (3.5, "leg_busy", "1"),
        (3.5, "dial_ended", "1 busy"),
        (3.5, "dial_decided", "2 acme"), (3.7, "leg_ringing", "2"), (28.5, "leg_no_answer", "2"),
        (28.5, "dial_ended", "2 no_answer"), (28.5, "auction_started", "2"), (32.5, "auction_closed", "0 offers"),
        (32.5, "ended", "unsold"),
        outcome="unsold", callback={"id": "cb-1", "due_at": at(632), "why": None},
        results=[
            result("acme", 0, 0.4, pays="38.50"), result("bolt", 0, 0.5), result("cord", 0, 0.2, "no_offer_coverage"),
            result("acme", None, 0, "not_called_just_failed", auction=2),
            result("bolt", None, 0, "not_called_just_failed", auction=2),
            result("cord", 28.5, 4.0, "error_timeout", auction=2),
        ],
        attempts=[dial(1, "bolt", 0.5, 3.5, "busy"), dial(2, "acme", 3.5, 28.5, "no_answer", age=3.1, pays="38.50")],
    )  # fmt: skip


def unsold() -> Record:
    """Nobody wants the caller, who hears hold audio for a while."""
    return call(
        (0, "arrived", "inbound"), (0, "auction_started", "1"), (6, "auction_closed", "0 offers, all_answered"),
        (6, "ended", "unsold"),
        outcome="unsold", callback={"id": None, "due_at": None, "why": "the plan has no callback"},
        results=[result("acme", 0, 0.4, "no_offer_coverage"), result("bolt", 0, 6, "no_offer")],
    )  # fmt: skip


def abandoned() -> Record:
    """The caller hangs up on hold."""
    return call(
        (0, "arrived", "inbound"), (0, "auction_started", "1"), (4, "caller_gone", None), (4, "ended", "abandoned"),
        outcome="abandoned",
        results=[result("acme", 0, 4, "no_offer_caller_gone")],
    )  # fmt: skip


def posted() -> Record:
    """A bid is taken up, its buyer names no number, the next offer is dialled."""
    post = {
        "no": 1, "buyer": "bolt", "reason": "no_offer_expired", "detail": None, "sent_at": at(0.5), "bid_age_s": 0.1,
        "elapsed_s": 0.6, "offer": None, "exchange": None,
    }  # fmt: skip
    return call(
        (0, "arrived", "inbound"), (0, "auction_started", "1"), (0.5, "auction_closed", "2 offers, all_answered"),
        (0.5, "post_sent", "bolt"), (1.1, "post_ended", "bolt no_offer_expired"), (1.1, "dial_decided", "1 acme"),
        (1.3, "leg_ringing", "1"), (3, "leg_in_progress", "1"), (40, "caller_gone", None), (40, "ended", "bridged"),
        outcome="bridged", qualified=False, buyer="acme", payout="38.50", min_duration_s=90, bridged_s=37,
        results=[result("acme", 0, 0.4, pays="38.50"), result("bolt", 0, 0.4, pays="50.00")], posts=[post],
        attempts=[dial(1, "acme", 1.1, 40, "bridged", answered=3, age=0.7, pays="38.50")],
    )  # fmt: skip


def refused() -> Record:
    """Nobody's number."""
    return call((0, "refused", "not a number of any plan"), outcome="refused", plan="", zip=None, region=None)


def renewed_transfer() -> Record:
    """A warm transfer whose offers were asked for anew, bridged in a room."""
    parties = [
        {"role": "agent", "no": 1, "ordered_at": at(30), "ringing_at": at(31), "answered_at": at(33),
         "joined_at": at(33.5), "left_at": at(60), "why_left": None},
        {"role": "caller", "no": 1, "ordered_at": at(33.5), "ringing_at": at(34), "answered_at": at(36),
         "joined_at": at(36.2), "left_at": at(140), "why_left": None},
        {"role": "buyer", "no": 1, "ordered_at": at(34), "ringing_at": at(35), "answered_at": at(38),
         "joined_at": at(38.2), "left_at": at(139.5), "why_left": None},
    ]  # fmt: skip
    return call(
        (0, "transfer_opened", "ann"), (0, "auction_started", "1"), (0.4, "auction_closed", "1 offers"),
        (22, "offers_renewed", "2"), (22.4, "auction_closed", "1 offers"), (30, "bridge_asked", None),
        (36.4, "caller_held", None), (38.3, "caller_unheld", None), (60, "handed_over", None),
        (140, "ended", "bridged"),
        kind="transfer", outcome="bridged", qualified=True, buyer="acme", payout="38.50", min_duration_s=90,
        bridged_s=102,
        results=[result("acme", 0, 0.4, pays="38.50"), result("acme", 22, 0.4, pays="38.50", auction=2)],
        attempts=[dial(1, "acme", 34, 140, "bridged", rings=35, answered=38, age=11.6, pays="38.50")],
        transfer={"way": "bridge", "agent": "Dana", "parties": parties},
    )  # fmt: skip


def waited() -> Record:
    """One offer is in hand after 0.6 s; a better one, waited for, comes 3 s later and takes the call."""
    return call(
        (0, "arrived", "inbound"), (0, "auction_started", "1"), (3.6, "auction_closed", "2 offers, all_answered"),
        (3.6, "dial_decided", "1 contactability"), (3.8, "leg_ringing", "1"), (8.6, "leg_in_progress", "1"),
        (208.6, "leg_completed", "1"), (208.6, "dial_ended", "1 bridged"), (208.6, "ended", "bridged"),
        outcome="bridged", qualified=True, buyer="contactability", payout="34.00", min_duration_s=90, bridged_s=200,
        results=[
            result("letsmakealead", 0, 0.6, pays="18.00", minimum=60), result("contactability", 0, 3.6, pays="34.00"),
            result("callconnect", 0, 2.0, "no_offer"),
        ],
        attempts=[dial(1, "contactability", 3.6, 208.6, "bridged", answered=8.6, pays="34.00")],
        decisions=decided.dumped(decided.waited().decisions),
    )  # fmt: skip


def not_waited() -> Record:
    """The best offer comes first and is dialled at once; another one comes while they talk."""
    return call(
        (0, "arrived", "inbound"), (0, "auction_started", "1"), (0.6, "auction_closed", "1 offer, policy"),
        (0.6, "dial_decided", "1 letsmakealead"), (0.8, "leg_ringing", "1"), (5.6, "leg_in_progress", "1"),
        (155.6, "leg_completed", "1"), (155.6, "dial_ended", "1 bridged"), (155.6, "ended", "bridged"),
        outcome="bridged", qualified=True, buyer="letsmakealead", payout="38.00", min_duration_s=60, bridged_s=150,
        results=[
            result("letsmakealead", 0, 0.6, pays="38.00", minimum=60), result("contactability", 0, 3.6, pays="17.00"),
            result("callconnect", 0, 5.0, "no_offer"),
        ],
        attempts=[dial(1, "letsmakealead", 0.6, 155.6, "bridged", answered=5.6, pays="38.00")],
        decisions=decided.dumped(decided.not_waited().decisions),
    )  # fmt: skip


def one_after_another() -> Record:
    """The best is not picked up; the next one's offer had come in the meantime."""
    return call(
        (0, "arrived", "inbound"), (0, "auction_started", "1"), (0.6, "auction_closed", "1 offer, policy"),
        (0.6, "dial_decided", "1 letsmakealead"), (0.8, "leg_ringing", "1"), (12, "leg_no_answer", "1"),
        (12, "dial_ended", "1 no_answer"), (12, "dial_decided", "2 contactability"), (12.2, "leg_ringing", "2"),
        (15, "leg_in_progress", "2"), (115, "leg_completed", "2"), (115, "dial_ended", "2 bridged"),
        (115, "ended", "bridged"),
        outcome="bridged", qualified=True, buyer="contactability", payout="17.00", min_duration_s=90, bridged_s=100,
        results=[
            result("letsmakealead", 0, 0.6, pays="38.00", minimum=60), result("contactability", 0, 6.0, pays="17.00"),
        ],
        attempts=[
            dial(1, "letsmakealead", 0.6, 12, "no_answer", pays="38.00"),
            dial(2, "contactability", 12, 115, "bridged", answered=15, age=6.0, pays="17.00"),
        ],
        decisions=decided.dumped(decided.one_after_another().decisions),
    )  # fmt: skip
