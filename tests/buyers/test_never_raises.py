"""Whatever a partner replies and whatever we know of a caller: adapters answer with a value, and a sane one."""

import json
import random
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from callrouter.auction.outbound import _address
from callrouter.buyers.agreement import said, shown
from callrouter.buyers.base import Ask, BuyerRequest, BuyerResponse, Quote
from callrouter.buyers.exemplars import ALLOWED_MS
from callrouter.domain.caller import Caller
from callrouter.domain.offer import BuyerResult, Decline
from callrouter.domain.reasons import Family
from tests.buyers.exemplars import CATALOGUE, Exemplar, exemplars

ALL = exemplars()
ACCOUNTS = {e.path: e.account() for e in ALL}
REPLIED = [e for e in ALL if e.doc["response"] is not None and e.fault is None]
SHORT = 500
LONG = 64 * 1024
"""What is kept of a ping for its post may be as long as the request."""

ONE_OF_EACH: dict[tuple[str, str, str], Exemplar] = {
    (e.buyer, ACCOUNTS[e.path].mode, e.step): e for e in REPLIED if e.exemplary
}
"""A good reply of every step of every mode of every buyer."""
EACH = st.sampled_from(list(ONE_OF_EACH.values()))


def test_there_is_a_good_reply_of_every_step() -> None:
    wanted = {
        (name, mode, step)
        for name in CATALOGUE.names
        for mode, its in CATALOGUE.get(name).sheet.modes.items()
        for step in its.steps
    }
    assert set(ONE_OF_EACH) == wanted


def _steps(exemplar: Exemplar) -> tuple[str, ...]:
    return exemplar.known.sheet.modes[ACCOUNTS[exemplar.path].mode].steps


def check_verdict(exemplar: Exemplar, response: BuyerResponse) -> None:
    """What the adapter makes of this reply is a sane value."""
    verdict = exemplar.parse(ACCOUNTS[exemplar.path], response)
    if isinstance(verdict, Decline):
        assert verdict.reason.family in (Family.NO_OFFER, Family.ERROR)
        assert len(verdict.detail or "") <= SHORT
        assert len(verdict.buyer_code or "") <= SHORT
        assert BuyerResult(buyer="x", decline=verdict).model_dump_json()
        return
    mode = exemplar.known.sheet.modes[ACCOUNTS[exemplar.path].mode]
    assert isinstance(verdict, Quote)
    assert isinstance(verdict.payout, Decimal)
    assert 0 <= verdict.payout <= 10_000
    if mode.buys == "calls":
        assert verdict.payout > 0 or (exemplar.step == "post" and not verdict.payout_stated)
        bid = exemplar.step == "ping" and mode.post is not None
        assert verdict.token if bid else verdict.number, "a bid can be taken up, an offer dialled"
    assert 0 <= verdict.min_duration_s <= 86_400
    for text in (verdict.number, verdict.buyer_ref, verdict.provider):
        assert text is None or len(text) <= SHORT
    assert len(verdict.token or "") <= LONG
    for details in (verdict.details, *verdict.ads):
        assert len(details) <= SHORT
        for name, value in details.items():
            assert isinstance(name, str)
            assert isinstance(value, str)
            assert len(name) <= SHORT
            assert len(value) <= LONG
    assert json.dumps(said(verdict)).encode("ascii"), "it can be stored"


@settings(max_examples=400, deadline=None)
@given(exemplar=EACH, status=st.integers(), body=st.binary(max_size=500), kind=st.text(max_size=30))
def test_arbitrary_bytes_and_statuses(exemplar: Exemplar, status: int, body: bytes, kind: str) -> None:
    check_verdict(exemplar, BuyerResponse(status, body, kind))


NAMES = sorted({name for e in REPLIED for names in e.known.sheet.aliases.values() for name in names})
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    | st.sampled_from(["accepted", "Matched", "rejected", "25.00", "-1", "NaN", "1e9", "8885550142", "90", "\ud800"])
)  # fmt: skip
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=8),
    max_leaves=25,
)


@settings(max_examples=500, deadline=None)
@given(exemplar=EACH, status=st.sampled_from([200, 201, 400, 401, 404, 500]), doc=DOCUMENTS)
def test_arbitrary_json_under_the_right_names(exemplar: Exemplar, status: int, doc: Any) -> None:
    check_verdict(exemplar, BuyerResponse(status, json.dumps(doc).encode()))


