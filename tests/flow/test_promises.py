"""The promises that hold for every call, whatever buyers, phones, callers and the network do.

Hypothesis draws worlds of a few callers; each runs through the real application, engine and HTTP in virtual time.
"""

import asyncio
import itertools
import os
import random
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from callrouter.auction.policy import decide
from callrouter.auction.recorded import known_at, recorded
from callrouter.beliefs.beliefs import Beliefs
from callrouter.calls.reasons import decisions_of
from callrouter.domain.decision import Choice
from callrouter.learning.folding import fold
from callrouter.learning.log import LessonLog
from callrouter.simulator.carrier import HangUp, PhoneScript, SimulatedCall
from callrouter.simulator.partners import Answer
from tests.support.virtual_time import VirtualClock, run_virtual
from tests.support.world import BUYERS, TWO_STEPS, World, plan

TTL_S = 30.0
EXAMPLES = int(os.environ.get("PROMISE_WORLDS", "70"))
"""``PROMISE_WORLDS=2000`` searches longer."""
LMAL_NUMBERS = ["+12145550101", "+12145550102", "+12145550103"]
CONTACTABILITY_NUMBERS = ["+12145550104", "+12145550105", "+12145550103"]
"""One number is offered by both."""


@dataclass(frozen=True)
class Drawn:
    """One world: what everybody in it does."""

    callers: list[dict[str, Any]]
    lmal: list[Answer]
    contactability: list[Answer]
    phones: dict[str, list[PhoneScript]]
    intake: str
    lost_pushes: float
    push_delay_s: float
    lost_status: float
    reorder: bool
    duplicate: bool
    two_steps: bool
    """Whether Let's Make A Lead names its number only when its bid is taken up."""
    auction: dict[str, Any]
    """What the plan says of the choice."""
    instances: int
    """Two: each of the carrier's webhooks goes to either."""


def draw(rng: random.Random) -> Drawn:
    """Mostly calls that get somewhere: the interesting things happen after an offer."""
    drawn = Drawn(
        callers=[_caller(rng) for _ in range(rng.randint(1, 3))],
        lmal=[_answer(rng, LMAL_NUMBERS) for _ in range(3)],
        contactability=[_answer(rng, CONTACTABILITY_NUMBERS) for _ in range(3)],
        phones={number: [_phone(rng) for _ in range(3)] for number in {*LMAL_NUMBERS, *CONTACTABILITY_NUMBERS}},
        intake=rng.choice(["ask", "caller_id", "ask_then_caller_id"]),
        lost_pushes=rng.choice([0.0, 0.0, 0.3, 1.0]),
        push_delay_s=rng.choice([0.0, 0.0, 0.5, 3.0]),
        lost_status=rng.choice([0.0, 0.0, 0.5, 1.0]),
        reorder=rng.random() < 0.3,
        duplicate=rng.random() < 0.3,
        two_steps=rng.random() < 0.4,
        auction={},
        instances=1,
    )
    drawn = replace(drawn, lmal=[_posted(answer, rng) for answer in drawn.lmal])
    auction: dict[str, Any] = {"policy": rng.choice(["expected_value", "expected_value", "highest_payout", "priority"])}
    auction |= rng.choice([{}, {}, {"max_wait_s": 1}, {"max_wait_s": 4}, {"min_offers": 2}])
    return replace(drawn, auction=auction, instances=rng.choice([1, 1, 2]))


def _caller(rng: random.Random) -> dict[str, Any]:
    when: Any = rng.choice(["after", "on_hold", "ringing", "bridged", "asked"])
    leaves = HangUp(when, rng.choice([0.0, 0.05, 0.7, 1.3, 3.0, 8.0]))
    return {
        "zip_digits": rng.choices(["78701", "33139", None], [80, 15, 5])[0],
        "key_delay_s": rng.choice([0.2, 1.0, 3.0]),
        "hang_up": leaves if rng.random() < 0.35 else None,
        "from_zip": rng.choices(["10001", None], [90, 10])[0],
    }


