"""A call's decisions in the API, for those to whom its plan shows no payouts."""

from callrouter.api.call_shapes import without_money
from tests.console import records


def test_decisions_are_shown_without_a_dollar_to_whom_payouts_are_not_shown() -> None:
    record = {**records.waited(), "callback": None, "sale": None}
    plain = without_money(record)["decisions"]
    assert [decision["because"] for decision in plain] == [d["because"] for d in record["decisions"]]
    offers = [row for decision in plain for row in decision["offers"]]
    assert {"buyer", "answers", "talks", "stays"} <= set(offers[-1])
    awaited = [row for decision in plain for row in decision["awaited"]]
    named = {key for row in (*plain, *offers, *awaited) for key in row}
    assert named & {"payout", "worth", "worth_now", "worth_waiting", "second_costs"} == set()
    amounts = {str(offer["payout"]) for decision in record["decisions"] for offer in decision["offers"]}
    assert amounts == {"18.00", "34.00"}
    assert not [amount for amount in amounts if amount in str(plain)]


def test_a_record_without_decisions_is_shown_all_the_same() -> None:
    assert without_money(records.bridged())["decisions"] == []
