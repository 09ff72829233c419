"""The demo from outside."""

import asyncio
import itertools
import re
import signal
import subprocess
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import phonenumbers
import pytest

from callrouter.commands.demo import own_command
from callrouter.simulator.carrier import DialRecord
from callrouter.simulator.demo.checks import offer_age_s
from callrouter.simulator.demo.crashes import moments
from callrouter.simulator.demo.handovers import HandoverStory, handovers
from callrouter.simulator.demo.money import earned
from callrouter.simulator.demo.policy_seen import policy_seen
from callrouter.simulator.demo.summary import pings, quantile, story_name
from callrouter.simulator.demo.world import NUMBER, with_holds
from callrouter.simulator.partners import PartnerOffer
from callrouter.simulator.scenarios import Part, Story, scenarios
from tests.commands.command import callrouter, started
from tests.support.waiting import wait_until


@pytest.mark.real_time
def test_the_demo_tells_every_story_and_all_totals_agree(tmp_path: Path) -> None:
    done = callrouter("demo", "--calls", "8", "--rate", "4", environ={"TMPDIR": str(tmp_path)})
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "MISMATCH" not in done.stdout
    assert done.stdout.endswith("All totals agree.\n")
    for story in (*Story, *HandoverStory):
        assert f"({story_name(story)})" in done.stdout
    assert "transfers      5 by agents: 4 bridged (1 of them by dial-in), 1 kept" in done.stdout
    for told in (
        "to bridge      p50",
        "policy         first dial ",
        "letsmakealead    ",
        "timeline (seconds since arrival)",
    ):
        assert told in done.stdout
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("callrouter-demo")]


@pytest.mark.real_time
def test_after_kills_of_the_service_and_its_engine_the_money_is_still_the_same_everywhere(tmp_path: Path) -> None:
    arguments = ("--calls", "12", "--rate", "2", "--crashes", "2")
    done = callrouter("demo", *arguments, environ={"TMPDIR": str(tmp_path)})
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert re.findall(r"kill -9 of (.*)\n", done.stdout) == ["the service (1)", "the service and of its engine (2)"]
    assert "  ok        expected payout: metrics, ledger, report and the console say the same" in done.stdout
    assert "  not asked after crashes, " in done.stdout
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("callrouter-demo")]


def test_kills_are_spread_over_the_time_in_which_people_call() -> None:
    for seed, crashes in itertools.product(range(20), (1, 2, 5)):
        at_s = moments(seed, crashes, 20.0)
        assert at_s == sorted(at_s) == moments(seed, crashes, 20.0)
        assert [int(at / (20.0 / crashes)) for at in at_s] == list(range(crashes))


def test_a_talk_earns_what_was_offered_last_before_its_dial_when_it_was_long_enough() -> None:
    dial = DialRecord("+12145550100", "+15125550123", 20, 100.0, "CA1", answered_at=103.0, ended_at=106.0, bridged=True)
    offers = {dial.number: [_offer(90.0, "10.01"), _offer(99.0, "20.02"), _offer(101.0, "40.04")]}
    assert earned([dial, dial], offers, {dial.number: 3}) == Decimal("40.04")
    assert earned([dial], offers, {dial.number: 4}) == 0, "too short"
    assert earned([replace(dial, ended_at=None)], offers, {dial.number: 3}) == 0, "not over"
    assert earned([replace(dial, bridged=False)], offers, {dial.number: 3}) == 0, "with nobody"


@pytest.mark.real_time
@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
async def test_an_interrupted_demo_leaves_nothing_behind(sig: signal.Signals, tmp_path: Path) -> None:
    folder, output = tmp_path / "tmp", tmp_path / "output"
    folder.mkdir()
    demo = started("demo", "--rate", "20", environ={"TMPDIR": str(folder)}, output=output)
    try:
        await wait_until(lambda: "arrived" in output.read_text(), timeout_s=30)
        (data,) = folder.glob("callrouter-demo-*")
        demo.send_signal(sig)
        assert demo.wait(timeout=30) == 130
    finally:
        demo.kill()
    assert output.read_text().endswith("interrupted; everything is stopped\n")
    assert "Traceback" not in output.read_text()
    assert not data.exists()
    assert not _processes_that_name(str(data))


def test_what_the_policy_did_is_told_of_those_for_whom_somebody_was_dialled() -> None:
    def record(decisions: list[tuple[str, str, float]], late: list[str], dialled: list[str]) -> dict[str, Any]:
        decided = [{"since": 100.0, "at": at, "choice": choice, "because": why} for choice, why, at in decisions]
        events = [{"event": "late_offer", "detail": buyer} for buyer in late]
        return {"decisions": decided, "events": events, "attempts": [{"buyer": buyer} for buyer in dialled]}

    waits = ("wait", "worth_waiting", 100.5)
    records = [
        record([waits, ("dial", "all_answered", 102.0), ("dial", "all_answered", 109.0)], ["b"], ["a", "b"]),
        record([("dial", "not_worth_waiting", 101.0)], ["b"], ["a"]),
        record([("give_up", "nothing_left", 110.0)], [], []),
    ]
    assert policy_seen(records) == (
        "first dial 1.50 s after asking on average; calls held for a better offer: 1; "
        "offers that came later: 2, of which dialled: 1"
    )
    assert policy_seen(records[2:]) == "nobody was dialled"