def _as_xml(doc: Any, name: str = "response") -> str:
    if isinstance(doc, Mapping):
        return f"<{name}>{''.join(_as_xml(value, key) for key, value in doc.items())}</{name}>"
    if isinstance(doc, list):
        return f"<{name}>{''.join(_as_xml(value, 'leg') for value in doc)}</{name}>"
    text = str(doc).replace("&", "&amp;").replace("<", "&lt;")
    return f'<{name} ValueType="{len(text)}">{text}</{name}>'


@settings(max_examples=400, deadline=None)
@given(exemplar=EACH, status=st.sampled_from([200, 400, 500]), doc=DOCUMENTS)
def test_arbitrary_xml_under_the_right_names(exemplar: Exemplar, status: int, doc: Any) -> None:
    check_verdict(exemplar, BuyerResponse(status, _as_xml(doc).encode("utf-8", "replace")))


VALUES = (
    b"0",
    b"-1",
    b"NaN",
    b"1e400",
    b"9" * 400,
    b"",
    b"null",
    b"true",
    b"[]",
    b"{}",
    b"\xff",
    b"911",
    b"\x00",
    b"]]>",
)


def mutated(body: bytes, rng: random.Random) -> bytes:
    """The reply with some bits flipped, some bytes cut, put in or doubled, and some values swapped for others."""
    found = bytearray(body[:8_000])
    for _ in range(rng.randrange(1, 6)):
        at, edit = rng.randrange(len(found) + 1), rng.randrange(6)
        if edit == 0 and found:
            found[at % len(found)] ^= 1 << rng.randrange(8)
        elif edit == 1:
            del found[at : at + rng.randrange(1, 40)]
        elif edit == 2:
            found[at:at] = rng.choice([b'"', b"<", b"{", b"&", b"[" * 50, b"<a>", rng.randbytes(4)])
        elif edit == 3:
            found[at:at] = found[at : at + rng.randrange(1, 80)]
        elif edit == 4:
            del found[at:]
        else:
            _swap_a_value(found, rng)
    return bytes(found)


def _swap_a_value(found: bytearray, rng: random.Random) -> None:
    """What stands between ``>`` and ``<``, or after a colon."""
    opening = rng.choice([b">", b": ", b'"'])
    starts = [no for no in range(len(found)) if found.startswith(opening, no)]
    if not starts:
        return
    start = rng.choice(starts) + len(opening)
    ends = [end for mark in (b"<", b",", b'"', b"}") if (end := found.find(mark, start)) >= 0]
    found[start : min(ends, default=start)] = rng.choice(VALUES)


@settings(max_examples=1_000, deadline=None)
@given(exemplar=st.sampled_from(REPLIED), seed=st.integers(0, 2**32))
def test_mutated_replies(exemplar: Exemplar, seed: int) -> None:
    response = exemplar.response()
    body = mutated(response.body, random.Random(seed))
    check_verdict(exemplar, BuyerResponse(response.status, body, response.content_type))


@pytest.mark.parametrize("key", ONE_OF_EACH, ids=" ".join)
def test_a_good_reply_cut_anywhere(key: tuple[str, str, str]) -> None:
    body = ONE_OF_EACH[key].response().body
    for length in range(len(body)):
        check_verdict(ONE_OF_EACH[key], BuyerResponse(200, body[:length]))


def test_the_check_of_verdicts_sees_what_is_not_sane() -> None:
    """The checker can fail: an adapter that believes anything."""

    class Gullible:
        def build_request(self, *_: object) -> BuyerRequest:
            return BuyerRequest("GET", "http://x.test/")

        def parse_response(self, *_: object) -> Quote:
            return Quote(number="8885550142", payout=Decimal("99999"), details={"x": "y"})

    good = next(e for e in REPLIED if e.exemplary and e.known.sheet.modes[ACCOUNTS[e.path].mode].buys == "calls")
    known = type(good.known)(good.known.name, good.known.sheet, Gullible())
    with pytest.raises(AssertionError):
        check_verdict(type(good)(known, good.path, good.doc), good.response())


