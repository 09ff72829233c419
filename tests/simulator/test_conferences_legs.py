"""The legs that the REST side has called for a conference."""

import asyncio
import itertools

import pytest

from callrouter.simulator.carrier import PhoneScript
from tests.simulator.conferencing import AGENT, event, events, in_room, rest_of, room_document, scripted
from tests.simulator.product import BUYER, NUMBER, SID, Stage, stage
from tests.support.virtual_time import VirtualClock, virtual
from tests.support.waiting import wait_until

LONG = PhoneScript(ring_s=2, talk_s=10_000)


def legs(s: Stage) -> list[str]:
    """What was reported of the legs, as sent."""
    return [record.params["CallStatus"] for record in s.carrier.webhooks if record.kind == "participant_status"]


@virtual
async def test_a_leg_is_queued_rings_joins_and_its_talk_counts_from_there(clock: VirtualClock) -> None:
    async with stage(clock) as s, rest_of(s) as rest:
        call = await in_room(s)
        s.carrier.phone(BUYER, PhoneScript(ring_s=3, talk_s=40.5))
        status, shown = await rest.add("cr-1", BUYER, "buyer")
        room, leg = s.carrier.rooms[0], s.carrier.outbound[0]
        assert (status, shown["status"], shown["label"], shown["hold"]) == (201, "queued", "buyer", False)
        assert (shown["call_sid"], shown["conference_sid"], shown["account_sid"]) == (leg.sid, room.sid, SID)
        await wait_until(lambda: leg.state == "ringing")
        assert call.heard[-1].kind != "voice"
        await leg.wait_ended()
        buyer = room.by_label("buyer")[0]
        assert (leg.result, leg.number, leg.label, leg.order.from_) == ("completed", BUYER, "buyer", NUMBER)
        assert (leg.answered_at or 0) - (leg.dialled_at or 0) == pytest.approx(3)
        assert (buyer.left_at or 0) - (buyer.joined_at or 0) == pytest.approx(40.5)
        assert [sound.kind for sound in leg.heard] == ["ringback", "voice"]
        call.hang_up()
        await s.settled()
        assert legs(s) == ["initiated", "ringing", "in-progress", "completed"]
        told = [dict(record.params) for record in s.carrier.webhooks if record.kind == "participant_status"]
        assert [params["SequenceNumber"] for params in told] == ["0", "1", "2", "3"]
        assert (told[-1]["CallDuration"], told[-1]["Direction"], "ParentCallSid" in told[-1]) == (
            "40",
            "outbound-api",
            False,
        )


@pytest.mark.parametrize(
    ("phone", "status", "lasts_s"),
    [
        (PhoneScript(ring_s=1, result="busy"), "busy", 1),
        (PhoneScript(ring_s=0, result="failed"), "failed", 0),
        (PhoneScript(ring_s=60, result="no_answer"), "no-answer", 25),
        (PhoneScript(ring_s=26), "no-answer", 25),
    ],
)
def test_who_does_not_answer_leaves_without_having_come(phone: PhoneScript, status: str, lasts_s: float) -> None:
    @virtual
    async def run(clock: VirtualClock) -> None:
        async with stage(clock) as s, rest_of(s) as rest:
            call = await in_room(s)
            s.carrier.phone(BUYER, phone)
            await rest.add("cr-1", BUYER, "buyer", Timeout="20")
            leg = s.carrier.outbound[0]
            await leg.wait_ended()
            await wait_until(lambda: ("participant-leave", "buyer") in events(s))
            left = event(s, "participant-leave", "buyer")
            assert (left["ReasonParticipantLeft"], left["ParticipantCallStatus"]) == ("participant_add_failed", status)
            assert (leg.ended_at or 0) - (leg.dialled_at or 0) == pytest.approx(lasts_s, abs=1e-3)
            assert (leg.result, call.live, ("participant-join", "buyer") in events(s)) == (status, True, False)
            call.hang_up()
            await s.settled()
            assert legs(s)[-1] == status

    run()


@virtual
async def test_legs_are_started_one_a_second(clock: VirtualClock) -> None:
    async with stage(clock) as s, rest_of(s) as rest:
        s.carrier.default_phone = PhoneScript(ring_s=1, result="busy")
        scripted(s, "")
        await asyncio.gather(*(rest.add("cr-1", BUYER, f"b{n}") for n in range(3)))
        await s.settled()
        started = sorted(leg.dialled_at or 0 for leg in s.carrier.outbound)
        assert [later - earlier for earlier, later in itertools.pairwise(started)] == pytest.approx([1, 1])
        assert s.carrier.rooms[0].why_ended == "last-participant-left"


