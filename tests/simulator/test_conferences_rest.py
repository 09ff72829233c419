"""What the REST side does with conferences and the people in them."""

import asyncio

from callrouter.domain.clock import SystemClock
from callrouter.simulator.carrier import CallerScript, CarrierTimings, PhoneScript
from tests.simulator.conferencing import AGENT, EVENTS, event, events, in_room, rest_of, room_document, scripted
from tests.simulator.product import BUYER, CALLER, NUMBER, PUBLIC, SID, TOKEN, Stage, stage
from tests.support.virtual_time import VirtualClock, virtual
from tests.support.waiting import wait_until

LONG = PhoneScript(ring_s=2, talk_s=10_000)


def legs(s: Stage) -> list[str]:
    """What was reported of the legs, as sent."""
    return [record.params["CallStatus"] for record in s.carrier.webhooks if record.kind == "participant_status"]


@virtual
async def test_who_is_on_hold_hears_its_music_and_nobody_hears_them(clock: VirtualClock) -> None:
    async with stage(clock) as s, rest_of(s) as rest:
        call = await in_room(s)
        s.carrier.default_phone = LONG
        await rest.add("cr-1", AGENT, "agent")
        agent = s.carrier.outbound[0]
        await wait_until(lambda: call.heard[-1].kind == "voice")
        room = s.carrier.rooms[0]
        status, shown = await rest.change(room.sid, "caller", Hold="true")
        assert (status, shown["hold"]) == (200, True)
        await wait_until(lambda: call.heard[-1].kind == "hold" and agent.heard[-1].kind == "silence")
        await rest.change(room.sid, call.sid, Hold="false")
        await wait_until(lambda: call.heard[-1].kind == agent.heard[-1].kind == "voice")
        waited = len(s.product.at("/wait"))
        await rest.change(room.sid, "caller", Hold="true", HoldUrl=f"{PUBLIC}/wait")
        await wait_until(lambda: len(s.product.at("/wait")) > waited + 2, timeout_s=20)
        assert "please wait" in [sound.detail for sound in call.heard]
        call.hang_up()
        agent.hang_up()
        await s.settled()
        caller = room.by_label("caller")[0]
        assert [until is not None for _, until in caller.held] == [True, True]
        assert [name for name, label in events(s) if label == "caller" and "hold" in name] == [
            "participant-hold",
            "participant-unhold",
            "participant-hold",
        ]
        assert event(s, "participant-hold", "caller")["Hold"] == "true"


@virtual
async def test_muting_and_coaching_decide_who_hears_whom(clock: VirtualClock) -> None:
    async with stage(clock) as s, rest_of(s) as rest:
        call = await in_room(s)
        s.carrier.default_phone = LONG
        await rest.add("cr-1", AGENT, "agent")
        agent = s.carrier.outbound[0]
        await wait_until(lambda: call.heard[-1].kind == "voice")
        sid = s.carrier.rooms[0].sid
        await rest.change(sid, "agent", Muted="true")
        await wait_until(lambda: (call.heard[-1].kind, agent.heard[-1].kind) == ("silence", "voice"))
        await rest.change(sid, "agent", Muted="false", Coaching="true", CallSidToCoach=call.sid)
        await wait_until(lambda: call.heard[-1].kind == "voice")
        await rest.change(sid, "agent", CallSidToCoach=agent.sid)
        await wait_until(lambda: call.heard[-1].kind == "silence")
        agent.hang_up()
        call.hang_up()
        await s.settled()
        names = [name for name, label in events(s) if label == "agent"]
        assert names[1:4] == ["participant-mute", "participant-unmute", "participant-modify"]


@virtual
async def test_an_announcement_is_heard_by_one_and_then_the_room_again(clock: VirtualClock) -> None:
    async with stage(clock) as s, rest_of(s) as rest:
        call = await in_room(s)
        s.product.on("/announce", "<Say>one moment</Say>")
        s.carrier.default_phone = LONG
        await rest.add("cr-1", AGENT, "agent")
        await wait_until(lambda: call.heard[-1].kind == "voice")
        await rest.change(s.carrier.rooms[0].sid, "caller", AnnounceUrl=f"{PUBLIC}/announce")
        await wait_until(lambda: call.heard[-1].detail == "one moment")
        await wait_until(lambda: call.heard[-1].kind == "voice")
        assert "one moment" not in [sound.detail for sound in s.carrier.outbound[0].heard]
        call.hang_up()
        s.carrier.hang_up(AGENT)
        await s.settled()


