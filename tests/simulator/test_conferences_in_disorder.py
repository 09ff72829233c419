"""Reports of conferences that come late, twice, in the wrong order or never: as the carrier's real ones may."""

import dataclasses

from callrouter.simulator.carrier import CarrierTimings, PhoneScript
from tests.simulator.conferencing import in_room, rest_of
from tests.simulator.product import BUYER, EXACT, Stage, stage
from tests.support.virtual_time import VirtualClock, virtual
from tests.support.waiting import wait_until

SLOW: CarrierTimings = dataclasses.replace(EXACT, status_reorder_s=4.0)


async def a_short_talk(s: Stage) -> list[tuple[str, str]]:
    """A buyer who joins and hangs up at once; what the product was told of it, as it arrived."""
    async with rest_of(s) as rest:
        call = await in_room(s)
        s.carrier.phone(BUYER, PhoneScript(ring_s=1, talk_s=1))
        await rest.add("cr-1", BUYER, "buyer")
        await s.carrier.outbound[0].wait_ended()
        call.hang_up()
        await wait_until(lambda: s.carrier.idle, timeout_s=60, every_s=0.5)
    told = [asked.params for asked in s.product.at("/events")]
    return [(params["StatusCallbackEvent"], params.get("ParticipantLabel", "")) for params in told]


@virtual
async def test_a_leave_may_arrive_before_its_join_and_the_sequence_number_tells(clock: VirtualClock) -> None:
    orders = set()
    for seed in range(6):
        async with stage(clock, seed=seed, timings=SLOW) as s:
            s.carrier.faults.reorder_status = True
            arrived = await a_short_talk(s)
            assert len(arrived) == 6
            orders.add(arrived.index(("participant-join", "buyer")) < arrived.index(("participant-leave", "buyer")))
            sent = {
                p.params["StatusCallbackEvent"] + p.params.get("ParticipantLabel", ""): p
                for p in s.product.at("/events")
            }
            joined, left = sent["participant-joinbuyer"].params, sent["participant-leavebuyer"].params
            assert int(joined["SequenceNumber"]) < int(left["SequenceNumber"])
    assert orders == {True, False}


@virtual
async def test_every_report_may_come_twice_with_the_same_number(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        s.carrier.faults.duplicate_webhooks = True
        arrived = await a_short_talk(s)
        assert len(arrived) == 12
        numbers = [asked.params["SequenceNumber"] for asked in s.product.at("/events")]
        assert sorted(numbers) == sorted(2 * list(dict.fromkeys(numbers)))


@virtual
async def test_reports_may_be_lost_and_the_conference_lives_on(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        s.carrier.faults.lose_status_share = 1.0
        assert await a_short_talk(s) == []
        room = s.carrier.rooms[0]
        assert (room.why_ended, [person.label for person in room.participants]) == (
            "last-participant-left",
            ["caller", "buyer"],
        )
