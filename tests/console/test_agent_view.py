"""The agent's screen told from a transfer's values: the words, the buttons, and that nothing changes by itself."""

import re
import time
from decimal import Decimal
from typing import Any

import pytest

from callrouter.console.agent import client_name, transfer_fragment
from callrouter.console.sessions import Session
from callrouter.console.transfer_forms import read_bridge, read_dialled, read_opening
from callrouter.console.transfer_view import clock_words, phone_words, view_of
from callrouter.domain.call import Outcome
from callrouter.domain.caller import Caller
from callrouter.domain.transfer import PartyRole, Way
from callrouter.settings import Role
from callrouter.transfers.shown import (
    DialInShown,
    LegShown,
    LegState,
    OfferShown,
    TransferAction,
    TransferShown,
    TransferState,
    TryShown,
)

NOW = 1_800_000_000.0
ANN = Session("digest", Role.AGENT, "ann", "csrf-of-ann")
OFFER = OfferShown(
    buyer="acme", number="+12135550190", payout=Decimal("42.50"), min_duration_s=90, expires_at=NOW + 25,
    expires_in_s=25, others=2,
)  # fmt: skip
BLANK: dict[str, Any] = {
    "id": "TR1",
    "plan": "auto",
    "state": TransferState.ASKING,
    "way": None,
    "offer": None,
    "renewing": False,
    "dial_in": None,
    "caller": Caller(phone="+18185550123", zip="90210"),
    "agent": "Ann",
    "legs": (),
    "attempts": (),
    "reasons": {},
    "can": (),
    "started_at": NOW,
    "open_until": NOW + 600,
    "talking_since": None,
    "talk_s": None,
    "min_duration_s": None,
    "completed_at": None,
    "ended_at": None,
    "outcome": None,
    "qualified": None,
    "callback_at": None,
}


def shown(state: TransferState, **changes: Any) -> TransferShown:
    return TransferShown(**{**BLANK, "state": state, **changes})


def talking(talk_s: float, **changes: Any) -> TransferShown:
    tried = (TryShown(no=1, buyer="acme", result=None, talk_s=None),)
    more = {"way": Way.BRIDGE, "attempts": tried, "talking_since": NOW, "talk_s": talk_s, "min_duration_s": 90}
    return shown(TransferState.TALKING, **{**more, **changes})


@pytest.mark.parametrize("state", list(TransferState))
def test_every_state_has_words_and_renders(state: TransferState) -> None:
    view = view_of(shown(state))
    assert view.headline
    assert view.said.startswith(f"{view.headline}.")
    assert 'role="status"' in transfer_fragment(shown(state), ANN)


def test_only_what_can_be_done_can_be_pressed() -> None:
    view = view_of(shown(TransferState.OFFERED, offer=OFFER, can=(TransferAction.BRIDGE, TransferAction.NEXT)))
    assert [(button.key, button.enabled) for button in view.buttons] == [
        ("b", True), ("n", True), ("d", False), ("c", False),
    ]  # fmt: skip
    text = transfer_fragment(shown(TransferState.OFFERED, offer=OFFER, can=(TransferAction.BRIDGE,)), ANN)
    assert text.count(" disabled>") == 3


def test_the_payout_is_there_for_those_whom_the_plan_shows_it() -> None:
    assert "$42.50" in transfer_fragment(shown(TransferState.OFFERED, offer=OFFER), ANN)
    hidden = OFFER.model_copy(update={"payout": None})
    text = transfer_fragment(shown(TransferState.OFFERED, offer=hidden), ANN)
    assert "$" not in text
    assert "Pays" not in text


def test_the_fragment_does_not_change_by_time_alone() -> None:
    early = shown(TransferState.OFFERED, offer=OFFER)
    late = shown(TransferState.OFFERED, offer=OFFER.model_copy(update={"expires_in_s": 3.0}))
    assert transfer_fragment(early, ANN) == transfer_fragment(late, ANN)
    assert transfer_fragment(talking(10), ANN) == transfer_fragment(talking(80), ANN)


def test_reaching_the_minimum_is_said_once() -> None:
    assert "Minimum talk time" not in view_of(talking(89)).said
    assert "Minimum talk time reached." in view_of(talking(90)).said
    assert transfer_fragment(talking(90), ANN) == transfer_fragment(talking(300), ANN)


def test_a_renewal_is_said_and_shown() -> None:
    renewing = shown(TransferState.OFFERED, offer=OFFER, renewing=True)
    assert "renewed" in view_of(renewing).said
    assert "Renewing the offer" in transfer_fragment(renewing, ANN)


def test_cancelling_asks_first_once_somebody_is_being_brought_in() -> None:
    def confirm(state: TransferState) -> str | None:
        return {button.action: button.confirm for button in view_of(shown(state)).buttons}[TransferAction.CANCEL]

    assert confirm(TransferState.OFFERED) is None
    assert confirm(TransferState.RINGING)
    assert confirm(TransferState.TALKING)


def test_a_number_to_dial_oneself_is_there_large_with_what_can_come_of_it() -> None:
    own = shown(TransferState.RINGING, way=Way.OWN_DIALLER, offer=OFFER, can=(TransferAction.DIALLED,))
    text = transfer_fragment(own, ANN)
    assert "+1 213 555 0190" in text
    for result in ("bridged", "busy", "no_answer", "failed"):
        assert f'value="{result}"' in text
    unnamed = shown(TransferState.OFFERED, offer=OFFER.model_copy(update={"number": None}))
    assert "dial the buyer yourself" not in transfer_fragment(unnamed, ANN)