@virtual
async def test_a_removed_leg_ends_and_a_removed_caller_goes_on(clock: VirtualClock) -> None:
    async with stage(clock) as s, rest_of(s) as rest:
        call = await in_room(s)
        s.product.on("/left", '<Say>on my own</Say><Pause length="60"/>')
        s.carrier.default_phone = LONG
        for number, label in ((AGENT, "agent"), (BUYER, "buyer")):
            await rest.add("cr-1", number, label)
        sid, (agent, buyer) = s.carrier.rooms[0].sid, s.carrier.outbound
        await wait_until(lambda: buyer.heard[-1].kind == "voice")
        assert await rest.labels(sid) == ["caller", "agent", "buyer"]
        assert (await rest.ask("DELETE", f"Conferences/{sid}/Participants/agent"))[0] == 204
        await agent.wait_ended()
        assert (await rest.ask("DELETE", f"Conferences/{sid}/Participants/agent"))[0] == 404
        assert (await rest.ask("DELETE", f"Conferences/{sid}/Participants/{call.sid}"))[0] == 204
        await wait_until(lambda: call.heard[-1].detail == "on my own")
        buyer.hang_up()
        call.hang_up()
        await s.settled()
        left = [event(s, "participant-leave", label) for label in ("agent", "caller", "buyer")]
        assert [(told["ReasonParticipantLeft"], told["ParticipantCallStatus"]) for told in left] == [
            ("participant_updated_via_api", "completed"),
            ("participant_updated_via_api", "in-progress"),
            ("participant_hung_up", "completed"),
        ]
        assert await rest.labels(sid) == []
        assert (await rest.ask("GET", f"Conferences/{sid}/Participants/buyer"))[1]["code"] == 20404


@virtual
async def test_a_completed_conference_lets_everybody_go_and_calls_off_who_still_rings(clock: VirtualClock) -> None:
    async with stage(clock) as s, rest_of(s) as rest:
        call = await in_room(s)
        s.carrier.phone(AGENT, LONG)
        s.carrier.phone(BUYER, PhoneScript(ring_s=30))
        await rest.add("cr-1", AGENT, "agent")
        await rest.add("cr-1", BUYER, "buyer")
        agent, buyer = s.carrier.outbound
        await wait_until(lambda: buyer.state == "ringing" and agent.heard[-1].kind == "voice")
        sid = s.carrier.rooms[0].sid
        status, _ = await rest.ask("POST", f"Conferences/{sid}", {"Status": "completed"})
        await s.settled()
        assert (status, agent.result, buyer.result, call.ended_by) == (200, "completed", "canceled", "document")
        assert event(s, "conference-end")["ReasonConferenceEnded"] == "conference-ended-via-api"
        assert event(s, "participant-leave", "agent")["ReasonParticipantLeft"] == "conference_ended_via_api"
        assert event(s, "participant-leave", "buyer")["ParticipantCallStatus"] == "canceled"
        _, shown = await rest.ask("GET", f"Conferences/{sid}")
        assert (shown["status"], shown["reason_conference_ended"]) == ("completed", "conference-ended-via-api")


@virtual
async def test_who_ends_the_conference_may_be_changed_while_it_runs(clock: VirtualClock) -> None:
    async with stage(clock) as s, rest_of(s) as rest:
        call = await in_room(s)
        s.carrier.default_phone = LONG
        await rest.add("cr-1", BUYER, "buyer")
        await wait_until(lambda: call.heard[-1].kind == "voice")
        await rest.change(s.carrier.rooms[0].sid, "caller", EndConferenceOnExit="true")
        await wait_until(lambda: ("participant-modify", "caller") in events(s))
        call.hang_up()
        await s.settled()
        assert s.carrier.outbound[0].result == "completed"
        assert s.carrier.lonely(6) == []


@virtual
async def test_conferences_are_listed_by_name_and_status(clock: VirtualClock) -> None:
    async with stage(clock) as s, rest_of(s) as rest:
        for _ in range(2):
            call = await in_room(s)
            call.hang_up()
            await s.settled()
        call = await in_room(s)
        room = s.carrier.rooms[-1]
        _, page = await rest.ask("GET", "Conferences", {"FriendlyName": "cr-1"})
        assert [conference["sid"] for conference in page["conferences"]] == [r.sid for r in reversed(s.carrier.rooms)]
        _, page = await rest.ask("GET", "Conferences", {"FriendlyName": "cr-1", "Status": "init"})
        assert [(c["sid"], c["friendly_name"]) for c in page["conferences"]] == [(room.sid, "cr-1")]
        _, page = await rest.ask("GET", "Conferences", {"FriendlyName": "other"})
        assert page["conferences"] == []
        call.hang_up()
        await s.settled()


