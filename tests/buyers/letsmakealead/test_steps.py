"""What each step sends and takes, beyond what the exemplar files show."""

import json
import re
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from callrouter.auction.exchange import Masker
from callrouter.buyers.base import Account, Ask, BuyerRequest, BuyerResponse, Quote
from callrouter.buyers.base.fields import fill
from callrouter.buyers.base.sheet import FieldRule, Sheet
from callrouter.domain.caller import Caller
from callrouter.domain.offer import Decline
from callrouter.domain.reasons import Reason
from tests.buyers.exemplars import CATALOGUE

KNOWN = CATALOGUE.get("letsmakealead")
ACCOUNT = Account(
    "lmal",
    "ping_post",
    "",
    "json",
    {"partnerid": SecretStr("P1"), "key": SecretStr("lmal-key")},
    {"numcategory": "12003", "subid": "ivr", "price_tag": "1"},
    {"ping_url": "http://buyer.test/ping", "post_url": "http://buyer.test/post"},
)
BID = Quote(number=None, payout=Decimal("25.00"), min_duration_s=90, token="e694", buyer_ref="e694")


def an_ask(**known: object) -> Ask:
    return Ask("CA1", 1, Caller(phone="+15125550123", zip="78701").model_copy(update=known))


def pinged(ask: Ask, account: Account = ACCOUNT) -> dict[str, str]:
    return sent(KNOWN.adapter.build_request(ask, account, 1000))


def posted(ask: Ask, account: Account = ACCOUNT) -> dict[str, str]:
    return sent(KNOWN.two_step.build_accept(ask, account, BID, 1000))


def sent(request: BuyerRequest | Decline) -> dict[str, str]:
    assert isinstance(request, BuyerRequest)
    values: dict[str, str] = json.loads(request.body or b"")
    return values


def test_the_post_is_the_ping_with_its_token_and_the_price_tag() -> None:
    ask = an_ask(state="TX", first_name="Ann", consent=True, fields={"driver1": 1, "driver1_birthdate": "1980-02-29"})
    assert posted(ask) == {**pinged(ask), "token": "e694", "price_tag": "1"}


@pytest.mark.parametrize(
    "name", ["token", "price_tag", "price", "resptype", "subid", "numcategory", "partnerid", "key"]
)
def test_nobody_who_describes_a_caller_can_set_what_is_ours(name: str) -> None:
    without, with_it = an_ask(), an_ask(fields={name: "evil"})
    assert pinged(with_it) == pinged(without)
    assert posted(with_it) == posted(without)


def test_consent_to_one_seller_is_never_concluded_from_consent() -> None:
    values = pinged(an_ask(consent=True))
    assert values["tcpa_optin"] == "1"
    assert "1to1consent" not in values


@pytest.mark.parametrize(
    "name",
    [
        "driver4_age",
        "driver1",
        "xdriver1_age",
        "driver1_",
        "driver1-age",
        "driver1_age x",
        "current_policy",
        "vehicle1_é",
    ],
)
def test_only_extras_that_continue_a_documented_name_go_through(name: str) -> None:
    assert (name in pinged(an_ask(fields={name: "1"}))) == (name == "driver1")


@pytest.mark.parametrize(
    ("variant", "longest"), [("12003", 255), ("16001", 100), ("16", 100), ("1601", 7), ("1", 255), ("", 255)]
)
def test_the_longest_beginning_of_a_category_says_how_long_a_field_may_be(variant: str, longest: int) -> None:
    rule = FieldRule.model_validate({"max_chars": 255, "max_chars_in": {16: 100, "1601": 7}})
    assert rule.longest(variant) == longest


def test_what_is_cut_to_the_legal_lengths_is_masked_in_that_form() -> None:
    ask = an_ask(address=" ".join(f"{n}-street" for n in range(20)))
    request = KNOWN.adapter.build_request(ask, with_params(numcategory="16001"), 1000)
    assert isinstance(request, BuyerRequest)
    assert "9-street" in sent(request)["address"]
    assert "street" not in Masker(ask, ACCOUNT, KNOWN.sheet.cuts).request(request)


