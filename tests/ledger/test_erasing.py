"""What is left of a record without its people."""

import json
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from callrouter.ledger.erasing import EMPTIED, without_person

PHONE = "+15125550142"
DIGITS = PHONE[2:]
WRITTEN = (PHONE, DIGITS, "(512) 555-0142", "512.555.0142", "1-512-555-0142", "%2B15125550142", "5 1 2 5 5 5 0 1 4 2")
KEYS = (
    *("sid", "plan", "kind", "from", "to", "state", "outcome", "buyer", "payout", "zip", "region", "started_at"),
    *("results", "posts", "attempts", "callback", "sale", "transfer", "events", "parties", "offer", "timers", "dial"),
    *("detail", "exchange", "request", "response", "why", "lead_ref", "buyer_code", "number", "address", "agent"),
    *("caller", "call_token", "event", "phone", "first_name"),
)


def strings() -> st.SearchStrategy[str]:
    words = st.text(st.characters(exclude_categories=("Nd", "Cs")), max_size=6)
    number = st.tuples(words, st.sampled_from(WRITTEN), words).map("".join)
    return st.one_of(st.text(max_size=12), number, st.sampled_from(("transfer_opened", "auto", "25.10")))


PLAIN = st.one_of(strings(), st.none(), st.booleans(), st.integers(), st.just(int(DIGITS)), st.just(int("1" + DIGITS)))
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(st.sampled_from(KEYS), strings()), inner, max_size=5)
    ),
    max_leaves=25,
)


@given(st.dictionaries(st.one_of(st.sampled_from(KEYS), strings()), VALUES, max_size=8))
def test_whatever_a_record_holds_no_way_of_writing_the_number_is_left(record: dict[str, Any]) -> None:
    kept = without_person(json.dumps(record), "#hash", PHONE)
    assert not _has_number(json.loads(kept))
    assert without_person(kept, "#hash", PHONE) == kept  # twice does no harm


def _has_number(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_has_number(one) for pair in value.items() for one in pair)
    if isinstance(value, list):
        return any(map(_has_number, value))
    return re.search(r"\D{0,3}".join(DIGITS), str(value)) is not None


def test_times_ids_and_money_are_no_number_whatever_their_digits() -> None:
    """+1 202 601 2315 lives in Washington; 2026-01-23 at 15 o'clock is a time."""
    record = {
        "sid": "CA" + "2026012315" + "0" * 22,
        "started_at": "2026-01-23T15:00:00.123Z",
        "payout": "25.10",
    }
    sale = {"id": "sale-CA" + "2026012315" + "0" * 22, "state": "sold", "lead_ref": "L-2026012315"}
    kept = json.loads(without_person(json.dumps({**record, "sale": sale}), None, "+12026012315"))
    assert kept.pop("sale") == {**sale, "lead_ref": "L-[number]"}
    assert kept == {**record, "erased": True}


def test_names_words_and_what_is_not_known_go_and_their_keys_stay_where_readers_look() -> None:
    record = {
        "from": PHONE,
        "call_token": "secret-of-the-carrier",
        "nickname": "Wilhelmina",
        "zip": "78701",
        "results": [{"buyer": "acme", "reason": "offer", "detail": "Hi Wilhelmina", "exchange": {"request": "x"}}],
        "transfer": {
            "way": "bridge",
            "agent": "Dana",
            "opened_by": "dana",
            "caller": {"first_name": "Wilhelmina"},
            "parties": [{"role": "agent", "no": 1, "address": "+15125550177"}],
        },
        "events": [{"at": "2026-01-23T15:00:00Z", "event": "transfer_opened", "detail": "dana"}],
    }
    assert json.loads(without_person(json.dumps(record), "#hash", PHONE)) == {
        "from": "#hash",
        "zip": "78701",
        "results": [{"buyer": "acme", "reason": "offer", "detail": None, "exchange": None}],
        "transfer": {
            "way": "bridge",
            "agent": None,
            "opened_by": None,
            "parties": [{"role": "agent", "no": 1, "address": None}],
        },
        "events": [{"at": "2026-01-23T15:00:00Z", "event": "transfer_opened", "detail": None}],
        "erased": True,
    }
    assert {"from", "exchange", "agent", "address"} <= EMPTIED
