"""How a buyer stands in the engine: used limits, caps with what is left of them, seats, health."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callrouter.auction.limits import Limits, health_scope
from callrouter.auction.seats import bucket, bucket_ends
from callrouter.auction.standing import CapStands, Listed, Standing, standings
from callrouter.auction.switches import SwitchedOff, Switches
from callrouter.buyers.base.sheet import Limit
from callrouter.buyers.loader import Buyer as Partner
from callrouter.buyers.loader import Catalogue
from callrouter.dialplan.guards import Per
from callrouter.domain.reasons import Reason
from tests.auctions.seated import Buyer, a_cap
from tests.auctions.test_limits import SHEET
from tests.buyers.exemplars import CATALOGUE

Amounts = tuple[float, float, float]
"""Used, reserved and left: small enough to be exact."""

WINDOWS = (Limit(calls=5, per_s=1), Limit(calls=40, per_s=60))
PARTNER = Partner("x", SHEET.model_copy(update={"limits": WINDOWS}), CATALOGUE.get("contactability").adapter)
ONE = Catalogue({"x": PARTNER})


async def standing(buyer: Buyer) -> Standing:
    (found,) = await standings(buyer.engine, ONE, [Listed("auto", "a", buyer.plan.buyers["a"])], buyer.now)
    return found


def amounts(cap: CapStands) -> Amounts:
    return float(cap.used), float(cap.reserved), float(cap.left)


def account(buyer: Buyer) -> Any:
    return ONE.account("a", buyer.plan.buyers["a"])


async def test_a_buyer_that_nobody_asked_has_used_nothing(made: Any) -> None:
    buyer: Buyer = made(concurrency=3, **a_cap("dollars", 100))
    found = await standing(buyer)
    assert (found.switched_off, found.in_use, found.windows) == (None, 0, ((WINDOWS[0], 0), (WINDOWS[1], 0)))
    assert (found.health.unhealthy, found.health.failing_share, found.health.next_probe_at) == (False, None, None)
    (cap,) = found.caps
    assert amounts(cap) == (0, 0, 100)


async def test_the_windows_show_what_is_used_now(made: Any) -> None:
    buyer: Buyer = made()
    limits = Limits(buyer.engine)
    shown = []
    for _ in range(7):
        for _ in range(3):
            await limits.admit("x", PARTNER.sheet, account(buyer))
        shown.append([used for _, used in (await standing(buyer)).windows])
        buyer.later(0.9)
    # A window is 200 ms longer for us, and a third request of every second round is refused.
    assert shown == [[3, 3], [5, 5], [5, 8], [5, 10], [5, 13], [5, 15], [5, 18]]
    buyer.later(60.3)
    assert [used for _, used in (await standing(buyer)).windows] == [0, 0]


@pytest.mark.parametrize(
    ("of", "stands"),
    [
        ("attempts", (2, 1, 7)),
        ("connects", (1, 2, 7)),
        ("qualified", (1, 2, 7)),
        ("dollars", (30, 0, 70)),
    ],
)
async def test_a_cap_shows_what_is_used_reserved_and_left(made: Any, of: str, stands: Amounts) -> None:
    """One call is over and qualified, one rings, one is being asked."""
    buyer: Buyer = made(**a_cap(of, 100 if of == "dollars" else 10))
    await buyer.ask("CA1")
    await buyer.dial("CA1")
    await buyer.connect("CA1")
    await buyer.end("CA1", paid="30.00")
    await buyer.ask("CA2")
    await buyer.dial("CA2")
    await buyer.ask("CA3")
    found = await standing(buyer)
    (cap,) = found.caps
    assert amounts(cap) == stands
    assert found.in_use == 2
    ends = datetime.fromtimestamp(cap.resets_at or 0, ZoneInfo("America/New_York"))
    assert f"{ends:%H:%M:%S}" == "00:00:00"


async def test_dollars_of_calls_that_are_not_over_are_reserved(made: Any) -> None:
    buyer: Buyer = made(**a_cap("dollars", 50))
    await buyer.ask("CA1")
    await buyer.limits.book(buyer.seat("CA1"), Decimal("20.50"), buyer.now)
    (cap,) = (await standing(buyer)).caps
    assert amounts(cap) == (0, 20.5, 29.5)


async def test_seats_that_have_lapsed_are_not_in_use(made: Any) -> None:
    buyer: Buyer = made(concurrency=2)
    await buyer.ask("CA1")
    assert (await standing(buyer)).in_use == 1
    buyer.later(61)
    assert (await standing(buyer)).in_use == 0


async def test_a_cap_that_was_lowered_below_its_use_has_nothing_left(made: Any) -> None:
    buyer: Buyer = made(**a_cap("attempts", 3))
    for sid in ("CA1", "CA2", "CA3"):
        await buyer.ask(sid, None)
        await buyer.dial(sid)
    cap = buyer.guards.caps[0].model_copy(update={"most": Decimal(1)})
    entry = buyer.plan.buyers["a"]
    lowered = entry.model_copy(update={"guards": buyer.guards.model_copy(update={"caps": (cap,)})})
    (found,) = await standings(buyer.engine, ONE, [Listed("auto", "a", lowered)], buyer.now)
    assert amounts(found.caps[0]) == (3, 0, 0)


async def test_an_unhealthy_buyer_shows_its_failing_share_and_its_next_probe(made: Any) -> None:
    buyer: Buyer = made()
    limits = Limits(buyer.engine)
    for _ in range(12):
        limits.note("x", PARTNER.sheet, account(buyer), Reason.ERROR_HTTP_STATUS, 0.1)
        await limits.drain()
    health = (await standing(buyer)).health
    assert health.unhealthy
    assert health.failing_share == Decimal("0.718")
    assert health.next_probe_at == buyer.now + 5
    for _ in range(12):
        limits.note("x", PARTNER.sheet, account(buyer), None, 0.1)
        await limits.drain()
    health = (await standing(buyer)).health
    assert (health.unhealthy, health.next_probe_at) == (False, None)


async def test_one_round_trip_tells_of_every_buyer_in_order(made: Any) -> None:
    buyer: Buyer = made(**a_cap("attempts", 5))
    await Switches(buyer.engine, buyer.clock).off("auto", "b7", "olga", "why not")
    runs = itertools.count()
    run = buyer.engine.run

    async def counted(*args: Any, **more: Any) -> Any:
        next(runs)
        return await run(*args, **more)

    buyer.engine.run = counted  # type: ignore[method-assign]
    listed = [Listed("auto", f"b{n}", buyer.plan.buyers["a"]) for n in range(200)]
    found = await standings(buyer.engine, ONE, listed, buyer.now)
    assert next(runs) == 1
    assert [n for n, one in enumerate(found) if one.switched_off] == [7]
    assert found[7].switched_off == SwitchedOff(found[7].switched_off.at, "olga", "why not")  # type: ignore[union-attr]
    assert await standings(buyer.engine, ONE, [], buyer.now) == []


async def test_accounts_that_differ_have_their_own_health(made: Any) -> None:
    buyer: Buyer = made()
    other = replace(account(buyer), url="https://elsewhere.test/")
    key = buyer.engine.keys.health(health_scope("x", other))
    await buyer.engine.raw("hset", lambda r: r.hset(key, mapping={"out": "1", "bad": "0.9", "n": "20"}))
    assert not (await standing(buyer)).health.unhealthy


@settings(derandomize=True, max_examples=300, deadline=None)
@given(
    now=st.floats(1_700_000_000, 1_900_000_000),
    zone=st.sampled_from(["America/New_York", "America/Phoenix", "Pacific/Honolulu", "America/St_Johns"]),
    per=st.sampled_from(["hour", "day", "month"]),
)
def test_a_period_ends_when_the_next_bucket_begins(now: float, zone: str, per: Per) -> None:
    ends = bucket_ends(per, zone, now)
    assert ends is not None
    assert ends > now
    assert bucket(per, zone, ends - 0.01) == bucket(per, zone, now)
    assert bucket(per, zone, ends + 0.01) != bucket(per, zone, now)


@pytest.mark.parametrize("hour", range(24))
@pytest.mark.parametrize("per", ["hour", "day", "month"])
def test_also_on_the_days_when_clocks_are_changed(hour: int, per: Per) -> None:
    zone = "America/New_York"
    for day in (datetime(2026, 3, 8, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)):
        now = day.timestamp() + hour * 3600 + 1234.5
        ends = bucket_ends(per, zone, now)
        assert ends is not None
        assert bucket(per, zone, ends - 0.01) == bucket(per, zone, now)
        assert bucket(per, zone, ends + 0.01) != bucket(per, zone, now)


def test_a_cap_without_a_period_is_never_free_again() -> None:
    assert bucket_ends("ever", "America/New_York", 0) is None
