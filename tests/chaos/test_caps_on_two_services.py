"""Two hundred callers, two instances of the service, one engine, and kill -9 of one of the two in the middle.

Counted from the outside, at the carrier: how often each guarded buyer's number was dialled, how many of its legs were
live at once, who talked for long enough and what that paid. Never one too many; and with more callers each cap is
reached exactly, because nothing of it is lost to the dead instance.
"""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from callrouter.domain.clock import SystemClock
from callrouter.engine import embedded
from callrouter.engine.client import Engine
from callrouter.ledger.database import sqlite_url
from callrouter.ledger.reads import Ledger, LedgerCall
from callrouter.simulator.carrier import CallerScript, NumberConfig, PhoneScript, SimulatedCall, SimulatedCarrier
from callrouter.simulator.carrier.records import DialRecord
from callrouter.simulator.partners import Answer, SimulatedLmal
from tests.support.environment import service_environ
from tests.support.process import Balancer, ServiceProcess, free_port
from tests.support.waiting import wait_until
from tests.support.world import ACCOUNT_SID, AUTH_TOKEN, INBOUND, OVERRIDES, PUBLIC_URL, plan

CALLERS = 200
ARRIVE_WITHIN_S = 1.2
MIN_DURATION_S = 2

MOST = {"attempts": 15, "connects": 12, "qualified": 10, "dollars": 120, "concurrency": 8}
ZIPS = {"attempts": "78701", "connects": "10001", "qualified": "90001", "dollars": "33101", "concurrency": "60601"}
"""Each guarded buyer has a state to itself, with a fifth of the callers: far more than it may have."""
PAYOUTS = (10, 20, 30)

STAGES = ("asked", "dialled", "talking")

HOUSE = "house"
"""A buyer without guards takes whoever is left."""


def number_of(buyer: str, payout: int = 0) -> str:
    """The number that a buyer's offer of this payout names: so the carrier knows what a dial is worth."""
    return f"+1214555{1 + [*MOST, HOUSE].index(buyer):02d}{payout:02d}"


NUMBERS = {
    buyer: [number_of(buyer, payout) for payout in PAYOUTS] if buyer == "dollars" else [number_of(buyer)]
    for buyer in (*MOST, HOUSE)
}


def the_plan() -> dict[str, Any]:
    """One buyer for each kind of cap, told apart by its ``subid``, in the state of its zip."""
    entry = {
        "adapter": "letsmakealead",
        "mode": "one_step",
        "url": "env:LMAL_URL",
        "credentials": {"partnerid": "env:LMAL_PARTNERID", "key": "env:LMAL_KEY"},
        "offer_ttl_s": 20,
    }
    buyers: dict[str, Any] = {HOUSE: {**entry, "params": {"numcategory": 12003, "subid": HOUSE}}}
    for buyer, most in MOST.items():
        caps = {"caps": [{"of": buyer, "per": "ever", "most": most}]} if buyer != "concurrency" else {buyer: most}
        guards = {**caps, "zips": [ZIPS[buyer]]}
        buyers[buyer] = {**entry, "params": {"numcategory": 12003, "subid": buyer}, "guards": guards}
    whole = plan(intake={"zip": "caller_id"}, auction={"deadline_s": 4}, bridge={"early_hangup_s": 0})
    del whole["unsold"]
    return {**whole, "buyers": buyers}


