"""``callrouter explain``: who would be asked for a caller and who not, and what would follow, changing nothing."""

import asyncio
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio as redis

from callrouter.auction.limits import health_scope, limit_scope
from callrouter.auction.policy import decide
from callrouter.auction.recorded import known_at
from callrouter.auction.seats import bucket, digest
from callrouter.auction.switches import Switches
from callrouter.cli import main
from callrouter.commands.believing import beliefs_now
from callrouter.domain.caller import Caller
from callrouter.domain.clock import SystemClock, rfc3339
from callrouter.domain.decision import Choice, Decision
from callrouter.engine.client import Engine
from callrouter.plans import load_plans
from tests.buyers.exemplars import CATALOGUE
from tests.commands.command import environment, write_plan
from tests.commands.taught import Deployment, deployed, lessons
from tests.support.world import LEADS, PLAN

PHONE = "+15125550123"
AUSTIN = "78701"
CAP = {"of": "attempts", "per": "day", "most": 2}


def another(**changes: object) -> dict[str, Any]:
    """One more buyer of the tests' plan."""
    return {**LEADS["contactability"], **changes}


def plan_of(folder: Path, policy: str = "expected_value", **more: Mapping[str, object]) -> dict[str, str]:
    """The tests' plan with further buyers; the environment that knows it."""
    # Through JSON, for YAML would write what is there twice as a reference.
    buyers = {name: json.loads(json.dumps(entry)) for name, entry in {**LEADS, **more}.items()}
    write_plan(
        folder,
        buyers=buyers,
        auction={**PLAN["auction"], "policy": policy},
        unsold={**PLAN["unsold"], "sell_lead": ["callconnectleads"]},
    )
    leads = {"CALLCONNECTLEADS_URL": "https://callconnectleads.example/", "CALLCONNECTLEADS_KEY": "the-key-of-ccl"}
    return environment(folder) | leads


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Its engine has seen sixty calls."""
    with deployed(tmp_path_factory.mktemp("explained"), lessons()) as made:
        yield made


class Asking:
    """Asks the command in this process."""

    def __init__(self, environ: Mapping[str, str], capsys: pytest.CaptureFixture[str]) -> None:
        self._environ, self._capsys = environ, capsys

    def text(self, *arguments: str, zip_code: str = AUSTIN) -> str:
        assert main(["explain", "--zip", zip_code, *arguments], self._environ) == 0
        out = self._capsys.readouterr().out
        assert max(map(len, out.splitlines())) <= 100
        return out

    def json(self, *arguments: str, zip_code: str = AUSTIN) -> dict[str, Any]:
        assert main(["explain", "--zip", zip_code, "--json", *arguments], self._environ) == 0
        found: dict[str, Any] = json.loads(self._capsys.readouterr().out)
        return found

    def why_not(self, buyer: str, *arguments: str) -> list[str]:
        """The reasons against a buyer; none when it is asked."""
        found = self.json(*arguments)
        assert buyer in {each["buyer"] for each in (*found["asked"], *found["not_asked"])}
        return [why["reason"] for each in found["not_asked"] if each["buyer"] == buyer for why in each["why"]]


def in_engine(deployment: Deployment, work: Any) -> Any:
    """Do something with its engine."""

    async def done() -> Any:
        engine = deployment.engine()
        try:
            return await work(engine)
        finally:
            await engine.close()

    return asyncio.run(done())


def test_who_would_be_asked_is_valued_and_everybody_else_is_named_with_every_reason(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = plan_of(
        deployment.folder,
        acme=another(guards={"hours": {}, "states": ["CA"]}),
        newco=another(),
        offco=another(enabled=False),
    )
    asking = Asking(environ, capsys)
    found = asking.json()
    assert [each["buyer"] for each in found["asked"]] == ["contactability", "letsmakealead", "newco"]
    worth = [each["worth"] for each in found["asked"]]
    assert worth == sorted(worth, reverse=True)
    first = found["asked"][0]
    assert first["worth"] == pytest.approx(60 * first["answers"] * first["talks"] * first["stays"], rel=1e-3)
    assert [each["newcomer"] for each in found["asked"]] == [False, False, True]
    assert asking.why_not("callconnectleads") == ["not_called_ineligible"]
    assert asking.why_not("offco") == ["not_called_disabled"]
    assert asking.why_not("acme") == ["not_called_hours", "not_called_state"]
    text = asking.text()
    assert "is closed at this hour (no hours in the plan, America/New_York)" in text
    assert "newco: nobody knows it yet; it is valued as a newcomer" in text


def test_the_usual_call_is_the_policys_own_and_says_how_long_it_would_wait(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    asking = Asking(plan_of(deployment.folder), capsys)
    found = asking.json()
    decisions = [Decision.model_validate(each) for each in found["decisions"]]
    beliefs = in_engine(deployment, beliefs_now)
    again = [decide(known, beliefs, d.at) for known, d in zip(known_at(decisions, "explain"), decisions, strict=True)]
    assert [verdict.choice for verdict in again] == [decision.choice for decision in decisions]
    dialled = [decision.buyer for decision in decisions if decision.choice is Choice.DIAL]
    assert dialled == ["contactability", "letsmakealead"], "the slow buyer is worth its wait"
    held = next(step for step in found["course"] if step["headline"].startswith("Held the caller for a better offer"))
    assert 0.3 < held["after_s"] < 0.7
    assert held["why"][-1].startswith("If nobody else answered, letsmakealead would be dialled at about ")
    assert f"{held['after_s']:5.1f} s  Held the caller for a better offer" in asking.text()


def test_each_policy_orders_and_explains_by_its_own_rule(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    by_priority = {
        "letsmakealead": {**LEADS["letsmakealead"], "priority": 1},
        "contactability": another(priority=2),
    }
    asking = Asking(plan_of(deployment.folder, "priority", **by_priority), capsys)
    found = asking.json()
    assert [each["buyer"] for each in found["asked"]] == ["letsmakealead", "contactability"]
    assert found["decisions"][1]["because"] == "served_first"
    assert "By the plan's priorities" in asking.text()
    assert "By what they usually pay" in Asking(plan_of(deployment.folder, "highest_payout"), capsys).text()


def test_a_switch_and_a_limit_count_now_and_at_another_time_only_the_switch_is_mentioned(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    asking = Asking(plan_of(deployment.folder, bolt=another(guards={"spacing_s": 60, "concurrency": 1})), capsys)

    async def busy(engine: Engine) -> None:
        await Switches(engine, SystemClock()).off("auto", "bolt", "olga", "bad numbers")
        await engine.set(engine.keys.last_ask("auto", "bolt"), str(int(time.time() * 1000)), 60)
        seat = engine.keys.seats("auto", "bolt", "talking")
        await engine.raw("zadd", lambda client: client.zadd(seat, {"CA1": (time.time() + 60) * 1000}))

    async def quiet(engine: Engine) -> None:
        await Switches(engine, SystemClock()).on("auto", "bolt", "olga")
        await engine.delete(engine.keys.seats("auto", "bolt", "talking"))
        await engine.delete(engine.keys.last_ask("auto", "bolt"))

    in_engine(deployment, busy)
    try:
        assert asking.why_not("bolt") == [
            "not_called_switched_off", "not_called_concurrency", "not_called_spacing"
        ]  # fmt: skip
        assert "bad numbers" in asking.text()
        tomorrow = ("--at", rfc3339(time.time() + 86_400) or "")
        assert asking.why_not("bolt", *tomorrow) == []
        (unless,) = next(e["unless"] for e in asking.json(*tomorrow)["asked"] if e["buyer"] == "bolt")
        assert unless["reason"] == "not_called_switched_off"
        assert "it is asked only if that is over by then" in " ".join(asking.text(*tomorrow).split())
    finally:
        in_engine(deployment, quiet)
    assert asking.why_not("bolt") == []


def test_a_rate_window_and_failing_health_speak_against_a_buyer_now(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = plan_of(deployment.folder)
    plans = load_plans(deployment.folder / "dialplans", environ, CATALOGUE.check_entry, CATALOGUE.buys)
    account = CATALOGUE.account("contactability", plans.by_name["auto"].buyers["contactability"])
    asking = Asking(environ, capsys)

    async def troubled(engine: Engine) -> None:
        limit = engine.keys.limit(limit_scope("contactability", account))
        health = engine.keys.health(health_scope("contactability", account))
        asked_ms = int((time.time() + 30) * 1000)  # so that none of them leaves its window while the test looks
        await engine.raw("lpush", lambda client: client.lpush(limit, *([asked_ms] * 5)))
        failing: dict[Any, Any] = {"out": "1", "bad": "0.9", "n": "20", "probe_at": str(asked_ms)}
        await engine.raw("hset", lambda client: client.hset(health, mapping=failing))

    async def well(engine: Engine) -> None:
        await engine.delete(engine.keys.limit(limit_scope("contactability", account)))
        await engine.delete(engine.keys.health(health_scope("contactability", account)))

    in_engine(deployment, troubled)
    try:
        assert asking.why_not("contactability") == ["not_called_unhealthy", "not_called_rate_limited"]
        text = " ".join(asking.text().split())
        assert "5 requests in 1 s" in text
        assert "one request in 10 still goes to it" in text
    finally:
        in_engine(deployment, well)
    assert asking.why_not("contactability") == []


async def keys(engine: Engine, match: str) -> list[str]:
    """Every key of this deployment that looks so."""

    async def scan(client: redis.Redis) -> list[str]:
        return [name async for name in client.scan_iter(match=f"{engine.keys.prefix}:{match}")]

    return sorted(await engine.raw("scan", scan))


def test_a_full_cap_holds_until_its_day_is_over(deployment: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    asking = Asking(plan_of(deployment.folder, capped=another(guards={"time_zone": "UTC", "caps": [CAP]})), capsys)
    now = time.time()

    async def used(engine: Engine) -> None:
        key = engine.keys.used("auto", "capped", "day", bucket("day", "UTC", now))
        await engine.raw("hset", lambda client: client.hset(key, "attempts", 2))

    in_engine(deployment, used)
    assert asking.why_not("capped") == ["not_called_cap_attempts"]
    assert "2 dials a day; begins anew" in asking.text()
    midnight = (now // 86_400 + 1) * 86_400
    assert asking.why_not("capped", "--at", rfc3339(midnight - 0.5) or "") == ["not_called_cap_attempts"]
    assert asking.why_not("capped", "--at", rfc3339(midnight + 0.5) or "") == []
    assert asking.why_not("capped", "--at", rfc3339(now - 86_400) or "") == []


def test_who_had_a_buyer_lately_is_known_by_the_number_and_until_when(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    asking = Asking(plan_of(deployment.folder, once=another(guards={"duplicates": {"within_s": 3600}})), capsys)

    async def had(engine: Engine) -> None:
        key = engine.keys.had("auto", "once", "connected", digest(PHONE))
        await engine.raw("zadd", lambda client: client.zadd(key, {"CA1": (time.time() - 600) * 1000}))

    in_engine(deployment, had)
    assert asking.why_not("once", "--phone", PHONE) == ["not_called_duplicate"]
    assert asking.why_not("once", "--phone", PHONE, "--at", rfc3339(time.time() + 2_900) or "") == [
        "not_called_duplicate"
    ]
    assert asking.why_not("once", "--phone", PHONE, "--at", rfc3339(time.time() + 3_100) or "") == []
    assert asking.why_not("once", "--phone", "+15125550124") == []
    assert asking.why_not("once") == []
    assert "Without --phone: whether once had this caller lately." in asking.text()
    assert PHONE[2:] not in asking.text("--phone", PHONE)


def test_what_was_told_of_the_person_counts_and_is_named_without_being_shown(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    asking = Asking(plan_of(deployment.folder), capsys)
    told = Caller(phone=PHONE, zip="90001", first_name="Zebediah", consent=True)
    in_engine(deployment, lambda engine: engine.set(engine.keys.caller(PHONE), told.model_dump_json(), 60))
    text = asking.text("--phone", PHONE)
    assert "Was told of them beforehand, and counts: consent, first name" in text
    assert "Zebediah" not in text
    assert f"from {AUSTIN} (TX)" in text, "the command's zip, as the caller would enter it"


def test_another_time_says_what_cannot_be_known(deployment: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    nine_to_five = {day: ["09:00-17:00"] for day in ("mon", "tue", "wed", "thu", "fri")}
    asking = Asking(plan_of(deployment.folder, office=another(guards={"hours": nine_to_five})), capsys)
    assert asking.why_not("office", "--at", "2026-11-23T14:30:00Z") == []
    assert asking.why_not("office", "--at", "2026-11-22T14:30:00Z") == ["not_called_hours"]
    assert "At another time than now: who will be switched off or failing then" in asking.text("--at", "2026-11-23")
    assert "At another time" not in asking.text()


def test_nothing_in_the_engine_is_changed(deployment: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    async def all_of_it(engine: Engine) -> dict[str, Any]:
        async def dumps(client: redis.Redis) -> dict[str, Any]:
            return {name: await client.object("encoding", name) for name in await keys(engine, "*")}

        found: dict[str, Any] = await engine.raw("dump", dumps)
        return found

    asking = Asking(plan_of(deployment.folder, bolt=another(guards={"spacing_s": 60, "concurrency": 1})), capsys)
    before = in_engine(deployment, all_of_it)
    asking.text("--phone", PHONE)
    assert in_engine(deployment, all_of_it) == before


def test_before_the_first_service_everybody_is_a_newcomer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asking = Asking(plan_of(tmp_path), capsys)
    found = asking.json()
    assert [each["newcomer"] for each in found["asked"]] == [True, True]
    assert found["beliefs"] == {"version": 0, "learned_at": None}
    assert "No service has run here yet" in asking.text()
    assert not (tmp_path / "data" / "engine").exists()


def test_when_nobody_would_be_asked_that_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_plan(tmp_path, buyers={"offco": another(enabled=False)})
    asking = Asking(environment(tmp_path), capsys)
    assert "Nobody: the call would end unsold at once." in asking.text()
    assert asking.json()["course"] == []


def test_every_mistake_of_the_command_line_is_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    environ = plan_of(tmp_path)
    assert main(["explain", "--zip", "00000", "--at", "soon", "--phone", "12"], environ) == 2
    told = capsys.readouterr().err
    assert [option in told for option in ("--zip", "--at", "--phone")] == [True] * 3
    assert main(["explain", "--zip", AUSTIN, "--plan", "none"], environ) == 1
    assert "no plan none; there is auto" in capsys.readouterr().err