TEXT = st.text(max_size=30) | st.sampled_from(
    [
        "<a>&</a>",
        "]]>",
        "{{ token }}",
        "{% for x in y %}",
        "a\r\nX-Evil: 1",
        "\x00",
        "é" * 300,
        "%s%n",
        "&#0;",
        "' OR 1",
    ]
)
FIELDS = sorted({name for e in ALL for name in e.known.sheet.fields} | {"Matches", "Excludes", "DistributionCount"})
CHANGES: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"fields": st.dictionaries(st.sampled_from(FIELDS) | TEXT, TEXT | st.integers() | st.booleans(), max_size=4)},
    optional={
        "phone": st.sampled_from([None, "+15125550123", "+19075550199"]),
        "zip": st.sampled_from([None, "78701", "99501"]),
        "consent": st.sampled_from([None, True, False]),
        **{name: st.none() | TEXT for name in ("state", "first_name", "last_name", "email", "address", "city", "ip")},
    },
)
"""What is otherwise with an exemplar's caller."""


def check_request(exemplar: Exemplar, request: BuyerRequest | Decline) -> None:
    """What an adapter builds can be sent as it is, and goes where it should."""
    if isinstance(request, Decline):
        assert request.reason.family is Family.NOT_CALLED
        assert len(request.detail or "") <= SHORT
        return
    account = ACCOUNTS[exemplar.path]
    allowed = (account.url, *account.other_urls.values())
    assert request.url.startswith(tuple(url.rstrip("/") for url in allowed if url))
    assert request.method in ("GET", "POST")
    for name, value in request.headers.items():
        assert not {"\r", "\n", "\0"} & set(name + value)
    assert _address(request).host
    if request.kept is not None:
        request.kept.encode("utf-8")
        known = [secret.get_secret_value() for secret in account.credentials.values()]
        assert not any(secret in request.kept for secret in known), "nothing secret is kept for the post"
    doc = shown(request)
    if "xml" in doc:
        ElementTree.fromstring(request.body or b"")  # noqa: S314 - ours, and it must be well formed


@settings(max_examples=800, deadline=None)
@given(exemplar=st.sampled_from(ALL), changes=CHANGES, transfer_type=st.sampled_from([1, 2]))
def test_any_caller_gives_a_request_or_a_reason(
    exemplar: Exemplar, changes: dict[str, Any], transfer_type: int
) -> None:
    given = exemplar.ask().caller.model_dump()
    try:
        caller = Caller(**{**given, **changes, "fields": {**given["fields"], **changes["fields"]}})
    except ValidationError:
        return  # such a caller is refused before any adapter sees it
    ask = Ask(sid="CA1", transfer_type=transfer_type, caller=caller)
    account, adapter = ACCOUNTS[exemplar.path], exemplar.known
    if exemplar.step == "ping":
        request = adapter.adapter.build_request(ask, account, ALLOWED_MS)
    else:
        request = adapter.two_step.build_accept(ask, account, exemplar.quote(), ALLOWED_MS)
    check_request(exemplar, request)


POSTS = [e for e in ALL if e.step == "post"]


BIDS = [e for e in REPLIED if e.exemplary and e.step == "ping" and len(_steps(e)) == 2]


@settings(max_examples=500, deadline=None)
@given(exemplar=st.sampled_from(BIDS), seed=st.integers(0, 2**32))
def test_a_post_of_any_bid_that_was_read_gives_a_request_or_a_reason(exemplar: Exemplar, seed: int) -> None:
    account, rng = ACCOUNTS[exemplar.path], random.Random(seed)
    pinged = exemplar.build(account)
    body = mutated(exemplar.response().body, rng) if rng.random() < 0.9 else exemplar.response().body
    bid = exemplar.parse(account, BuyerResponse(200, body))
    if isinstance(bid, Quote) and isinstance(pinged, BuyerRequest):
        bid = replace(bid, kept=pinged.kept)
        post = exemplar.known.two_step.build_accept(exemplar.ask(), account, bid, ALLOWED_MS)
        check_request(exemplar, post)


@settings(max_examples=300, deadline=None)
@given(
    exemplar=st.sampled_from(POSTS), body=st.binary(max_size=300) | DOCUMENTS, status=st.sampled_from([200, 400, 500])
)
def test_a_posts_reply_is_read_whatever_its_bid_was(exemplar: Exemplar, body: Any, status: int) -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    for quote in (None, Quote(None, Decimal(0)), exemplar.quote()):
        verdict = exemplar.known.two_step.parse_accept(
            exemplar.ask(), ACCOUNTS[exemplar.path], quote, BuyerResponse(status, raw)
        )
        assert isinstance(verdict, Quote | Decline)
