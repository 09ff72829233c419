"""A buyer's shared guards in the real engine: each refusal with its reason, seats that are kept, freed and lapse."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from callrouter.auction.guards import Seat
from callrouter.auction.limits import Admission, Limits
from callrouter.auction.seats import sold_lead
from callrouter.dialplan.guards import Guards
from callrouter.domain.clock import SystemClock
from callrouter.domain.reasons import Reason
from callrouter.engine.client import Engine
from tests.auctions.seated import ACCOUNT, FREE, KEEP_S, PHONE, Buyer, a_cap
from tests.auctions.test_limits import SHEET
from tests.support.engine import keys_without_end


async def asked(buyer: Buyer) -> None:
    await buyer.ask("CA1")


async def dialled(buyer: Buyer) -> None:
    await buyer.ask("CA1")
    await buyer.dial("CA1")


async def talks(buyer: Buyer) -> None:
    await dialled(buyer)
    await buyer.connect("CA1")


async def done(buyer: Buyer) -> None:
    await talks(buyer)
    buyer.later(1)
    await buyer.end("CA1")


async def paid(buyer: Buyer) -> None:
    await talks(buyer)
    buyer.later(1)
    await buyer.end("CA1", "25")


async def failed(buyer: Buyer) -> None:
    await dialled(buyer)
    buyer.later(1)
    await buyer.end("CA1")


A, C, Q, D = (a_cap(of, 1) for of in ("attempts", "connects", "qualified", "dollars"))


@pytest.mark.parametrize(
    ("guards", "so_far", "said"),
    [
        (A, asked, Admission.CAP_ATTEMPTS),
        (A, dialled, Admission.CAP_ATTEMPTS),
        (A, failed, Admission.CAP_ATTEMPTS),
        (a_cap("attempts", 2), dialled, Admission.ADMITTED),
        (C, asked, Admission.CAP_CONNECTS),
        (C, dialled, Admission.CAP_CONNECTS),
        (C, talks, Admission.CAP_CONNECTS),
        (C, done, Admission.CAP_CONNECTS),
        (C, failed, Admission.ADMITTED),
        (a_cap("connects", 2), talks, Admission.ADMITTED),
        (Q, asked, Admission.CAP_QUALIFIED),
        (Q, talks, Admission.CAP_QUALIFIED),
        (Q, done, Admission.ADMITTED),
        (Q, paid, Admission.CAP_QUALIFIED),
        (D, asked, Admission.ADMITTED),
        (D, done, Admission.ADMITTED),
        (D, paid, Admission.CAP_DOLLARS),
        (a_cap("dollars", 0), done, Admission.CAP_DOLLARS),
        (a_cap("dollars", 25.01), paid, Admission.ADMITTED),
        ({"concurrency": 1}, asked, Admission.CONCURRENCY),
        ({"concurrency": 1}, dialled, Admission.CONCURRENCY),
        ({"concurrency": 1}, talks, Admission.CONCURRENCY),
        ({"concurrency": 1}, failed, Admission.ADMITTED),
        ({"concurrency": 2}, talks, Admission.ADMITTED),
        ({"spacing_s": 5}, failed, Admission.SPACING),
        ({"spacing_s": 0.5}, failed, Admission.ADMITTED),
        ({"duplicates": {}}, asked, Admission.ADMITTED),
        ({"duplicates": {}}, failed, Admission.ADMITTED),
        ({"duplicates": {}}, talks, Admission.DUPLICATE),
        ({"duplicates": {"after": "qualified"}}, done, Admission.ADMITTED),
        ({"duplicates": {"after": "qualified"}}, paid, Admission.DUPLICATE),
        ({"duplicates": {"within_s": 1}}, done, Admission.ADMITTED),
    ],
)
async def test_each_guard_refuses_for_its_own_reason_and_changes_nothing(
    made: Any, guards: dict[str, Any], so_far: Any, said: Admission
) -> None:
    buyer = made(**guards)
    await so_far(buyer)
    before = await buyer.everything()
    assert await buyer.ask("CA2") is said
    assert (await buyer.everything() == before) is (said is not Admission.ADMITTED)


def test_each_refusal_has_its_reason() -> None:
    assert Admission.ADMITTED.reason is None
    reasons = {said.reason for said in Admission if said is not Admission.ADMITTED}
    assert len(reasons) == len(Admission) - 1
    assert Admission.CAP_DOLLARS.reason is Reason.NOT_CALLED_CAP_DOLLARS


async def test_asking_again_for_the_same_call_counts_once_and_keeps_its_seat_for_longer(made: Any) -> None:
    buyer = made(**a_cap("attempts", 1), concurrency=1)
    for _ in range(5):
        assert await buyer.ask("CA1") is Admission.ADMITTED
        buyer.later(KEEP_S - 1)
    assert await buyer.ask("CA2") is Admission.CAP_ATTEMPTS
    buyer.later(2)
    assert await buyer.ask("CA2") is Admission.ADMITTED, "the seat has lapsed"


async def test_a_seat_lapses_by_itself(made: Any) -> None:
    buyer = made(concurrency=1)
    await buyer.ask("CA1")
    buyer.later(KEEP_S - 0.001)
    assert await buyer.ask("CA2") is Admission.CONCURRENCY
    buyer.later(0.001)
    assert await buyer.ask("CA2") is Admission.ADMITTED


@pytest.mark.parametrize(("per", "seconds"), [("hour", 3_600), ("day", 86_400), ("month", 31 * 86_400)])
async def test_a_full_cap_opens_with_the_next_period(made: Any, per: str, seconds: float) -> None:
    buyer = made(**a_cap("connects", 1, per))
    await done(buyer)
    assert await buyer.ask("CA2") is Admission.CAP_CONNECTS
    buyer.later(seconds)
    assert await buyer.ask("CA2") is Admission.ADMITTED


async def test_a_cap_for_ever_stays_full(made: Any, engine_socket: Path) -> None:
    buyer = made(**a_cap("connects", 1, "ever"))
    await done(buyer)
    buyer.later(3 * 366 * 86_400)
    assert await buyer.ask("CA2") is Admission.CAP_CONNECTS
    keys = buyer.engine.keys
    assert await buyer.engine.raw("ttl", lambda r: r.ttl(keys.used("auto", "a", "ever", ""))) == -1
    assert await keys_without_end(engine_socket, buyer.clock, keys) == []


async def test_a_released_seat_is_free_at_once(made: Any) -> None:
    buyer = made(concurrency=1)
    await buyer.ask("CA1")
    buyer.limits.release(buyer.seat("CA1"))
    await buyer.limits.drain()
    assert await buyer.ask("CA2") is Admission.ADMITTED


async def test_a_late_release_does_not_undo_a_newer_ask_or_a_dial(made: Any) -> None:
    buyer = made(concurrency=1)
    first = buyer.seat("CA1")
    await buyer.ask("CA1")
    buyer.later(1)
    await buyer.ask("CA1")
    buyer.limits.release(first)
    await buyer.limits.drain()
    assert await buyer.ask("CA2") is Admission.CONCURRENCY
    await buyer.dial("CA1")
    buyer.limits.release(replace(first, asked_at=0))
    await buyer.limits.drain()
    assert await buyer.ask("CA2") is Admission.CONCURRENCY


async def test_an_offer_that_the_dollar_cap_has_no_room_for_is_refused(made: Any) -> None:
    buyer = made(**a_cap("dollars", 50))
    for sid in ("CA1", "CA2", "CA3"):
        assert await buyer.ask(sid) is Admission.ADMITTED
    booked = [await buyer.limits.book(buyer.seat(sid), Decimal("25.00"), buyer.now) for sid in ("CA1", "CA2", "CA3")]
    assert [decline and decline.reason for decline in booked] == [None, None, Reason.REJECTED_OVER_CAP]
    assert await buyer.ask("CA4") is Admission.CAP_DOLLARS, "all of it is reserved"
    await buyer.end("CA1")
    assert await buyer.limits.book(buyer.seat("CA3"), Decimal("25.01"), buyer.now) is not None
    assert await buyer.limits.book(buyer.seat("CA3"), Decimal("24.99"), buyer.now) is None
    assert await buyer.limits.book(buyer.seat("CA3"), Decimal("25.00"), buyer.now) is None, "the latest price counts"


async def test_only_a_dollar_cap_costs_a_second_round_trip(made: Any) -> None:
    buyer = made(**a_cap("connects", 5))
    await buyer.engine.close()
    assert await buyer.limits.book(buyer.seat("CA1"), Decimal(25), buyer.now) is None


async def test_a_call_that_rings_is_no_duplicate_of_itself(made: Any) -> None:
    """A buyer that hung up early leaves a caller who is offered on, also to those that share its marks."""
    buyer = made(duplicates={"of": "plan"})
    await talks(buyer)
    assert await buyer.ask("CA1") is Admission.ADMITTED
    assert await buyer.ask("CA2") is Admission.DUPLICATE
    assert await buyer.ask("CA2", "+15125550199") is Admission.ADMITTED
    assert await buyer.ask("CA3", None) is Admission.ADMITTED, "who withholds the number cannot be known again"


@pytest.mark.parametrize(("of", "said"), [("plan", Admission.DUPLICATE), ("buyer", Admission.ADMITTED)])
async def test_another_buyers_connection_counts_only_where_the_plan_is_guarded(
    made: Any, of: str, said: Admission
) -> None:
    buyer = made(duplicates={"of": of})
    await buyer.charge("CA1", "b", connects=1, had=("connected",))
    assert await buyer.ask("CA2") is said


async def test_an_ask_that_is_cut_off_gives_its_seat_back(made: Any) -> None:
    buyer = made(concurrency=1)
    for pause in range(6):
        task = asyncio.create_task(buyer.ask("CA1"))
        for _ in range(pause):
            await asyncio.sleep(0)
        task.cancel()
        cut_off = False
        try:
            await task
        except asyncio.CancelledError:
            cut_off = True
        await buyer.limits.drain()
        assert cut_off
        assert await buyer.ask(f"other-{pause}") is Admission.ADMITTED
        buyer.limits.release(buyer.seat(f"other-{pause}"))
        await buyer.limits.drain()


async def test_without_the_engine_a_guarded_buyer_is_not_asked_and_others_are(tmp_path: Path) -> None:
    engine = Engine.at_socket(str(tmp_path / "none.sock"), SystemClock())
    limits = Limits(engine)
    seat = Seat("auto", "a", Guards.model_validate({"concurrency": 5}), "CA1", PHONE, 1.0, KEEP_S)
    assert await limits.admit("x", FREE, ACCOUNT, seat) is Admission.UNGUARDED
    assert limits.failed_open == 0
    plain = replace(seat, guards=Guards.model_validate({"states": ["TX"], "floor": 5}))
    assert await limits.admit("x", FREE, ACCOUNT, plain) is Admission.ADMITTED
    assert limits.failed_open == 1
    dollars = replace(seat, guards=Guards.model_validate(a_cap("dollars", 5)))
    refused = await limits.book(dollars, Decimal(1), 1.0)
    assert refused is not None
    assert refused.reason is Reason.NOT_CALLED_UNGUARDED
    await limits.drain()
    await engine.close()


async def test_a_sold_lead_is_used_up_of_every_cap_and_one_that_was_not_sold_of_none(made: Any) -> None:
    buyer = made(**a_cap("dollars", 30), duplicates={})
    await buyer.ask("CA1")
    await buyer.commit(sold_lead(buyer.plan, "a", "CA1", PHONE, Decimal("12.50")))
    day = buyer.engine.keys.used("auto", "a", "day", "20261120")
    assert await buyer.engine.hash(day) == {"attempts": "1", "connects": "1", "qualified": "1", "cents": "1250"}
    assert await buyer.ask("CA2") is Admission.DUPLICATE
    assert await buyer.ask("CA3", "+15125550199") is Admission.ADMITTED
    await buyer.commit(sold_lead(buyer.plan, "a", "CA3", "+15125550199", None))
    assert await buyer.engine.sorted_count(buyer.engine.keys.seats("auto", "a", "asked")) == 0
    assert await buyer.engine.hash(day) == {"attempts": "1", "connects": "1", "qualified": "1", "cents": "1250"}


async def test_a_limited_or_unwell_buyer_keeps_no_seat(made: Any) -> None:
    buyer = made(concurrency=5)
    rule = SHEET.limits[0].model_copy(update={"calls": 1, "per_s": 60})
    sheet = FREE.model_copy(update={"limits": (rule,)})
    assert await buyer.limits.admit("x", sheet, ACCOUNT, buyer.seat("CA1")) is Admission.ADMITTED
    assert await buyer.limits.admit("x", sheet, ACCOUNT, buyer.seat("CA2")) is Admission.LIMITED
    assert await buyer.engine.sorted_count(buyer.engine.keys.seats("auto", "a", "asked")) == 1