@virtual
async def test_an_early_leg_is_heard_ringing(clock: VirtualClock) -> None:
    async with stage(clock) as s, rest_of(s) as rest:
        call = await in_room(s)
        s.carrier.default_phone = LONG
        await rest.add("cr-1", AGENT, "agent")
        await wait_until(lambda: call.heard[-1].kind == "voice")
        s.carrier.hang_up(AGENT)
        await wait_until(lambda: call.heard[-1].kind == "silence")
        await rest.add("cr-1", BUYER, "buyer", EarlyMedia="true")
        await wait_until(lambda: call.heard[-1].kind == "voice")
        assert [sound.kind for sound in call.heard][-4:] == ["voice", "silence", "ring", "voice"]
        call.hang_up()
        s.carrier.hang_up(BUYER)
        await s.settled()


@virtual
async def test_a_lost_create_is_accepted_and_nobody_is_ever_called(clock: VirtualClock) -> None:
    async with stage(clock) as s, rest_of(s) as rest:
        call = await in_room(s)
        s.carrier.faults.lose_creates = 1
        status, shown = await rest.add("cr-1", BUYER, "buyer")
        sid = s.carrier.rooms[0].sid
        assert (status, shown["conference_sid"], s.carrier.outbound) == (201, sid, [])
        assert (await rest.ask("GET", f"Conferences/{sid}/Participants/buyer"))[0] == 404
        assert s.carrier.rest_log[0].lost
        call.hang_up()
        await s.settled()


@virtual
async def test_a_leg_is_pushed_out_of_the_conference_and_goes_on_with_the_document(clock: VirtualClock) -> None:
    async with stage(clock) as s, rest_of(s) as rest:
        call = await in_room(s)
        s.carrier.default_phone = LONG
        await rest.add("cr-1", AGENT, "agent")
        agent = s.carrier.outbound[0]
        await wait_until(lambda: agent.heard[-1].kind == "voice")
        await rest.push(agent.sid, room_document('participantLabel="agent"', "cr-2", action=None))
        await wait_until(lambda: len(s.carrier.rooms) == 2)
        assert s.carrier.rooms[1].participants[0].call_sid == agent.sid
        assert s.carrier.rooms[0].by_label("agent")[0].why_left == "participant_updated_via_api"
        await rest.ask("POST", f"Calls/{agent.sid}", {"Status": "completed"})
        await agent.wait_ended()
        assert (agent.ended_by, agent.result) == ("rest", "completed")
        call.hang_up()
        await s.settled()


@virtual
async def test_a_ringing_leg_can_be_removed_completed_or_refused(clock: VirtualClock) -> None:
    async with stage(clock) as s, rest_of(s) as rest:
        call = await in_room(s)
        s.carrier.default_phone = PhoneScript(ring_s=50)
        for number in range(3):
            await rest.add("cr-1", f"+1214555011{number}", f"b{number}")
        removed, completed, refused = s.carrier.outbound
        await wait_until(lambda: refused.state == "ringing")
        await rest.ask("DELETE", f"Conferences/{s.carrier.rooms[0].sid}/Participants/b0")
        await rest.ask("POST", f"Calls/{completed.sid}", {"Status": "completed"})
        refused.hang_up()
        await asyncio.gather(*(leg.wait_ended() for leg in s.carrier.outbound))
        assert [leg.result for leg in (removed, completed, refused)] == ["canceled", "canceled", "busy"]
        call.hang_up()
        await s.settled()


@virtual
async def test_the_last_who_leaves_does_not_end_what_somebody_is_still_called_for(clock: VirtualClock) -> None:
    async with stage(clock) as s, rest_of(s) as rest:
        call = await in_room(s)
        s.carrier.default_phone = PhoneScript(ring_s=10, talk_s=40)
        await rest.add("cr-1", BUYER, "buyer")
        call.hang_up()
        await s.carrier.outbound[0].wait_ended()
        await s.settled()
        assert len(s.carrier.rooms) == 1
        assert [person.label for person in s.carrier.lonely(30)] == ["buyer"]
