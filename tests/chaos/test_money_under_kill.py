"""Money under kill -9: what the metric says, what the ledger says and what the carrier saw are equal to the cent.

The kills are aimed: between the commit that ends a call and the webhook's answer, while the ledger is being written,
and in the middle of a scrape. Scraped all the time, no counter of money ever goes back, not over a restart either.
"""

import asyncio
import os
import random
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from socket import gethostname

import aiohttp
import pytest
import redis.asyncio as redis
from prometheus_client.parser import text_string_to_metric_families

from callrouter.calls.store import CallStore
from callrouter.domain.clock import SystemClock
from callrouter.engine import embedded
from callrouter.engine.client import Engine
from callrouter.ledger.database import sqlite_url
from callrouter.ledger.drainer import GROUP
from callrouter.ledger.reads import Ledger
from callrouter.ledger.totals import Asked
from callrouter.simulator.carrier import CallerScript, NumberConfig, PhoneScript, SimulatedCarrier
from callrouter.simulator.demo.money import earned
from callrouter.simulator.partners import Answer, SimulatedLmal
from tests.support.environment import service_environ
from tests.support.process import Balancer, ServiceProcess, free_port
from tests.support.waiting import wait_until
from tests.support.world import ACCOUNT_SID, AUTH_TOKEN, BUYERS, INBOUND, OVERRIDES, PUBLIC_URL, plan

CALLERS = 24
ARRIVE_WITHIN_S = 7.0
MIN_DURATION_S = 1
SCRAPE_EVERY_S = 0.2
SEEDS = range(1, 1 + int(os.environ.get("CHAOS_SEEDS", "2")))
"""``CHAOS_SEEDS=20`` repeats it over twenty seeds."""

DOLLARS = "callrouter_expected_payout_dollars_total"
QUALIFIED = "callrouter_qualified_calls_total"
Series = tuple[str, str]
"""Metric and buyer."""


@dataclass
class Scraper:
    """Prometheus, as far as it matters here: reads the pages all the time, and notes every counter that goes back."""

    ports: list[int]
    latest: dict[tuple[int, Series], Decimal] = field(default_factory=dict)
    went_back: list[str] = field(default_factory=list)
    scrapes: Counter[str] = field(default_factory=Counter)

    async def run(self) -> None:
        """Until cancelled."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as session:
            while True:
                await asyncio.gather(*(self.scrape(session, port) for port in self.ports))
                await asyncio.sleep(SCRAPE_EVERY_S)

    async def scrape(self, session: aiohttp.ClientSession, port: int) -> None:
        """One page."""
        try:
            async with session.get(f"http://127.0.0.1:{port}/metrics") as response:
                page = await response.text()
        except (aiohttp.ClientError, TimeoutError):
            self.scrapes["failed"] += 1
            return
        self.scrapes["read"] += 1
        for series, value in money_in(page).items():
            before = self.latest.get((port, series), Decimal(0))
            if value < before:
                self.went_back.append(f"{series} at {port}: {before}, then {value}")
            self.latest[port, series] = value

    async def now(self) -> dict[Series, Decimal]:
        """What all of them say together."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as session:
            for port in self.ports:
                await self.scrape(session, port)
        said: Counter[Series] = Counter()
        for (port, series), value in self.latest.items():
            if port in self.ports:
                said[series] += value  # type: ignore[assignment]
        return dict(said)  # type: ignore[arg-type]


def money_in(page: str) -> dict[Series, Decimal]:
    """The two counters of money, by buyer."""
    return {
        (sample.name, sample.labels["buyer"]): Decimal(repr(sample.value))
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name in (DOLLARS, QUALIFIED)
    }


@dataclass
class Market:
    """Callers and a buyer that pays each of them another price; every third talk is too short to be paid."""

    folder: Path
    carrier: SimulatedCarrier
    lmal: SimulatedLmal
    rng: random.Random
    engine_of: Path
    """The folder of the engine."""

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def cast(self) -> None:
        """Who offers what for whom, and how long they talk."""
        prices = {f"{no:04d}": Decimal(self.rng.randrange(501, 9999)) / 100 for no in range(CALLERS)}

        def offer(params: Mapping[str, str]) -> Answer:
            no = params["telephone"][-4:]
            return Answer((0.05, 0.4), prices[no], number_of(int(no)), MIN_DURATION_S)

        self.lmal.answer = offer
        for no in range(CALLERS):
            talk_s = 0.6 if no % 3 == 2 else self.rng.uniform(1.2, 2.4)
            phone = PhoneScript(ring_s=0.3, talk_s=talk_s)
            hangs_up = replace(phone, hangs_up="caller") if self.rng.random() < 0.4 else phone
            self.carrier.phone(number_of(no), hangs_up)

    async def callers(self) -> None:
        """All of them call, within some seconds."""
        for no in range(CALLERS):
            self.carrier.place(CallerScript(from_=f"+1512555{no:04d}", to=INBOUND, from_zip="78701"))
            await asyncio.sleep(self.rng.uniform(0, 2 * ARRIVE_WITHIN_S / CALLERS))

    def earned(self) -> Decimal:
        """What the talks are worth, by the carrier's durations and the buyer's offers."""
        numbers = [number_of(no) for no in range(CALLERS)]
        dials = [dial for call in self.carrier.calls for dial in call.dials]
        offers = {number: self.lmal.offered(number) for number in numbers}
        return earned(dials, offers, dict.fromkeys(numbers, MIN_DURATION_S))

    async def over(self) -> None:
        """Every call has ended, and is in the ledger."""
        for call in self.carrier.calls:
            await call.wait_ended()
        await wait_until(lambda: self.carrier.idle, 20)
        await self.a_minute_passes()
        sids = {call.sid for call in self.carrier.calls}
        with suppress(TimeoutError):
            await wait_until(lambda: sids <= set(rows(self.data)), 25, 0.1)
        assert sids - set(rows(self.data)) == set(), "each call is in the ledger"

    async def a_minute_passes(self) -> None:
        """For calls whose end nobody could tell us: they are due to be looked up at the carrier."""
        engine = Engine.at_socket(str(embedded.ensure_running(self.engine_of)), SystemClock())
        try:
            store = CallStore(engine)
            for sid in await store.live_sids():
                await store.look_now(sid)
        finally:
            await engine.close()

    @property
    def unanswered(self) -> int:
        """How many requests that ended a dial broke off."""
        return sum(w.kind == "action" and bool(w.error) for w in self.carrier.webhooks)


