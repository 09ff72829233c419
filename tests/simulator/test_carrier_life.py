"""The carrier as a whole: on the real clock, many calls at once, and dropped in the middle."""

import time

import pytest

from callrouter.domain.clock import SystemClock
from callrouter.simulator.carrier import CallerScript, CarrierTimings, PhoneScript
from tests.simulator.product import BUYER, CALLER, NUMBER, response, stage
from tests.support.virtual_time import VirtualClock, virtual
from tests.support.waiting import wait_until

QUICK = CarrierTimings(
    webhook_one_way_s=(0.005, 0.01),
    rest_latency_s=(0.01, 0.02),
    say_s_per_char=0.002,
    key_interval_s=0.01,
    post_dial_s=0.01,
)


async def test_a_call_runs_on_the_real_clock() -> None:
    async with stage(SystemClock(), timings=QUICK) as s:
        s.product.on("/voice", '<Gather numDigits="5" action="/zip"><Say>Your zip</Say></Gather>')
        s.product.on("/zip", f'<Dial action="/dialled">{BUYER}</Dial>')
        s.product.on("/dialled", "<Hangup/>")
        s.carrier.phone(BUYER, PhoneScript(ring_s=0.1, talk_s=0.3))
        began = time.monotonic()
        call = await s.call(CallerScript(CALLER, NUMBER, key_delay_s=0.05))
        took_s = time.monotonic() - began
        assert call.dials[0].talk_s == pytest.approx(0.3, abs=0.1)
        assert 0.5 < took_s < 3


@virtual
async def test_a_hundred_calls_at_once_stay_apart(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        s.product.on("/voice", '<Gather numDigits="5" action="/zip"><Say>Your zip</Say></Gather>')
        s.product.on("/zip", lambda params: response(f'<Dial action="/dialled">+1214555{params["Digits"][:4]}</Dial>'))
        s.product.on("/dialled", "<Hangup/>")
        s.carrier.default_phone = PhoneScript(ring_s=1, talk_s=20)
        scripts = [CallerScript(CALLER, NUMBER, zip_digits=f"{10000 + n * 10}") for n in range(100)]
        calls = [s.carrier.place(script) for script in scripts]
        for call in calls:
            await call.wait_ended()
        assert [call.dials[0].number[-4:] for call in calls] == [f"{1000 + n}" for n in range(100)]
        assert all(call.bridged and call.state == "completed" for call in calls)
        assert len({call.sid for call in calls} | {call.dials[0].leg_sid for call in calls}) == 200


@virtual
async def test_the_same_seed_gives_the_same_run(clock: VirtualClock) -> None:
    async def run() -> list[tuple[str, str, str | None]]:
        async with stage(clock, seed=5, timings=CarrierTimings()) as s:
            s.product.on("/voice", f"<Say>hi</Say><Dial>{BUYER}</Dial>")
            call = await s.call()
            return [(call.sid, dial.leg_sid, dial.result) for dial in call.dials]

    assert await run() == await run()


@virtual
async def test_a_stopped_carrier_drops_its_calls_quietly(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        s.product.on("/voice", f"<Say>hi</Say><Dial>{BUYER}</Dial>")
        call = s.carrier.place(CallerScript(CALLER, NUMBER))
        await wait_until(lambda: call.bridged)
        await s.carrier.stop()
        assert s.product.at("/status") == []
        assert s.carrier.idle


@virtual
async def test_a_number_that_was_never_configured_cannot_be_called(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        with pytest.raises(KeyError):
            s.carrier.place(CallerScript(CALLER, "+18885550199"))
