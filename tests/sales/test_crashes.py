"""Workers die at the worst moments: no lead is sold twice, and none is lost."""

from pathlib import Path
from random import Random

import pytest

from tests.sales.market import PHONE, market, meant
from tests.sales.partner import LeadPartner, listening
from tests.support.virtual_time import VirtualClock, run_virtual, virtual


@virtual
async def test_a_crash_between_ping_and_post_goes_on_with_the_bids(clock: VirtualClock, engine_socket: Path) -> None:
    a, b = LeadPartner(price=8), LeadPartner(price=12)
    async with listening(a, b), market(clock, engine_socket, partners={"a": a, "b": b}) as here:
        await here.unsold()
        await here.dead(here.worker(dies="after sale_step"))
        assert (a.paths(), b.paths()) == (["/ping"], ["/ping"])
        here.worker()
        sold = await here.ended()
    assert (sold["state"], sold["buyer"]) == ("sold", "b")
    assert (a.paths(), b.paths()) == (["/ping"], ["/ping", "/post"])
    assert a.bought + b.bought == [PHONE]


@virtual
async def test_a_crash_before_the_bids_are_stored_pings_again(clock: VirtualClock, engine_socket: Path) -> None:
    a = LeadPartner()
    async with listening(a), market(clock, engine_socket, partners={"a": a}) as here:
        await here.unsold()
        await here.dead(here.worker(dies="before sale_step"))
        here.worker()
        await here.pause(20)
        assert await here.records() == {}  # the dead worker's lease still holds
        assert (await here.ended(timeout_s=15))["state"] == "sold"
    assert a.paths() == ["/ping", "/ping", "/post"]
    assert a.bought == [PHONE]


@virtual
async def test_bids_that_lapsed_in_a_crash_are_asked_for_anew(clock: VirtualClock, engine_socket: Path) -> None:
    a = LeadPartner()
    async with listening(a), market(clock, engine_socket, partners={"a": a}) as here:
        await here.unsold()
        await here.dead(here.worker(dies="before sale_intent"))
        await here.pause(60)
        here.worker()
        assert (await here.ended())["state"] == "sold"
    assert a.paths() == ["/ping", "/ping", "/post"]


@virtual
async def test_a_crash_between_post_and_record_is_settled_by_the_same_post(
    clock: VirtualClock, engine_socket: Path
) -> None:
    """The buyer recognises it: it says duplicate, so the lead is sold, at the price of the bid."""
    a, b = LeadPartner(price=8), LeadPartner(price=12)
    async with listening(a, b), market(clock, engine_socket, partners={"a": a, "b": b}) as here:
        await here.unsold(callback=True)
        await here.dead(here.worker(dies="before sale_end"))
        assert b.bought == [PHONE]
        here.worker()
        sold = await here.ended()
    assert (sold["state"], sold["buyer"], sold["payout"], sold["callback"]) == ("sold", "b", "12.00", None)
    assert meant(sold)[-1] == ("b", "post", "no_offer_duplicate")
    first, second = [body for path, body in b.seen if path == "/post"]
    assert first == second
    assert a.bought + b.bought == [PHONE]


@virtual
async def test_a_post_that_cannot_be_repeated_ends_the_sale_uncertain(clock: VirtualClock, engine_socket: Path) -> None:
    a, b = LeadPartner(price=8), LeadPartner(price=12, recognises=False)
    partners, modes = {"a": a, "b": b}, {"b": "unsafe"}
    async with listening(a, b), market(clock, engine_socket, partners=partners, modes=modes) as here:
        await here.unsold(callback=True)
        await here.dead(here.worker(dies="before sale_end"))
        here.worker()
        over = await here.ended()
        assert await here.unsold("CA2", callback=True) == "sale-CA1"
        await here.pause(5)
    assert (over["state"], over["buyer"], over["payout"]) == ("uncertain", "b", None)
    assert over["callback"] == "cb-CA1"
    assert a.bought + b.bought == [PHONE]
    assert b.paths() == ["/ping", "/post"]
    assert here.counted == [{"a": "outbid", "b": "uncertain"}]


@virtual
async def test_a_crash_between_intent_and_post_is_settled_by_the_post(clock: VirtualClock, engine_socket: Path) -> None:
    """Nobody knows that nothing was sent; the buyer would recognise a repeat, so it is posted to."""
    a = LeadPartner(price=12)
    async with listening(a), market(clock, engine_socket, partners={"a": a}) as here:
        await here.unsold()
        await here.dead(here.worker(dies="after sale_intent"))
        assert a.paths() == ["/ping"]
        here.worker()
        assert (await here.ended())["state"] == "sold"
    assert a.bought == [PHONE]


