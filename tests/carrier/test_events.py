"""Twilio's parameters, read as events."""

import pytest

from callrouter.carrier.seam import LeftWhy, LegStatus, PartyChanged, PinEntered, RoomChanged, RoomEvent
from callrouter.carrier.twilio import events
from callrouter.carrier.twilio.events import BadWebhook

CALL = "TR" + "0c" * 16
LEG = "CA" + "1" * 32
CONFERENCE = "CF" + "2" * 32
ROOM = {
    "ConferenceSid": CONFERENCE,
    "FriendlyName": "cr-1",
    "SequenceNumber": "4",
    "CallSid": LEG,
    "ParticipantLabel": "buyer-2",
    "Hold": "false",
}


@pytest.mark.parametrize(
    ("event", "what"),
    [
        ("participant-join", RoomEvent.JOINED),
        ("participant-leave", RoomEvent.LEFT),
        ("participant-hold", RoomEvent.HELD),
        ("participant-unhold", RoomEvent.UNHELD),
    ],
)
def test_what_a_participant_does_is_told_of_its_leg_and_label(event: str, what: RoomEvent) -> None:
    read = events.room_changed(ROOM | {"StatusCallbackEvent": event}, CALL)
    assert read == RoomChanged(CALL, CONFERENCE, 4, what, LEG, "buyer-2")


def test_the_end_of_a_room_is_nobodys() -> None:
    ended = {"StatusCallbackEvent": "conference-end", "CallSidEndingConference": LEG}
    without = {name: value for name, value in ROOM.items() if name not in {"CallSid", "ParticipantLabel"}}
    assert events.room_changed(without | ended, CALL) == RoomChanged(CALL, CONFERENCE, 4, RoomEvent.ENDED)
    assert events.room_changed(ROOM | ended, CALL) == RoomChanged(CALL, CONFERENCE, 4, RoomEvent.ENDED)


@pytest.mark.parametrize(
    ("said", "why", "status"),
    [
        ({"ReasonParticipantLeft": "participant_hung_up"}, LeftWhy.HUNG_UP, None),
        ({"ReasonParticipantLeft": "moderator_ended_conference"}, LeftWhy.ROOM_ENDED, None),
        ({"ReasonParticipantLeft": "conference_ended_via_api"}, LeftWhy.ROOM_ENDED, None),
        ({"ReasonParticipantLeft": "participant_updated_via_api"}, LeftWhy.LET_GO, None),
        (
            {"ReasonParticipantLeft": "participant_add_failed", "ParticipantCallStatus": "no-answer"},
            LeftWhy.NOT_REACHED,
            LegStatus.NO_ANSWER,
        ),
        ({"ReasonParticipantLeft": "a_word_of_next_year"}, LeftWhy.OTHER, None),
        ({"ParticipantCallStatus": "busy"}, None, LegStatus.BUSY),
        ({}, None, None),
    ],
)
def test_why_somebody_left_is_read_in_our_words(
    said: dict[str, str], why: LeftWhy | None, status: LegStatus | None
) -> None:
    read = events.room_changed(ROOM | {"StatusCallbackEvent": "participant-leave"} | said, CALL)
    assert read is not None
    assert (read.why, read.leg_status) == (why, status)


@pytest.mark.parametrize("event", ["conference-start", "participant-mute", "participant-modify", "of-tomorrow", ""])
def test_what_else_a_room_reports_tells_us_nothing(event: str) -> None:
    assert events.room_changed(ROOM | {"StatusCallbackEvent": event}, CALL) is None


@pytest.mark.parametrize("lost", ["ConferenceSid", "SequenceNumber", "CallSid"])
def test_a_rooms_report_without_what_it_must_carry_is_not_understood(lost: str) -> None:
    whole = {name: value for name, value in ROOM.items() if name != lost}
    with pytest.raises(BadWebhook, match=lost):
        events.room_changed(whole | {"StatusCallbackEvent": "participant-join"}, CALL)


