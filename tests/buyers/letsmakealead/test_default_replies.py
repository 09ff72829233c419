"""Replies in a default format that the documents do not show: plain text that names its values."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callrouter.buyers.base.reply import Reply, read_any_reply, read_reply
from callrouter.domain.offer import Decline
from callrouter.domain.reasons import Reason


@pytest.mark.parametrize(
    "body",
    [
        "Status=Accepted&price=%2425.00&Phone_Number=%28888%29+555-0142",
        "status=Accepted&price=$25.00&PhoneNumber=(888) 555-0142&",
        "Status: Accepted\nPrice: $25.00\nPhone Number: (888) 555-0142",
        "\ufeff\r\nstatus = Accepted\r\n\r\nprice = $25.00\r\nphone-number = (888) 555-0142\r\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_text_that_names_its_values_reads_like_json(body: str, encoding: str) -> None:
    reply = read_any_reply(body.encode(encoding))
    assert isinstance(reply, Reply)
    found = [reply.find([name]) for name in ("status", "price", "phonenumber")]
    assert found == ["Accepted", "$25.00", "(888) 555-0142"]


@pytest.mark.parametrize(
    ("body", "name", "value"),
    [
        ("reason: no coverage & no buyers", "reason", "no coverage & no buyers"),
        ("error=5000", "error", "5000"),
        ("url: https://x.test/a=b", "url", "https://x.test/a=b"),
        ("token=a=b&price=1", "token", "a=b"),
        ("price=&token=x", "price", ""),
        ("token=a&token=b", "token", "a"),
    ],
)
def test_a_value_may_hold_what_separates_others(body: str, name: str, value: str) -> None:
    reply = read_any_reply(body.encode())
    assert isinstance(reply, Reply)
    assert reply.find([name]) == value


@pytest.mark.parametrize(
    "body",
    [
        "", " \r\n", "Accepted|25.00|e694", "OK 25.00 8885550142", "Accepted\nprice: 25", "=5", ": 5", "25: 5",
        "&", "a=1&b", "=&=", "x" * 70 + "=1", "naïve: 1",
    ],
)  # fmt: skip
def test_text_with_anything_else_in_it_is_a_bad_response(body: str) -> None:
    verdict = read_any_reply(body.encode())
    assert isinstance(verdict, Decline)
    assert verdict.reason is Reason.ERROR_BAD_RESPONSE


def test_a_bad_response_does_not_quote_the_reply() -> None:
    verdict = read_any_reply(b"call John Doe at 5125550123")
    assert isinstance(verdict, Decline)
    assert verdict.detail == "text without names for its values"


@pytest.mark.parametrize("body", [b'{"a": 1}', b"<r><a>1</a></r>", b"[1", b"<r", b'<!DOCTYPE r [<!ENTITY x "y">]><r/>'])
def test_json_and_xml_are_read_as_ever(body: bytes) -> None:
    assert read_any_reply(body) == read_reply(body)


@settings(max_examples=200, deadline=None)
@given(body=st.binary(max_size=300) | st.text(alphabet="ab &=:\r\n%2B\ufeff<{ï", max_size=200).map(str.encode))
def test_arbitrary_text_never_raises(body: bytes) -> None:
    verdict = read_any_reply(body)
    if isinstance(verdict, Reply):
        assert all(isinstance(name, str) for name in verdict.tree)
    else:
        assert verdict.reason in {Reason.ERROR_BAD_RESPONSE, Reason.ERROR_UNSAFE_XML}


@pytest.mark.parametrize("filler", ["a ", "a=", " ", "a b:", "&", "a=&", "\n", "a\n", "%"])
def test_the_longest_text_is_read_at_once(filler: str) -> None:
    body = (filler * 65_536)[:65_536].encode()
    began = time.perf_counter()
    read_any_reply(body)
    assert time.perf_counter() - began < 2
