"""A lead is sold to whoever pays most, once, and nothing of it is lost."""

import logging
from pathlib import Path

import pytest

from callrouter.callbacks.outbox import JobState
from callrouter.engine.keys import SALE_TTL_S
from tests.sales.market import PHONE, market, meant
from tests.sales.partner import LeadPartner, listening
from tests.support.virtual_time import VirtualClock, virtual


@virtual
async def test_the_best_price_is_posted_first(clock: VirtualClock, engine_socket: Path) -> None:
    low, high = LeadPartner(price=8), LeadPartner(price=12.5)
    async with listening(low, high), market(clock, engine_socket, partners={"low": low, "high": high}) as here:
        here.worker()
        assert await here.unsold() == "sale-CA1"
        sold = await here.ended()
    assert (sold["state"], sold["buyer"], sold["payout"], sold["lead_ref"]) == ("sold", "high", "12.50", "L1")
    assert (sold["sid"], sold["plan"], sold["callback"]) == ("CA1", "auto", None)
    assert meant(sold) == [("low", "ping", "offer"), ("high", "ping", "offer"), ("high", "post", "offer")]
    assert (low.bought, high.bought) == ([], [PHONE])
    assert here.counted == [{"low": "outbid", "high": "sold"}]


@virtual
async def test_a_refusal_falls_to_the_next_best(clock: VirtualClock, engine_socket: Path) -> None:
    a, b, c = LeadPartner(price=8), LeadPartner(price=12, posts=["refuse"]), LeadPartner(price=10)
    async with listening(a, b, c), market(clock, engine_socket, partners={"a": a, "b": b, "c": c}) as here:
        here.worker()
        await here.unsold()
        sold = await here.ended()
    assert (sold["state"], sold["buyer"]) == ("sold", "c")
    assert meant(sold)[3:] == [("b", "post", "no_offer"), ("c", "post", "offer")]
    assert (a.bought, b.bought, c.bought) == ([], [], [PHONE])
    assert a.paths() == ["/ping"]
    assert here.counted == [{"a": "outbid", "b": "no_offer", "c": "sold"}]


@virtual
async def test_who_names_no_price_comes_after_who_does(clock: VirtualClock, engine_socket: Path) -> None:
    direct, bidder = LeadPartner(), LeadPartner(price=1, posts=["refuse"])
    partners, modes = {"direct": direct, "bidder": bidder}, {"direct": "direct"}
    async with listening(direct, bidder), market(clock, engine_socket, partners=partners, modes=modes) as here:
        here.worker()
        await here.unsold()
        sold = await here.ended()
    assert meant(sold) == [("bidder", "ping", "offer"), ("bidder", "post", "no_offer"), ("direct", "post", "offer")]
    assert (sold["buyer"], sold["payout"], sold["payout_stated"]) == ("direct", "0.00", False)


@virtual
async def test_a_dead_partner_is_passed_over(clock: VirtualClock, engine_socket: Path) -> None:
    gone, alive = LeadPartner(), LeadPartner()
    async with listening(alive), market(clock, engine_socket, partners={"gone": gone, "alive": alive}) as here:
        here.worker()
        await here.unsold()
        sold = await here.ended()
    assert meant(sold)[0] == ("gone", "ping", "error_unreachable")
    assert (sold["state"], sold["buyer"]) == ("sold", "alive")
    assert here.counted == [{"gone": "error", "alive": "sold"}]


@virtual
async def test_a_post_that_was_never_connected_falls_to_the_next(clock: VirtualClock, engine_socket: Path) -> None:
    """No connection, no sale: that is certain, and not waited for."""
    gone, alive = LeadPartner(), LeadPartner()
    modes = {"gone": "direct", "alive": "direct"}
    partners = {"gone": gone, "alive": alive}
    async with listening(alive), market(clock, engine_socket, partners=partners, modes=modes) as here:
        here.worker()
        await here.unsold()
        sold = await here.ended(timeout_s=5)
    assert meant(sold) == [("gone", "post", "error_unreachable"), ("alive", "post", "offer")]


@virtual
async def test_nobody_wants_it_and_the_callback_is_promised(clock: VirtualClock, engine_socket: Path) -> None:
    a, b = LeadPartner(pings=["refuse"]), LeadPartner(posts=["no_offer_duplicate"])
    async with listening(a, b), market(clock, engine_socket, partners={"a": a, "b": b}) as here:
        here.worker()
        await here.unsold(callback=True)
        unsold = await here.ended()
        await here.pause(2)
    assert (unsold["state"], unsold["buyer"], unsold["callback"]) == ("unsold", None, "cb-CA1")
    assert [job.id for job in here.called_back] == ["cb-CA1"]


