"""``calls``, ``calls show`` and ``callbacks`` on what a service left behind."""

import json
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from callrouter.commands.call_page import call_page
from callrouter.engine import embedded
from callrouter.simulator.demo.checks import check
from callrouter.simulator.demo.evidence import Evidence, ToldTransfer
from callrouter.simulator.demo.handovers import handovers
from tests.commands.command import callrouter, environment, started, write_plan
from tests.commands.played import Past, play
from tests.support.waiting import wait_until

pytestmark = pytest.mark.real_time


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Past:
    return play(tmp_path_factory.mktemp("played"))


def test_calls_lists_every_call_and_ends_the_engine_that_it_started(past: Past) -> None:
    done = callrouter("calls", environ=past.environ)
    assert (done.returncode, done.stderr) == (0, "")
    heads, *rows = done.stdout.splitlines()
    assert heads.split() == ["time", "(UTC)", "sid", "from", "plan", "outcome", "buyer", "payout", "talk"]
    assert len(rows) == 2
    bridged = next(row for row in rows if past.bridged in row)
    assert "bridged" in bridged
    assert "$" in bridged
    assert not _engine_is_up(past)


def test_calls_can_be_narrowed_down(past: Past) -> None:
    def sids(*arguments: str) -> set[str]:
        done = callrouter("calls", "--json", *arguments, environ=past.environ)
        assert done.returncode == 0, done.stderr
        return {call["sid"] for call in json.loads(done.stdout)["calls"]}

    both = {past.bridged, past.unsold}
    assert sids("--since", "1h", "--plan", "auto-insurance") == both
    assert sids("--since", "2999-01-01") == set()
    assert sids("--outcome", "unsold") == {past.unsold}
    phone = past.evidence.told[0].scenario.caller.from_
    assert sids("--phone", phone[2:]) == {past.bridged}


@pytest.mark.parametrize("wrong", [("--since", "yesterday"), ("--phone", "12")])
def test_a_filter_that_cannot_be_read_is_bad_usage(past: Past, wrong: tuple[str, str]) -> None:
    done = callrouter("calls", *wrong, environ=past.environ)
    assert done.returncode == 2
    assert wrong[0] in done.stderr


def test_calls_show_tells_the_whole_decision(past: Past) -> None:
    done = callrouter("calls", "show", past.bridged, environ=past.environ)
    assert (done.returncode, done.stderr) == (0, "")
    for told in ("timeline", "0.000  arrived", "auction_closed", "letsmakealead", "contactability", "offer", "dials"):
        assert told in done.stdout
    unsold = callrouter("calls", "show", past.unsold, environ=past.environ)
    assert f"cb-{past.unsold}" in unsold.stdout
    assert "no_offer" in unsold.stdout


def test_a_live_calls_page_does_not_say_yet_that_no_callback_is_owed(past: Past) -> None:
    ended = past.evidence.told[0].record
    assert ended is not None
    assert "callback  none owed" in call_page(ended)
    assert "callback  not decided yet" in call_page({**ended, "outcome": None})


def test_calls_show_as_json_is_the_record_of_the_api(past: Past) -> None:
    done = callrouter("calls", "show", "--json", past.bridged, environ=past.environ)
    assert json.loads(done.stdout) == past.evidence.told[0].record


def test_an_unknown_call_or_callback_is_status_1(past: Past) -> None:
    for arguments in (("calls", "show", "CA0"), ("callbacks", "retry", "cb-0")):
        done = callrouter(*arguments, environ=past.environ)
        assert (done.returncode, done.stdout) == (1, "")
        assert arguments[-1] in done.stderr


