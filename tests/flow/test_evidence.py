"""The clocks that buyers pay by, from both of the carrier's sources, also when one reports after the call's end."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from callrouter.calls.evidence import late_evidence
from callrouter.calls.store import Stored
from callrouter.carrier.seam import CallArrived, CallerStatus, DialEnded, DialStatus, LegChanged, LegStatus
from callrouter.commands.call_page import call_page
from callrouter.console.call_page import facts
from callrouter.domain.call import Attempt, AttemptResult, Call, CallKind
from callrouter.domain.caller import Caller
from callrouter.domain.offer import Offer
from callrouter.ledger.sold import Sold
from callrouter.ledger.totals import Asked
from callrouter.simulator.carrier import PhoneScript
from tests.support.waiting import wait_until
from tests.support.world import CALLER, INBOUND, World, in_world, offers
from tests.transfers.agents import Anna, until_so, with_agent

NUMBER = "+12145550111"


def one_buyer(world: World, talk_s: int = 100, hangs_up: Any = "buyer") -> None:
    world.contactability.answer = offers("30.00", NUMBER)
    world.carrier.phone(NUMBER, PhoneScript(talk_s=talk_s, ring_s=4, hangs_up=hangs_up))


async def sold(world: World) -> list[Sold]:
    found = world.app.instance.ledger.sold("contactability", 0, 2**33)
    return [one async for one in found]


async def attempt_of(world: World, sid: str) -> dict[str, Any]:
    """The call's first dial, when both sources have told of its length."""

    seen: dict[str, Any] = {}

    async def both() -> bool:
        # What was seen is kept: the ledger may have the call a moment before it has what came later.
        seen.update(((await world.app.instance.calls.get(sid)) or {})["attempts"][0])
        return None not in (*seen["timers"]["answer"].values(), *seen["timers"]["dial"].values())

    await until_so(both, 30)
    return seen


@in_world()
async def test_dial_and_answer_timer_come_from_the_leg_and_from_the_dials_action(world: World) -> None:
    one_buyer(world)
    call = await world.call()
    await world.settled()
    attempt = await attempt_of(world, call.sid)
    timers = attempt["timers"]
    assert timers["answer"] == {"leg": 100, "action": 100}
    assert timers["accept"] == {"leg": None, "action": None}
    assert all(103 <= seconds <= 105 for seconds in timers["dial"].values()), "it rang for four seconds"
    assert (attempt["qualified"], attempt["margin_s"], attempt["expected_payout"]) == (True, 10, "30.00")
    assert (attempt["payout"], attempt["min_duration_s"], attempt["min_duration_stated"]) == ("30.00", 90, True)
    record = await world.record(call)
    dial = timers["dial"]
    clocks = [line.split() for line in call_page(record).partition("clocks that buyers pay by\n")[2].splitlines()]
    assert clocks[0] == ["dial", "since", "leg", "dial's", "action", "hung", "up"]
    assert clocks[1] == ["1", "dial", str(dial["leg"]), "s", str(dial["action"]), "s", "buyer"]
    assert clocks[2] == ["1", "answer", "100", "s", "100", "s", "buyer"]
    shown = dict(facts(record, world.clock.now()))["Clocks"]
    assert shown.endswith("100 s since the answer"), "where both say the same it is said once"


@in_world()
async def test_what_the_leg_reports_after_the_calls_end_is_kept_and_changes_no_money(world: World) -> None:
    """The dial's action says 100 s and ends the call; the leg's own report says 89, when nobody waits for it."""
    one_buyer(world)
    world.carrier.faults.lose_status_share = 1.0
    call = await world.call()
    await world.settled()
    record = await world.record(call)
    assert record["attempts"][0]["timers"]["answer"] == {"leg": None, "action": 100}
    await world.books()
    booked = world.metric("expected_payout_dollars_total", buyer="contactability")
    late = LegChanged(call.sid, 1, "CA" + "9" * 32, LegStatus.COMPLETED, 89)
    other = replace(late, leg_sid="CA" + "8" * 32, leg_s=77)
    for event in (late, late, other):  # reports are repeated, and of two of one source the first is kept
        await world.app.instance.flow.report(event, world.clock.now())
    attempt = await attempt_of(world, call.sid)
    assert attempt["timers"]["answer"] == {"leg": 89, "action": 100}
    assert (attempt["bridged_s"], attempt["qualified"], attempt["revision"]) == (100, True, 2)
    (row,) = await sold(world)
    assert (row.answer_s, row.action_s, row.qualified, row.expected) == (89, 100, True, Decimal("30.00"))
    total = (await world.app.instance.ledger.totals(Asked())).total
    assert (total.dialled, total.qualified, total.expected, total.disputed_s) == (1, 1, Decimal("30.00"), 11)
    await world.books()
    assert world.metric("expected_payout_dollars_total", buyer="contactability") == booked == 30