class Market:
    """The callers, the carrier and the partner, and what they saw."""

    def __init__(self, carrier: SimulatedCarrier, lmal: SimulatedLmal, rng: random.Random) -> None:
        self.carrier, self.lmal, self._rng = carrier, lmal, rng
        self._people = itertools.count()
        self.lmal.answer = self._offer
        self.eager = False
        """Whether everybody buys and picks up, and talks for long enough."""

    def _offer(self, params: Mapping[str, str]) -> Answer:
        buyer = params["subid"]
        if not self.eager and buyer != HOUSE and self._rng.random() < 0.2:
            return Answer(latency_s=(0.1, 0.8), payout=None)
        payout = self._rng.choice(PAYOUTS[:1] if self.eager else PAYOUTS) if buyer == "dollars" else 0
        paid = {"dollars": payout, HOUSE: 6}.get(buyer, 25)
        number = number_of(buyer, payout)
        return Answer((0.1, 0.8), Decimal(paid), number, MIN_DURATION_S)

    def phones(self) -> None:
        """Guarded buyers pick up two times of three, and half of those talk for too short a time."""
        long = PhoneScript(ring_s=0.5, talk_s=2.3 if self.eager else 3.4)
        kinds = (PhoneScript(0.5, "busy"), PhoneScript(0.5, talk_s=1.2), long)
        self.carrier.default_phone = kinds[1] if self.eager else long
        for number in itertools.chain.from_iterable(NUMBERS[buyer] for buyer in MOST):
            self.carrier.phone(number, *((long,) if self.eager else self._rng.choices(kinds, k=CALLERS)))

    async def callers(self, count: int, within_s: float) -> list[SimulatedCall]:
        """So many people call, from the guarded buyers' states in turn."""
        calls = []
        for _ in range(count):
            no = next(self._people)
            zip_code = list(ZIPS.values())[no % len(ZIPS)]
            script = CallerScript(from_=f"+1512555{no:04d}", to=INBOUND, from_zip=zip_code)
            calls.append(self.carrier.place(script))
            await asyncio.sleep(self._rng.uniform(0, 2 * within_s / count))
        return calls

    def dials(self, buyer: str) -> list[DialRecord]:
        """Every dial of one of the buyer's numbers."""
        return [dial for call in self.carrier.calls for dial in call.dials if dial.number in NUMBERS[buyer]]

    def counted(self, buyer: str) -> dict[str, int]:
        """What the buyer had by the carrier's account; ``concurrency`` is the most at once."""
        dials = self.dials(buyer)
        talked = [dial for dial in dials if dial.bridged]
        qualified = [dial for dial in talked if dial.talk_s >= MIN_DURATION_S]
        return {
            "attempts": len(dials),
            "connects": len(talked),
            "qualified": len(qualified),
            "dollars": sum(int(dial.number[-2:]) for dial in qualified),
            "concurrency": most_at_once(dials),
        }


def most_at_once(dials: Sequence[DialRecord]) -> int:
    """The most of these legs that were live at one time."""
    begins = [dial.started_at for dial in dials]
    return max((sum(1 for d in dials if d.started_at <= at < (d.ended_at or at + 1)) for at in begins), default=0)


@pytest.mark.real_time
async def test_caps_hold_to_the_last_call_at_two_services_of_which_one_is_killed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with two_services(tmp_path) as (market, services, balancer):
        market.phones()
        await market.callers(CALLERS, ARRIVE_WITHIN_S)
        live = sum(call.live for call in market.carrier.calls)
        assert live > CALLERS * 0.9
        reserved = sum((await seats(tmp_path)).values())
        balancer.lose(0)  # what is under way breaks off; the carrier tries again, at the other
        await services[0].kill()
        rows = await all_over(market, tmp_path)
        assert_never_over(market, rows)
        taken_over = sum(was_taken_over(row) for row in rows.values())
        assert taken_over > 0, "the dead one had auctions"
        assert reserved > 30, "and there were seats to lose"
        assert sum((await seats(tmp_path)).values()) == 0, "which every call's end has freed"
        first = {buyer: market.counted(buyer)[buyer] for buyer in MOST}

        market.eager = True
        market.phones()
        for count in (80, 15):  # more than enough for all of them; and then nobody has room
            await market.callers(count, 0.3)
            rows = await all_over(market, tmp_path)
            assert_never_over(market, rows)
        assert {buyer: market.counted(buyer)[buyer] for buyer in MOST} == MOST, "every cap is reached"
        assert_the_last_were_told_why(market.carrier.calls[-15:], rows)
        with capsys.disabled():
            print(f"\n  {live} live and {reserved} seats at the kill, {taken_over} taken over; by then had {first}")


def assert_never_over(market: Market, rows: Mapping[str, LedgerCall]) -> None:
    """By the carrier's account, and the records say the same of whoever qualified."""
    for buyer, most in MOST.items():
        counted = market.counted(buyer)
        assert counted[buyer] <= most, (buyer, counted, dialled_again(market, rows))
        told = [row for row in rows.values() if row.buyer == buyer and row.qualified]
        assert len(told) == counted["qualified"], buyer
        if buyer == "dollars":
            assert sum(row.payout or 0 for row in told) == counted["dollars"]


