"""What we order about rooms, carried out by the simulated carrier, and what its rooms tell us."""

import logging

import pytest

from callrouter.calls.answer import Answer
from callrouter.carrier.seam import (
    Apologise,
    BridgeTo,
    BringIn,
    CallArrived,
    CallIn,
    DialEnded,
    EndsRoom,
    EnterRoom,
    Farewell,
    HangUp,
    InRoom,
    LeftRoom,
    LeftWhy,
    LegChanged,
    LegStatus,
    Order,
    Ordered,
    OrderResult,
    PartyChanged,
    PushResult,
    PutOnHold,
    Release,
    RoomChanged,
    RoomEvent,
    Tell,
)
from callrouter.domain.clock import SystemClock
from callrouter.errors import CarrierUnavailable
from callrouter.simulator.carrier import CallerScript, CarrierTimings, PhoneScript
from tests.carrier.edge import AGENT, BUYER, CALL, CALLER, OURS, ROOM, Edge, edge
from tests.carrier.plans import a_plan
from tests.support.virtual_time import VirtualClock, virtual
from tests.support.waiting import wait_until

AGENT_IN = CallIn(ROOM, "agent-1", AGENT, OURS, 20, starts=True)
BUYER_IN = CallIn(ROOM, "buyer-1", BUYER, OURS, 20, starts=True)
STANDING = "<Response><Pause length='600'/></Response>"
NOBODY = "CA" + "0" * 32


def room_of(at: Edge) -> str:
    """The carrier's id of the room."""
    return at.simulated.rooms[0].sid


async def done(at: Edge, order: Order) -> Ordered:
    """Carry out an order that must succeed."""
    said = await at.carrier.carry_out(order, CALL, "auto")
    assert said.result is OrderResult.DONE, said
    return said


async def called_in(at: Edge, *orders: CallIn) -> list[Ordered]:
    """Legs that have come into the room."""
    said = [await done(at, order) for order in orders]
    for order in orders:
        await at.until_seen(order.label, RoomEvent.JOINED)
    return said


@virtual
async def test_a_leg_that_is_called_in_is_in_the_room_when_it_answers(clock: VirtualClock) -> None:
    async with edge(clock) as at:
        (said,) = await called_in(at, AGENT_IN)
        joined = at.seen("agent-1", RoomEvent.JOINED)
        assert said.leg_sid
        assert [(j.sid, j.room_sid, j.leg_sid, j.why) for j in joined] == [(CALL, room_of(at), said.leg_sid, None)]
        assert [
            (party.label, party.leg_sid, party.status)
            for party in sorted((r for r in at.told.reports if isinstance(r, PartyChanged)), key=lambda p: p.status)
        ] == [
            ("agent-1", said.leg_sid, status)
            for status in (LegStatus.IN_PROGRESS, LegStatus.INITIATED, LegStatus.RINGING)
        ]
        room = await at.carrier.room(ROOM)
        assert room is not None
        assert (room.room_sid, room.legs) == (room_of(at), (InRoom(said.leg_sid, "agent-1", held=False),))
        at.simulated.hang_up(AGENT)
        left = await at.until_seen("agent-1", RoomEvent.LEFT)
        assert left.why is LeftWhy.HUNG_UP
        await at.settled()
        assert await at.carrier.room(ROOM) is None


@virtual
async def test_a_leg_that_only_rings_is_not_in_the_room(clock: VirtualClock) -> None:
    async with edge(clock) as at:
        at.simulated.phone(BUYER, PhoneScript(ring_s=10))
        await done(at, BUYER_IN)
        room = await at.carrier.room(ROOM)
        assert room is not None
        assert room.legs == ()
        await at.settled()


