"""The switch of a buyer, in the real engine: what it stops, what it leaves alone, and how long it lasts."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from callrouter.auction.guards import Seat
from callrouter.auction.limits import Admission, Limits
from callrouter.auction.switches import SwitchedOff, Switches, switch_field
from callrouter.dialplan.guards import Guards
from callrouter.domain.clock import SystemClock
from callrouter.domain.reasons import Reason
from callrouter.engine import embedded
from callrouter.engine.client import Engine
from callrouter.errors import EngineUnavailable
from tests.auctions.seated import ACCOUNT, FREE, PHONE, Buyer
from tests.auctions.test_limits import SHEET

COUNTED = {"caps": [{"of": "attempts", "per": "day", "most": 1}], "concurrency": 1, "spacing_s": 5, "duplicates": {}}


def seat(plan: str = "auto", buyer: str = "a", guards: Guards | None = None) -> Seat:
    return Seat(plan, buyer, guards or Guards(), "CA1", PHONE, 1.0, 60.0)


async def stored(engine: Engine, plan: str = "auto", buyer: str = "a") -> SwitchedOff | None:
    (found,) = await engine.hash_fields(engine.keys.switches, switch_field(plan, buyer))
    return SwitchedOff.read(found) if found else None


@pytest.mark.parametrize("guards", [{}, COUNTED])
async def test_a_buyer_that_is_off_is_declined_and_nothing_is_used_up(made: Any, guards: dict[str, Any]) -> None:
    buyer: Buyer = made(**guards)
    switches = Switches(buyer.engine, buyer.clock)
    await switches.off("auto", "a", "olga")
    before = await buyer.everything()
    for _ in range(3):
        assert await buyer.limits.admit("x", SHEET, ACCOUNT, buyer.seat("CA1")) is Admission.SWITCHED_OFF
    assert await buyer.everything() == before
    await switches.on("auto", "a", "olga")
    assert await buyer.limits.admit("x", SHEET, ACCOUNT, buyer.seat("CA1")) is Admission.ADMITTED


async def test_who_is_off_is_told_so_also_when_it_could_not_be_asked_anyway(made: Any) -> None:
    buyer: Buyer = made(**COUNTED)
    await buyer.ask("CA1")
    assert await buyer.ask("CA2", "+15125550199") is Admission.CAP_ATTEMPTS
    await Switches(buyer.engine, buyer.clock).off("auto", "a", "olga")
    assert await buyer.ask("CA2", "+15125550199") is Admission.SWITCHED_OFF
    assert Admission.SWITCHED_OFF.reason is Reason.NOT_CALLED_SWITCHED_OFF


async def test_the_same_account_in_another_plan_and_the_plans_other_buyers_stay_on(engine: Engine) -> None:
    limits = Limits(engine)
    await Switches(engine, SystemClock()).off("auto", "a", "olga")
    assert await limits.admit("x", FREE, ACCOUNT, seat()) is Admission.SWITCHED_OFF
    assert await limits.admit("x", FREE, ACCOUNT, seat(plan="home")) is Admission.ADMITTED
    assert await limits.admit("x", FREE, replace(ACCOUNT, buyer="b"), seat(buyer="b")) is Admission.ADMITTED
    assert await limits.admit("x", FREE, ACCOUNT) is Admission.ADMITTED, "nobody's plan, nobody's switch"


async def test_a_post_to_a_buyer_that_is_off_is_refused_and_not_counted(engine: Engine) -> None:
    limits, switches = Limits(engine), Switches(engine, SystemClock())
    await switches.off("auto", "a", "olga")
    said = [await limits.admit_post("x", SHEET, ACCOUNT, "auto") for _ in range(6)]
    assert said == [Admission.SWITCHED_OFF] * 6
    assert await limits.admit_post("x", FREE, ACCOUNT, "auto") is Admission.SWITCHED_OFF, "also without rate windows"
    assert await limits.admit_post("x", SHEET, ACCOUNT, "home") is Admission.ADMITTED
    await switches.on("auto", "a", "olga")
    said = [await limits.admit_post("x", SHEET, ACCOUNT, "auto") for _ in range(5)]
    assert said == [Admission.ADMITTED] * 4 + [Admission.LIMITED], "five a second, of both plans together"


async def test_switching_off_twice_keeps_the_time_and_takes_the_later_reason(made: Any) -> None:
    buyer: Buyer = made()
    switches = Switches(buyer.engine, buyer.clock)
    await switches.off("auto", "a", "olga", "numbers do not answer")
    first = await stored(buyer.engine)
    assert first is not None
    assert first.why == "numbers do not answer"
    await switches.off("auto", "a", "otto", "still")
    assert await stored(buyer.engine) == SwitchedOff(first.at, "otto", "still")
    for _ in range(2):
        await switches.on("auto", "a", "otto")
        assert await stored(buyer.engine) is None


async def test_a_switch_that_cannot_be_read_still_means_off(engine: Engine) -> None:
    for text in ("", "{", "[]", "null", '{"off_at": "soon"}'):
        await engine.raw("hset", lambda r, text=text: r.hset(engine.keys.switches, "auto a", text))  # type: ignore[misc]
        assert await Limits(engine).admit("x", FREE, ACCOUNT, seat()) is Admission.SWITCHED_OFF
        assert SwitchedOff.read(text) == SwitchedOff(0.0, "unknown")


async def test_each_turn_is_logged_with_who_did_it_and_without_the_reason(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    switches = Switches(engine, SystemClock())
    with caplog.at_level(logging.INFO, "callrouter.auction"):
        await switches.off("auto", "a", "olga", "call Jo before switching it on")
        await switches.on("auto", "a", "otto")
    told = [(r.levelname, r.message, vars(r)["plan"], vars(r)["buyer"], vars(r)["by"]) for r in caplog.records]
    assert told == [
        ("INFO", "buyer switched off", "auto", "a", "olga"),
        ("INFO", "buyer switched on", "auto", "a", "otto"),
    ]
    assert "Jo" not in str([vars(record) for record in caplog.records])


async def test_without_the_engine_a_buyer_is_asked_and_cannot_be_switched(tmp_path: Path) -> None:
    engine = Engine.at_socket(str(tmp_path / "none.sock"), SystemClock())
    assert await Limits(engine).admit("x", FREE, ACCOUNT, seat()) is Admission.ADMITTED
    assert await Limits(engine).admit_post("x", FREE, ACCOUNT, "auto") is Admission.ADMITTED
    for turn in (Switches(engine, SystemClock()).off, Switches(engine, SystemClock()).on):
        with pytest.raises(EngineUnavailable):
            await turn("auto", "a", "olga")
    await engine.close()


@pytest.mark.real_time
async def test_a_buyer_is_still_off_when_the_engine_has_been_down(tmp_path: Path) -> None:
    async def admitted() -> Admission:
        engine = Engine.at_socket(str(embedded.ensure_running(tmp_path)), SystemClock())
        try:
            return await Limits(engine).admit("x", FREE, ACCOUNT, seat())
        finally:
            await engine.close()

    try:
        engine = Engine.at_socket(str(embedded.ensure_running(tmp_path)), SystemClock())
        await Switches(engine, SystemClock()).off("auto", "a", "olga")
        await engine.close()
        embedded.stop(tmp_path)
        assert await admitted() is Admission.SWITCHED_OFF
    finally:
        embedded.stop(tmp_path)
