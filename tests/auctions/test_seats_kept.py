"""What a seat has reserved, for how long, and what neither a late offer nor a second ask may change about it."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from callrouter.auction.limits import Admission
from callrouter.domain.reasons import Reason
from callrouter.engine.keys import SEAT_LONGEST_S
from tests.auctions.seated import KEEP_S, a_cap


async def test_an_offer_that_comes_after_the_end_of_its_call_reserves_nothing(made: Any) -> None:
    """Another instance heard that the caller had left; this one still waits for its buyers."""
    buyer = made(**a_cap("dollars", 50), concurrency=1)
    await buyer.ask("CA1")
    seat = buyer.seat("CA1")
    await buyer.end("CA1")
    before = await buyer.everything()
    refused = await buyer.limits.book(seat, Decimal(25), buyer.now)
    assert refused is not None
    assert refused.reason is Reason.NO_OFFER_CALLER_GONE
    assert await buyer.everything() == before
    assert await buyer.ask("CA2") is Admission.ADMITTED


async def test_what_a_call_would_pay_stays_reserved_while_it_has_a_seat_and_no_longer(made: Any) -> None:
    buyer = made(**a_cap("dollars", 50))
    await buyer.ask("CA1")
    assert await buyer.limits.book(buyer.seat("CA1"), Decimal(50), buyer.now) is None
    buyer.later(KEEP_S / 2)
    assert await buyer.ask("CA2") is Admission.CAP_DOLLARS
    assert await buyer.ask("CA1") is Admission.ADMITTED
    assert await buyer.ask("CA2") is Admission.CAP_DOLLARS, "asked again, it would still pay that"
    buyer.limits.release(buyer.seat("CA1"))
    await buyer.limits.drain()
    await buyer.ask("CA3")
    assert await buyer.limits.book(buyer.seat("CA3"), Decimal(30), buyer.now) is None
    buyer.later(KEEP_S / 2)
    await buyer.ask("CA4")
    buyer.later(KEEP_S / 2)
    assert await buyer.limits.book(buyer.seat("CA4"), Decimal(50), buyer.now) is None, "the other's has lapsed"


async def test_a_dial_whose_seat_had_lapsed_has_one_again_and_pays_what_it_was_for(made: Any) -> None:
    buyer = made(**a_cap("dollars", 50), concurrency=2)
    await buyer.ask("CA1")
    assert await buyer.limits.book(buyer.seat("CA1"), Decimal(50), buyer.now) is None
    buyer.later(KEEP_S)
    assert await buyer.ask("CA2") is Admission.ADMITTED
    await buyer.charge("CA1", stage="dialled", attempts=1, worth=Decimal(50))
    assert await buyer.limits.book(buyer.seat("CA2"), Decimal(1), buyer.now) is not None
    assert await buyer.ask("CA3") is Admission.CAP_DOLLARS
    await buyer.end("CA1")
    assert await buyer.limits.book(buyer.seat("CA2"), Decimal(1), buyer.now) is None


async def test_neither_an_ask_nor_an_offer_makes_a_dial_an_ask_again(made: Any) -> None:
    buyer = made(**a_cap("dollars", 50), concurrency=1)
    await buyer.ask("CA1")
    await buyer.dial("CA1")
    assert await buyer.ask("CA1") is Admission.ADMITTED
    buyer.later(KEEP_S + 1)
    assert await buyer.ask("CA2") is Admission.CONCURRENCY
    assert await buyer.limits.book(buyer.seat("CA1"), Decimal(5), buyer.now) is None
    buyer.later(KEEP_S + 1)
    assert await buyer.ask("CA2") is Admission.CONCURRENCY


async def test_an_offer_that_is_taken_up_after_its_seat_lapsed_has_a_seat_again(made: Any) -> None:
    buyer = made(**a_cap("dollars", 50), concurrency=1)
    await buyer.ask("CA1")
    buyer.later(KEEP_S)
    assert await buyer.limits.book(replace(buyer.seat("CA1"), asked_at=0), Decimal(5), buyer.now) is None
    assert await buyer.ask("CA2") is Admission.CONCURRENCY


async def test_seats_and_counts_outlive_whom_they_are_for(made: Any) -> None:
    buyer = made(**a_cap("connects", 5), concurrency=5)
    await buyer.dial("CA1")
    keys = buyer.engine.keys
    for name, least_s in (
        (keys.seats("auto", "a", "dialled"), SEAT_LONGEST_S),
        (keys.seats("auto", "a", "held"), SEAT_LONGEST_S),
        (keys.used("auto", "a", "day", "20261120"), 2 * 86_400),
    ):
        assert await buyer.engine.raw("ttl", lambda r, name=name: r.ttl(name)) > least_s


async def test_spacing_is_over_to_the_millisecond(made: Any) -> None:
    buyer = made(spacing_s=5)
    await buyer.ask("CA1")
    buyer.later(4.999)
    assert await buyer.ask("CA2") is Admission.SPACING
    buyer.later(0.001)
    assert await buyer.ask("CA2") is Admission.ADMITTED


async def test_of_two_calls_of_one_person_each_is_the_others_duplicate(made: Any) -> None:
    buyer = made(duplicates={})
    await buyer.ask("CA1")
    await buyer.ask("CA2")
    await buyer.connect("CA1")
    buyer.later(1)
    await buyer.connect("CA2")
    assert [await buyer.ask(sid) for sid in ("CA1", "CA2")] == [Admission.DUPLICATE] * 2
