"""What happens around a sale while it is under way: operators, plans, the engine, and the person."""

from pathlib import Path

import pytest
import redis

from callrouter.api.callbacks import shown
from callrouter.callbacks.outbox import UNCERTAIN_REMEDY, JobState
from callrouter.commands.callbacks import listed
from callrouter.engine import embedded
from tests.sales.market import PHONE, market, meant
from tests.sales.partner import LeadPartner, listening
from tests.sales.test_records import reading
from tests.support.virtual_time import VirtualClock, run_virtual, virtual
from tests.support.waiting import wait_until

CAPPED = {"guards": {"caps": [{"of": "qualified", "per": "day", "most": 9}]}}


@virtual
async def test_an_engine_that_is_silent_for_a_moment_does_not_cost_a_guarded_buyer_the_lead(
    clock: VirtualClock, engine_socket: Path
) -> None:
    a = LeadPartner()
    async with listening(a), market(clock, engine_socket, partners={"a": a}, entries={"a": CAPPED}) as here:
        engine = here.worker()
        engine.silent = "admit"
        await here.unsold()
        await here.pause(3)
        engine.silent = ""
        assert (await here.ended())["state"] == "sold"


@virtual
async def test_a_name_that_leads_to_another_partner_meanwhile_is_not_posted_to_again(
    clock: VirtualClock, engine_socket: Path
) -> None:
    first, second = LeadPartner(posts=["lost"]), LeadPartner()
    async with listening(first, second), market(clock, engine_socket, partners={"a": first}) as here:
        await here.unsold(callback=True)
        await here.dead(here.worker(dies="after sale_intent"))
        here.partners = {"a": second}
        here.write_plan()
        here.worker()
        over = await here.ended()
    assert (over["state"], over["buyer"], over["callback"]) == ("uncertain", "a", "cb-CA1")
    assert second.seen == []


@virtual
async def test_who_calls_again_after_a_connection_is_called_back(clock: VirtualClock, engine_socket: Path) -> None:
    """The sale of an earlier call ends without a word: the later call is owed its callback all the same."""
    a = LeadPartner()
    async with listening(a), market(clock, engine_socket, partners={"a": a}) as here:
        await here.unsold("CA1", callback=True)
        await here.pause(5)
        await here.engine.set(here.keys.bridged("auto", PHONE), str(int(clock.now() * 1000)), 3600)
        await here.pause(120)
        assert await here.unsold("CA3", callback=True) == "sale-CA1"
        here.worker()
        over = await here.ended()
        await here.pause(5)
    assert over["state"] == "connected"
    assert [job.id for job in here.called_back] == ["cb-CA3"]


@virtual
async def test_cancelling_a_sale_whose_post_has_no_answer_says_that_it_is_uncertain(
    clock: VirtualClock, engine_socket: Path
) -> None:
    a = LeadPartner(posts=["500"] * 99)
    async with listening(a), market(clock, engine_socket, partners={"a": a}) as here:
        engine = here.worker()
        await here.unsold()
        await wait_until(lambda: "/post" in a.paths())
        await here.pause(1)
        await here.kill(engine)
        await here.pause(40)
        assert await here.outbox.cancel("sale-CA1") == "uncertain"
        job = await here.outbox.get("sale-CA1")
    assert job is not None
    assert (job.state, job.outcome) == (JobState.DEAD, "uncertain")


@virtual
async def test_a_sale_that_is_over_keeps_no_more_of_the_person_than_a_callback(
    clock: VirtualClock, engine_socket: Path
) -> None:
    a = LeadPartner()
    async with listening(a), market(clock, engine_socket, partners={"a": a}) as here:
        here.worker()
        await here.unsold(last_name="Sauerbrey", address="9 Main St", ip="10.1.2.3", fields={"driver1": "Zoltan"})
        await here.ended()
        kept = str(await here.engine.hash(here.keys.job("sale-CA1")))
        job = await here.outbox.get("sale-CA1")
    assert [word for word in ("Sauerbrey", "9 Main St", "10.1.2.3", "Zoltan") if word in kept] == []
    assert job is not None
    assert (job.payload["phone"], job.payload["sid"], job.payload["plan"]) == (PHONE, "CA1", "auto")


@virtual
async def test_an_uncertain_sale_keeps_nothing_either_and_is_counted(clock: VirtualClock, engine_socket: Path) -> None:
    a = LeadPartner(posts=["500"] * 999)
    async with listening(a), market(clock, engine_socket, partners={"a": a}) as here:
        here.worker()
        await here.unsold(last_name="Sauerbrey")
        assert (await here.ended())["state"] == "uncertain"
        await here.pause(2)
        assert "Sauerbrey" not in str(await here.engine.hash(here.keys.job("sale-CA1")))
    assert here.counted == [{"a": "uncertain"}]


@virtual
async def test_a_sale_that_ends_before_a_post_is_counted_and_frees_every_seat(
    clock: VirtualClock, engine_socket: Path
) -> None:
    a, b = LeadPartner(price=12), LeadPartner(price=8)
    entries = {"b": {"guards": {"concurrency": 1}}}
    async with listening(a, b), market(clock, engine_socket, partners={"a": a, "b": b}, entries=entries) as here:
        await here.unsold("CA1")
        await here.engine.set(here.keys.bridged("auto", PHONE), str(int(clock.now() * 1000)), 3600)
        here.worker()
        assert (await here.ended("sale-CA1"))["state"] == "connected"
        await here.pause(2)
        await here.unsold("CA2", phone="+15125550143")
        other = await here.ended("sale-CA2")
    assert here.counted == [{"a": "outbid", "b": "outbid"}, {"a": "sold", "b": "outbid"}]
    assert ("b", "ping", "offer") in meant(other)