@in_world()
async def test_a_report_that_crosses_with_the_calls_end_is_kept(world: World) -> None:
    """The leg's report finds a living call, and when it comes to be stored the dial's action has ended it."""
    one_buyer(world)
    world.carrier.faults.lose_status_share = 1.0
    call = world.place()
    await wait_until(lambda: bool(call.dials and call.dials[0].answered_at), 60)
    flow, store, now = world.app.instance.flow, world.app.instance.store, world.clock.now()
    ended = DialEnded(call.sid, 1, DialStatus.COMPLETED, True, 51, False)
    load = store.load

    async def crossed(sid: str, event_id: str = "") -> Stored:
        store.load = load  # type: ignore[method-assign]
        found = await load(sid, event_id)
        await flow.answer(ended, CallArrived(call.sid, CALLER, INBOUND), now)
        return found

    store.load = crossed  # type: ignore[method-assign]
    await flow.report(LegChanged(call.sid, 1, "CA" + "9" * 32, LegStatus.COMPLETED, 50), now)
    attempt = await attempt_of(world, call.sid)
    assert attempt["timers"]["answer"] == {"leg": 50, "action": 51}
    assert attempt["bridged_s"] == 51
    await call.wait_ended()


@in_world()
async def test_a_buyer_that_hung_up_is_named_although_the_caller_left_before_we_were_asked(world: World) -> None:
    """The buyer leaves just short of its minimum; the dial's action is late, and the caller hangs up in the silence."""
    one_buyer(world, talk_s=600)
    world.carrier.faults.lose_status_share = 1.0
    call = world.place()
    await wait_until(lambda: bool(call.dials and call.dials[0].answered_at), 60)
    flow, now = world.app.instance.flow, world.clock.now()
    await flow.report(LegChanged(call.sid, 1, "CA" + "9" * 32, LegStatus.COMPLETED, 85), now)
    await flow.report(CallerStatus(call.sid, LegStatus.COMPLETED), now)
    action = DialEnded(call.sid, 1, DialStatus.COMPLETED, True, 85, True)
    await flow.answer(action, CallArrived(call.sid, CALLER, INBOUND), now)
    assert (await attempt_of(world, call.sid))["ended_by"] == "buyer"
    await wait_until_in_ledger(world, call.sid)
    total = (await world.app.instance.ledger.totals(Asked())).total
    assert (total.near_misses_by, total.qualified) == ({"buyer": 1}, 0)
    assert (await world.record(call))["attempts"][0]["ended_by"] == "buyer"
    call.hang_up()
    await call.wait_ended()


@pytest.mark.parametrize(
    ("result", "known", "caller_there", "then"),
    [
        (AttemptResult.BRIDGED, "caller", False, "caller"),
        (AttemptResult.BRIDGED, "agent", True, "agent"),
        (AttemptResult.BRIDGED, None, True, "buyer"),
        (AttemptResult.BRIDGED, None, False, "caller"),
        (AttemptResult.CALLER_GONE, None, True, None),
    ],
)
def test_the_dials_action_says_who_hung_up_where_that_is_not_known_better(
    result: AttemptResult, known: Any, caller_there: bool, then: str | None
) -> None:
    offer = Offer(buyer="a", number=NUMBER, payout=Decimal(30), received_at=1, expires_at=31)
    attempt = Attempt(
        no=1, offer=offer, decided_at=2, ring_timeout_s=20, caller_id=CALLER, result=result, ended_by=known
    )
    call = Call(
        sid="CA1",
        plan="auto",
        kind=CallKind.INBOUND,
        to=INBOUND,
        caller=Caller(phone=CALLER),
        started_at=0,
        attempts=(attempt,),
    )
    told = late_evidence(call, DialEnded("CA1", 1, DialStatus.COMPLETED, True, 85, caller_there), 100)
    assert told is not None
    assert told.ended_by == then


async def wait_until_in_ledger(world: World, sid: str) -> None:
    """Also what came after the call's end."""

    async def amended() -> bool:
        found = await world.app.instance.ledger.get(sid)
        return found is not None and "revision" in found.record["attempts"][0]

    await until_so(amended, 30)


@with_agent()
async def test_a_buyers_leg_in_a_room_has_its_timers_from_the_leg(anna: Anna) -> None:
    await anna.opens()
    caller = anna.caller_on_line()
    await anna.does("bridge", {"caller_call_sid": caller.sid})
    await anna.waits_for("talking")
    await anna.does("complete")
    await anna.until(100)
    caller.hang_up()
    timers = (await anna.ends())["attempts"][0]["timers"]
    assert timers["answer"]["leg"] >= 100
    assert timers["answer"]["action"] is None, "a room has no dial whose action could tell"
    assert timers["dial"]["leg"] > timers["answer"]["leg"]
