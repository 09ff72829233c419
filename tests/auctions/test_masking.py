"""The exchanged bodies in a call's record: nothing personal, no secret, however it is written."""

from urllib.parse import urlencode

import pytest
from pydantic import SecretStr

from callrouter.auction.exchange import Masker
from callrouter.buyers.base import Account, Ask, BuyerRequest
from callrouter.domain.caller import Caller
from tests.buyers.exemplars import CATALOGUE

LMAL = CATALOGUE.get("letsmakealead")
CUTS = LMAL.sheet.cuts
ACCOUNT = Account(
    "lmal",
    "one_step",
    "http://buyer.test/",
    "form",
    {"partnerid": SecretStr("P1"), "key": SecretStr("ab/cd+ef==")},
    {"numcategory": "12003", "subid": "ivr"},
)


def a_caller(**known: object) -> Caller:
    return Caller(phone="+15125550123", zip="78701").model_copy(update=known)


@pytest.mark.parametrize(
    ("caller", "word"),
    [
        (a_caller(fields={"comment": " Ring my mother \n"}), "mother"),
        (a_caller(fields={"comment": "ill since may " * 60}), "since"),
        (a_caller(first_name="Guadalupe" * 7), "Guadalupe"),
        (a_caller(fields={"telephone2": "+13055551234"}), "305555"),
    ],
    ids=["padded", "longer than the field", "cut name", "second number"],
)
def test_what_a_buyer_is_sent_is_masked_as_it_is_sent(caller: Caller, word: str) -> None:
    ask = Ask("CA1", 1, caller)
    request = LMAL.adapter.build_request(ask, ACCOUNT, 1000)
    assert isinstance(request, BuyerRequest)
    assert request.body is not None
    assert word in request.body.decode(), "it is sent"
    assert word not in Masker(ask, ACCOUNT, CUTS).request(request)


@pytest.mark.parametrize("raw", [rb'{"k":"ab\/cd+ef=="}', b"<n>O&#39;Brien</n>", b"<n>O&#039;Brien</n>"])
def test_what_a_buyer_echoes_is_masked_as_php_writes_it(raw: bytes) -> None:
    shown = Masker(Ask("CA1", 1, a_caller(last_name="O'Brien")), ACCOUNT, CUTS).response(raw)
    assert "cd+ef" not in shown
    assert "Brien" not in shown


def test_a_second_number_is_sent_with_ten_digits() -> None:
    request = LMAL.adapter.build_request(
        Ask("CA1", 1, a_caller(fields={"telephone2": "(305) 555-1234"})), ACCOUNT, 1000
    )
    assert isinstance(request, BuyerRequest)
    assert b"telephone2=3055551234" in (request.body or b"")


def test_a_lead_inside_a_form_is_decoded_before_it_is_masked() -> None:
    """XML that a form encodes once more would otherwise show names in a shape that nobody looks for."""
    xml = "<Lead><First>Ann</First><Last>O&#39;Neil</Last><Zip>78701</Zip></Lead>"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    request = BuyerRequest("POST", "https://b.example/post", headers=form, body=urlencode({"xml": xml}).encode())
    shown = Masker(Ask("CA1", 1, a_caller(first_name="Ann", last_name="O'Neil")), ACCOUNT).request(request)
    assert "<First>***</First><Last>***</Last><Zip>78701</Zip>" in shown


def test_a_query_that_stands_in_the_address_itself_is_not_shown() -> None:
    """An operator may have put a key there."""
    request = BuyerRequest("GET", "https://b.example/ping?k=sesame", query=(("zip", "78701"),))
    assert Masker(Ask("CA1", 1, a_caller()), ACCOUNT).request(request) == "GET https://b.example/ping?***&zip=78701"


def test_a_user_and_password_in_the_address_are_not_shown() -> None:
    request = BuyerRequest("GET", "https://us:sesame@b.example?k=1")
    assert Masker(Ask("CA1", 1, a_caller()), ACCOUNT).request(request) == "GET https://b.example?***"