@virtual
async def test_a_bid_that_has_lapsed_at_the_buyer_is_asked_for_anew(clock: VirtualClock, engine_socket: Path) -> None:
    a, b = LeadPartner(price=12, posts=["no_offer_expired"]), LeadPartner(price=8)
    async with listening(a, b), market(clock, engine_socket, partners={"a": a, "b": b}) as here:
        here.worker()
        await here.unsold()
        sold = await here.ended()
    assert (sold["state"], sold["buyer"]) == ("sold", "a")
    assert a.paths() == ["/ping", "/post", "/ping", "/post"]


@virtual
async def test_a_sale_that_the_engine_could_not_be_told_of_is_told_when_it_is_back(
    clock: VirtualClock, engine_socket: Path
) -> None:
    """The answer to the post is known: that the engine is out for long makes it no less certain."""
    a = LeadPartner(price=12)
    async with listening(a), market(clock, engine_socket, partners={"a": a}, modes={"a": "unsafe"}) as here:
        engine = here.worker()
        await here.unsold()

        def out(seen: str) -> None:
            if seen == "/post answered":
                engine.silent = "*"

        a.on_request = out
        await wait_until(lambda: bool(a.bought), timeout_s=30)
        await here.pause(120)
        engine.silent = ""
        sold = await here.ended()
    assert (sold["state"], sold["buyer"], sold["lead_ref"]) == ("sold", "a", "L1")


@virtual
async def test_that_a_lead_is_sold_counts_although_another_worker_has_the_sale_by_then(
    clock: VirtualClock, engine_socket: Path
) -> None:
    """One instance is cut off from the engine with the answer in hand; the other's repeat gets none."""
    a = LeadPartner(price=12, posts=["sell", *["500"] * 99])
    a.recognises = False
    async with listening(a), market(clock, engine_socket, partners={"a": a}) as here:
        cut_off = here.worker()
        await here.unsold()

        def out(seen: str) -> None:
            if seen == "/post answered" and len(a.paths()) == 2:
                cut_off.silent = "*"

        a.on_request = out
        await wait_until(lambda: bool(a.bought), timeout_s=30)
        here.worker(seed=8)
        await wait_until(lambda: len(a.paths()) == 3, timeout_s=60)
        await here.pause(0.1)
        cut_off.silent = ""
        sold = await here.ended()
        await here.pause(60)
    assert (sold["state"], sold["buyer"], sold["lead_ref"]) == ("sold", "a", "L1")
    assert here.counted == [{"a": "sold"}]
    assert a.bought == [PHONE]


@virtual
async def test_operations_see_an_uncertain_sale_and_what_to_do(
    clock: VirtualClock, engine_socket: Path, tmp_path: Path
) -> None:
    a = LeadPartner(posts=["lost"])
    async with (
        listening(a),
        market(clock, engine_socket, partners={"a": a}, modes={"a": "unsafe"}) as here,
        reading(here, clock, tmp_path) as reader,
    ):
        here.worker()
        await here.unsold()
        await here.ended()
        await reader.file("CA1")
        await reader.drain()
        sale = (await reader.get())["sale"]
        jobs = [shown(job) for job in await here.outbox.list(JobState.DEAD)]
    assert (sale["state"], sale["buyer"], sale["remedy"]) == ("uncertain", "a", UNCERTAIN_REMEDY)
    (job,) = jobs
    assert (job["kind"], job["outcome"], job["remedy"]) == ("sale", "uncertain", UNCERTAIN_REMEDY)
    (row,) = listed(jobs).splitlines()[1:]
    assert "uncertain" in row
    assert row.endswith(f"the answer to the post was lost: error_unreachable; {UNCERTAIN_REMEDY}")


@pytest.mark.parametrize("mode", ["safe", "unsafe"])
@pytest.mark.parametrize("point", ["/ping arrived", "/ping answered", "/post arrived", "/post answered"])
def test_an_engine_that_takes_no_writes_for_a_while_loses_no_sale(point: str, mode: str, tmp_path: Path) -> None:
    """It answers, and refuses every write, from a request on and for a minute."""
    socket = embedded.ensure_running(tmp_path)
    refused: list[str] = []

    def refuse(seen: str) -> None:
        if seen == point and not refused:
            refused.append(seen)
            writes(1)

    def writes(replicas: int) -> None:
        with redis.Redis(unix_socket_path=str(socket)) as client:
            client.config_set("min-replicas-to-write", replicas)

    async def selling(clock: VirtualClock) -> None:
        a = LeadPartner(on_request=refuse)
        async with listening(a), market(clock, socket, partners={"a": a}, modes={"a": mode}) as here:
            here.worker()
            await here.unsold(callback=True)
            await wait_until(lambda: bool(refused), timeout_s=30)
            await here.pause(60)
            assert await here.records() == {}
            writes(0)
            sold = await here.ended()
        assert (sold["state"], sold["buyer"], sold["lead_ref"], sold["callback"]) == ("sold", "a", "L1", None)
        assert a.bought == [PHONE]

    try:
        run_virtual(selling)
    finally:
        embedded.stop(tmp_path)
