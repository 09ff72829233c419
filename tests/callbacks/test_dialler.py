"""The dialler's wire format, by its document's own replies."""

import json

import pytest

from callrouter.callbacks.dialler import build_add, build_cancel, parse_add, parse_cancel
from callrouter.callbacks.outcome import DeliveryOutcome as D
from tests.callbacks.people import PERSON, account


def test_stand_ins_fill_what_is_not_known() -> None:
    request = build_add(PERSON, account(subtype="valeter"), 600)
    body = dict(request.body)
    assert request.path == "/lead/add"
    assert json.loads(body.pop("data")) == {
        "zip": "78701",
        "state": "TX",
        "plan": "auto",
        "call": "CA1",
        "why": "unsold",
    }
    assert body == {
        "email": "callback@example.com",
        "first_name": "Caller",
        "surname": "Unknown",
        "mobile": "5125550142",
        "type": "motor-trade",
        "subtype": "valeter",
        "delays": 600,
    }


def test_what_we_know_of_the_person_replaces_the_stand_ins() -> None:
    known = {**PERSON, "first_name": "Ann", "last_name": "Lee", "email": "ann@example.org"}
    body = build_add(known, account(), 0, test=True).body
    assert (body["first_name"], body["surname"], body["email"]) == ("Ann", "Lee", "ann@example.org")
    assert body["test"] == "true"
    assert "subtype" not in body


def test_a_cancel_names_type_and_number() -> None:
    request = build_cancel(PERSON, account())
    assert request.path == "/lead/cancel"
    assert request.body == {"type": "motor-trade", "mobile": "5125550142"}


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, '{"saved":true,"processed":true}', D.DELIVERED),
        (200, '{"test":"ok"}', D.TEST_OK),
        (200, '{"saved":true,"processed":false,"error":"Existing Contact"}', D.EXISTING),
        (
            200,
            '{"saved":true,"processed":false,"error":"Another call is already scheduled"}',
            D.ALREADY_SCHEDULED,
        ),
        (200, '{"saved":true,"processed":false,"error":"Unknown Type"}', D.PERMANENT),
        (200, '{"saved":true,"processed":false,"error":"Something new"}', D.TRANSIENT),
        (200, '{"saved":false,"processed":false,"error":"Existing Contact"}', D.TRANSIENT),
        (200, '{"saved":true,"processed":true,"error":"Something new"}', D.TRANSIENT),
        (200, '{"saved":true}', D.TRANSIENT),
        (200, "", D.TRANSIENT),
        (200, "<html>It works!</html>", D.TRANSIENT),
        (200, "[]", D.TRANSIENT),
        (200, "[" * 100_000, D.TRANSIENT),
        (400, '{"email":{"0":"Email cannot be blank."}}', D.PERMANENT),
        (400, "no", D.TRANSIENT),
        (401, "", D.TRANSIENT),
        (302, "", D.TRANSIENT),
        (429, "", D.TRANSIENT),
        (500, '{"saved":true,"processed":true}', D.TRANSIENT),
        (503, "busy", D.TRANSIENT),
    ],
)
def test_replies_to_add(status: int, body: str, outcome: D) -> None:
    assert parse_add(status, body, {}).outcome is outcome


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, '{"cancelled":true}', D.CANCELLED),
        (200, '{"cancelled":false,"warning":"not found"}', D.NOTHING_TO_CANCEL),
        (200, '{"cancelled":false,"warning":"already processed"}', D.NOTHING_TO_CANCEL),
        (200, '{"cancelled":false,"warning":"server error (save)"}', D.TRANSIENT),
        (200, '{"cancelled":false,"warning":"server error (call group)"}', D.TRANSIENT),
        (200, '{"cancelled": false,"warning": server error (call group)}', D.TRANSIENT),
        (200, '{"cancelled":false,"error":"Unknown Type"}', D.PERMANENT),
        (400, '{"mobile":{"0":"invalid"}}', D.PERMANENT),
        (500, "", D.TRANSIENT),
    ],
)
def test_replies_to_cancel(status: int, body: str, outcome: D) -> None:
    assert parse_cancel(status, body, {}).outcome is outcome


def test_field_errors_are_kept_and_the_persons_data_is_not() -> None:
    known = {**PERSON, "first_name": "Ann", "last_name": "Lee", "email": "ann@example.org"}
    sent = build_add(known, account(), 0).body
    text = '{"email":{"0":"ann@example.org is taken by Ann LEE"},"mobile":{"0":"+1 (512) 555-0142 is wrong"}}'
    detail = parse_add(400, text, sent).detail
    assert detail == "email: … is taken by … …; mobile: … is wrong"
    detail = parse_add(500, f"oops {json.dumps(dict(sent))}" + "x" * 5000, sent).detail
    assert not any(secret in detail for secret in ("ann@example.org", "Ann", "Lee", "5125550142"))
    assert detail.startswith("HTTP 500: oops")
    assert len(detail) < 300