@virtual
async def test_a_sold_lead_needs_no_callback(clock: VirtualClock, engine_socket: Path) -> None:
    a = LeadPartner()
    async with listening(a), market(clock, engine_socket, partners={"a": a}) as here:
        here.worker()
        await here.unsold(callback=True)
        assert (await here.ended())["callback"] is None
        await here.pause(5)
        assert (await here.outbox.counts()).pending == 0
    assert here.called_back == []


@virtual
async def test_without_consent_nobody_is_asked(clock: VirtualClock, engine_socket: Path) -> None:
    a = LeadPartner()
    async with listening(a), market(clock, engine_socket, partners={"a": a}) as here:
        here.worker()
        await here.unsold(consent=False)
        unsold = await here.ended()
    assert (unsold["state"], meant(unsold)) == ("unsold", [("a", "ping", "not_called_no_consent")])
    assert a.seen == []


@virtual
async def test_missing_data_and_guards_are_reasons_of_their_own(clock: VirtualClock, engine_socket: Path) -> None:
    a, b, c = LeadPartner(), LeadPartner(), LeadPartner(price=3)
    entries = {"a": {"enabled": False}, "b": {"guards": {"states": ["NY"]}}, "c": {"guards": {"floor": 5}}}
    options = {"partners": {"a": a, "b": b, "c": c}, "entries": entries}
    async with listening(a, b, c), market(clock, engine_socket, **options) as here:
        here.worker()
        await here.unsold()
        unsold = await here.ended()
    assert unsold["state"] == "unsold"
    assert meant(unsold) == [
        ("a", "ping", "not_called_disabled"),
        ("b", "ping", "not_called_state"),
        ("c", "ping", "rejected_below_floor"),
    ]
    assert a.seen == b.seen == []


@virtual
async def test_who_could_not_be_posted_to_is_not_pinged(clock: VirtualClock, engine_socket: Path) -> None:
    a = LeadPartner()
    async with listening(a), market(clock, engine_socket, partners={"a": a}) as here:
        here.worker()
        await here.unsold(first_name=None)
        unsold = await here.ended()
    assert meant(unsold) == [("a", "ping", "not_called_unbuildable")]
    assert unsold["results"][0]["detail"] == "first_name is not known"
    assert a.seen == []


@virtual
async def test_a_cap_on_sold_leads_holds(clock: VirtualClock, engine_socket: Path) -> None:
    a = LeadPartner()
    entries = {"a": {"guards": {"caps": [{"of": "qualified", "per": "day", "most": 1}]}}}
    async with listening(a), market(clock, engine_socket, partners={"a": a}, entries=entries) as here:
        here.worker()
        await here.unsold("CA1")
        await here.ended("sale-CA1")
        await here.unsold("CA2", phone="+15125550143")
        second = await here.ended("sale-CA2")
    assert meant(second) == [("a", "ping", "not_called_cap_qualified")]
    assert a.bought == [PHONE]


@virtual
async def test_one_person_is_sold_once(clock: VirtualClock, engine_socket: Path) -> None:
    """While a sale is pending, and for long after the lead was sold."""
    a = LeadPartner()
    async with listening(a), market(clock, engine_socket, partners={"a": a}) as here:
        assert [await here.unsold(sid) for sid in ("CA1", "CA2")] == ["sale-CA1", "sale-CA1"]
        first = here.worker()
        await here.ended("sale-CA1")
        await here.kill(first)
        await here.pause(SALE_TTL_S - 3600)
        assert await here.unsold("CA3", callback=True) == "sale-CA1"
        assert (await here.outbox.counts()).pending == 0
    assert a.bought == [PHONE]


@virtual
async def test_who_was_not_sold_may_be_sold_at_the_next_call(clock: VirtualClock, engine_socket: Path) -> None:
    a = LeadPartner(pings=["refuse"])
    async with listening(a), market(clock, engine_socket, partners={"a": a}) as here:
        here.worker()
        await here.unsold("CA1")
        assert (await here.ended("sale-CA1"))["state"] == "unsold"
        assert await here.unsold("CA2") == "sale-CA2"
        assert (await here.ended("sale-CA2"))["state"] == "sold"


@virtual
async def test_the_callback_of_a_later_call_replaces_the_pending_sales_own(
    clock: VirtualClock, engine_socket: Path
) -> None:
    a = LeadPartner(pings=["refuse"])
    async with listening(a), market(clock, engine_socket, partners={"a": a}) as here:
        await here.unsold("CA1", callback=True)
        await here.unsold("CA2", callback=True)
        here.worker()
        assert (await here.ended("sale-CA1"))["callback"] == "cb-CA2"