def _answer(rng: random.Random, numbers: list[str]) -> Answer:
    faults: list[Any] = ["timeout", "garbage", "5xx", "reset", "forbidden_number", "absurd_money"]
    return Answer(
        latency_s=rng.choice([0.01, 0.3, 1.1, 1.19, 1.21, 1.5, 2.9, 5.0, 5.2, 9.5, 9.99, 10.0, 12.0]),
        payout=rng.choices([None, Decimal(3), Decimal(12), Decimal(30)], [8, 4, 44, 44])[0],
        number=rng.choice(numbers),
        min_duration_s=rng.choice([None, 0, 30, 90]),
        fault=rng.choice(faults) if rng.random() < 0.12 else None,
    )


def _posted(answer: Answer, rng: random.Random) -> Answer:
    """The same bid, and what its post comes to."""
    faults: list[Any] = ["timeout", "reset", "5xx", "garbage", "forbidden_number"]
    return replace(
        answer,
        post_latency_s=rng.choice([0.01, 0.3, 1.2, 3.0, 4.9, 5.1]),
        post_code=rng.choice([None, None, None, "4000"]),
        post_fault=rng.choice(faults) if rng.random() < 0.15 else None,
    )


def _phone(rng: random.Random) -> PhoneScript:
    result: Any = rng.choices(["answer", "busy", "no_answer", "failed"], [45, 15, 30, 10])[0]
    return PhoneScript(
        ring_s=60.0 if result == "no_answer" else rng.choice([0.2, 1.0, 4.0, 9.0, 17.0, 24.5, 26.0]),
        result=result,
        talk_s=rng.choice([0.0, 1.0, 4.9, 5.1, 29.0, 30.0, 100.0]),
        hangs_up=rng.choice(["buyer", "buyer", "caller"]),
    )


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@example(world=684297)  # answered and put down in the same instant, as the caller leaves
@given(world=st.integers(0, 2**40))
def test_every_promise_holds_in_any_world(world: int, engine_socket: Path, tmp_path_factory: Any) -> None:
    """A failing world is found again by its number."""
    drawn = draw(random.Random(world))
    run_virtual(lambda clock: live_through(clock, drawn, engine_socket, tmp_path_factory.mktemp("world")))


async def live_through(clock: VirtualClock, drawn: Drawn, engine_socket: Path, folder: Path) -> None:
    """Run one world to its end, and hold it against every promise."""
    buyers = TWO_STEPS if drawn.two_steps else BUYERS
    dialplan = plan(intake={"zip": drawn.intake}, auction=drawn.auction, buyers=buyers)
    async with World(clock, engine_socket, folder, dialplan=dialplan, instances=drawn.instances) as world:
        _tell(world, drawn)
        switching = asyncio.create_task(_switch(world, drawn.instances))
        for n, script in enumerate(drawn.callers):
            world.place(from_=f"+1512555{140 + n:04d}", **script)
        await world.settled()
        switching.cancel()
        await world.delivered(120)
        for call in world.carrier.calls:
            record = await world.record(call)
            window_holds(world, call, record)
            one_live_dial(call)
            one_result_each(record)
            one_post_each(world, record, drawn)
            ends_in_exactly_one_way(world, call, record)
            nobody_waits_beyond_the_plan(record, drawn)
        await every_decision_can_be_made_again(world)
        rows = await world.rows()
        assert sorted(row.sid for row in rows) == sorted(call.sid for call in world.carrier.calls), "one row each"
        assert [d.problems for d in world.carrier.documents if d.problems] == []
        assert len(await world.app.instance.store.live_sids()) == 0


async def _switch(world: World, instances: int) -> None:
    """Webhooks go now to this instance, now to that."""
    while instances > 1:
        await asyncio.sleep(0.7)
        world.use_instance(world.rng.randrange(instances))


def _tell(world: World, drawn: Drawn) -> None:
    lmal, contactability = itertools.cycle(drawn.lmal), itertools.cycle(drawn.contactability)
    world.lmal.answer = lambda params: next(lmal)
    world.contactability.answer = lambda params: next(contactability)
    for number, scripts in drawn.phones.items():
        world.carrier.phone(number, *scripts)
    faults = world.carrier.faults
    faults.push_lost_share, faults.push_delay_s = drawn.lost_pushes, drawn.push_delay_s
    faults.reorder_status, faults.duplicate_webhooks = drawn.reorder, drawn.duplicate
    faults.lose_status_share = drawn.lost_status


