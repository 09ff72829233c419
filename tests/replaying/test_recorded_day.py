"""A whole simulated day of the product, recorded by it, and replayed."""

import asyncio
import random
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from copy import deepcopy
from decimal import Decimal
from typing import Any

from callrouter.commands.believed_then import BelievedThen
from callrouter.commands.replay import records
from callrouter.domain.decision import Choice
from callrouter.engine.client import Engine
from callrouter.ledger.periods import Period
from callrouter.replaying.changes import Changes, changes_of
from callrouter.replaying.past import past_of
from callrouter.replaying.replay import Replayed, replayed
from callrouter.replaying.totals import Change, totals
from callrouter.simulator.carrier import HangUp, PhoneScript
from callrouter.simulator.partners import Answer
from tests.replaying.pieced import pieced_as_recorded
from tests.support.world import BUYERS, World, in_world, plan

CALLS = 60
SUBIDS = ("quick", "slow", "rich", "moody")
"""Four buyers of one format, told apart by the id that we send them."""
PHONES = {
    "+12145550111": PhoneScript(ring_s=4, talk_s=150),
    "+12145550112": PhoneScript(ring_s=3, talk_s=20),
    "+12145550113": PhoneScript(ring_s=20, result="no_answer"),
    "+12145550114": PhoneScript(ring_s=1, result="busy"),
}
LATENCY_S = {"quick": (0.2, 0.6), "slow": (3.0, 7.0), "rich": (1.0, 9.5), "moody": (0.5, 13.0)}
PAYOUT = {"quick": 18, "slow": 34, "rich": 55, "moody": 26}


def _buyer(subid: str) -> dict[str, Any]:
    # Its own copy of everything: what is shared would be written as an alias, which plans may not have.
    return {**deepcopy(BUYERS["letsmakealead"]), "params": {"numcategory": 12003, "subid": subid}}


DAY = plan(
    auction={"policy": "expected_value", "max_wait_s": 8},
    buyers={**{subid: _buyer(subid) for subid in SUBIDS}, "contactability": BUYERS["contactability"]},
)


def _answers(world: World, rng: random.Random) -> None:
    phones = list(PHONES)

    def bid(subid: str) -> Answer:
        if rng.random() < 0.25:
            return Answer(latency_s=LATENCY_S[subid], payout=None, code="5000")
        pays = Decimal(PAYOUT[subid]) + Decimal(rng.randrange(-400, 400)) / 100
        number = rng.choices(phones, (6, 2, 2, 1))[0]
        return Answer(LATENCY_S[subid], pays, number, min_duration_s=rng.choice((60, 90, 120)))

    def of_lmal(params: Mapping[str, str]) -> Answer:
        return bid(params["subid"])

    world.lmal.answer = of_lmal
    world.contactability.answer = lambda params: bid("moody")
    for number, script in PHONES.items():
        world.carrier.phone(number, script)


async def _lived(world: World) -> None:
    """Callers come by and by, many at once; some do not have the patience. Two instances take them in turn."""
    rng = random.Random(63)
    _answers(world, rng)
    for no in range(CALLS):
        leaves = HangUp("after", rng.uniform(4, 40)) if rng.random() < 0.3 else None
        world.use_instance(no * 4 // CALLS % 2)
        world.place(from_=f"+1512555{no + 1000:04}", hang_up=leaves)
        await asyncio.sleep(rng.uniform(1, 9))
    await world.settled()


async def _replayed(world: World, changes: Changes | None = None) -> Replayed:
    instance = world.app.instance

    def engine() -> AbstractAsyncContextManager[Engine]:
        return nullcontext(instance.engine)

    beliefs = BelievedThen(instance.ledger.lessons, world.clock, engine)
    period = Period(0.0, world.clock.now())
    started = min(row.started_at for row in await world.rows())
    return await replayed(records(instance.ledger, Period(started, period.until), None), beliefs, changes)


@in_world(DAY, instances=2)
async def test_a_recorded_day_under_its_own_settings_reproduces_every_decision_exactly(world: World) -> None:
    await _lived(world)
    found = await _replayed(world, changes_of(["auction.max_wait_s=8"]))
    recorded = [decision for row in await world.rows() for decision in row.record["decisions"]]
    assert found.different == []
    assert (found.made, found.forgotten_decisions, found.unreplayable) == (len(recorded), 0, {})
    assert found.calls + found.undecided == CALLS
    # The day had all of it: waits, dials, failures, second auctions, much learned meanwhile.
    assert {decision["choice"] for decision in recorded} >= {Choice.DIAL, Choice.WAIT}
    assert {"reply", "look", "close", "dial"} <= {decision["after"] for decision in recorded}
    assert len({decision["beliefs"] for decision in recorded}) > CALLS
    assert max(decision["auction"] for decision in recorded) > 1
    # And so the same settings change nothing, to the cent.
    assert [one for one in found.compared if one.was != one.would] == []
    total = totals(found.compared, "plan").total
    expected = sum(Decimal(row.record["expected_payout"]) for row in await world.rows())
    assert round(Decimal(total.money.was), 2) == expected > 0
    assert total.money == Change(total.money.was, total.money.was, 0.0, 0.0)
    pasts = [past_of(row.record) for row in await world.rows()]
    assert sum(pieced_as_recorded(past) for past in pasts if past.decisions) > CALLS
    await _other_settings(world, total.money.was)


async def _other_settings(world: World, money: float) -> None:
    """They bring something else, in every respect."""
    found = await _replayed(world, changes_of(["policy=highest_payout", "max_wait_s=1"]))
    assert found.different == []
    total = totals(found.compared, "buyer").total
    assert round(total.money.was, 2) == round(money, 2) != round(total.money.would, 2)
    assert total.money.low < total.money.difference < total.money.high
    assert total.hold_s is not None
    assert 0 < total.hold_s.would < total.hold_s.was
    assert 0 < total.valued < total.calls
