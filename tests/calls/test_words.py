"""Every event of a timeline has words."""

import ast
from pathlib import Path
from typing import get_args

import callrouter
from callrouter.auction.auction import ClosedBy
from callrouter.calls.unsold import NOBODY_ASKED
from callrouter.calls.words import EVENTS, event_words, left_words, party_words, way_words
from callrouter.carrier.seam import LeftWhy, LegStatus
from callrouter.domain.transfer import Way

ROOT = Path(callrouter.__file__).parent


def noted() -> set[str]:
    """The events that calls and transfers write into timelines, by the constants in the code."""
    found = set()
    for folder in ("calls", "transfers"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if not isinstance(node, ast.Call) or getattr(node.func, "attr", "") != "noted":
                    continue
                name = node.args[1] if len(node.args) > 1 else node
                either = [name.body, name.orelse] if isinstance(name, ast.IfExp) else [name]
                found |= {str(one.value) for one in either if isinstance(one, ast.Constant)}
    return found


def test_every_event_has_words_and_no_other() -> None:
    legs = {f"leg_{status.value.replace('-', '_')}" for status in LegStatus}
    assert "handed_over" in noted()
    assert set(EVENTS) == noted() | legs


def test_an_event_is_told_with_its_detail() -> None:
    assert event_words("dial_decided", "2 acme_leads") == "acme_leads is dialled (dial 2)"
    assert event_words("dial_ended", "2 early_hangup") == "dial 2 ended: early hangup"
    assert event_words("party_why", "buyer-2 no-answer") == "the buyer of dial 2 has left, the carrier says: no-answer"
    assert event_words("arrived", "inbound") == "a caller dials in"
    assert event_words("caller_gone", None) == "the caller has left"


def test_why_an_auction_was_closed_is_told_in_words_and_not_as_a_code() -> None:
    closed = {why: event_words("auction_closed", f"2 offers, {why}") for why in (*get_args(ClosedBy), NOBODY_ASKED)}
    assert closed == {
        "all_answered": "2 offers, all have answered",
        "deadline": "2 offers, the auction's time is over",
        "policy": "2 offers, the policy waits no longer",
        "nobody_asked": "2 offers, nobody could be asked",
    }
    assert event_words("auction_closed", "1 offers") == "1 offers"


def test_an_event_of_a_later_release_is_shown_as_it_is() -> None:
    assert event_words("moon_landed", "on_time") == "moon landed on_time"


def test_legs_and_ways_have_words() -> None:
    assert [party_words(label) for label in ("agent-1", "caller-2", "buyer-3")] == [
        "the agent",
        "the caller (leg 2)",
        "the buyer of dial 3",
    ]
    assert all(way_words(way.value).startswith(way.value.split("_")[0]) for way in Way)


def test_every_way_of_leaving_a_room_has_words() -> None:
    """None of the carrier's own words reaches a reader."""
    for why in (*LeftWhy, *LegStatus):
        if isinstance(why, LegStatus) and not why.final:
            continue
        assert "_" not in left_words(why.value)
        assert "-" not in left_words(why.value)
    assert left_words(None) == ""