def window_holds(world: World, call: SimulatedCall, record: dict[str, Any]) -> None:
    """No number is dialled after the end of a window in which a buyer offered it to this caller."""
    for dial in call.dials:
        offered = [
            offer.at
            for partner in (world.lmal, world.contactability)
            for offer in partner.offered(dial.number)
            if call.script.from_[-10:] in (offer.params.get("telephone"), offer.params.get("phone", "")[-10:])
        ]
        assert any(0 <= dial.started_at - at <= TTL_S for at in offered), (dial, offered)
    assert len(record["attempts"]) <= 4


def one_live_dial(call: SimulatedCall) -> None:
    """A caller is never connected to, or ringing at, two buyers."""
    spans = sorted((dial.started_at, dial.ended_at or float("inf")) for dial in call.dials)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans)), spans


def one_result_each(record: dict[str, Any]) -> None:
    """Each auction has exactly one result of each buyer."""
    seen = [(result["auction"], result["buyer"]) for result in record["results"]]
    assert len(seen) == len(set(seen))
    auctions = {auction for auction, _ in seen}
    for auction in auctions:
        assert {buyer for no, buyer in seen if no == auction} == {"letsmakealead", "contactability"}


def one_post_each(world: World, record: dict[str, Any], drawn: Drawn) -> None:
    """No bid is taken up twice, and what the posts named is dialled: that, and no more."""
    tokens = [request.params["token"] for request in world.lmal.requests if "token" in request.params]
    assert len(tokens) == len(set(tokens))
    named = [post["offer"]["number"] for post in record["posts"] if post["reason"] == "offer"]
    dialled = [attempt["number"] for attempt in record["attempts"] if attempt["buyer"] == "letsmakealead"]
    assert named == dialled or not drawn.two_steps


def ends_in_exactly_one_way(world: World, call: SimulatedCall, record: dict[str, Any]) -> None:
    """Bridged, or called back; never both, never neither."""
    owed = (record["callback"] or {}).get("id") is not None
    leads = [lead for lead in world.dialler.standing() if lead.mobile[-10:] == call.script.from_[-10:]]
    assert owed == (record["outcome"] != "bridged")
    assert len(leads) == (1 if owed else 0)
    if record["outcome"] == "bridged":
        assert any(dial.bridged for dial in call.dials), "nobody is called bridged who never spoke with a buyer"
        return
    # A phone that is answered and put down within the same second was no conversation, whoever put it down.
    talked = [dial for dial in call.dials if dial.bridged and dial.talk_s >= 1]
    early = [attempt for attempt in record["attempts"] if attempt["result"] == "early_hangup"]
    assert len(talked) <= len(early), ("whoever talked and did not stay was hung up on", call.dials, record)


def nobody_waits_beyond_the_plan(record: dict[str, Any], drawn: Drawn) -> None:
    """With an offer in hand no wait is decided beyond the plan's bound, and none at all beyond the deadline."""
    for decision, known in zip(decisions_of(record), known_at(decisions_of(record), record["sid"]), strict=True):
        if decision.choice is Choice.WAIT:
            assert decision.until is not None
            in_hand = any(offer.dial_by >= decision.at for offer in known.in_hand)
            assert decision.until <= (known.wait_until if in_hand else known.deadline_at) + 0.001


async def every_decision_can_be_made_again(world: World) -> None:
    """The lessons up to a decision's version, and what was known, give the decision: all of it, to the last digit."""
    made = [
        (decision, known, decisions[:no])
        for call in world.carrier.calls
        for decisions in [decisions_of(await world.record(call))]
        for no, (decision, known) in enumerate(zip(decisions, known_at(decisions, call.sid), strict=True))
    ]
    entries = (await LessonLog(world.app.instance.engine).after(0, 100_000)).entries
    beliefs, left = Beliefs(), list(entries)
    for decision, known, earlier in sorted(made, key=lambda one: one[0].beliefs):
        while left and left[0].number <= decision.beliefs:
            fold(beliefs, [left.pop(0)])
        assert beliefs.version == decision.beliefs
        again = recorded(
            known,
            decide(known, beliefs, decision.at),
            decision.at,
            auction=decision.auction,
            after=decision.after,
            beliefs=beliefs.version,
            earlier=earlier,
        )
        assert again == decision
