"""A buyer's rate limits, held by two instances that share one engine."""

import asyncio
import random
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from callrouter.auction import limits as limits_module
from callrouter.auction.limits import Admission, Limits, health_scope, limit_scope
from callrouter.buyers.base import Account
from callrouter.buyers.base.sheet import Sheet
from callrouter.domain.clock import SystemClock
from callrouter.engine.client import Engine
from tests.buyers.exemplars import CATALOGUE
from tests.support.engine import fresh_keys, open_engine

SHEET = CATALOGUE.get("contactability").sheet
ACCOUNT = Account("contactability", "calls_ping", "https://x.test/ping", "get", {"token": SecretStr("T")})


class SetClock(SystemClock):
    """The system's clock, but the engine is told the time that the test says."""

    ms = 1_795_200_000_000

    def engine_ms(self) -> int:
        return self.ms


def most_in_any(window_ms: int, times: list[int]) -> int:
    """The largest number of times in any half-open window of this length."""
    return max(sum(1 for other in times if at <= other < at + window_ms) for at in times)


async def test_a_burst_of_sixty_from_two_instances_admits_five_a_second(engine_socket: Path) -> None:
    clock, keys = SetClock(), fresh_keys()
    engines = [open_engine(engine_socket, clock, keys) for _ in range(2)]
    instances = [Limits(engine) for engine in engines]
    admitted: list[int] = []
    rng = random.Random(7)

    async def call(instance: Limits) -> None:
        if await instance.admit("contactability", SHEET, ACCOUNT) is Admission.ADMITTED:
            admitted.append(clock.ms)

    for _ in range(40):
        await asyncio.gather(*(call(instances[n % 2]) for n in range(60)))
        clock.ms += rng.randrange(50, 700)
    assert len(admitted) > 20
    assert most_in_any(1_000, admitted) == 5
    assert most_in_any(1_200, admitted) == 5, "the margin keeps it so on the buyer's side of the network"
    for engine in engines:
        await engine.close()


@pytest.mark.parametrize("seed", range(3))
async def test_several_windows_at_once_admit_exactly_what_each_allows(engine_socket: Path, seed: int) -> None:
    clock, rng = SetClock(), random.Random(seed)
    engine = open_engine(engine_socket, clock)
    limits, windows = Limits(engine), ((5, 1), (20, 10), (60, 60))
    rules = tuple(SHEET.limits[0].model_copy(update={"calls": c, "per_s": s}) for c, s in windows)
    sheet = SHEET.model_copy(update={"limits": rules})
    times: list[int] = []
    for _ in range(600):
        free = all(sum(1 for at in times if clock.ms - at < per_s * 1000 + 200) < calls for calls, per_s in windows)
        said = await limits.admit("x", sheet, ACCOUNT)
        assert (said is Admission.ADMITTED) == free
        if free:
            times.append(clock.ms)
        clock.ms += rng.choice([0, 1, 40, 150, 400, 1_100])
    assert [most_in_any(per_s * 1000, times) for _, per_s in windows] == [5, 20, 60]
    await engine.close()


async def test_a_full_hour_is_refused_and_opens_again(engine_socket: Path) -> None:
    clock = SetClock()
    engine = open_engine(engine_socket, clock)
    limits, sheet = Limits(engine), _sheet(calls=3, per_s=3600)
    said = [await limits.admit("x", sheet, ACCOUNT) for _ in range(4)]
    assert said == [Admission.ADMITTED] * 3 + [Admission.LIMITED]
    clock.ms += 3_600_000
    assert await limits.admit("x", sheet, ACCOUNT) is Admission.LIMITED, "the margin is not over"
    clock.ms += 200
    assert await limits.admit("x", sheet, ACCOUNT) is Admission.ADMITTED
    await engine.close()


async def test_a_refused_ask_uses_nothing_up(engine: Engine) -> None:
    limits, sheet = Limits(engine), _sheet(calls=1, per_s=60)
    for _ in range(5):
        await limits.admit("x", sheet, ACCOUNT)
    assert await engine.raw("llen", lambda r: r.llen(engine.keys.limit(limit_scope("x", ACCOUNT)))) == 1


async def test_keys_live_no_longer_than_keys_py_says(engine: Engine) -> None:
    limits = Limits(engine)
    await limits.admit("x", _sheet(calls=1, per_s=60), ACCOUNT)
    limits.note("x", SHEET, ACCOUNT, None, 0.1)
    await limits.drain()
    for key in (engine.keys.limit(limit_scope("x", ACCOUNT)), engine.keys.health(health_scope("x", ACCOUNT))):
        ttl = await engine.raw("ttl", lambda r, key=key: r.ttl(key))  # type: ignore[misc]
        assert 0 < ttl <= 86_400


async def test_plans_that_share_credentials_share_limits_and_others_do_not(engine: Engine) -> None:
    limits, sheet = Limits(engine), _sheet(calls=1, per_s=60)
    other_plan = replace(ACCOUNT, buyer="another-name", url="https://y.test/")
    other_token = replace(ACCOUNT, credentials={"token": SecretStr("U")})
    assert await limits.admit("x", sheet, ACCOUNT) is Admission.ADMITTED
    assert await limits.admit("x", sheet, other_plan) is Admission.LIMITED
    assert await limits.admit("x", sheet, other_token) is Admission.ADMITTED


async def test_without_the_engine_buyers_are_asked_and_it_is_counted(tmp_path: Path) -> None:
    engine = Engine.at_socket(str(tmp_path / "none.sock"), SystemClock())
    errors: list[str] = []
    engine.on_error = errors.append
    limits = Limits(engine)
    assert await limits.admit("x", SHEET, ACCOUNT) is Admission.ADMITTED
    limits.note("x", SHEET, ACCOUNT, None, 0.1)
    await limits.drain()
    assert limits.failed_open == 1
    assert errors == ["admit", "health"]
    await engine.close()


@pytest.mark.real_time
async def test_an_engine_that_hangs_costs_half_a_second_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits_module, "ADMIT_TIMEOUT_S", 0.05)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    path = str(tmp_path / "hung.sock")
    async with await asyncio.start_unix_server(silent, path):
        engine = Engine.at_socket(path, SystemClock())
        limits = Limits(engine)
        started = asyncio.get_running_loop().time()
        assert await limits.admit("x", SHEET, ACCOUNT) is Admission.ADMITTED
        assert asyncio.get_running_loop().time() - started < 0.5
        assert limits.failed_open == 1
        await engine.close()


def _sheet(calls: int, per_s: float) -> Sheet:
    limit = SHEET.limits[0].model_copy(update={"calls": calls, "per_s": per_s})
    return SHEET.model_copy(update={"limits": (limit,)})


async def test_a_post_to_an_unhealthy_buyer_goes_out_and_is_counted(engine_socket: Path) -> None:
    """Its bid was just made; and the partner counts the post, whatever we think of its health."""
    clock, keys = SetClock(), fresh_keys()
    engine = open_engine(engine_socket, clock, keys)
    limits = Limits(engine)
    await engine.raw("hset", lambda r: r.hset(keys.health(health_scope("contactability", ACCOUNT)), "out", "1"))
    posts = [await limits.admit_post("contactability", SHEET, ACCOUNT, "auto") for _ in range(7)]
    assert posts == [Admission.ADMITTED] * 5 + [Admission.LIMITED] * 2
    await engine.close()
