"""Conferences that documents put callers into."""

import pytest

from callrouter.simulator.carrier import CallerScript, HangUp
from tests.simulator.conferencing import AGENT, MUSIC, event, events, in_room, rest_of, room_document, scripted
from tests.simulator.product import CALLER, NUMBER, PUBLIC, Answered, Stage, response, stage
from tests.support.virtual_time import VirtualClock, virtual
from tests.support.waiting import wait_until


async def two(
    s: Stage, first: str = "", second: str = "", *, one_hangs_up: bool = True, second_events_to: str = "/events"
) -> None:
    """Two callers, one after the other, each with these attributes; both have gone when this returns."""
    s.product.on(
        "/voice",
        response(room_document(f'participantLabel="one" waitUrl="/wait" {first}')),
        response(room_document(f'participantLabel="two" waitUrl="/wait" {second}', events_to=second_events_to)),
    )
    one = s.carrier.place(CallerScript(CALLER, NUMBER))
    await wait_until(lambda: any(sound.kind == "prompt" for sound in one.heard))
    two = s.carrier.place(CallerScript(AGENT, NUMBER, hang_up=HangUp("joined", 20)))
    await two.wait_ended()
    if one_hangs_up:
        one.hang_up()
    await s.settled()


@virtual
async def test_who_is_alone_hears_the_waiting_music_go_round_until_the_next_comes(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        scripted(s, "")
        await two(s)
        room = s.carrier.rooms[0]
        one, other = room.participants
        assert {sound.kind for sound in one.heard if sound.end <= (room.started_at or 0)} <= {"prompt", "silence"}
        assert [sound.kind for sound in other.heard] == ["voice"]
        assert sum(sound.length_s for sound in one.heard if sound.kind == "voice") == pytest.approx(20)
        assert len([asked for asked in s.carrier.webhooks if asked.kind == "wait"]) >= 1
        assert (one.label, other.label, other.number) == ("one", "two", AGENT)


@pytest.mark.parametrize(("document", "rounds"), [(MUSIC, 12), ("<Say>please wait</Say>", 1)])
def test_a_waiting_document_goes_round_only_if_it_ends_in_a_redirect(document: str, rounds: int) -> None:
    @virtual
    async def run(clock: VirtualClock) -> None:
        async with stage(clock) as s:
            scripted(s, room_document('waitUrl="/wait"'))
            s.product.on("/wait", document)
            await s.call(CallerScript(CALLER, NUMBER, hang_up=HangUp("joined", 8.5)))
            assert len(s.product.at("/wait")) == rounds

    run()


@pytest.mark.parametrize(("more", "kind"), [("", "hold"), ('waitUrl=""', "silence")])
def test_without_a_waiting_url_there_is_music_and_with_an_empty_one_silence(more: str, kind: str) -> None:
    @virtual
    async def run(clock: VirtualClock) -> None:
        async with stage(clock) as s:
            scripted(s, room_document(more))
            await s.call(CallerScript(CALLER, NUMBER, hang_up=HangUp("joined", 8)))
            heard = s.carrier.rooms[0].participants[0].heard
            assert {sound.kind for sound in heard} == {kind}
            assert sum(sound.length_s for sound in heard) == pytest.approx(8)
            assert s.product.at("/wait") == []

    run()


@virtual
async def test_a_waiting_url_that_fails_keeps_the_caller_out(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        scripted(s, room_document('waitUrl="/wait"'))
        s.product.on("/wait", Answered(status=500))
        await s.call()
        assert s.carrier.rooms == []
        assert s.product.at("/left")[0].params["DialCallStatus"] == "failed"
        assert s.product.at("/left")[0].params["DialBridged"] == "false"


@virtual
async def test_a_conference_reports_who_comes_and_goes_as_the_first_in_it_wanted(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        scripted(s, "")
        await two(s, second_events_to="/other")
        assert s.product.at("/other") == []
        assert events(s) == [
            ("participant-join", "one"),
            ("participant-join", "two"),
            ("conference-start", ""),
            ("participant-leave", "two"),
            ("participant-leave", "one"),
            ("conference-end", ""),
        ]
        room = s.carrier.rooms[0]
        joined = event(s, "participant-join", "one")
        assert (joined["ConferenceSid"], joined["FriendlyName"]) == (room.sid, "cr-1")
        assert (joined["CallSid"], joined["Hold"], joined["Muted"]) == (s.carrier.calls[0].sid, "false", "false")
        assert (joined["StartConferenceOnEnter"], joined["EndConferenceOnExit"], joined["Coaching"]) == (
            "true",
            "false",
            "false",
        )
        left = event(s, "participant-leave", "one")
        assert (left["ReasonParticipantLeft"], left["ParticipantCallStatus"]) == ("participant_hung_up", "completed")
        ended = event(s, "conference-end")
        assert ended["ReasonConferenceEnded"] == "last-participant-left"
        assert ended["CallSidEndingConference"] == s.carrier.calls[0].sid
        assert ended["ParticipantLabelEndingConference"] == "one"
        numbers = [int(r.params["SequenceNumber"]) for r in s.carrier.webhooks if r.kind == "conference"]
        assert numbers == sorted(set(numbers))


@virtual
async def test_only_the_events_that_were_asked_for_are_reported(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        scripted(
            s,
            f'<Dial><Conference statusCallback="{PUBLIC}/events" statusCallbackEvent="leave">cr-1</Conference></Dial>',
        )
        await s.call(CallerScript(CALLER, NUMBER, hang_up=HangUp("joined", 5)))
        assert events(s) == [("participant-leave", "")]


@virtual
async def test_who_ends_the_conference_by_leaving_sends_the_others_on_to_their_action(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        scripted(s, "")
        s.product.on("/left", "<Say>back again</Say>")
        await two(s, second='endConferenceOnExit="true"', one_hangs_up=False)
        one, other = s.carrier.calls
        assert (one.ended_by, other.ended_by) == ("document", "caller")
        assert [sound.detail for sound in one.heard][-1] == "back again"
        told = {asked.params["CallSid"]: asked.params for asked in s.product.at("/left")}
        assert (told[one.sid]["DialCallStatus"], told[one.sid]["CallStatus"]) == ("answered", "in-progress")
        assert (told[other.sid]["DialCallStatus"], told[other.sid]["CallStatus"]) == ("completed", "completed")
        assert not {"DialCallSid", "DialCallDuration"} & set(told[one.sid])
        left = event(s, "participant-leave", "one")
        assert left["ReasonParticipantLeft"] == "moderator_ended_conference"
        assert left["ParticipantCallStatus"] == "in-progress"
        assert event(s, "conference-end")["ReasonConferenceEnded"] == "participant-with-end-conference-on-exit-left"


@virtual
async def test_a_conference_does_not_start_without_somebody_who_may_start_it(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        scripted(s, "")
        shy = 'startConferenceOnEnter="false"'
        await two(s, shy, shy)
        assert s.carrier.rooms[0].started_at is None
        assert not any(sound.kind == "voice" for call in s.carrier.calls for sound in call.heard)


@virtual
async def test_who_is_left_alone_hears_silence_and_is_found_lonely(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        scripted(s, room_document('participantLabel="caller"'))
        call = s.carrier.place(CallerScript(CALLER, NUMBER))
        other = s.carrier.place(CallerScript(AGENT, NUMBER, hang_up=HangUp("joined", 5)))
        s.product.on("/voice", response(room_document()), response(room_document('participantLabel="caller"')))
        await other.wait_ended()
        await wait_until(lambda: call.heard[-1].length_s >= 30, timeout_s=60, every_s=1)
        assert call.heard[-1].kind == "silence"
        assert [person.call_sid for person in s.carrier.lonely(25)] == [call.sid]
        assert s.carrier.lonely(60) == []
        call.hang_up()
        await s.settled()
        assert [person.call_sid for person in s.carrier.lonely(25)] == [call.sid]


@virtual
async def test_a_name_that_is_used_again_makes_another_conference(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        scripted(s, room_document())
        for _ in range(2):
            await s.call(CallerScript(CALLER, NUMBER, hang_up=HangUp("joined", 3)))
        first, second = s.carrier.rooms
        assert (first.name, first.sid != second.sid, first.sid[:2], len(first.sid)) == (second.name, True, "CF", 34)
        assert first.ended_at is not None


@virtual
async def test_a_label_that_is_taken_keeps_the_second_out(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        first = await in_room(s, 'participantLabel="caller"')
        second = s.carrier.place(CallerScript(AGENT, NUMBER))
        await second.wait_ended()
        assert first.live
        assert "Conference: the participantLabel is taken (16025)" in s.carrier.documents[-2].problems
        first.hang_up()
        await s.settled()


@virtual
async def test_a_caller_who_is_pushed_elsewhere_leaves_and_no_action_is_asked(clock: VirtualClock) -> None:
    async with stage(clock) as s, rest_of(s) as rest:
        call = await in_room(s)
        await rest.push(call.sid, "<Say>bye</Say>")
        await call.wait_ended()
        await s.settled()
        assert (call.heard[-1].detail, s.product.at("/left")) == ("bye", [])
        left = event(s, "participant-leave", "caller")
        assert left["ReasonParticipantLeft"] == "participant_updated_via_api"
        assert left["ParticipantCallStatus"] == "in-progress"


@virtual
async def test_a_standing_call_is_pushed_into_a_conference(clock: VirtualClock) -> None:
    async with stage(clock) as s, rest_of(s) as rest:
        scripted(s, "<Hangup/>")
        call = s.carrier.standing_call(CALLER, "+18885550177", response('<Pause length="600"/>'))
        agent = s.carrier.standing_call(NUMBER, AGENT, response('<Pause length="600"/>'), "outbound-api")
        status, shown = await rest.push(call.sid, room_document('participantLabel="caller"', action=None))
        await rest.push(agent.sid, room_document('participantLabel="agent"', action=None))
        assert (status, shown["status"], shown["direction"]) == (200, "in-progress", "inbound")
        await wait_until(lambda: call.heard[-1].kind == agent.heard[-1].kind == "voice")
        s.carrier.hang_up(AGENT)
        await agent.wait_ended()
        call.hang_up()
        await s.settled()
        assert [person.number for person in s.carrier.rooms[0].participants] == [CALLER, AGENT]
        assert s.carrier.calls == []
        assert s.product.at("/voice") == s.product.at("/status") == []


@virtual
async def test_nobody_can_be_hung_up_who_is_not_there(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        with pytest.raises(KeyError):
            s.carrier.hang_up(AGENT)


@virtual
async def test_inbound_calls_carry_a_token_and_the_caller_stays_out_of_the_callbacks(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        scripted(s, room_document())
        call = await s.call(CallerScript(CALLER, NUMBER, hang_up=HangUp("joined", 3)))
        assert s.product.at("/voice")[0].params["CallToken"] == call.call_token
        reports = s.product.at("/events")
        assert reports
        assert all(CALLER not in asked.params.values() for asked in reports)
