"""``callrouter reconcile`` as a person runs it."""

import json
from pathlib import Path

import pytest

from tests.commands.command import callrouter
from tests.commands.played import play

pytestmark = pytest.mark.real_time


def test_without_a_ledger_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    file = tmp_path / "s.csv"
    file.write_text("caller,at,payout\n2145550101,2026-10-05,3\n")
    environ = {"CALLROUTER_DATA_DIR": str(tmp_path / "none")}
    done = callrouter("reconcile", str(file), "--buyer", "acme", environ=environ)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("callrouter: no ledger in")
    assert not (tmp_path / "none").exists()


def test_its_help_says_what_it_does_and_how_it_ends(tmp_path: Path) -> None:
    done = callrouter("reconcile", "--help", environ={})
    assert done.returncode == 0
    for said in ("--map", "--from", "--to", "--csv", "--full-numbers", "exit status is 0"):
        assert said in " ".join(done.stdout.split())


def test_a_real_call_is_matched_with_its_row_and_a_strange_row_is_told(tmp_path: Path) -> None:
    past = play(tmp_path / "played")
    call = json.loads(callrouter("calls", "show", past.bridged, "--json", environ=past.environ).stdout)
    file = tmp_path / "s.csv"
    own = f"{call['from']},{call['started_at']},{call['bridged_s']},{call['payout'] if call['qualified'] else 0}"
    file.write_text(f"caller,at,duration,payout\n{own}\n+12145550199,{call['started_at']},95,30.00\n")
    done = callrouter("reconcile", str(file), "--buyer", call["buyer"], "--json", environ=past.environ)
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    assert (said["matched"], said["agreed"], said["gap"]) == (1, 1, "30.00")
    assert [one["cause"] for one in said["differences"]] == ["missing_on_ours"]
    nobody = callrouter("reconcile", str(file), "--buyer", "nobody", environ=past.environ)
    assert nobody.returncode == 1
    assert "no dial of a buyer nobody" in nobody.stderr