@virtual
async def test_a_person_who_was_connected_meanwhile_is_not_sold(clock: VirtualClock, engine_socket: Path) -> None:
    a = LeadPartner()
    async with listening(a), market(clock, engine_socket, partners={"a": a}) as here:
        await here.unsold(callback=True)
        now_ms = str(int(clock.now() * 1000))
        await here.engine.set(here.keys.bridged("auto", PHONE), now_ms, 3600)
        here.worker()
        over = await here.ended()
        await here.pause(5)
    assert (over["state"], over["callback"], a.paths()) == ("connected", None, ["/ping"])
    assert here.called_back == []


@virtual
async def test_a_sale_past_its_deadline_is_dead_and_the_person_called_back(
    clock: VirtualClock, engine_socket: Path
) -> None:
    a = LeadPartner()
    async with listening(a), market(clock, engine_socket, partners={"a": a}) as here:
        await here.unsold(callback=True)
        await here.pause(1_000)
        here.worker()
        over = await here.ended()
        job = await here.outbox.get("sale-CA1")
    assert (over["state"], over["why"], over["callback"]) == ("dead", "past its deadline", "cb-CA1")
    assert a.seen == []
    assert job is not None
    assert job.state is JobState.DEAD


@virtual
async def test_an_operator_can_cancel_a_sale_but_not_begin_it_again(clock: VirtualClock, engine_socket: Path) -> None:
    a = LeadPartner()
    async with listening(a), market(clock, engine_socket, partners={"a": a}) as here:
        await here.unsold(callback=True)
        assert await here.outbox.cancel("sale-CA1") == "cancelled"
        assert await here.outbox.requeue("sale-CA1", 60) == "none"
        assert await here.outbox.cancel("sale-CA1") == "none"
        over = await here.ended()
        here.worker()
        await here.pause(5)
    assert (over["state"], over["callback"]) == ("cancelled", "cb-CA1")
    assert a.seen == []


@virtual
async def test_a_buyer_that_calls_us_too_quick_has_not_bought(clock: VirtualClock, engine_socket: Path) -> None:
    a, b = LeadPartner(posts=["error_rate_limited"]), LeadPartner(price=2)
    async with listening(a, b), market(clock, engine_socket, partners={"a": a, "b": b}) as here:
        here.worker()
        await here.unsold()
        assert (await here.ended())["buyer"] == "b"


@virtual
async def test_our_own_rate_limit_is_waited_for(clock: VirtualClock, engine_socket: Path) -> None:
    """Nobody is on the line: a minute does no harm, a lost sale does. Bids that lapse meanwhile are asked for anew."""
    a = LeadPartner(price=9)
    async with (
        listening(a),
        market(clock, engine_socket, partners={"a": a}, entries={"a": {"adapter": "slowbuyer"}}) as here,
    ):
        for n in range(3):
            await here.unsold(f"CA{n}", phone=f"+1512555014{n}")
        here.worker()
        states = [(await here.ended(f"sale-CA{n}"))["state"] for n in range(3)]
    assert states == ["sold"] * 3
    assert len(set(a.bought)) == len(a.bought) == 3


@virtual
async def test_due_sales_are_not_counted_as_the_diallers(clock: VirtualClock, engine_socket: Path) -> None:
    async with market(clock, engine_socket, partners={"a": LeadPartner()}) as here:
        await here.unsold()
        await here.outbox.stand("cb-9", {"plan": "auto", "phone": "+15125550199"}, 600)
        counts = await here.outbox.counts()
        assert (counts.due, counts.pending) == (1, 2)
        assert {job.id: job.kind.value for job in await here.outbox.list()} == {"sale-CA1": "sale", "cb-9": "callback"}


@virtual
async def test_no_personal_data_is_logged_or_recorded(
    clock: VirtualClock, engine_socket: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    a, b = LeadPartner(posts=["500"]), LeadPartner(price=1)
    async with listening(a, b), market(clock, engine_socket, partners={"a": a, "b": b}) as here:
        here.worker()
        await here.unsold(first_name="Wilhelmina", last_name="Sauerbrey")
        whole = str(await here.ended())
    told = whole + "".join(f"{r.getMessage()} {vars(r)}" for r in caplog.records if r.name.startswith("callrouter"))
    assert not [word for word in ("5125550142", "Wilhelmina", "Sauerbrey") if word in told]
    assert "token-" not in "".join(str(vars(r)) for r in caplog.records if r.name.startswith("callrouter"))