@virtual
async def test_who_is_on_hold_hears_music_until_taken_back(clock: VirtualClock) -> None:
    async with edge(clock, {"auto": a_plan()}) as at:
        agent, buyer = await called_in(at, AGENT_IN, BUYER_IN)
        ordered_at = clock.now()
        await done(at, PutOnHold(room_of(at), "agent-1", agent.leg_sid or "", on=True))
        await at.until_seen("agent-1", RoomEvent.HELD)
        room = await at.carrier.room(ROOM)
        assert room is not None
        assert {leg.label: leg.held for leg in room.legs} == {"agent-1": True, "buyer-1": False}
        held_at = clock.now()
        await wait_until(lambda: clock.now() > held_at + 90, timeout_s=120, every_s=1)
        await done(at, PutOnHold(room_of(at), "agent-1", agent.leg_sid or "", on=False))
        await at.until_seen("agent-1", RoomEvent.UNHELD)
        (leg,) = at.simulated.rooms[0].by_label("agent-1")
        heard = [s for s in leg.heard if s.kind == "hold" and s.end > held_at]
        assert sum(s.length_s for s in heard) > 89, "no silence in ninety seconds of hold"
        asked = [w for w in at.simulated.webhooks if w.kind == "wait" and w.started_at >= ordered_at]
        assert 1 <= len(asked) <= 3, "the music is asked for once in a while, not once a bar"
        assert {w.url for w in asked} == {"https://calls.example.com/twilio/music?plan=auto"}
        await done(at, Release("agent-1", agent.leg_sid or ""))
        await done(at, Release("buyer-1", buyer.leg_sid or ""))
        await at.settled()


@virtual
async def test_the_room_ends_with_the_leg_that_ends_it(clock: VirtualClock) -> None:
    async with edge(clock) as at:
        _, buyer = await called_in(at, AGENT_IN, BUYER_IN)
        await done(at, EndsRoom(room_of(at), "buyer-1", buyer.leg_sid or ""))
        await wait_until(lambda: at.simulated.rest_log[-1].applied_at)
        at.simulated.hang_up(BUYER)
        ended = await at.until_seen("", RoomEvent.ENDED)
        assert (ended.sid, ended.leg_sid, ended.room_sid) == (CALL, "", room_of(at))
        await at.settled()
        assert at.seen("agent-1", RoomEvent.LEFT)


@virtual
async def test_a_leg_can_be_let_go_or_told_something_on_its_way_out(clock: VirtualClock) -> None:
    async with edge(clock) as at:
        agent, buyer = await called_in(at, AGENT_IN, BUYER_IN)
        await done(at, Release("agent-1", agent.leg_sid or ""))
        await at.until_seen("agent-1", RoomEvent.LEFT)
        await done(at, Tell("buyer-1", buyer.leg_sid or "", Apologise(Farewell.UNSOLD)))
        await at.until_seen("buyer-1", RoomEvent.LEFT)
        await at.settled()
        told = next(leg for leg in at.simulated.outbound if leg.label == "buyer-1")
        assert "Everyone is busy" in told.heard[-1].detail
        finals = {r.label: r.status for r in at.told.reports if isinstance(r, PartyChanged) and r.status.final}
        assert finals == {"agent-1": LegStatus.COMPLETED, "buyer-1": LegStatus.COMPLETED}


@virtual
async def test_a_call_that_is_there_already_comes_in_and_is_asked_for_when_the_room_ends(clock: VirtualClock) -> None:
    async with edge(clock) as at:
        at.told.answers[LeftRoom] = Answer(Apologise(Farewell.UNSOLD), None, CALL)
        caller = at.simulated.standing_call(CALLER, OURS, STANDING)
        await done(at, BringIn(ROOM, "caller-1", caller.sid, starts=False))
        joined = await at.until_seen("caller-1", RoomEvent.JOINED)
        assert (joined.leg_sid, joined.sid) == (caller.sid, CALL)
        await wait_until(lambda: caller.heard[-1].kind == "hold")
        (agent,) = await called_in(at, AGENT_IN)
        await done(at, EndsRoom(room_of(at), "agent-1", agent.leg_sid or ""))
        await wait_until(lambda: at.simulated.rest_log[-1].applied_at)
        at.simulated.hang_up(AGENT)
        await caller.wait_ended()
        assert at.told.events == [LeftRoom(CALL, "caller-1", caller.sid, there=True)]
        (arrival,) = at.told.arrivals
        assert (arrival.sid, arrival.from_raw, arrival.to) == (caller.sid, CALLER, OURS)
        assert "Everyone is busy" in caller.heard[-1].detail
        await at.settled()


@virtual
async def test_a_caller_who_hangs_up_in_the_room_is_not_there_any_more(clock: VirtualClock) -> None:
    async with edge(clock) as at:
        at.told.answers[CallArrived] = Answer(EnterRoom(ROOM, "caller-1", starts=True), None, CALL)
        caller = at.simulated.place(CallerScript(CALLER, OURS))
        await called_in(at, AGENT_IN)
        caller.hang_up()
        await wait_until(lambda: any(isinstance(event, LeftRoom) for event in at.told.events))
        assert at.told.events[-1] == LeftRoom(CALL, "caller-1", caller.sid, there=False)
        at.simulated.hang_up(AGENT)
        await at.settled()


