"""Broken configuration, told all at once; good configuration, shown without its secrets."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tests.commands.command import API_TOKEN, SECRETS, callrouter, environment, write_plan
from tests.support.world import BUYERS

LEADS = {
    "adapter": "callconnectleads",
    "mode": "full",
    "url": "https://leads.example/api.php",
    "credentials": {"Key": "env:LMAL_KEY"},
    "params": {"SRC": "test", "Landing_Page": "landing", "Score": 12},
}


@pytest.mark.parametrize("command", ["serve", "check"])
def test_every_mistake_of_settings_and_dialplans_is_listed_at_once(command: str, tmp_path: Path) -> None:
    write_plan(tmp_path, auction={"deadline_s": 99}, colour="red")
    environ = environment(tmp_path) | {"CALLROUTER_PUBLIC_URL": "calls.example.com", "CALLROUTER_DATA_DIRR": "x"}
    del environ["TWILIO_AUTH_TOKEN"]
    done = callrouter(command, environ=environ)
    assert done.returncode == 2
    for told in (
        "environment: CALLROUTER_PUBLIC_URL: ",
        "environment: TWILIO_AUTH_TOKEN: ",
        "environment: CALLROUTER_DATA_DIRR: there is no such setting; did you mean CALLROUTER_DATA_DIR?",
        "auto.yaml: auction.deadline_s: ",
        "auto.yaml: colour: ",
    ):
        assert told in done.stderr
    assert len(done.stderr.splitlines()) == 5
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "data").exists()


def test_a_secret_that_is_missing_from_the_environment_is_a_mistake_of_the_dialplan(tmp_path: Path) -> None:
    write_plan(tmp_path)
    environ = environment(tmp_path)
    del environ["LMAL_KEY"]
    done = callrouter("check", environ=environ)
    assert done.returncode == 2
    assert done.stderr.startswith("auto.yaml: buyers.letsmakealead.credentials.key: ")


def test_mistakes_are_told_as_json_too(tmp_path: Path) -> None:
    done = callrouter("check", "--json", environ=environment(tmp_path))
    assert done.returncode == 2
    (mistake,) = json.loads(done.stdout)["mistakes"]
    assert mistake["where"] == str(tmp_path / "dialplans")
    assert mistake["key"] == "folder"


@pytest.mark.parametrize("as_json", [False, True])
def test_check_shows_what_is_in_effect_and_no_secret(tmp_path: Path, *, as_json: bool) -> None:
    write_plan(tmp_path)
    done = callrouter("check", *(["--json"] if as_json else []), environ=environment(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    for shown in ("https://calls.example.com", "+18885550100", "+18885550101", "one_step", "calls_ping"):
        assert shown in done.stdout
    for secret in (*SECRETS.values(), API_TOKEN, "the-key-in-a-url"):
        assert secret not in done.stdout
    if as_json:
        (shown_plan,) = json.loads(done.stdout)["plans"]
        assert [buyer["buyer"] for buyer in shown_plan["buyers"]] == ["letsmakealead", "contactability"]


def test_bad_usage_is_status_2() -> None:
    for arguments in ([], ["sing"], ["serve", "--port", "0"], ["demo", "--calls", "401"], ["demo", "--rate", "0"]):
        done = callrouter(*arguments, environ={})
        assert (done.returncode, "Traceback" in done.stderr) == (2, False), arguments


def test_workers_beyond_the_last_port_are_bad_usage(tmp_path: Path) -> None:
    write_plan(tmp_path)
    done = callrouter("serve", "--port", "65535", "--workers", "2", environ=environment(tmp_path))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


@pytest.mark.parametrize("command", ["calls", "callbacks"])
def test_looking_where_no_service_has_run_says_so_and_makes_nothing(command: str, tmp_path: Path) -> None:
    done = callrouter(command, environ={"CALLROUTER_DATA_DIR": str(tmp_path / "nowhere")})
    assert done.returncode == 1
    assert "no service has run" in done.stderr
    assert not (tmp_path / "nowhere").exists()


def test_an_engine_that_is_out_is_told_in_one_line(tmp_path: Path) -> None:
    environ = {"CALLROUTER_DATA_DIR": str(tmp_path), "CALLROUTER_REDIS_URL": f"unix://{tmp_path}/none.sock"}
    done = callrouter("calls", environ=environ)
    assert done.returncode == 1
    assert done.stderr.startswith("callrouter: ")
    assert len(done.stderr.splitlines()) == 1


def test_check_tries_the_data_folder_and_leaves_nothing_there(tmp_path: Path) -> None:
    write_plan(tmp_path)
    done = callrouter("check", environ=environment(tmp_path) | {"CALLROUTER_DATA_DIR": "/proc/x"})
    assert done.returncode == 2
    assert done.stderr.startswith("environment: CALLROUTER_DATA_DIR: nothing can be written in /proc: ")
    assert callrouter("check", environ=environment(tmp_path)).returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["dialplans"]


def test_check_shows_each_plans_effective_values(tmp_path: Path) -> None:
    write_plan(tmp_path, auction={"deadline_s": 7.5}, bridge={"caller_id": "+18885550199"})
    environ = environment(tmp_path)
    (shown,) = json.loads(callrouter("check", "--json", environ=environ).stdout)["plans"]
    wanted = {"intake.attempts": 2, "auction.deadline_s": 7.5, "bridge.caller_id": "+18885550199"}
    wanted |= {"transfers.open_s": 600, "transfers.payout_for": "agent, ops, system", "bridge.allow_regions": "none"}
    wanted |= {"vertical": "auto", "auction.policy": "expected_value", "auction.max_wait_s": "none"}
    assert wanted.items() <= shown["effective"].items()
    assert "unsold.callback.hours" in shown["effective"]
    page = " ".join(callrouter("check", environ=environ).stdout.split())
    for told in ("auction.deadline_s 7.5", "auction.floor ", "bridge.early_hangup_s ", "08:00 to 21:00"):
        assert told in page


def test_check_shows_who_is_offered_the_leads(tmp_path: Path) -> None:
    write_plan(tmp_path)
    (shown,) = json.loads(callrouter("check", "--json", environ=environment(tmp_path)).stdout)["plans"]
    assert shown["effective"]["unsold.sell_lead"] == "nobody"
    assert "unsold.after_sale" not in shown["effective"]
    write_plan(tmp_path, unsold={"sell_lead": ["leads"]}, buyers={**BUYERS, "leads": LEADS})
    done = callrouter("check", "--json", environ=environment(tmp_path))
    (shown,) = json.loads(done.stdout)["plans"]
    wanted = {"unsold.sell_lead": "leads", "unsold.after_sale": "callback"}
    assert wanted.items() <= shown["effective"].items()


def test_a_buyer_of_calls_under_sell_lead_is_a_mistake_also_in_a_plan_that_is_broken_elsewhere(tmp_path: Path) -> None:
    for more in ({}, {"colour": "red"}):
        write_plan(
            tmp_path, unsold={"sell_lead": ["letsmakealead", "leads"]}, buyers={**BUYERS, "leads": LEADS}, **more
        )
        done = callrouter("check", environ=environment(tmp_path))
        told = [line for line in done.stderr.splitlines() if "sell_lead" in line]
        assert (done.returncode, told) == (2, [
            "auto.yaml: unsold.sell_lead: remove letsmakealead, or give it a mode that buys leads: one_step buys calls"
        ])  # fmt: skip


def _alike() -> dict[str, Any]:
    """One buyer, of which YAML makes no alias when a plan has it twice."""
    return deepcopy(BUYERS["letsmakealead"])


@pytest.mark.parametrize(
    ("change", "warning"),
    [
        ({"buyers": {"leads": LEADS}, "unsold": {"sell_lead": ["leads"]}}, "buyers: none that is enabled buys calls"),
        ({"buyers": {"off": {**BUYERS["letsmakealead"], "enabled": False}}}, "buyers: none that is enabled buys calls"),
        ({"buyers": {**BUYERS, "leads": LEADS}}, "buyers.leads: it buys leads and is offered none"),
        (
            {"buyers": {"shut": {**BUYERS["letsmakealead"], "guards": {"hours": {"holidays": ["2026-12-25"]}}}}},
            "buyers.shut.guards.hours: no day has a span, so it is never asked",
        ),
        ({"auction": {"max_wait_s": 10}}, "auction.max_wait_s: it is not below deadline_s, so it bounds nothing"),
        ({"auction": {"min_offers": 9}}, "auction.min_offers: calls are offered to 2 buyers only, so all are waited"),
        (
            {"buyers": {"one": {**BUYERS["letsmakealead"], "priority": 2}}},
            "buyers.one.priority: only the policy priority heeds it; write auction.policy: priority, or remove it",
        ),
        (
            {"buyers": {"one": {**BUYERS["letsmakealead"], "weight": 0.5}}, "auction": {"policy": "highest_payout"}},
            "buyers.one.weight: only the policy priority heeds it",
        ),
        (
            {"buyers": {"one": _alike(), "two": _alike()}, "auction": {"policy": "priority"}},
            "auction.policy: all buyers have one priority and one weight, so who is served first is a lot",
        ),
    ],
)
def test_check_warns_of_what_is_allowed_and_hardly_meant(
    tmp_path: Path, change: dict[str, object], warning: str
) -> None:
    write_plan(tmp_path, **change)
    done = callrouter("check", environ=environment(tmp_path))
    assert done.returncode == 0
    (told,) = [line for line in done.stdout.splitlines() if line.startswith("warning: ")]
    assert told.startswith(f"warning: plan auto: {warning}")


def test_check_shows_whom_a_plan_of_priorities_serves_first(tmp_path: Path) -> None:
    one, two = _alike(), {**_alike(), "priority": 2, "weight": 1.5}
    write_plan(tmp_path, buyers={"one": one, "two": two}, auction={"policy": "priority"})
    done = callrouter("check", environ=environment(tmp_path))
    page = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert [line for line in page if line.startswith("buyer adapter")] == [
        "buyer adapter mode method window priority weight url asked"
    ]
    assert [line for line in page if line.startswith("two letsmakealead one_step form 30 s 2 1.5 ")]
    assert "warning: plan auto" not in done.stdout


def test_check_shows_the_guards_both_addresses_and_what_each_buyer_is_asked_about(tmp_path: Path) -> None:
    guards = {
        "time_zone": "America/Chicago",
        "hours": {"mon": ["09:00-12:00", "13:00-17:30"], "holidays": ["2026-12-25"]},
        "duplicates": {},
        "caps": [{"of": "qualified", "per": "day", "most": 50}],
        "states": ["TX", "OK"],
        "spacing_s": 0.5,
    }
    two = {**BUYERS["letsmakealead"], "mode": "ping_post", "ping_url": "http://x.example/ping", "guards": guards}
    two = {**two, "post_url": "http://x.example/post?key=the-key-in-a-url"}
    del two["url"]
    write_plan(tmp_path, buyers={"two": two, "leads": LEADS}, unsold={"sell_lead": ["leads"]})
    done = callrouter("check", environ=environment(tmp_path))
    assert (done.returncode, "the-key-in-a-url" in done.stdout) == (0, False)
    page = [" ".join(line.split()) for line in done.stdout.splitlines()]
    for told in (
        "two letsmakealead ping_post form 30 s http://x.example/ping, http://x.example/post about calls",
        "two time_zone America/Chicago",
        "two hours mon 09:00-12:00, 13:00-17:30; closed on 2026-12-25",
        "two duplicates of buyer, after connected, within 2592000 s",
        "two caps qualified 50 per day",
        "two states TX, OK",
        "two spacing_s 0.5",
        "auction.post_s 5",
    ):
        assert told in page
    assert [line for line in page if line.startswith("leads ") and line.endswith("about leads")]


def test_what_is_wrong_with_a_guard_is_told_and_nothing_that_is_right(tmp_path: Path) -> None:
    """A buyer with two addresses and no `url` is not told to do without the one that it does not have."""
    two = {
        **BUYERS["letsmakealead"],
        "mode": "ping_post",
        "ping_url": "http://x.example/",
        "post_url": "http://x.example/",
    }
    del two["url"]
    two["guards"] = {"caps": [{"of": "connects", "per": "day", "most": 1.5}], "time_zone": "America/Chicgo"}
    write_plan(tmp_path, buyers={"two": two})
    done = callrouter("check", environ=environment(tmp_path))
    assert done.stderr.splitlines() == [
        "auto.yaml: buyers.two.guards.time_zone: write a time zone that exists, such as America/New_York",
        "auto.yaml: buyers.two.guards.caps.0.most: write a whole number",
    ]


@pytest.mark.parametrize("arguments", [("calls", "show"), ("callbacks", "list"), ("callbacks", "retry"), ("serve",)])
def test_every_command_says_what_it_is_for(arguments: tuple[str, ...]) -> None:
    done = callrouter(*arguments, "--help", environ={})
    assert done.returncode == 0
    about = done.stdout.split("\n\n")[1]
    assert about[0].isupper()
    assert about.rstrip().endswith(".")


def test_where_no_service_has_run_is_told_from_the_root(tmp_path: Path) -> None:
    done = callrouter("calls", environ={"CALLROUTER_DATA_DIR": "no-such-folder"})
    assert f"no service has run in {Path('no-such-folder').absolute()};" in done.stderr