def test_the_dialler_gets_number_and_pin() -> None:
    text = transfer_fragment(
        shown(TransferState.OFFERED, offer=OFFER, dial_in=DialInShown(number="+18885550101", pin="482913")), ANN
    )
    assert "+1 888 555 0101" in text
    assert "482913" in text


def test_legs_are_told_in_words() -> None:
    legs = (
        LegShown(role=PartyRole.AGENT, state=LegState.IN_ROOM, since=NOW, detail=None),
        LegShown(role=PartyRole.CALLER, state=LegState.ON_HOLD, since=NOW, detail=None),
        LegShown(role=PartyRole.BUYER, state=LegState.RINGING, since=NOW, detail=None),
    )
    told = [(leg.who, leg.words) for leg in view_of(talking(1, legs=legs)).legs]
    assert told == [("You", "in the call"), ("Caller", "on hold, hears music"), ("Buyer", "ringing")]


def test_why_the_others_made_no_offer_is_told_in_words() -> None:
    unsold = shown(TransferState.UNSOLD, reasons={"acme": "error_timeout", "bolt": "offer"})
    assert view_of(unsold).reasons == [("acme", "did not answer in time")]


@pytest.mark.parametrize(
    ("changes", "headline"),
    [
        ({"outcome": Outcome.BRIDGED, "qualified": True}, "Qualified"),
        ({"outcome": Outcome.BRIDGED, "qualified": False}, "Too short to qualify"),
        ({"outcome": Outcome.BRIDGED, "qualified": None}, "Handed over"),
        ({"outcome": Outcome.UNSOLD}, "Not sold"),
        ({"outcome": Outcome.ABANDONED}, "Given up"),
        ({"outcome": Outcome.FAILED}, "Failed on our side"),
    ],
)
def test_each_ending_has_its_words(changes: dict[str, Any], headline: str) -> None:
    assert view_of(shown(TransferState.ENDED, talk_s=100, min_duration_s=90, **changes)).headline == headline


def test_what_a_buyer_is_called_cannot_become_markup() -> None:
    bad = OFFER.model_copy(update={"buyer": '"><script>alert(1)</script>'})
    text = transfer_fragment(shown(TransferState.OFFERED, offer=bad, reasons={"<b>": "offer?"}), ANN)
    assert "<script" not in text
    assert "<b>" not in text


def test_times_and_numbers_are_written_as_people_read_them() -> None:
    assert [clock_words(s) for s in (None, 0, 65, 3725.9)] == ["–", "0:00", "1:05", "1:02:05"]
    assert [phone_words(n) for n in (None, "+18185550123", "+442071234567")] == [
        "–", "+1 818 555 0123", "+442071234567",
    ]  # fmt: skip


def test_the_form_names_every_mistake_at_once() -> None:
    form = {"phone": "12", "zip": "00000", "plan": "none", "agent_phone": "x", "caller_call_sid": "CA1"}
    read = read_opening(form, {"auto": None}, None)
    assert set(read.wrong) == {"phone", "zip", "plan", "agent_name", "agent_phone", "caller_call_sid"}
    assert read.agent is None


def test_the_form_is_read_however_the_number_is_written() -> None:
    form = {
        "phone": "(818) 555-0123",
        "zip": "90210",
        "plan": "auto",
        "agent_name": "Ann",
        "agent_phone": "2135550147",
    }
    read = read_opening(form, {"auto": None}, None)
    assert not read.wrong
    assert read.caller.phone == "+18185550123"
    assert read.agent is not None
    assert (read.agent.name, read.agent.phone, read.agent.client) == ("Ann", "+12135550147", None)


def test_a_browser_is_rung_only_where_there_is_one() -> None:
    form = {"phone": "8185550123", "plan": "auto", "agent_name": "Ann", "agent_phone": "2135550147", "reach": "browser"}
    here, nowhere = (read_opening(form, {"auto": None}, client).agent for client in ("ann", None))
    assert here is not None
    assert nowhere is not None
    assert (here.client, here.phone) == ("ann", None)
    assert (nowhere.client, nowhere.phone) == (None, "+12135550147")


def test_what_the_agents_own_dial_came_to_is_read() -> None:
    talked = read_dialled({"result": "bridged", "talk_min": "2", "talk_sec": "5"})
    assert talked is not None
    assert (talked.result, talked.talk_s) == ("bridged", 125)
    assert read_dialled({"result": "bridged", "talk_min": "two"}) is None
    assert read_dialled({"result": "nonsense"}) is None
    began = read_dialled({})
    assert began is not None
    assert began.result is None


def test_the_caller_is_where_the_agent_says() -> None:
    assert [read_bridge({"caller": way}).caller for way in ("", "call", "merged", "x")] == [
        None,
        "call",
        "merged",
        None,
    ]


def test_a_fragment_is_made_in_no_time() -> None:
    """Each open screen makes two a second."""
    whole = talking(5)
    transfer_fragment(whole, ANN)
    began = time.perf_counter()
    for _ in range(20):
        transfer_fragment(whole, ANN)
    assert (time.perf_counter() - began) / 20 < 0.02


def test_browser_phones_of_two_agents_never_have_one_name() -> None:
    names = ["ann.b", "ann-b", "ann_b", "ann_2eb", "annb"]
    clients = [client_name(name) for name in names]
    assert len(set(clients)) == len(names)
    assert all(re.fullmatch(r"[0-9A-Za-z_]{1,64}", client) for client in clients)
