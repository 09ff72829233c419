"""The promises that hold for every call, whatever buyers, phones, callers and the network do.

Hypothesis draws worlds of a few callers; each runs through the real application, engine and HTTP in virtual time.
"""

from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from callrouter.simulator.carrier import HangUp, PhoneScript, SimulatedCall
from callrouter.simulator.partners import Answer
from tests.support.virtual_time import VirtualClock, run_virtual
from tests.support.world import World, plan

TTL_S = 30.0
NUMBERS = [f"+1214555{n:04d}" for n in range(100, 106)]

latencies = st.sampled_from([0.01, 0.3, 1.1, 1.19, 1.21, 1.5, 2.9, 5.0, 5.2, 9.5, 9.99, 10.0, 12.0])
faults = st.sampled_from([None, None, None, None, None, "timeout", "garbage", "5xx", "reset", "forbidden_number"])
answers = st.builds(
    Answer,
    latency_s=latencies,
    payout=st.sampled_from([None, Decimal(3), Decimal(12), Decimal(30), Decimal(31)]),
    number=st.sampled_from(NUMBERS),
    min_duration_s=st.sampled_from([None, 0, 30, 90]),
    fault=faults,
)
phones = st.builds(
    PhoneScript,
    ring_s=st.sampled_from([0.2, 1.0, 4.0, 9.0, 17.0, 26.0, 60.0]),
    result=st.sampled_from(["answer", "answer", "answer", "busy", "no_answer", "failed"]),
    talk_s=st.sampled_from([0.0, 1.0, 4.9, 5.1, 29.0, 30.0, 100.0]),
    hangs_up=st.sampled_from(["buyer", "buyer", "caller"]),
)
hang_ups = st.none() | st.builds(
    HangUp,
    when=st.sampled_from(["after", "on_hold", "ringing", "bridged", "asked"]),
    after_s=st.sampled_from([0.0, 0.05, 0.7, 1.3, 3.0, 8.0]),
)
callers = st.fixed_dictionaries(
    {
        "zip_digits": st.sampled_from(["78701", "78701", "33139", None]),
        "key_delay_s": st.sampled_from([0.2, 1.0, 6.0]),
        "hang_up": hang_ups,
        "from_zip": st.sampled_from([None, "10001"]),
    }
)
worlds = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 10_000),
        "callers": st.lists(callers, min_size=1, max_size=3),
        "lmal": st.lists(answers, min_size=1, max_size=3),
        "contactability": st.lists(answers, min_size=1, max_size=3),
        "phones": st.lists(phones, min_size=len(NUMBERS), max_size=len(NUMBERS)),
        "intake": st.sampled_from(["ask", "caller_id", "ask_then_caller_id"]),
        "lost_pushes": st.sampled_from([0.0, 0.0, 0.3, 1.0]),
        "push_delay_s": st.sampled_from([0.0, 0.0, 0.5, 3.0]),
        "reorder": st.booleans(),
        "duplicate": st.booleans(),
        "lost_status": st.sampled_from([0.0, 0.0, 0.5, 1.0]),
    }
)


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@given(drawn=worlds)
def test_every_promise_holds_in_any_world(drawn: dict[str, Any], engine_socket: Path, tmp_path_factory: Any) -> None:
    run_virtual(lambda clock: live_through(clock, drawn, engine_socket, tmp_path_factory.mktemp("world")))


async def live_through(clock: VirtualClock, drawn: dict[str, Any], engine_socket: Path, folder: Path) -> None:
    """Run one world to its end, and hold it against every promise."""
    dialplan = plan(intake={"zip": drawn["intake"]})
    async with World(clock, engine_socket, folder, drawn["seed"], dialplan) as world:
        for partner in ("lmal", "contactability"):
            script = iter(drawn[partner] * 20)
            getattr(world, partner).answer = lambda params, script=script: next(script)
        for number, phone in zip(NUMBERS, drawn["phones"], strict=True):
            world.carrier.phone(number, phone)
        faults = world.carrier.faults
        faults.push_lost_share, faults.push_delay_s = drawn["lost_pushes"], drawn["push_delay_s"]
        faults.reorder_status, faults.duplicate_webhooks = drawn["reorder"], drawn["duplicate"]
        faults.lose_status_share = drawn["lost_status"]
        for n, script in enumerate(drawn["callers"]):
            world.place(from_=f"+1512555{140 + n:04d}", **script)
        await world.settled()
        await world.delivered(120)
        for call in world.carrier.calls:
            record = await world.record(call)
            window_holds(world, call, record)
            one_live_dial(call)
            one_result_each(record)
            ends_in_exactly_one_way(world, call, record)
        rows = await world.rows()
        assert sorted(row.sid for row in rows) == sorted(call.sid for call in world.carrier.calls), "one row each"
        assert [d.problems for d in world.carrier.documents if d.problems] == []
        assert len(await world.app.instance.store.live_sids()) == 0


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


def ends_in_exactly_one_way(world: World, call: SimulatedCall, record: dict[str, Any]) -> None:
    """Bridged, or called back; never both, never neither."""
    owed = (record["callback"] or {}).get("id") is not None
    leads = [lead for lead in world.dialler.standing() if lead.mobile[-10:] == call.script.from_[-10:]]
    assert owed == (record["outcome"] != "bridged")
    assert len(leads) == (1 if owed else 0)
    talked = [dial for dial in call.dials if dial.bridged]
    if record["outcome"] == "bridged":
        assert talked, "nobody is called bridged who never spoke with a buyer"
    else:
        early = [attempt for attempt in record["attempts"] if attempt["result"] == "early_hangup"]
        assert len(talked) == len(early), "whoever talked and did not stay was hung up on"
