"""``callrouter replay`` as a person uses it, and its page."""

import json
from pathlib import Path
from typing import Any

import pytest

from callrouter.cli import main
from callrouter.commands.replay_page import replay_page
from callrouter.replaying.changes import Changes
from callrouter.replaying.replay import Compared, Replayed
from callrouter.replaying.tally import Comes, Tally
from tests.commands.command import callrouter
from tests.commands.ledgered import ledger_of
from tests.replaying.days import Offers, Played
from tests.support.virtual_time import EPOCH

DAY = ("--from", "2026-11-20", "--to", "2026-11-20")
BUYERS = {"acme": Offers(1, "20.00", "bridged", pays=True), "bolt": Offers(6, "40.00", "bridged", pays=True)}


def records() -> list[dict[str, Any]]:
    """Thirty calls of two plans that waited for the better offer, and one of before decisions were kept."""
    found = []
    for no in range(31):
        at = EPOCH + no * 20
        leaves_s = 4.0 if no % 5 == 0 else None
        played = Played([BUYERS], sid=f"CA{no}", began=at, plan="solar" if no % 3 else "auto", leaves_s=leaves_s)
        found.append({**played.record(), "started_at": played.record()["results"][0]["asked_at"]})
    del found[-1]["decisions"]
    return found


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return ledger_of(tmp_path_factory.mktemp("ledger"), records())


def test_every_decision_is_made_again_and_the_sum_of_it_told(environ: dict[str, str]) -> None:
    done = callrouter("replay", *DAY, environ=environ)
    assert (done.returncode, done.stderr) == (0, "")
    told = " ".join(done.stdout.split())
    assert told.startswith("Calls from 2026-11-20 (UTC) ")
    assert (
        " decisions of 30 calls were made again with what was known and believed then: all came out the same." in told
    )
    assert "Not replayable: 1 call, recorded before decisions were kept." in told
    assert "money" not in told


def test_a_decision_that_comes_out_otherwise_is_listed_and_the_status_is_1(tmp_path: Path) -> None:
    (altered, *others) = records()
    altered["decisions"][1]["until"] += 1
    environ = ledger_of(tmp_path, [altered, *others])
    done = callrouter("replay", *DAY, environ=environ)
    assert done.returncode == 1
    assert "1 came out otherwise" in done.stdout
    assert f"CA0   2026-11-20 18:40:01  until {EPOCH + 11}  until {EPOCH + 10}" in done.stdout
    found = json.loads(callrouter("replay", *DAY, "--json", environ=environ).stdout)
    (one,) = found["again"]["different"]
    assert (one["sid"], one["was"], one["is"]) == ("CA0", {"until": EPOCH + 11}, {"until": EPOCH + 10})
    assert callrouter("replay", *DAY, "--what-if", "max_wait_s=2", environ=environ).returncode == 0


def test_other_settings_come_as_a_table_in_words_and_with_what_cannot_be_known(environ: dict[str, str]) -> None:
    done = callrouter("replay", *DAY, "--what-if", "auction.max_wait_s=2", environ=environ)
    assert (done.returncode, done.stderr) == (0, "")
    heads = next(line for line in done.stdout.splitlines() if line.startswith("plan "))
    assert heads.split("  ")[0] == "plan"
    assert [line.split()[:3] for line in done.stdout.splitlines() if line.startswith(("auto", "solar", "total"))] == [
        ["auto", "10", "$320.00"], ["solar", "20", "$640.00"], ["total", "30", "$960.00"],
    ]  # fmt: skip
    told = " ".join(done.stdout.split())
    assert "The money would be $" in told
    assert " less (by 95 % between -$" in told
    assert "A caller would be held 3.6 s shorter (5.6 s → 2.0 s" in told
    assert "What cannot be known - 30 calls of 30 would have had a dial that never happened." in told
    assert "Such a dial is valued by what was believed then" in told
    assert "Little was known of acme (" in told
    assert "Caps, limits, hours and health are as they were" in told


