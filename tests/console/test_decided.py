"""What the page of a call says of its decisions."""

import pytest

from callrouter.console.call_page import page_values
from callrouter.console.decided import decided
from callrouter.console.story import headline
from callrouter.domain.decision import Rules
from tests.calls.decided import START, Decided, dumped, market
from tests.console import records
from tests.console.records import Record

ORDER = {"letsmakealead": (1, 1.0), "contactability": (2, 3.0), "callconnect": (2, 1.0)}


def passed_over(policy: str) -> Record:
    """A call in which the lower offer was dialled, though the higher one was in hand."""
    record = records.waited()
    record["decisions"][0]["rules"]["policy"] = policy
    (won,) = record["attempts"]
    won |= {"buyer": "letsmakealead", "payout": "18.00", "offer_age_s": 3.0}
    return {**record, "buyer": "letsmakealead", "payout": "18.00"}


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("expected_value", "it offered $18.00, which was worth more than the higher offer of contactability."),
        ("priority", "it offered $18.00, and the plan serves it before contactability."),
        ("highest_payout", "it offered $18.00, the best left of 2 offers after that of contactability."),
    ],
)
def test_the_headline_says_why_a_higher_offer_was_passed_over(policy: str, said: str) -> None:
    assert said in headline(passed_over(policy), START)


def test_an_offer_that_came_while_another_was_dialled_is_no_rival_of_it() -> None:
    assert "it offered $38.00, the only offer." in headline(records.not_waited(), START)


def test_a_record_without_decisions_is_shown_by_payout_as_it_was_decided() -> None:
    values = page_values(records.bridged(), START, 1.5, [])
    assert values["decided"] is None
    assert [row["buyer"] for row in values["ranking"]] == ["bolt", "acme"]


def test_a_record_with_decisions_is_ranked_by_them_alone() -> None:
    values = page_values(records.waited(), START, 1.5, [])
    assert values["ranking"] == []
    rows = [(row.buyer, row.worth, row.came) for row in values["decided"].ranking]
    assert rows == [
        ("contactability", "$22.26", "talked with the caller"), ("letsmakealead", "$11.84", "was not dialled"),
    ]  # fmt: skip


def test_by_a_plans_own_order_no_dollar_is_expected() -> None:
    call = Decided(market(), Rules(policy="priority", tiers=ORDER)).asked(*ORDER).decided(0, "start")
    call.offered(0.6, "letsmakealead", "18.00")
    found = decided(records.call((0, "arrived", "inbound"), decisions=dumped(call.decisions)))
    assert found is not None
    assert (found.meaning, found.within, found.priorities) == (None, None, True)
    assert [(row.buyer, row.place, row.came) for row in found.ranking] == [
        ("letsmakealead", "1, weight 1", "not dialled so far"),
    ]  # fmt: skip
    assert "worth" not in str(found.story)


def test_a_bid_whose_buyer_named_no_number_says_what_it_said() -> None:
    post = {"no": 1, "buyer": "contactability", "reason": "no_offer_expired", "sent_at": records.at(3.6)}
    found = decided({**records.waited(), "posts": [post], "attempts": []})
    assert found is not None
    assert found.ranking[0].came == "said that its own bid had lapsed"


def test_a_live_call_that_still_waits_shows_what_is_in_hand_and_who_is_awaited() -> None:
    record = records.waited()
    live = {**record, "decisions": record["decisions"][:3], "outcome": None, "attempts": [], "results": []}
    found = decided(live)
    assert found is not None
    assert [(row.buyer, row.came) for row in found.ranking] == [("letsmakealead", "not dialled so far")]
    assert [(row.buyer, row.came) for row in found.awaited] == [
        ("contactability", "has not answered yet"), ("callconnect", "has not answered yet"),
    ]  # fmt: skip
