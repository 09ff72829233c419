"""What is told of a person before they call."""

from typing import Any

import pytest

from callrouter.api.callers import DEFAULT_TTL_S, known_caller
from callrouter.domain.caller import Caller
from callrouter.engine.client import Engine
from tests.api.service import Api

PATH = "/api/v1/callers/8185550123"
PHONE = "+18185550123"
WHOLE = {
    "zip": "90210",
    "state": "CA",
    "first_name": "Ann",
    "last_name": "Doe",
    "email": "ann@example.com",
    "address": "1 Long Street",
    "city": "Beverly Hills",
    "ip": "203.0.113.7",
    "consent": True,
    "fields": {"driver1": "x", "shared": 1, "tcpa": False},
}


@pytest.mark.parametrize("form", ["8185550123", "18185550123", "+18185550123", "%2B1-818-555-0123", "(818)%20555-0123"])
async def test_a_caller_is_told_under_any_form_of_the_number_and_known_to_the_flow(
    api: Api, engine: Engine, form: str
) -> None:
    status, body, _ = await api.ask("PUT", f"/api/v1/callers/{form}", json=WHOLE)
    assert status == 200
    assert body == {"phone": PHONE, **WHOLE, "ttl_s": DEFAULT_TTL_S}
    assert await known_caller(engine, PHONE) == Caller.model_validate({"phone": PHONE, **WHOLE})
    status, body, headers = await api.ask("GET", PATH)
    assert (status, body["zip"], body["fields"]) == (200, "90210", WHOLE["fields"])
    assert headers["Cache-Control"] == "no-store"


async def test_what_is_told_lives_as_long_as_was_asked(api: Api, engine: Engine) -> None:
    await api.ask("PUT", PATH, json={"zip": "90210", "ttl_s": 100})
    left = (await api.ask("GET", PATH))[1]["ttl_s"]
    assert 95 <= left <= 100
    await api.ask("PUT", PATH, json={})
    assert (await api.ask("GET", PATH))[1]["ttl_s"] > 604_000


async def test_telling_again_replaces_the_whole(api: Api) -> None:
    await api.ask("PUT", PATH, json=WHOLE)
    await api.ask("PUT", PATH, json={"zip": "10001"})
    body = (await api.ask("GET", PATH))[1]
    assert (body["zip"], body["first_name"], body["fields"]) == ("10001", None, {})


async def test_a_deleted_caller_is_unknown(api: Api, engine: Engine) -> None:
    await api.ask("PUT", PATH, json=WHOLE)
    assert (await api.ask("DELETE", PATH))[:2] == (204, None)
    assert (await api.ask("DELETE", PATH))[0] == 404
    assert (await api.ask("GET", PATH))[0] == 404
    assert await known_caller(engine, PHONE) is None


async def test_every_mistake_is_told_at_once_without_the_values(api: Api, engine: Engine) -> None:
    wrong = {
        "zip": "9021O",
        "frist_name": "Ann",
        "state": "california",
        "email": "nobody",
        "ip": "300.1.1.1",
        "consent": "yes",
        "city": 5,
        "ttl_s": 0,
        "fields": {"a b": "x", "ok": [1]},
    }
    status, body, _ = await api.ask("PUT", PATH, json=wrong)
    assert status == 422
    found = {error["key"]: error["remedy"] for error in body["errors"]}
    assert set(found) == {
        *("zip", "frist_name", "state", "email", "ip", "consent", "city", "ttl_s", "fields.a b", "fields.ok"),
    }
    assert found["zip"] == "write five digits"
    assert found["frist_name"] == "unknown; did you mean first_name?"
    assert "9021O" not in str(body)
    assert await known_caller(engine, PHONE) is None


@pytest.mark.parametrize("phone", ["123", "abc", "+442071838750", "0000000000", "8185550123x", "911"])
async def test_a_number_that_nobody_can_call_from_is_refused(api: Api, phone: str) -> None:
    status, body, _ = await api.ask("PUT", f"/api/v1/callers/{phone}", json={})
    assert status == 422
    assert [error["key"] for error in body["errors"]] == ["phone"]
    assert phone not in str(body)


@pytest.mark.parametrize("ttl", [-1, 0, 2_592_001, 1.5, "60", True])
async def test_a_time_to_live_is_whole_seconds_up_to_thirty_days(api: Api, ttl: Any) -> None:
    assert (await api.ask("PUT", PATH, json={"ttl_s": ttl}))[0] == 422


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b"null", b"\xff", b'{"fields": {"a": NaN}}', b"[" * 60_000, b'{"ttl_s": ' + b"9" * 9000 + b"}"],
)
async def test_a_body_that_is_no_json_object_is_refused(api: Api, raw: bytes) -> None:
    assert (await api.ask("PUT", PATH, data=raw))[0] == 400


async def test_half_a_character_is_refused_and_not_stored(api: Api) -> None:
    assert (await api.ask("PUT", PATH, data=b'{"first_name": "\\ud800"}'))[0] == 422


async def test_a_body_over_the_cap_is_refused(api: Api) -> None:
    assert (await api.ask("PUT", PATH, data=b" " * 65_537))[0] == 413
    assert (await api.ask("PUT", PATH, data=b"{}" + b" " * 65_534))[0] == 200


async def test_a_stored_caller_that_cannot_be_read_is_unknown(engine: Engine) -> None:
    await engine.set(engine.keys.caller(PHONE), "{", 60)
    assert await known_caller(engine, PHONE) is None


async def test_a_zip_or_a_state_that_does_not_exist_is_refused(api: Api) -> None:
    status, body, _ = await api.ask("PUT", "/api/v1/callers/8185550123", json={"zip": "00000", "state": "ZZ"})
    assert status == 422
    assert {error["key"]: error["remedy"] for error in body["errors"]} == {
        "zip": "there is no such zip code",
        "state": "there is no such state",
    }


@pytest.mark.parametrize("state", ["TX", "PR", "AE"])
async def test_states_territories_and_the_militarys_are_states(api: Api, state: str) -> None:
    assert (await api.ask("PUT", "/api/v1/callers/8185550123", json={"state": state}))[0] == 200