def test_a_callback_is_listed_tried_again_and_taken_back_once(past: Past) -> None:
    job = f"cb-{past.unsold}"
    listed = callrouter("callbacks", environ=past.environ)
    assert listed.returncode == 0
    (row,) = listed.stdout.splitlines()[1:]
    assert row.startswith(job)
    assert "pending" in row
    heads = listed.stdout.splitlines()[0]
    assert "next delivery (UTC)" in heads
    assert "person called from (UTC)" in heads
    assert past.evidence.told[1].scenario.caller.from_ in row
    (as_json,) = json.loads(callrouter("callbacks", "list", "--json", environ=past.environ).stdout)["callbacks"]
    assert as_json["attempts"] >= 1
    assert as_json["last_error"]
    assert callrouter("callbacks", "retry", job, environ=past.environ).returncode == 0
    assert callrouter("callbacks", "cancel", job, environ=past.environ).returncode == 0
    rows = [row.split() for row in callrouter("callbacks", environ=past.environ).stdout.splitlines()]
    assert [row[1:4] for row in rows if row[0] == job] == [["callback", "cancelled", "-"]]
    again = callrouter("callbacks", "cancel", job, environ=past.environ)
    assert (again.returncode, again.stderr) == (1, f"callrouter: {job}: it is over already\n")
    # It had been tried, so the dialler may have it: the cancel goes there too.
    pending = json.loads(callrouter("callbacks", "--state", "pending", "--json", environ=past.environ).stdout)
    assert [(job["kind"], job["why"]) for job in pending["callbacks"]] == [("cancel", "operator")]


async def test_looking_into_a_running_service_leaves_its_engine_up(past: Past, tmp_path: Path) -> None:
    write_plan(tmp_path)
    environ = environment(tmp_path) | past.environ
    port = str(_free_port())
    log = tmp_path / "service.log"
    service = started("serve", "--port", port, environ=environ, output=log)
    try:
        await wait_until(lambda: _listens(int(port)), timeout_s=20)
        assert callrouter("calls", environ=past.environ).returncode == 0
        assert _engine_is_up(past)
        second = callrouter("serve", "--port", port, environ=environ)
        assert second.returncode == 1
        assert second.stderr == f"callrouter: cannot listen on 127.0.0.1 port {port}: address already in use\n"
    finally:
        service.terminate()
        status = service.wait(timeout=30)
    assert status == 0, log.read_text()
    assert not _engine_is_up(past)


def _failing(evidence: Evidence) -> set[str]:
    return {c.says for c in check(evidence) if not c.holds}


def test_the_demo_notices_a_callback_that_the_dialler_does_not_have(past: Past) -> None:
    assert _failing(past.evidence) == {
        "callbacks owed = callbacks that the dialler holds",
        "nothing is left in the outbox",
    }


def test_the_demo_notices_a_call_that_is_missing_counted_wrong_or_told_wrong(past: Past) -> None:
    evidence = past.evidence
    assert "each call is in the ledger exactly once" in _failing(replace(evidence, rows=evidence.rows[1:]))
    assert "outcomes in records and metrics are the same" in _failing(replace(evidence, samples={}))
    first, second = evidence.told
    swapped = [replace(first, record=second.record), replace(second, record=first.record)]
    assert {
        "each call ended as its story goes",
        "dials recorded = dials that the carrier made",
        "bridged calls = calls that the carrier connected",
    } <= _failing(replace(evidence, told=swapped))


def test_the_demo_notices_a_transfer_that_is_missing_or_went_another_way(past: Past) -> None:
    evidence, told = past.evidence, past.evidence.told[0]
    handover = handovers(1, 8)[0]
    never = ToldTransfer(handover, "", (), "there was no offer", None)
    assert {
        "each transfer ended as its story goes",
        "each call is in the ledger exactly once",
    } <= _failing(replace(evidence, transfers=[never]))
    # A record of a plain call in the place of the transfer's, and a buyer that was rung twice for it.
    other = ToldTransfer(handover, told.call.sid, [*told.call.dials, *told.call.dials], None, told.record)
    assert {
        "each transfer ended as its story goes",
        "dials recorded = dials that the carrier made",
        "no buyer was rung twice for a transfer",
    } <= _failing(replace(evidence, told=evidence.told[1:], transfers=[other]))


def _engine_is_up(past: Past) -> bool:
    path = embedded.socket_path(Path(past.environ["CALLROUTER_DATA_DIR"]))
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
