"""Reading replies: what parses, and what is refused. That nothing ever raises is `test_never_raises`."""

import pytest

from callrouter.buyers.base.reply import Reply, read_duration, read_reply
from callrouter.domain.offer import BuyerResult, Decline
from callrouter.domain.reasons import Reason

BODIES = [
    '{"Phone_Number": "1", "list": [{"pay-out": 2.50}], "deep": {"a": {"b": {"ok": true}}}}',
    '<r Phone_Number="1"><list><Pay-Out>2.50</Pay-Out></list><deep><a><b><ok>true</ok></b></a></deep></r>',
]


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_json_and_xml_read_alike_in_every_encoding(body: str, encoding: str) -> None:
    reply = read_reply(body.encode(encoding))
    assert isinstance(reply, Reply)
    assert [reply.find([name]) for name in ("phonenumber", "payout", "ok")] == ["1", "2.50", "true"]


@pytest.mark.parametrize(
    "start",
    [
        b"\xef\xbb\xbf",
        b"\xef\xbb\xbf\r\n<?xml version='1.0'?>",
        b"\n",
        b'<?xml version="1.0" encoding="utf-16"?>\r\n',
        b"\xef\xbb\xbf<?xml version='1.0' encoding='UTF-16'?>",
    ],
)
def test_xml_is_read_whatever_its_writer_put_before_it_or_says_of_its_encoding(start: bytes) -> None:
    reply = read_reply(start + b"<r><payout>2.50</payout></r>")
    assert isinstance(reply, Reply)
    assert reply.find(["payout"]) == "2.50"


def test_attributes_that_say_how_to_read_an_element_do_not_fill_it() -> None:
    reply = read_reply(b'<r><legs type="array"/><ref nil="true"/><ads xmlns="urn:x" xmlns:y="u"/><leg type="car"/></r>')
    assert isinstance(reply, Reply)
    assert [reply.find([name]) for name in ("legs", "ref", "ads", "type")] == ["", "", "", "car"]
    assert reply.parts(["legs", "ref", "ads"]) == ()


def test_what_is_shown_of_a_text_is_cut_and_what_goes_back_is_whole() -> None:
    reply = read_reply(b'{"token": "' + b"t" * 2_000 + b'"}')
    assert isinstance(reply, Reply)
    assert [len(text or "") for text in (reply.find(["token"]), reply.whole(["token"]))] == [500, 2_000]


def test_a_field_deeper_than_four_levels_is_not_seen() -> None:
    for body in (
        b'{"a":{"b":{"c":{"four":"4","d":{"five":"5"}}}}}',
        b"<r><a><b><c><four>4</four><d><five>5</five></d></c></b></a></r>",
    ):
        reply = read_reply(body)
        assert isinstance(reply, Reply)
        assert (reply.find(["four"]), reply.find(["five"])) == ("4", None)


def test_the_better_name_wins_over_the_shallower_place() -> None:
    reply = read_reply(b'{"phone": "callers", "data": {"PhoneNumber": "ours"}}')
    assert isinstance(reply, Reply)
    assert reply.find(["phonenumber", "phone"]) == "ours"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90 sec", 90), ("90 Seconds", 90), ("1:30", 90), ("1:00:30", 3630), ("90.0", 90), ("90.2", 91)],
)
def test_durations_are_whole_seconds(text: str, seconds: int) -> None:
    assert read_duration(text) == seconds


@pytest.mark.parametrize("text", ["-1", "ninety", "1:75", "99999999", "²", "86401", "1e3", "PT90S"])
def test_other_durations_are_bad_responses(text: str) -> None:
    assert isinstance(read_duration(text), Decline)


def test_an_absent_duration_is_none() -> None:
    assert read_duration(None) is None
    assert read_duration(" ") is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
@pytest.mark.parametrize(
    "body",
    [
        '<!DOCTYPE r SYSTEM "http://127.0.0.1/x.dtd"><r/>',
        '<!DOCTYPE r [<!ENTITY x "y">]><r>&x;</r>',
        '<!DOCTYPE html [<!ENTITY x "y">]><r>&x;</r>',
        '<!DOCTYPE r [<!ENTITY % x SYSTEM "file:///etc/passwd"> %x;]><r/>',
        "<r>&undefined;</r>",
    ],
)
def test_document_types_and_entities_are_unsafe(body: str, encoding: str) -> None:
    declared = f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig")}"?>' if encoding == "latin-1" else ""
    verdict = read_reply((declared + body).encode(encoding))
    assert isinstance(verdict, Decline)
    assert verdict.reason is Reason.ERROR_UNSAFE_XML


@pytest.mark.parametrize(
    "body",
    [
        b"", b" \n", b"null", b"25", b'"text"', b"{", b"[" * 60_000, b'{"a":' * 10_000, b"<a>" * 20_000,
        b"<?xml version='1.0' encoding='no-such'?><a/>", b"<?xml version='1.0' encoding='utf-7'?><a/>",
        b"\xff\xfe", b"\x00<", b"<", b"{\x00", b"<a>\xff\xff</a>",
    ],
    ids=range(16),
)  # fmt: skip
def test_what_cannot_be_read_is_a_bad_response(body: bytes) -> None:
    verdict = read_reply(body)
    assert isinstance(verdict, Decline)
    assert verdict.reason is Reason.ERROR_BAD_RESPONSE


def test_text_from_a_reply_can_always_be_stored() -> None:
    reply = read_reply(b'{"token": "a\\ud800b\\u0000' + b"c" * 2_000 + b'"}')
    assert isinstance(reply, Reply)
    token = reply.find(["token"])
    assert token is not None
    assert len(token) <= 500
    assert BuyerResult(buyer="x", decline=Decline(reason=Reason.NO_OFFER, detail=token)).model_dump_json()