@virtual
async def test_an_order_that_is_given_again_does_not_ring_twice(clock: VirtualClock) -> None:
    async with edge(clock) as at:
        await called_in(at, BUYER_IN)
        said = await at.carrier.carry_out(BUYER_IN, CALL, "auto")
        assert (said.result, said.leg_sid, said.why) == (OrderResult.DONE, None, "16025")
        assert len(at.simulated.outbound) == 1
        at.simulated.hang_up(BUYER)
        await at.settled()


@pytest.mark.parametrize(
    ("script", "status"),
    [
        (PhoneScript(result="busy"), LegStatus.BUSY),
        (PhoneScript(ring_s=60), LegStatus.NO_ANSWER),
        (PhoneScript(result="failed"), LegStatus.FAILED),
    ],
    ids=["busy", "no_answer", "failed"],
)
@virtual
async def test_a_leg_that_does_not_come_is_reported_with_the_reason(
    clock: VirtualClock, script: PhoneScript, status: LegStatus
) -> None:
    async with edge(clock) as at:
        await called_in(at, AGENT_IN)
        at.simulated.phone(BUYER, script)
        await done(at, BUYER_IN)
        left = await at.until_seen("buyer-1", RoomEvent.LEFT)
        assert (left.why, left.leg_status) == (LeftWhy.NOT_REACHED, status)
        at.simulated.hang_up(AGENT)
        await at.settled()
        parties = [r for r in at.told.reports if isinstance(r, PartyChanged) and r.label == "buyer-1"]
        assert [party.status for party in parties if party.status.final] == [status]
        assert at.seen("buyer-1", RoomEvent.JOINED) == []


@virtual
async def test_legs_that_are_gone_are_told_from_those_that_need_another_try(clock: VirtualClock) -> None:
    async with edge(clock) as at:
        (agent,) = await called_in(at, AGENT_IN)
        room = room_of(at)
        gone: list[Order] = [
            BringIn(ROOM, "caller-1", NOBODY, starts=False),
            PutOnHold(room, "caller-1", NOBODY, on=True),
            PutOnHold("CF" + "0" * 32, "agent-1", agent.leg_sid or "", on=False),
            EndsRoom(room, "caller-1", NOBODY),
            Tell("caller-1", NOBODY, HangUp()),
        ]
        said = [(await at.carrier.carry_out(order, CALL, "auto")).result for order in gone]
        assert said == [OrderResult.GONE] * len(gone)
        assert (await at.carrier.carry_out(Release("caller-1", NOBODY), CALL, "auto")).result is OrderResult.DONE
        at.simulated.hang_up(AGENT)
        await at.settled()
        ended = BringIn(ROOM, "agent-1", agent.leg_sid or "", starts=True)
        assert (await at.carrier.carry_out(ended, CALL, "auto")).result is OrderResult.GONE


@virtual
async def test_a_number_that_cannot_be_called_or_shown_is_refused_for_good(clock: VirtualClock) -> None:
    async with edge(clock) as at:
        not_ours = CallIn(ROOM, "buyer-1", BUYER, CALLER, 20, starts=True)
        nobody = CallIn(ROOM, "buyer-1", "nobody", OURS, 20, starts=True)
        said = [await at.carrier.carry_out(order, CALL, "auto") for order in (not_ours, nobody)]
        assert [(each.result, each.why) for each in said] == [
            (OrderResult.REFUSED, "21210"),
            (OrderResult.REFUSED, "21211"),
        ]


@virtual
async def test_the_callers_number_is_shown_with_the_token_of_their_call(clock: VirtualClock) -> None:
    async with edge(clock) as at:
        at.told.answers[CallArrived] = Answer(EnterRoom(ROOM, "caller-1", starts=True), None, CALL)
        caller = at.simulated.place(CallerScript(CALLER, OURS, extra={"ForwardedFrom": "+18885550199"}))
        await at.until_seen("caller-1", RoomEvent.JOINED)
        arrival = at.told.arrivals[0]
        assert (arrival.sid, arrival.forwarded_from) == (caller.sid, "+18885550199")
        token = arrival.call_token
        assert token
        await called_in(at, CallIn(ROOM, "buyer-1", BUYER, CALLER, 20, starts=True, call_token=token))
        assert at.simulated.outbound[0].order.from_ == CALLER
        caller.hang_up()
        at.simulated.hang_up(BUYER)
        await at.settled()


