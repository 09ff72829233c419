"""A POST that is sent again with its key is done once."""

import asyncio

import pytest
import redis.asyncio as redis

from callrouter.api.replies import LOCK_MS
from callrouter.engine.client import Engine
from callrouter.engine.keys import REPLY_TTL_S
from callrouter.transfers.desk import TransferRefused
from tests.api.service import TOKENS, Api, serving
from tests.api.test_transfers import PATH, WANTED, wanted

KEY = {"Idempotency-Key": "one thing"}


async def reply_keys(engine: Engine) -> dict[str, int]:
    """What is kept of requests, with the time that it has left (ms)."""

    async def found(client: redis.Redis) -> dict[str, int]:
        names = [name async for name in client.scan_iter(match=f"{engine.keys.reply('')}*")]
        return {name: await client.pttl(name) for name in names}

    return await engine.raw("scan", found)


async def test_a_repeat_gets_the_first_answer_and_nothing_is_done_again(api: Api, engine: Engine) -> None:
    first, body, headers = await api.ask("POST", PATH, json=WANTED, headers=KEY)
    assert "idempotent-replayed" not in headers
    again, same, replayed = await api.ask("POST", PATH, json=WANTED, headers=KEY)
    assert (first, again, same) == (201, 201, body)
    assert (replayed["idempotent-replayed"], replayed["Cache-Control"]) == ("true", "no-store")
    assert replayed["Content-Type"] == headers["Content-Type"]
    assert len(api.desk.asked) == 1
    ((name, left_ms),) = (await reply_keys(engine)).items()
    assert REPLY_TTL_S * 1000 - 60_000 < left_ms <= REPLY_TTL_S * 1000
    assert "one thing" not in name


async def test_a_key_belongs_to_one_token_and_one_request(api: Api) -> None:
    await api.ask("POST", PATH, json=WANTED, headers=KEY)
    status, body, _ = await api.ask("POST", PATH, json=wanted(plan="other"), headers=KEY)
    assert (status, body["errors"][0]["key"]) == (422, "Idempotency-Key")
    assert (await api.ask("POST", "/api/v1/callbacks/x/retry", headers=KEY))[0] == 422
    assert (await api.ask("POST", PATH, json=WANTED, headers=KEY, role="system"))[0] == 201
    assert (await api.ask("POST", PATH, json=WANTED, headers={"Idempotency-Key": "another"}))[0] == 201
    assert len(api.desk.asked) == 3


async def test_a_key_of_another_role_of_the_same_name_is_another_key(engine: Engine) -> None:
    async with serving(engine, [token.model_copy(update={"name": "ann"}) for token in TOKENS]) as api:
        await api.ask("POST", PATH, json=WANTED, headers=KEY, role="ops")
        status, _, headers = await api.ask("POST", PATH, json=WANTED, headers=KEY, role="agent")
    assert (status, "idempotent-replayed" in headers) == (201, False)
    assert [by.role for _, _, by in api.desk.asked] == ["ops", "agent"]


async def test_a_refusal_is_an_answer_too(api: Api) -> None:
    api.desk.refuses = TransferRefused("not now", "later")
    first = (await api.ask("POST", PATH, json=WANTED, headers=KEY))[:2]
    api.desk.refuses = None
    status, body, headers = await api.ask("POST", PATH, json=WANTED, headers=KEY)
    assert (status, body) == first
    assert (status, headers["Content-Type"]) == (409, "application/problem+json")
    assert api.desk.asked == []


@pytest.mark.usefixtures("logging_as_before")
async def test_our_own_failure_is_not_kept(api: Api, engine: Engine) -> None:
    api.desk.failure = ArithmeticError("broken")
    assert (await api.ask("POST", PATH, json=WANTED, headers=KEY))[0] == 500
    assert await reply_keys(engine) == {}
    api.desk.failure = None
    assert (await api.ask("POST", PATH, json=WANTED, headers=KEY))[0] == 201


async def test_a_repeat_while_the_first_is_under_way_is_told_to_wait(api: Api, engine: Engine) -> None:
    api.desk.gate = asyncio.Event()
    first = asyncio.create_task(api.ask("POST", PATH, json=WANTED, headers=KEY))
    await asyncio.wait_for(api.desk.entered.wait(), 5)
    status, body, headers = await api.ask("POST", PATH, json=WANTED, headers=KEY)
    assert (status, headers["Retry-After"]) == (409, "2")
    assert "under way" in body["detail"]
    # A first request that dies with its instance stands in the way for a minute, and not for ever.
    (left_ms,) = (await reply_keys(engine)).values()
    assert 0 < left_ms <= LOCK_MS == 60_000
    api.desk.gate.set()
    assert (await first)[0] == 201
    assert (await api.ask("POST", PATH, json=WANTED, headers=KEY))[2]["idempotent-replayed"] == "true"
    assert len(api.desk.asked) == 1


async def test_a_claim_that_lapsed_does_not_overwrite_the_one_that_followed(engine: Engine) -> None:
    key = engine.keys.reply("x")
    assert await engine.run("reply_claim", [key], ["first", LOCK_MS]) is None
    assert await engine.run("reply_claim", [key], ["first", LOCK_MS]) is None  # sent again by a broken connection
    assert await engine.run("reply_claim", [key], ["second", LOCK_MS]) == "first"
    await engine.delete(key)  # it lapsed
    assert await engine.run("reply_claim", [key], ["second", LOCK_MS]) is None
    assert await engine.run("reply_settle", [key], ["first", "", 1000]) == 0
    assert await engine.get(key) == "second"


@pytest.mark.parametrize("key", ["", "x" * 129, "\u00fc", "a\tb"])
async def test_a_key_is_up_to_128_printable_characters(api: Api, key: str) -> None:
    assert (await api.ask("POST", PATH, json=WANTED, headers={"Idempotency-Key": key}))[0] == 422
    assert api.desk.asked == []


async def test_without_a_token_or_on_other_methods_a_key_means_nothing(api: Api, engine: Engine) -> None:
    assert (await api.ask("POST", PATH, role=None, json=WANTED, headers=KEY))[0] == 401
    assert (await api.ask("GET", PATH, headers=KEY))[0] == 200
    assert (await api.ask("GET", PATH, headers=KEY))[0] == 200
    assert await reply_keys(engine) == {}


async def test_bodies_that_are_no_bodies_are_refused_with_a_key_too(api: Api) -> None:
    for data, status in ((b"{", 400), (b" " * 65_537, 413)):
        assert (await api.ask("POST", PATH, data=data, headers=KEY))[0] == status
