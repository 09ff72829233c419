"""What the records of finished calls come to for each buyer."""

from typing import Any

from callrouter.calls.lately import Lately, Tallies, count_calls, count_sales

AT = "2026-11-21T02:25:00.000Z"


def result(buyer: str, reason: str, payout: str | None = None, **changes: Any) -> dict[str, Any]:
    asked = None if reason.startswith("not_called") else AT
    offer = {"payout": payout} if payout else None
    return {"buyer": buyer, "reason": reason, "asked_at": asked, "detail": "d", "offer": offer, **changes}


def call(sid: str, *results: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"sid": sid, "plan": "auto", "started_at": AT, "results": list(results), **changes}


def counted(*records: dict[str, Any]) -> Tallies:
    tallies: Tallies = {}
    count_calls(tallies, records)
    return tallies


def test_offers_and_refusals_are_counted_and_who_was_not_asked_is_none_of_the_rate() -> None:
    tally = counted(
        call("CA1", result("a", "offer", "20.00")),
        call("CA2", result("a", "offer", "10.01"), result("b", "offer", "99.00")),
        call("CA3", result("a", "no_offer_capped")),
        call("CA4", result("a", "not_called_hours")),
    )["auto", "a"]
    assert (tally.asked, tally.offers, tally.shown["offer_rate"]) == (3, 2, 0.667)
    assert tally.shown["reasons"] == {"no_offer_capped": 1, "not_called_hours": 1, "offer": 2}
    assert tally.payout == {"highest": "20.00", "average": "15.00"}


def test_plans_are_told_apart() -> None:
    tallies = counted(call("CA1", result("a", "offer", "20.00")), call("CA2", result("a", "no_offer"), plan="home"))
    assert {name: tally.offers for name, tally in tallies.items()} == {("auto", "a"): 1, ("home", "a"): 0}


def test_a_dial_counts_as_answered_when_somebody_answered() -> None:
    attempts = [
        {"buyer": "a", "result": "bridged", "answered_at": AT, "bridged_s": 90},
        {"buyer": "a", "result": "early_hangup", "answered_at": None, "bridged_s": 3},
        {"buyer": "a", "result": "busy", "answered_at": None, "bridged_s": None},
        {"buyer": "b", "result": "no_answer"},
    ]
    tallies = counted(call("CA1", attempts=attempts))
    shown = tallies["auto", "a"].shown
    assert (shown["dials"], shown["answered"], shown["answer_rate"]) == (3, 2, 0.667)
    assert tallies["auto", "b"].shown["answer_rate"] == 0.0


def test_the_five_newest_errors_are_kept_and_refusals_are_no_errors() -> None:
    records = [call(f"CA{n}", result("a", "no_offer" if n % 2 else "error_timeout")) for n in range(14)]
    shown = counted(*records).get(("auto", "a"), Lately()).shown
    assert [error["sid"] for error in shown["last_errors"]] == ["CA0", "CA2", "CA4", "CA6", "CA8"]
    assert shown["last_errors"][0] == {"at": AT, "sid": "CA0", "reason": "error_timeout", "detail": "d"}


def test_what_a_buyer_must_mend_and_a_failed_post_are_errors_too() -> None:
    post = {"buyer": "a", "reason": "error_timeout", "detail": None, "sent_at": AT}
    shown = counted(call("CA1", result("a", "rejected_below_floor"), posts=[post]))["auto", "a"].shown
    assert [error["reason"] for error in shown["last_errors"]] == ["rejected_below_floor", "error_timeout"]
    assert shown["reasons"] == {"rejected_below_floor": 1}, "a post is no second result"


def test_a_sale_counts_each_buyers_price_once_and_only_with_its_own_call() -> None:
    asked = {"exchange": {"request": "…"}, "detail": None}
    sale = {
        "sid": "CA1",
        "at": AT,
        "results": [
            {"buyer": "l", "step": "ping", "reason": "offer", "payout": "18.50", **asked},
            {"buyer": "l", "step": "post", "reason": "error_timeout", "payout": None, **asked},
            {"buyer": "m", "step": "post", "reason": "offer", "payout": None, **asked},
            {"buyer": "n", "step": "ping", "reason": "not_called_hours", "payout": None, "exchange": None},
        ],
    }
    records = [call("CA2", sale={"id": "sale-CA1"}), call("CA1", sale={"id": "sale-CA1"}), call("CA3", sale=None)]
    tallies: Tallies = {}
    count_sales(tallies, records, {"sale-CA1": sale})
    pinged, posted, left_out = (tallies["auto", buyer] for buyer in "lmn")
    assert (pinged.asked, pinged.reasons, pinged.payout["highest"]) == (1, {"offer": 1}, "18.50")
    assert [error["reason"] for error in pinged.last_errors] == ["error_timeout"]
    assert (posted.asked, posted.offers, posted.payout["highest"]) == (1, 1, None)
    assert (left_out.asked, left_out.shown["offer_rate"]) == (0, None)


def test_a_record_of_another_release_or_a_broken_one_is_no_mistake() -> None:
    assert counted({}, {"results": None, "attempts": None, "posts": None, "sale": None}) == {}
    odd = counted(call("CA1", {"buyer": "a", "reason": "offer", "offer": {"payout": "?"}}))["auto", "a"]
    assert (odd.offers, odd.payouts) == (1, [])