def test_the_age_of_an_offer_at_its_dial_counts_from_the_latest_offer_before_it() -> None:
    dial = DialRecord("+12145550100", "+15125550123", 20, started_at=100.0, leg_sid="CA1")
    assert offer_age_s(dial, [_offer(60.0), _offer(95.0), _offer(130.0)]) == 5.0
    assert offer_age_s(dial, [_offer(130.0)]) is None
    assert offer_age_s(dial, []) is None


def test_a_quantile_is_the_smallest_value_that_covers_its_share() -> None:
    assert quantile([5.0, 1.0, 3.0, 2.0], 0.5) == 2.0
    assert quantile([5.0, 1.0, 3.0, 2.0], 0.95) == 5.0
    assert quantile([5.0], 0.5) == 5.0


def test_only_callers_who_are_bridged_are_kept_waiting_by_the_demo() -> None:
    cast = scenarios(1, 60, number=NUMBER)
    changed = [(a, b) for a, b in zip(cast, with_holds(cast), strict=True) if a != b]
    assert changed
    assert all(before.story.bridges and after.lmal.latency_s == 3.0 for before, after in changed)


def test_every_way_to_hand_over_is_told_from_eight_callers_on_and_nobody_shares_a_number() -> None:
    assert handovers(1, 7) == []
    assert Counter(one.story for one in handovers(1, 8)) == Counter(HandoverStory)
    assert handovers(1, 44) == handovers(1, 44) != handovers(2, 44)
    parts: list[Part] = [*scenarios(1, 400, number=NUMBER), *handovers(1, 400)]
    numbers = [part.phone for part in parts] + [number for part in parts for number in part.phones]
    assert len(set(numbers)) == len(numbers)
    assert all(phonenumbers.is_valid_number(phonenumbers.parse(number)) for number in numbers)


async def _tries_the_console(told: str) -> None:
    """What the page says works: both tokens sign in, and an agent gets an offer for anybody."""
    (home,) = re.findall(r"console +(\S+)\n", told)
    tokens = re.findall(r"sign in as operations with (\S+)\n +or as an agent with (\S+)\n", told)[0]
    for token, first_page in zip(tokens, ("/console/live", "/console/transfer"), strict=True):
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session,
            session.post(f"{home}/sign-in", data={"token": token}) as page,
        ):
            assert (page.status, page.url.path) == (200, first_page)
    wanted = {
        "plan": "auto-insurance",
        "caller": {"phone": "+15125550190", "zip": "78701"},
        "agent": {"name": "Me", "phone": "+15035550199"},
    }
    headers = {"Authorization": f"Bearer {tokens[1]}"}
    api = home.removesuffix("/console")
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{api}/api/v1/transfers", json=wanted) as opened,
    ):
        assert ((await opened.json())["offer"] or {}).get("buyer") == "letsmakealead"


def _offer(at: float, payout: str = "20") -> PartnerOffer:
    return PartnerOffer(at=at, number="+12145550100", payout=Decimal(payout), params={})


def _processes_that_name(text: str) -> list[str]:
    """Processes whose command line or environment has this text (Linux)."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            told = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
        except OSError:
            continue
        if text.encode() in told:
            found.append(folder.name)
    return found


def test_every_ping_is_in_one_of_the_numbers() -> None:
    assert pings({"offer": 2, "refused": 1}) == "3 pings: 2 offers, 1 refusals"
    told = pings({"offer": 2, "refused": 1, None: 3, "limited": 1})
    assert told == "7 pings: 2 offers, 1 refusals, 3 unanswered: the caller had left, 1 failed or limited"


def test_the_demo_names_the_command_as_it_was_started() -> None:
    assert own_command(".venv/bin/callrouter", "python3") == ".venv/bin/callrouter"
    assert own_command("/x/callrouter/__main__.py", "python3") == "python3 -m callrouter"


@pytest.mark.real_time
async def test_a_demo_that_is_kept_tells_where_to_look(tmp_path: Path) -> None:
    folder, output = tmp_path / "tmp", tmp_path / "output"
    folder.mkdir()
    demo = started("demo", "--calls", "1", "--keep", environ={"TMPDIR": str(folder)}, output=output)
    try:
        await wait_until(lambda: "Ctrl-C ends it" in output.read_text(), timeout_s=60)
        (api,) = re.findall(r"curl -H 'Authorization: (\S+ \S+)' (\S+)", output.read_text())
        async with aiohttp.ClientSession() as session, session.get(api[1], headers={"Authorization": api[0]}) as got:
            assert len((await got.json())["calls"]) == 1
        await _tries_the_console(output.read_text())
        for command, told in (("learned", "What calls taught"), ("explain", "A caller of plan auto-insurance")):
            (shown,) = re.findall(rf"  {command} +(.+)\n", output.read_text())
            done = await asyncio.to_thread(subprocess.run, ["sh", "-c", shown], capture_output=True, text=True)
            assert (done.returncode, done.stdout.startswith(told)) == (0, True), done.stderr
        (log,) = re.findall(r"  log +(\S+)\n", output.read_text())
        assert await asyncio.to_thread(lambda: '"serving"' in Path(log).read_text())
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait(timeout=30)
