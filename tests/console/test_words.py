"""What the console says stays true for the way that a call really went."""

import pytest

from callrouter.callbacks.outbox import Job, JobKind, JobState
from callrouter.console.buyers import Meter, card
from callrouter.console.call_page import facts
from callrouter.console.callbacks import owed
from callrouter.console.log import search
from callrouter.console.story import who_hung_up
from callrouter.console.transfer_view import view_of
from callrouter.domain.transfer import PartyRole, Way
from callrouter.transfers.shown import LegShown, LegState, TransferState, TryShown
from tests.console import records
from tests.console.records import START
from tests.console.test_agent_view import NOW, shown
from tests.console.test_operations import BUYER

AGENT = LegShown(role=PartyRole.AGENT, state=LegState.IN_ROOM, since=NOW, detail=None)
CALLER = LegShown(role=PartyRole.CALLER, state=LegState.ON_HOLD, since=NOW, detail=None)
TRIED = (TryShown(no=1, buyer="acme", result=None, talk_s=None),)


@pytest.mark.parametrize(
    ("legs", "while_it_rings", "afterwards"),
    [
        ((AGENT, CALLER), "The caller hears music.", "You are free for the next caller."),
        ((AGENT,), "The caller hears you.", "Keep your line up until they are done: the caller is on it."),
    ],
)
def test_an_agent_whose_line_the_caller_is_on_is_not_told_to_hang_up(
    legs: tuple[LegShown, ...], while_it_rings: str, afterwards: str
) -> None:
    rings = shown(TransferState.RINGING, way=Way.BRIDGE, legs=legs, attempts=TRIED)
    assert view_of(rings).under == while_it_rings
    over = shown(TransferState.HANDED_OVER, way=Way.BRIDGE, legs=legs, attempts=TRIED, talking_since=NOW, talk_s=3)
    assert view_of(over).under == afterwards


def test_an_agent_who_let_the_caller_go_otherwise_is_free() -> None:
    assert view_of(shown(TransferState.HANDED_OVER, way=Way.DIAL_IN)).under == "You are free for the next caller."


def test_only_who_called_our_number_is_said_to_have_called_it() -> None:
    assert ("Called", "+18885550100") in facts({**records.bridged(), "to": "+18885550100"}, START)
    transfer = {**records.renewed_transfer(), "to": "+18885550101"}
    assert ("To dial in", "+18885550101") in facts(transfer, START)
    dialled_in = {**transfer, "transfer": {**transfer["transfer"], "way": "dial_in"}}
    assert ("Called", "+18885550101") in facts(dialled_in, START)


def test_a_long_talk_is_told_in_minutes() -> None:
    talk = dict(facts({**records.bridged(), "bridged_s": 185, "min_duration_s": 90}, START))["Talk"]
    assert talk == "3:05 of 1:30: qualified"


def test_the_carrier_is_not_blamed_for_a_dial_that_it_did_not_see() -> None:
    own = {
        "outcome": "bridged", "attempts": [{"no": 1, "result": "bridged", "ended_by": None}], "events": [],
        "transfer": {"way": "own_dialler", "parties": []},
    }  # fmt: skip
    assert who_hung_up(own) == "one of the two hung up; the agent does not say which"


def test_a_buyer_of_leads_is_not_said_to_be_asked_about_calls() -> None:
    lately = {"asked": 4, "offers": 4, "offer_rate": 1.0, "dials": 0, "answered": 0, "answer_rate": None}
    leads = card({**BUYER, "buys": "leads", "lately": lately}, START)
    assert "the lead of an unsold call" in leads.why
    assert [name for name, _ in leads.rates] == ["Asked", "Offers", "Highest offer", "Average offer"]
    calls = card({**BUYER, "buys": "calls", "lately": lately}, START)
    assert ("Dialled", "0") in calls.rates


@pytest.mark.parametrize(
    ("used", "most", "words"),
    [(53, 10_000, "53 of 10,000"), (0, 1_500_000, "0 of 1,500,000"), (80.5, 1_234_567.0, "80.50 of 1,234,567")],
)
def test_large_limits_are_written_out(used: float, most: float, words: str) -> None:
    assert Meter("dollars a month", used, most, "").share == words


@pytest.mark.parametrize(
    ("outcome", "words", "tone"),
    [("sold", "Sold", "good"), ("unsold", "Not sold", "warn"), ("uncertain", "Uncertain", "bad")],
)
def test_a_sale_that_is_over_says_how_it_ended(outcome: str, words: str, tone: str) -> None:
    job = Job(
        id="sale-CA1", kind=JobKind.SALE, state=JobState.ENDED, due_at=START, deadline_at=START + 900,
        payload={"plan": "auto", "phone": "+15125550123"}, attempts=1, fence=1, created_at=START, leased_until=0,
        done_at=START, last_error="", stands_until=None, outcome=outcome,
    )  # fmt: skip
    line = owed(job, START)
    assert (line.state, line.tone) == (words, tone)


@pytest.mark.parametrize("sid", ["CA0123456789abcdef0123456789abcdef", "TR0123456789abcdef0123456789abcdef"])
def test_a_calls_id_in_the_place_of_the_number_means_that_call(sid: str) -> None:
    found = search({"phone": f" {sid} "})
    assert (found.sid, found.wrong) == (sid, {})


@pytest.mark.parametrize("other", ["", "+15125550123", "CA0123", "CA0123456789abcdef0123456789abcdef/../x"])
def test_nothing_else_is_taken_for_a_calls_id(other: str) -> None:
    assert search({"phone": other}).sid is None