def assert_the_last_were_told_why(calls: Sequence[SimulatedCall], rows: Mapping[str, LedgerCall]) -> None:
    """Each guarded buyer but the one whose seats are free again refused the callers of its state for its own cap."""
    results = [result for call in calls for result in rows[call.sid].record["results"]]
    reasons = {buyer: {r["reason"] for r in results if r["buyer"] == buyer} - {"not_called_zip"} for buyer in MOST}
    full = {buyer: {f"not_called_cap_{buyer}"} for buyer in MOST if buyer != "concurrency"}
    assert {buyer: reasons[buyer] for buyer in full} == full
    assert "offer" in reasons["concurrency"]


def dialled_again(market: Market, rows: Mapping[str, LedgerCall]) -> list[str]:
    """The calls of which the carrier dialled more than the record tells, to be seen when a cap was passed."""
    return [call.sid for call in market.carrier.calls if len(call.dials) > len(rows[call.sid].record["attempts"])]


def was_taken_over(row: LedgerCall) -> bool:
    return any(event["event"] == "auction_taken_over" for event in row.record["events"])


async def seats(folder: Path) -> dict[str, int]:
    """How many calls have a seat at each guarded buyer."""
    engine = Engine.at_socket(str(embedded.ensure_running(folder / "engine")), SystemClock())
    try:
        return {
            buyer: sum([await engine.sorted_count(engine.keys.seats("auto", buyer, stage)) for stage in STAGES])
            for buyer in MOST
        }
    finally:
        await engine.close()


async def all_over(market: Market, folder: Path) -> dict[str, LedgerCall]:
    """Wait until every call has ended; the records of all."""
    for call in market.carrier.calls:
        await call.wait_ended()
    await wait_until(lambda: market.carrier.idle, 20)
    return await ledger_rows(folder / "data", market)


async def ledger_rows(data: Path, market: Market) -> dict[str, LedgerCall]:
    """The record of every call, once all are there."""
    ledger = Ledger(sqlite_url(data), SystemClock())
    sids = {call.sid for call in market.carrier.calls}
    rows: dict[str, LedgerCall] = {}
    try:
        async with asyncio.timeout(30):
            while not sids <= set(rows):
                rows = {row.sid: row for row in await ledger.find(limit=1_000)}
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"no record of {sids - set(rows)}") from None
    finally:
        await ledger.close()
    return rows


@asynccontextmanager
async def two_services(folder: Path) -> AsyncIterator[tuple[Market, list[ServiceProcess], Balancer]]:
    """Two processes behind one public address, on one engine."""
    rng, clock = random.Random(5), SystemClock()
    lmal = SimulatedLmal(clock=clock, rng=rng, partnerid="P1", key="lmal-key-of-tests")
    ports = [free_port(), free_port()]
    balancer = Balancer(PUBLIC_URL, [f"http://127.0.0.1:{port}" for port in ports])
    carrier = SimulatedCarrier(
        clock=clock, rng=rng, account_sid=ACCOUNT_SID, auth_token=AUTH_TOKEN, webhook_host_map=balancer
    )
    socket = embedded.ensure_running(folder / "engine")
    servers: list[Any] = [lmal, carrier]
    for server in servers:
        await server.start()
    environ = _environ(folder, socket, lmal, carrier)
    services = [ServiceProcess(environ, port, folder / f"service-{port}.log") for port in ports]
    hooks = (f"{PUBLIC_URL}/twilio/voice{OVERRIDES}", f"{PUBLIC_URL}/twilio/status", f"{PUBLIC_URL}/twilio/fallback")
    carrier.configure_number(INBOUND, NumberConfig(*hooks))
    try:
        for service in services:
            await service.start()
        for service in services:
            await service.ready()
        yield Market(carrier, lmal, rng), services, balancer
        assert carrier.errors == []
    finally:
        for service in services:
            await service.stop()
        for server in servers:
            await server.stop()
        embedded.stop(folder / "engine")


def _environ(folder: Path, socket: Path, lmal: SimulatedLmal, carrier: SimulatedCarrier) -> dict[str, str]:
    environ = service_environ(folder, the_plan(), carrier, lmal)
    return {**environ, "CALLROUTER_PUBLIC_URL": PUBLIC_URL, "CALLROUTER_REDIS_URL": f"unix://{socket}"}