def test_by_buyer_and_as_json(environ: dict[str, str]) -> None:
    asked = ("--what-if", "policy=priority", "floor=12", "--what-if", "buyers.bolt.enabled=false", "--by", "buyer")
    found = json.loads(callrouter("replay", *DAY, *asked, "--json", environ=environ).stdout)
    assert found["period"] == {"from": "2026-11-20T00:00:00.000Z", "to": "2026-11-21T00:00:00.000Z"}
    assert found["again"]["not_replayable"] == {"recorded before decisions were kept": 1}
    what_if = found["what_if"]
    acme, bolt = what_if["lines"]
    assert (acme["key"], acme["calls"], acme["dials"]) == ("acme", 30, {"was": 0, "would_be": 30})
    assert (bolt["key"], bolt["money"]["was"], bolt["money"]["would_be"]) == ("bolt", "960.00", "0.00")
    assert bolt["money"]["difference"] == "-960.00"
    assert what_if["total"]["left"]["was"] == 0.2
    assert any("never happened" in sentence for sentence in what_if["unknown"])


def test_plans_that_are_not_asked_for_stay_out(environ: dict[str, str]) -> None:
    found = json.loads(callrouter("replay", *DAY, "--plan", "auto", "--json", environ=environ).stdout)
    assert (found["again"]["calls"], found["what_if"]) == (10, None)


def test_no_calls_is_an_answer(environ: dict[str, str]) -> None:
    done = callrouter("replay", "--from", "2024-01-01", "--to", "2024-01-31", environ=environ)
    assert done.returncode == 0
    assert "No call was decided in that time." in done.stdout


@pytest.mark.parametrize(
    ("wrong", "remedy"),
    [
        (("--what-if", "florr=12"), "--what-if: florr: not a key that replay can change; these are: auction.policy, "),
        (("--what-if", "floor=12", "min_offers=0"), "--what-if: min_offers: write a whole number from 1 to 20"),
        (("--from", "soon"), "--from: write a day as YYYY-MM-DD"),
    ],
)
def test_what_cannot_be_read_is_bad_usage_with_a_remedy(
    environ: dict[str, str], wrong: tuple[str, ...], remedy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", *wrong], environ) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"callrouter replay: {remedy}")


def _comes(buyer: str, dollars: float, hold_s: float, left: float = 0.0) -> Comes:
    tally = Tally()
    tally.hold(hold_s)
    tally.leaves(left)
    tally.dials(buyer, dollars)
    return tally.comes


@pytest.mark.parametrize("width", [80, 100, 120])
@pytest.mark.parametrize("by", ["plan", "buyer"])
def test_no_line_is_wider_than_the_terminal_and_every_column_is_there(width: int, by: Any) -> None:
    compared = [Compared(str(no), "auto", _comes("a", no * 10.0, 4), _comes("b", no * 9.0, 2, 0.1)) for no in range(9)]
    found = Replayed(calls=9, made=40, compared=compared, buyers={"a", "b"}, transfers=2)
    text = replay_page(found, Changes(without=frozenset({"c"})), by, "2026-11-20 (UTC)", width)
    assert [line for line in text.splitlines() if len(line) > width] == []
    heads = ("calls", "money was", "would be", "difference", "95 % interval", "estimated")
    assert [head for head in heads if f"  {head}" not in text] == []
    assert "No call of the period asked c: what is changed of it changes nothing." in " ".join(text.split())
    assert "Left out: 2 calls that agents handed over." in text


def test_of_one_call_no_interval_is_claimed() -> None:
    found = Replayed(calls=1, made=2, compared=[Compared("1", "auto", _comes("a", 0, 4), _comes("b", 9, 2, 0.1))])
    text = replay_page(found, Changes(), "plan", "2026-11-20 (UTC)", 120)
    assert "The money would be $8.10 more; one call tells nothing of others." in text
    assert "inf" not in text


@pytest.mark.parametrize(("was", "would"), [(0.0766, 0.0772), (0.0772, 0.0766)])
def test_what_differs_by_less_than_is_printed_is_told_to_be_the_same(was: float, would: float) -> None:
    """Never "more would leave: 7.7 % instead of 7.7 %"."""
    calls = [
        Compared(str(no), "auto", _comes("a", no, 0.86 + was, was), _comes("a", no, 0.86 + would, would))
        for no in range(5)
    ]
    text = " ".join(replay_page(Replayed(calls=5, made=9, compared=calls), Changes(), "plan", "", 120).split())
    assert "Callers would be held as long. As many would leave." in text
    assert "7.7 % → 7.7 %" in text