def number_of(no: int) -> str:
    """The number that the offer for this caller names."""
    return f"+1214555{no:04d}"


def rows(data: Path) -> dict[str, int]:
    """Cents by call, out of the ledger's file."""
    with closing(sqlite3.connect(f"file:{data / 'ledger.db'}?mode=ro", uri=True)) as database:
        return dict(database.execute("SELECT sid, coalesce(expected_cents, 0) FROM calls").fetchall())


def in_ledger(data: Path) -> Decimal:
    """Dollars."""
    return Decimal(sum(rows(data).values())) / 100


async def in_report(data: Path) -> Decimal:
    """Dollars, as the report adds them up."""
    ledger = Ledger(sqlite_url(data), SystemClock())
    try:
        return (await ledger.totals(Asked())).total.expected
    finally:
        await ledger.close()


@pytest.mark.real_time
@pytest.mark.parametrize("seed", SEEDS)
async def test_metric_ledger_report_and_carrier_are_equal_to_the_cent_after_aimed_kills(
    seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with market(tmp_path, seed, instances=1) as (town, services, _, scraper):
        (service,) = services
        arrivals = asyncio.create_task(town.callers())
        for aim in (_between_commit_and_answer, _while_the_ledger_is_written, _in_a_scrape):
            await asyncio.sleep(town.rng.uniform(0.6, 1.2))
            await aim(town, service, scraper)
            await half_a_minute_passes(town.data)
            await service.start()
            await service.ready()
        await arrivals
        await town.over()
        said = await scraper.now()
        paid = sum(cents > 0 for cents in rows(town.data).values())
        assert said[DOLLARS, "letsmakealead"] == in_ledger(town.data) == await in_report(town.data) == town.earned()
        assert said[QUALIFIED, "letsmakealead"] == paid > 0
        assert scraper.went_back == []
        with capsys.disabled():
            told = f"${town.earned()} of {paid} of {CALLERS} calls, {town.unanswered} requests broken off"
            print(f"\n  [seed {seed}] {told}, scrapes {dict(scraper.scrapes)}")


async def _between_commit_and_answer(town: Market, service: ServiceProcess, scraper: Scraper) -> None:
    """The engine has booked a call's end just now; the carrier, who asked, is not yet answered."""
    engine = Engine.at_socket(str(embedded.socket_path(town.data)), SystemClock())
    book = engine.keys.books(f"{gethostname()}:{scraper.ports[0]}")
    try:
        before = await engine.hash(book)
        async with asyncio.timeout(15):
            while await engine.hash(book) == before:
                pass
        await service.kill()
    finally:
        await engine.close()


async def _while_the_ledger_is_written(town: Market, service: ServiceProcess, scraper: Scraper) -> None:
    """The drainer has taken rows that it cannot write: somebody has locked the file. It dies with them in its hands."""
    engine = Engine.at_socket(str(embedded.socket_path(town.data)), SystemClock())
    try:
        with closing(sqlite3.connect(town.data / "ledger.db", isolation_level=None)) as lock:
            lock.execute("BEGIN IMMEDIATE")
            await _taken(engine)
            await service.kill()
            lock.execute("ROLLBACK")
    finally:
        await engine.close()


async def _taken(engine: Engine) -> None:
    """Return a moment after a drainer has taken rows."""
    key = engine.keys.ledger
    async with asyncio.timeout(15):
        while not (await engine.raw("ledger", lambda r: r.xpending(key, GROUP)))["pending"]:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    await asyncio.sleep(0.3)


async def half_a_minute_passes(data: Path) -> None:
    """For what the dead had taken to write to the ledger: from then on it is free for others."""
    engine = Engine.at_socket(str(embedded.socket_path(data)), SystemClock())
    key = engine.keys.ledger

    async def age(client: redis.Redis) -> None:
        for entry in await client.xpending_range(key, GROUP, "-", "+", 100):
            await client.xclaim(key, GROUP, str(entry["consumer"]), 0, (str(entry["message_id"]),), idle=60_000)

    try:
        await engine.raw("ledger", age)
    finally:
        await engine.close()


async def _in_a_scrape(town: Market, service: ServiceProcess, scraper: Scraper) -> None:
    """One page is asked for, and killed at some point of its making."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as session:
        scrape = asyncio.create_task(scraper.scrape(session, scraper.ports[0]))
        await asyncio.sleep(town.rng.uniform(0.001, 0.012))
        await service.kill()
        await scrape


@pytest.mark.real_time
async def test_what_a_dead_instance_had_booked_stays_in_its_book_and_the_living_book_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One of two instances dies for good.

    Its series end where they were last scraped, perhaps short of its book by what was booked after that scrape, and
    nobody adds to them any more. So over instances ``sum(increase(...))`` of Prometheus may miss that little; the
    engine's books, the dead one's and the living one's, miss nothing.
    """
    async with market(tmp_path, 3, instances=2) as (town, services, balancer, scraper):
        arrivals = asyncio.create_task(town.callers())
        mine, other = ((port, (DOLLARS, "letsmakealead")) for port in scraper.ports)
        await wait_until(lambda: scraper.latest.get(mine) and scraper.latest.get(other), 30)
        last = scraper.latest[mine]
        balancer.lose(0)
        await services[0].kill()
        dead = scraper.ports.pop(0)
        await arrivals
        await town.over()
        living = (await scraper.now())[DOLLARS, "letsmakealead"]
        book = await _book(town, dead)
        assert living > 0
        assert book > 0
        assert last <= book, "the last page is never ahead of the book"
        assert living + book == in_ledger(town.data) == await in_report(town.data) == town.earned()
        assert scraper.went_back == []
        with capsys.disabled():
            print(f"\n  the living ${living}, the dead ${book} (last scraped ${last})")


async def _book(town: Market, port: int) -> Decimal:
    """Dollars in the book of the instance at this port."""
    engine = Engine.at_socket(str(embedded.ensure_running(town.engine_of)), SystemClock())
    try:
        kept = await engine.hash(engine.keys.books(f"{gethostname()}:{port}"))
    finally:
        await engine.close()
    return Decimal(kept.get("cents letsmakealead", "0")) / 100


Playing = tuple[Market, list[ServiceProcess], Balancer, Scraper]


@asynccontextmanager
async def market(folder: Path, seed: int, *, instances: int) -> AsyncIterator[Playing]:
    """So many services, scraped all the time: one on its embedded engine, several on a shared one."""
    rng, clock = random.Random(seed), SystemClock()
    lmal = SimulatedLmal(clock=clock, rng=rng, partnerid="P1", key="lmal-key-of-tests")
    ports = [free_port() for _ in range(instances)]
    balancer = Balancer(PUBLIC_URL, [f"http://127.0.0.1:{port}" for port in ports])
    carrier = SimulatedCarrier(
        clock=clock, rng=rng, account_sid=ACCOUNT_SID, auth_token=AUTH_TOKEN, webhook_host_map=balancer
    )
    engine_of = folder / "engine" if instances > 1 else folder / "data"
    hooks = (f"{PUBLIC_URL}/twilio/voice{OVERRIDES}", f"{PUBLIC_URL}/twilio/status", f"{PUBLIC_URL}/twilio/fallback")
    carrier.configure_number(INBOUND, NumberConfig(*hooks))
    scraper = Scraper(list(ports))
    stops: list[Callable[[], Awaitable[object]]] = []
    scraping: asyncio.Task[None] | None = None
    try:
        for server in (lmal, carrier):
            await server.start()
            stops.append(server.stop)
        environ = _environ(folder, lmal, carrier)
        if instances > 1:
            environ["CALLROUTER_REDIS_URL"] = f"unix://{embedded.ensure_running(engine_of)}"
        services = [ServiceProcess(environ, port, folder / f"service-{port}.log") for port in ports]
        for service in services:
            await service.start()
            stops.insert(0, service.stop)
        for service in services:
            await service.ready()
        town = Market(folder, carrier, lmal, rng, engine_of)
        town.cast()
        scraping = asyncio.create_task(scraper.run())
        yield town, services, balancer, scraper
        assert not scraping.done(), scraping
        assert carrier.errors == []
    finally:
        if scraping is not None:
            scraping.cancel()
        for stop in stops:
            await stop()
        embedded.stop(engine_of)


def _environ(folder: Path, lmal: SimulatedLmal, carrier: SimulatedCarrier) -> dict[str, str]:
    whole = plan(intake={"zip": "caller_id"}, auction={"deadline_s": 4}, bridge={"early_hangup_s": 0})
    del whole["unsold"]
    whole["buyers"] = {"letsmakealead": {**BUYERS["letsmakealead"], "offer_ttl_s": 20}}
    return {**service_environ(folder, whole, carrier, lmal), "CALLROUTER_PUBLIC_URL": PUBLIC_URL}
