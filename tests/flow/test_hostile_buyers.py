"""A buyer that misbehaves in any way costs the call nothing: the healthy one wins, and the reason is told."""

from decimal import Decimal
from pathlib import Path

import pytest

from callrouter.domain.phone import BadTarget, check_target
from callrouter.simulator.partners import Answer
from tests.support.virtual_time import VirtualClock, run_virtual
from tests.support.world import CALLER, INBOUND, World, in_world, offers, plan

HEALTHY = "+12145550111"

FAULTS = {
    "timeout": "error_timeout",
    "refused": "error_unreachable",
    "reset": "error_unreachable",
    "slow_drip": "error_timeout",
    "oversize": "error_too_large",
    "garbage": "error_bad_response",
    "wrong_content_type": "offer",
    "redirect": "error_redirect",
    "entity_bomb": "error_unsafe_xml",
    "absurd_money": "error_bad_response",
    "forbidden_number": "rejected_bad_target",
    "5xx": "error_unavailable",
    "429": "error_rate_limited",
}
"""What the buyer does, and its one result. A wrong content type alone does no harm: the body decides."""


@pytest.mark.parametrize("bad", ["letsmakealead", "contactability"])
@pytest.mark.parametrize("fault", list(FAULTS))
def test_the_healthy_buyer_wins_and_the_reason_is_right(
    fault: str, bad: str, engine_socket: Path, tmp_path: Path
) -> None:
    async def whole(clock: VirtualClock) -> None:
        async with World(clock, engine_socket, tmp_path, dialplan=plan(auction={"deadline_s": 4})) as world:
            hostile, healthy = world.lmal, world.contactability
            if bad == "contactability":
                hostile, healthy = healthy, hostile  # type: ignore[assignment]
            evil = Answer(fault=fault, payout=Decimal(9), number="+12145550199", latency_s=0.2)  # type: ignore[arg-type]
            hostile.answer = lambda params: evil
            healthy.answer = offers("20", HEALTHY, latency_s=0.5)
            call = await world.call()
            record = await world.record(call)
            assert [d.number for d in call.dials] == [HEALTHY]
            assert call.bridged
            assert {r["buyer"]: r["reason"] for r in record["results"]}[bad] == FAULTS[fault]

    run_virtual(whole)


FORBIDDEN = [
    *("+19005550199", "+12129765555", "+18095550199", "+18765550199", "911", "+12129115555", "+442079460000"),
    *("+15005550006", "12345", "", "+1214555011x", INBOUND, CALLER, "sip:someone@example.com", "+18885550101"),
]


@in_world(plan(intake={"zip": "caller_id"}))
async def test_no_forbidden_number_is_ever_dialled(world: World) -> None:
    """Premium, foreign, emergency, malformed, our own, the caller's own: whatever a buyer names."""
    world.contactability.answer = offers("20", HEALTHY)
    for n, number in enumerate(FORBIDDEN):
        world.lmal.answer = offers("99", number)
        await world.call(from_=CALLER if number == CALLER else f"+1512555{120 + n:04d}", from_zip="78701")
    assert {dial.number for call in world.carrier.calls for dial in call.dials} == {HEALTHY}
    counted = world.metric("buyer_results_total", buyer="letsmakealead", reason="rejected_bad_target")
    bad_replies = world.metric("buyer_results_total", buyer="letsmakealead", reason="error_bad_response")
    assert counted + bad_replies == len(FORBIDDEN)


@pytest.mark.parametrize("number", FORBIDDEN)
def test_the_check_names_what_is_wrong_without_the_number(number: str) -> None:
    with pytest.raises(BadTarget) as refused:
        check_target(number, own={INBOUND, "+18885550101"}, caller=CALLER)
    assert len(number) < 4 or number not in str(refused.value)


@in_world()
async def test_when_every_buyer_is_hostile_the_caller_is_called_back(world: World) -> None:
    world.lmal.answer = lambda params: Answer(fault="garbage")
    world.contactability.answer = lambda params: Answer(fault="entity_bomb")
    call = await world.call()
    await world.delivered()
    assert ((await world.record(call))["outcome"], len(world.dialler.leads)) == ("unsold", 1)