@pytest.mark.parametrize("word", ["lost", "hang", "500", "dropped"])
def test_an_answer_that_got_lost_is_asked_for_again(word: str, engine_socket: Path) -> None:
    async def selling(clock: VirtualClock) -> None:
        a, b = LeadPartner(price=12, posts=[word, "500"]), LeadPartner(price=8)
        async with listening(a, b), market(clock, engine_socket, partners={"a": a, "b": b}) as here:
            here.worker()
            await here.unsold()
            sold = await here.ended()
        assert (sold["state"], sold["buyer"]) == ("sold", "a")
        assert a.bought + b.bought == [PHONE]

    run_virtual(selling)


@virtual
async def test_a_buyer_that_stays_silent_leaves_the_sale_uncertain_at_its_deadline(
    clock: VirtualClock, engine_socket: Path
) -> None:
    a, b = LeadPartner(price=12, posts=["500"] * 999), LeadPartner(price=8)
    async with listening(a, b), market(clock, engine_socket, partners={"a": a, "b": b}) as here:
        here.worker()
        await here.unsold(callback=True)
        over = await here.ended()
    assert (over["state"], over["buyer"], over["callback"]) == ("uncertain", "a", "cb-CA1")
    assert len(a.paths()) > 5
    assert a.bought + b.bought == []


@virtual
async def test_a_worker_that_slept_through_its_lease_writes_nothing(clock: VirtualClock, engine_socket: Path) -> None:
    """Its claim is over: what it reports comes late, and another one has sold the lead by then."""
    a = LeadPartner(price=12)
    async with listening(a), market(clock, engine_socket, partners={"a": a}) as here:
        await here.unsold()
        claimed = (await here.outbox.claim(1, 30.0)).jobs[0]
        await here.pause(31)
        here.worker()
        await here.ended()
        assert (await here.outbox.retry(claimed, 0.0, "late")).value == "late"
        assert (await here.outbox.bury(claimed, "late")).value == "late"
        assert len(await here.records()) == 1
    assert a.bought == [PHONE]


WORDS = ("sell", "sell", "sell", "refuse", "lost", "hang", "500", "dropped", "no_offer_capped")
SEEDS = range(40)


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_dies_whenever_a_lead_is_sold_once_at_most_and_its_sale_ends_once(
    seed: int, engine_socket: Path
) -> None:
    """Three workers die at random scripts and requests; a fourth brings the sale to its end."""
    rng = Random(seed)
    modes = {name: rng.choice(["safe", "unsafe", "direct"]) for name in ("a", "b", "c")}
    partners = {
        name: LeadPartner(
            price=rng.randint(1, 20),
            pings=[rng.choice(["sell", "sell", "refuse", "500"]) for _ in range(3)],
            posts=[rng.choice(WORDS) for _ in range(3)],
            # Who is never to be sent a post twice does not look for repeats.
            recognises=modes[name] != "unsafe",
        )
        for name in modes
    }

    async def selling(clock: VirtualClock) -> None:
        async with (
            listening(*partners.values()),
            market(clock, engine_socket, partners=partners, modes=modes) as here,
        ):
            await here.unsold(callback=True)
            for _ in range(3):
                by_script = rng.random() < 0.6
                when = f"{rng.choice(['before', 'after'])} {rng.randint(2, 7)}" if by_script else ""
                worker = here.worker(dies=when, seed=rng.randint(0, 99))
                left = rng.randint(1, 6)

                def on_request(_: str, worker: object = worker, by_script: bool = by_script) -> None:
                    nonlocal left
                    left -= 1
                    if left == 0 and not by_script:
                        worker.dead = True  # type: ignore[attr-defined]

                for partner in partners.values():
                    partner.on_request = on_request
                for _ in range(400):
                    if worker.dead or await here.records():
                        break
                    await here.pause(0.2)
                await here.kill(worker)
                await here.pause(rng.choice([0.0, 40.0]))
            for partner in partners.values():
                partner.on_request = lambda _: None
            here.worker()
            over = await here.ended()
            await here.pause(3)
            assert list(await here.records()) == ["sale-CA1"]
        bought = {name: partner.bought for name, partner in partners.items() if partner.bought}
        assert sum(map(len, bought.values())) <= 1, (over, bought)
        assert set(bought) <= {over["buyer"]}, (over, bought)
        assert (over["state"] == "sold") <= bool(bought)
        assert over["state"] in ("sold", "unsold", "uncertain", "dead")
        assert (over["callback"] is None) == (over["state"] == "sold")
        assert [job.id for job in here.called_back] == ([] if over["state"] == "sold" else ["cb-CA1"])

    run_virtual(selling)