def test_extras_never_pass_under_a_name_that_the_sheet_knows() -> None:
    sheet = KNOWN.sheet.model_copy(update={"extra_fields": (re.compile(".*"),), "left_out": {"ssn": "never"}})
    ask = an_ask(
        fields={"price_tag": "1", "price": "9", "token": "evil", "ssn": "078-05-1120", "key": "evil", "x": "y"}
    )
    filled = fill(sheet, ask, replace(ACCOUNT, params={"numcategory": "12003", "subid": "ivr"}))
    assert isinstance(filled, dict)
    assert sorted(filled) == [
        "key", "numcategory", "partnerid", "phone_last_four", "subid", "telephone", "transfer_type", "x", "zipcode",
    ]  # fmt: skip
    assert (filled["key"], filled["x"]) == ("lmal-key", "y")


@pytest.mark.parametrize("pattern", ["(", "[a"])
def test_a_pattern_of_extras_that_cannot_be_read_is_a_mistake(pattern: str) -> None:
    with pytest.raises(ValueError, match="extra_fields"):
        Sheet.model_validate({"title": "x", "modes": {"m": {"methods": ["get"], "ping": {"call": "c"}}},
                              "fields": {}, "extra_fields": [pattern]})  # fmt: skip


@pytest.mark.parametrize("mode", ["one_step", "ping_post"])
def test_every_mode_has_the_documented_test_request(mode: str) -> None:
    test = KNOWN.sheet.modes[mode].test
    assert test is not None
    assert (test.credentials, test.params) == ({"key": "test_mode"}, {"subid": "match"})
    assert "price=0.5" in test.note


def test_a_post_is_never_sent_again() -> None:
    assert KNOWN.sheet.modes["ping_post"].repeat == "unsafe"


def test_a_post_of_nothing_is_not_built() -> None:
    for bid in (None, replace(BID, token=None), replace(BID, token="")):
        verdict = KNOWN.two_step.build_accept(an_ask(fields={"token": "evil"}), ACCOUNT, bid, 1000)
        assert isinstance(verdict, Decline)
        assert verdict.reason is Reason.NOT_CALLED_UNBUILDABLE


PLAIN = st.dictionaries(
    st.sampled_from(["status", "price", "duration", "token", "PhoneNumber", "errorCode", "reason", "x"]),
    st.sampled_from(["", "0", "25.00", "1:30", "5000", "Accepted", "Rejected", "8885550142", "NaN", "-1", "9" * 40])
    | st.text(max_size=12),
    max_size=6,
)


@settings(max_examples=400, deadline=None)
@given(
    status=st.sampled_from([200, 302, 404, 500]),
    doc=PLAIN,
    style=st.sampled_from(["json", "text", "bytes"]),
    raw=st.binary(max_size=80),
)
def test_no_reply_to_either_step_raises_and_a_quote_has_what_its_step_gives(
    status: int, doc: dict[str, str], style: str, raw: bytes
) -> None:
    text = json.dumps(doc) if style == "json" else "\n".join(f"{name}: {value}" for name, value in doc.items())
    response = BuyerResponse(status, raw if style == "bytes" else text.encode())
    bid = KNOWN.adapter.parse_response(an_ask(), ACCOUNT, response)
    taken = KNOWN.two_step.parse_accept(an_ask(), ACCOUNT, BID, response)
    if isinstance(bid, Quote):
        assert bid.number is None
        assert bid.token
        assert 0 < bid.payout <= 10_000
    if isinstance(taken, Quote):
        assert taken.number
        assert taken.token is None
        assert 0 < taken.payout <= 10_000


def with_params(**params: str) -> Account:
    return replace(ACCOUNT, params={**ACCOUNT.params, **params})