@virtual
async def test_a_browser_is_called_by_its_name(clock: VirtualClock) -> None:
    async with edge(clock) as at:
        await called_in(at, CallIn(ROOM, "agent-1", "client:anna", OURS, 20, starts=True))
        at.simulated.hang_up("client:anna")
        await at.settled()


@virtual
async def test_an_order_refused_for_load_is_unknown_and_not_sent_again(clock: VirtualClock) -> None:
    async with edge(clock) as at:
        at.simulated.faults.rest_429_next = 1
        said = await at.carrier.carry_out(AGENT_IN, CALL, "auto")
        assert (said.result, said.why) == (OrderResult.UNKNOWN, "20429")
        assert len(at.simulated.rest_log) == 1


SLOW = CarrierTimings(webhook_one_way_s=(0.05, 0.05), rest_latency_s=(6.0, 6.0))


@virtual
async def test_a_carrier_that_does_not_answer_leaves_it_unknown_in_time(clock: VirtualClock) -> None:
    async with edge(clock, timings=SLOW) as at:
        begun = clock.monotonic()
        hung = await at.carrier.carry_out(Release("agent-1", NOBODY), CALL, "auto")
        released_s = clock.monotonic() - begun
        placed = await at.carrier.carry_out(AGENT_IN, CALL, "auto")
        assert (hung.result, placed.result) == (OrderResult.UNKNOWN, OrderResult.UNKNOWN)
        assert released_s < 1.5
        assert clock.monotonic() - begun < 4.5
        with pytest.raises(CarrierUnavailable):
            await at.carrier.room(ROOM)
        await at.settled()


async def test_a_carrier_that_is_not_there_leaves_it_unknown() -> None:
    async with edge(SystemClock()) as at:
        await at.simulated.stop()
        said = await at.carrier.carry_out(AGENT_IN, CALL, "auto")
        assert said.result is OrderResult.UNKNOWN


@virtual
async def test_a_dial_from_a_transfers_leg_reports_for_the_transfer(clock: VirtualClock) -> None:
    async with edge(clock) as at:
        line = at.simulated.standing_call(CALLER, OURS, STANDING)
        at.simulated.phone(BUYER, PhoneScript(ring_s=2, talk_s=10))
        pushed = await at.carrier.push(line.sid, "auto", BridgeTo(3, BUYER, 20, OURS), sid=CALL)
        assert pushed is PushResult.DONE
        await line.wait_ended()
        await at.settled()
        ended = at.told.events[0]
        assert isinstance(ended, DialEnded)
        assert (ended.sid, ended.attempt_no, ended.bridged) == (CALL, 3, True)
        assert at.told.arrivals[0].sid == line.sid
        legs = [report for report in at.told.reports if isinstance(report, LegChanged)]
        assert {(leg.sid, leg.attempt_no) for leg in legs} == {(CALL, 3)}


@virtual
async def test_repeated_reports_of_a_room_have_equal_ids(clock: VirtualClock) -> None:
    async with edge(clock) as at:
        at.simulated.faults.duplicate_webhooks = True
        at.simulated.faults.reorder_status = True
        await called_in(at, AGENT_IN, BUYER_IN)
        at.simulated.hang_up(AGENT)
        at.simulated.hang_up(BUYER)
        await at.settled()
        rooms = [report for report in at.told.reports if isinstance(report, RoomChanged)]
        assert sorted(r.event_id for r in rooms) == sorted([r.event_id for r in set(rooms)] * 2)
        assert len({r.seq for r in set(rooms)}) == len(set(rooms)) == 5


class Kept(logging.Handler):
    """Every record."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@virtual
async def test_nothing_personal_is_logged_about_orders(clock: VirtualClock) -> None:
    kept = Kept()
    log = logging.getLogger("callrouter.carrier")
    level = log.level
    log.addHandler(kept)
    log.setLevel(logging.DEBUG)
    try:
        async with edge(clock) as at:
            at.simulated.faults.rest_429_next = 1
            for order in (AGENT_IN, BUYER_IN):
                await at.carrier.carry_out(order, CALL, "auto")
            await at.carrier.carry_out(CallIn(ROOM, "buyer-2", BUYER, CALLER, 20, starts=True), CALL, "auto")
            await at.settled()
    finally:
        log.removeHandler(kept)
        log.setLevel(level)
    said = " ".join(str(vars(record)) for record in kept.records)
    assert "order refused" in said
    assert not [secret for secret in (AGENT, BUYER, CALLER, AGENT[1:], "http", ROOM) if secret in said]