def test_somebody_whom_we_did_not_bring_in_has_no_label() -> None:
    stranger = ROOM | {"StatusCallbackEvent": "participant-join", "ParticipantLabel": "supervisor"}
    read = events.room_changed(stranger, CALL)
    assert read is not None
    assert (read.label, read.leg_sid) == ("", LEG)


def test_a_placed_leg_reports_under_its_label() -> None:
    told = {"CallSid": LEG, "CallStatus": "completed", "CallDuration": "93"}
    read = events.party_changed(told, "agent-1", CALL)
    assert read == PartyChanged(CALL, "agent-1", LEG, LegStatus.COMPLETED, 93)


@pytest.mark.parametrize("label", ["boss-1", "agent-", "agent-1000", "agent-1\n", "", "agent-١"])
def test_a_label_that_is_none_of_ours_is_not_understood(label: str) -> None:
    params = {"CallSid": LEG, "CallStatus": "ringing"}
    with pytest.raises(BadWebhook, match="label"):
        events.party_changed(params, label, CALL)
    with pytest.raises(BadWebhook, match="label"):
        events.left_room(params, label, CALL)


@pytest.mark.parametrize(("status", "there"), [("in-progress", True), ("completed", False), ("", False)])
def test_whoever_left_a_room_is_there_only_while_their_call_goes_on(status: str, there: bool) -> None:
    read = events.left_room({"CallSid": LEG, "CallStatus": status}, "caller-1", CALL)
    assert (read.there, read.leg_sid, read.sid) == (there, LEG, CALL)


def test_what_rooms_report_belongs_to_a_call_of_ours() -> None:
    for read in (
        lambda: events.room_changed(ROOM | {"StatusCallbackEvent": "participant-join"}, ""),
        lambda: events.party_changed({"CallSid": LEG, "CallStatus": "ringing"}, "agent-1", ""),
        lambda: events.left_room({"CallSid": LEG}, "agent-1", ""),
    ):
        with pytest.raises(BadWebhook, match="call is missing"):
            read()


def test_a_pin_is_entered_for_the_leg_until_its_transfer_is_known() -> None:
    assert events.pin_entered({"CallSid": LEG, "Digits": "123456"}, 1) == PinEntered(LEG, 1, "123456")
    assert events.pin_entered({"CallSid": LEG, "Digits": ""}, 2, CALL) == PinEntered(CALL, 2)


def test_a_transfers_own_id_stands_in_for_the_legs() -> None:
    params = {"CallSid": LEG, "ParentCallSid": "CA" + "3" * 32, "CallStatus": "ringing", "DialCallStatus": "busy"}
    assert events.zip_entered(params, 1, CALL).sid == CALL
    assert events.hold_polled(params, 1, 2, CALL).sid == CALL
    assert events.dial_ended(params, 1, CALL).sid == CALL
    assert (events.leg_changed(params, 1, CALL).sid, events.leg_changed(params, 1, CALL).leg_sid) == (CALL, LEG)
    assert events.leg_changed(params, 1).sid == params["ParentCallSid"]
    assert events.arrived(params).sid == LEG


@pytest.mark.parametrize("call", ["TR1", LEG, CALL.upper(), f"{CALL}\n", f" {CALL}", f"{CALL}0"])
def test_an_id_that_we_never_made_is_not_understood(call: str) -> None:
    with pytest.raises(BadWebhook, match="call"):
        events.call_of({"call": call})


def test_a_url_without_an_id_is_about_the_legs_call() -> None:
    assert events.call_of({}) == ""
    assert events.call_of({"call": CALL}) == CALL


def test_an_arrival_says_who_forwarded_it_and_with_what_leave() -> None:
    whole = {"CallSid": LEG, "From": "+15125550123", "To": "+18885550100", "ForwardedFrom": "+18885550199"}
    read = events.arrived(whole | {"CallToken": "leave"})
    assert (read.forwarded_from, read.call_token) == ("+18885550199", "leave")
    assert events.arrived(whole | {"ForwardedFrom": ""}).forwarded_from is None