@virtual
async def test_refusals_carry_the_carriers_codes(clock: VirtualClock) -> None:
    async with stage(clock) as s, rest_of(s) as rest:
        call = await in_room(s)
        sid = s.carrier.rooms[0].sid
        s.carrier.faults.rest_429_next = 1
        refusals = [
            await rest.add("cr-1", BUYER, "buyer"),
            await rest.add("cr-1", BUYER, "caller"),
            await rest.add("cr-1", BUYER, "buyer", From="+15125550199"),
            await rest.add("cr-1", BUYER, "buyer", From=CALLER),
            await rest.add("cr-1", BUYER, "buyer", From=CALLER, CallToken="made-up"),
            await rest.add("cr-1", "12145550111", "buyer"),
            await rest.add("CF" + "0" * 32, BUYER, "buyer"),
            await rest.ask("GET", "Conferences/cr-1"),
            await rest.ask("GET", "Conferences/cr-1/Participants"),
            await rest.change(sid, "nobody", Hold="true"),
            await rest.ask("PUT", f"Conferences/{sid}"),
        ]
        assert [(status, body["code"]) for status, body in refusals] == [
            (429, 20429),
            (409, 16025),
            (400, 21210),
            (400, 21210),
            (400, 21210),
            (400, 21211),
            (404, 20404),
            (404, 20404),
            (404, 20404),
            (404, 20404),
            (405, 20004),
        ]
        assert s.carrier.outbound == []
        s.carrier.default_phone = PhoneScript(ring_s=1, result="busy")
        s.carrier.verify_number("+15125550199")
        statuses = [
            (await rest.add("cr-1", BUYER, "b1", From=CALLER, CallToken=call.call_token))[0],
            (await rest.add("cr-1", "client:ana.b", "b2", From="+15125550199"))[0],
        ]
        assert statuses == [201, 201]
        call.hang_up()
        await s.settled()


@virtual
async def test_unknown_parameters_and_values_are_noted(clock: VirtualClock) -> None:
    async with stage(clock) as s, rest_of(s) as rest:
        call = await in_room(s)
        s.carrier.default_phone = LONG
        await rest.add("cr-1", BUYER, "buyer", Timeout="4", Colour="red")
        await rest.change(s.carrier.rooms[0].sid, "caller", Status="completed", Hold="yes")
        problems = [problem for record in s.carrier.rest_log for problem in record.problems]
        assert problems == ["Colour", "Timeout cannot be '4'", "Status", "Hold cannot be 'yes'"]
        call.hang_up()
        s.carrier.hang_up(BUYER)
        await s.settled()


async def test_the_twilio_package_understands_every_answer() -> None:
    from twilio.rest import Client as TwilioClient

    async with stage(SystemClock(), timings=CarrierTimings(say_s_per_char=0.001, rest_latency_s=(0.01, 0.02))) as s:
        scripted(s, room_document('participantLabel="caller" waitUrl=""'))
        s.carrier.default_phone = PhoneScript(ring_s=0.1, talk_s=60)
        call = s.carrier.place(CallerScript(CALLER, NUMBER))
        await wait_until(lambda: s.carrier.rooms)
        twilio = TwilioClient(SID, TOKEN)
        twilio.api.base_url = s.carrier.rest_url
        room = s.carrier.rooms[0]

        def add() -> list[object]:
            made = twilio.conferences("cr-1").participants.create(
                from_=NUMBER,
                to=BUYER,
                label="buyer",
                early_media=False,
                timeout=20,
                status_callback=f"{PUBLIC}/leg",
                status_callback_event=["initiated", "completed"],
                conference_status_callback=f"{PUBLIC}/events",
                conference_status_callback_event=EVENTS.split(),
                jitter_buffer_size="small",
                beep="false",
            )
            found = twilio.conferences.list(friendly_name="cr-1", status="init")
            return [made.status, made.conference_sid, [conference.sid for conference in found]]

        assert await asyncio.to_thread(add) == ["queued", room.sid, [room.sid]]
        await wait_until(lambda: call.heard[-1].kind == "voice")

        def use() -> list[object]:
            one = twilio.conferences(room.sid)
            held = one.participants("caller").update(hold=True, hold_url=f"{PUBLIC}/wait")
            people = [(person.label, person.status) for person in one.participants.list()]
            gone = one.participants("buyer").delete()
            return [held.hold, people, gone, one.fetch().status, one.update(status="completed").sid]

        people = [("caller", "connected"), ("buyer", "connected")]
        assert await asyncio.to_thread(use) == [True, people, True, "in-progress", room.sid]
        await call.wait_ended()
        await s.settled()
        assert legs(s) == ["initiated", "completed"]
        assert [record.problems for record in s.carrier.rest_log if record.problems] == []
        assert [document.problems for document in s.carrier.documents if document.problems] == []
