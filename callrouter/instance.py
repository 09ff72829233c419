"""One instance of the service: everything it needs, opened in order and closed in reverse."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from random import Random

import aiohttp

from callrouter.after_step import AfterStep
from callrouter.api.callers import known_caller
from callrouter.auction.deps import Deps
from callrouter.auction.limits import Limits
from callrouter.auction.outbound import Outbound
from callrouter.books import Books
from callrouter.buyers.loader import Catalogue
from callrouter.callbacks.delivery import DiallerDelivery
from callrouter.callbacks.outbox import Job, JobKind, Outbox
from callrouter.callbacks.outcome import DeliveryOutcome
from callrouter.callbacks.worker import OutboxWorker
from callrouter.calls.auctioneer import Auctioneer
from callrouter.calls.buyers import Buyers
from callrouter.calls.flow import CallFlow
from callrouter.calls.hearts import Hearts
from callrouter.calls.measured import BuyerMeasures
from callrouter.calls.progress import Progress
from callrouter.calls.reading import Calls
from callrouter.calls.spool import Spool
from callrouter.calls.store import CallStore
from callrouter.calls.sweeper import Sweeper
from callrouter.carrier.twilio.rest import TwilioCarrier
from callrouter.carrier.twilio.urls import Urls
from callrouter.carrier.twilio.webhooks import Secrets, Webhooks
from callrouter.dialplan import Callback, Plan
from callrouter.domain.call import CallKind
from callrouter.domain.caller import Caller
from callrouter.domain.clock import Clock
from callrouter.engine import embedded
from callrouter.engine.client import Engine
from callrouter.engine.kept_running import keep_running
from callrouter.engine.keys import Keys
from callrouter.errors import EngineUnavailable
from callrouter.gauges import Gauges
from callrouter.learning.follower import Follower
from callrouter.learning.keeper import Keeper
from callrouter.learning.log import LessonLog
from callrouter.ledger.database import ledger_url
from callrouter.ledger.drainer import LedgerDrainer
from callrouter.ledger.number_hash import NumberHash
from callrouter.ledger.reads import Ledger
from callrouter.ledger.trouble import in_words
from callrouter.ledger.upgrade import upgrade
from callrouter.loop_lag import watch_lag
from callrouter.metrics import Metrics
from callrouter.own_numbers import OwnNumbers
from callrouter.places import zips
from callrouter.plans import PlanBook, Plans
from callrouter.retention import Retention
from callrouter.sales.book import SaleBook
from callrouter.sales.progress import SaleProgress, tally
from callrouter.sales.seller import LeadSale
from callrouter.settings import Role, Settings, ledger_setting
from callrouter.tasks import ended
from callrouter.transfers.conductor import Conductor
from callrouter.transfers.desk import Desk

DRAIN_S = 12.0
"""How long a stopping instance waits for its auctions: longer than any default deadline."""
LEDGER_LOOK_S = 1.0
"""How long ``/readyz`` waits for the ledger before it warns of it."""
STALE_S = 15.0
"""A background loop that has not come round for this long makes the instance unready."""

log = logging.getLogger("callrouter")


class Instance:
    """See the module. `start` opens, `drain` ends the live auctions, `stop` closes."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        clock: Clock,
        rng: Random,
        *,
        keys: Keys | None = None,
        own_engine: bool = True,
        books: str | None = None,
    ) -> None:
        self.settings = settings
        self.name = f"{rng.getrandbits(48):012x}"
        self.metrics = Metrics()
        # Under a name that stays when the process is another one: so do its counters of money.
        self.books = Books(self.metrics.registry, books or self.name)
        self.catalogue = Catalogue.load(settings.buyers)
        self.plan_book = PlanBook(settings.dialplans, environ, self.catalogue.check_entry, self.catalogue.buys)
        self.own_numbers = OwnNumbers(self.plan_book)
        """The numbers on which the dialplans in use take calls."""
        self.plans: dict[str, Plan] = {}
        """Every plan that this instance has known, by name: live calls outlast a deleted file."""
        self._environ = environ
        self._clock = clock
        self._rng = rng
        self._keys = keys
        self._own_engine = own_engine
        self.on_plans: Callable[[Plans], None] = lambda plans: None
        """Told of each change of the dialplans; the server lets the log's filter know their secrets."""
        self._tasks: list[asyncio.Task[None]] = []
        self._stack = AsyncExitStack()
        """What closes what `start` has opened so far, in reverse."""
        self._started = False
        self.draining = False
        self._take_up(self.plan_book.current)

    async def start(self) -> None:
        """Open the engine, the ledger and the sessions, and begin the background work."""
        clock, settings = self._clock, self.settings
        closes = self._stack.push_async_callback
        zips.warm()
        self.engine = await self._open_engine()
        self.engine.on_error, self.engine.on_timed = self.metrics.engine_failed, self.metrics.engine_took
        closes(self.engine.close)
        await self._open_ledger()
        closes(self.ledger.close)
        await self._open_learning()
        urls = Urls(settings.public_url)
        auth_token = settings.twilio_auth_token.get_secret_value()
        session = await self._open_session()
        carrier = TwilioCarrier(
            session, settings.twilio_account_sid, auth_token, settings.twilio_api_url, urls, self.plans.get
        )
        self.store = CallStore(self.engine, self.books.name)
        spool = Spool(settings.data_dir / "spool")
        self._after_step = AfterStep(self.metrics)
        progress = Progress(
            self.store,
            spool,
            clock,
            self.name,
            carrier.capabilities,
            self.plans.get,
            self._after_step,
            self._plan_at,
            lambda: self.follower.beliefs,
        )
        self.hearts = Hearts(self.engine, clock, self.name)
        closes(self.hearts.stop)
        closes(self.drainer.stop)
        deps = self._deps()
        self.auctioneer = Auctioneer(deps, progress, carrier, self.metrics)
        self._take_calls(progress, carrier, spool, urls)
        self.outbox = Outbox(self.engine, clock)
        delivery = DiallerDelivery(session, self._plan_callback, clock)
        sale = LeadSale(deps, SaleBook(self.engine), self.plans.get, self._rng, self.metrics.sale_ended)
        handlers = {**delivery.handlers, **sale.handlers}
        self.worker = OutboxWorker(self.outbox, handlers, clock, self._rng, self._delivered)
        closes(self.worker.stop)
        self.calls = Calls(self.store, self.ledger, self.outbox, self.plans)
        self.buyers = Buyers(
            self.engine,
            self.ledger,
            lambda: self.plan_book.current.by_name,
            self.catalogue,
            clock,
            lambda: self.follower.beliefs,
            self.follower.caught_up,
        )
        self._after_step.wake_drainer, self._after_step.wake_worker = self.drainer.notify, self.worker.notify
        await self._begin()
        self._started = True

    async def _open_session(self) -> aiohttp.ClientSession:
        return await self._stack.enter_async_context(
            aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(),
                connector=aiohttp.TCPConnector(limit=0, limit_per_host=0),
                timeout=aiohttp.ClientTimeout(total=15),
            )
        )

    def _deps(self) -> Deps:
        """What asking a buyer needs, whether for a call or for a lead."""
        limits, outbound = Limits(self.engine), Outbound()
        self._stack.push_async_callback(limits.drain)
        self._stack.push_async_callback(outbound.close)
        return Deps(
            clock=self._clock,
            outbound=outbound,
            limits=limits,
            catalogue=self.catalogue,
            own_numbers=self.own_numbers,
            observer=BuyerMeasures(self.metrics),
        )

    def _take_calls(self, progress: Progress, carrier: TwilioCarrier, spool: Spool, urls: Urls) -> None:
        """Everything that takes calls on: the carrier's requests, and the sweeper for those of which none come."""
        self.flow = CallFlow(
            progress=progress,
            auctioneer=self.auctioneer,
            hearts=self.hearts,
            carrier=carrier,
            clock=self._clock,
            plan_for=self.plan_for,
            known_caller=self._known_caller,
        )
        self.conductor = self._take_transfers(progress, carrier)
        self.sweeper = Sweeper(
            engine=self.engine,
            progress=progress,
            auctioneer=self.auctioneer,
            carrier=carrier,
            spool=spool,
            clock=self._clock,
            plan_for=self.plan_for,
            known_caller=self._known_caller,
            attend=self.conductor.attend,
        )
        secrets = Secrets(
            self.settings.twilio_auth_token.get_secret_value(),
            {key: secret.get_secret_value() for key, secret in self.settings.twilio_signing_keys.items()},
        )
        self.webhooks = Webhooks(self.flow, urls, secrets, self._clock, self.metrics, self.plans.get)

    def _take_transfers(self, progress: Progress, carrier: TwilioCarrier) -> Conductor:
        """What agents hand callers over with."""
        conductor = Conductor(progress, carrier, self.hearts, self._clock, self.flow.went_on)
        conductor.running = self.auctioneer.running
        self._stack.push_async_callback(conductor.drain)
        self._after_step.carry_out = self.flow.on_orders = conductor.take
        self.desk = Desk(
            progress=progress,
            auctioneer=self.auctioneer,
            carrier=carrier,
            clock=self._clock,
            rng=self._rng,
            plans=lambda: self.plan_book.current.by_name,
            known_caller=self._known_caller,
            own_numbers=self.own_numbers,
            went_on=self.flow.went_on,
        )
        return conductor

    async def drain(self, stay_s: float = 0.0) -> None:
        """No new auctions here; wait for the live ones. What is left is taken over by others.

        It is unready at once, but for ``stay_s`` it serves as ever: a proxy still sends callers until it has noticed.
        """
        self.draining = True
        await asyncio.sleep(stay_s)
        self.auctioneer.draining = True
        self.flow.draining()
        left = await self.auctioneer.drain(DRAIN_S)
        log.info("drained", extra={"auctions_left": left})

    async def stop(self) -> None:
        """End the background work and close everything that was opened; also after a start that failed half-way."""
        if self._started and not self.draining:
            await self.drain()
        await ended(self._tasks)
        await self._stack.aclose()

    def plan_for(self, number: str) -> tuple[Plan, CallKind] | None:
        """The plan of one of our numbers, and how a call to it came in."""
        return self.plan_book.current.by_number.get(number)

    def shows_payout(self, plan: str, role: Role) -> bool:
        """Whether a plan shows this role what offers pay; one that is not known any more shows it to operators."""
        known = self.plans.get(plan)
        return role.value in known.transfers.payout_for if known else role is not Role.AGENT

    async def unready(self) -> list[str]:
        """Why this instance should get no calls; empty when it should."""
        why = ["draining"] if self.draining else []
        try:
            await self.engine.ping()
        except EngineUnavailable:
            why.append("the engine does not answer")
        now = self._clock.monotonic()
        loops = {"heartbeat": self.hearts.last_beat, "sweeper": self.sweeper.last_round}
        why += [f"the {name} has not run lately" for name, at in loops.items() if now - at > STALE_S]
        return why

    async def warnings(self) -> list[str]:
        """What is wrong and keeps nobody from serving: calls that end wait in the engine for the ledger."""
        try:
            # One that hangs must not hold up the answer: whoever asks would take that for unready.
            async with asyncio.timeout(LEDGER_LOOK_S):
                await self.ledger.check()
        except Exception as error:  # noqa: BLE001 - any driver's error means the same here
            return [f"the ledger does not answer: {in_words(error)}; check {ledger_setting(self.settings)}"]
        return []

    async def _open_engine(self) -> Engine:
        name = f"callrouter-{self.name}"
        if self.settings.redis_url:
            return Engine.at_url(self.settings.redis_url, self._clock, self._keys, name)
        with self._clock.busy():
            path = await asyncio.to_thread(embedded.ensure_running, self.settings.data_dir)
        if self._own_engine:
            self._stack.push_async_callback(self._leave_engine)
        return Engine.at_socket(str(path), self._clock, self._keys, name)

    async def _leave_engine(self) -> None:
        with self._clock.busy():
            await asyncio.to_thread(embedded.stop_if_last, self.settings.data_dir)

    async def _open_ledger(self) -> None:
        url = ledger_url(self.settings.database_url, self.settings.data_dir)
        with self._clock.busy():
            await upgrade(url)
        hashes = NumberHash(self.settings.number_key.get_secret_value(), self.settings.data_dir)
        self.ledger = Ledger(url, self._clock, hashes)
        self.drainer = LedgerDrainer(self.engine, self.ledger, self._clock, self.name, self._ledger_failed)

    async def _open_learning(self) -> None:
        """What is believed of buyers and callers, as the engine's log of lessons has taught it so far."""
        log_of_lessons = LessonLog(self.engine)
        self.follower = Follower(log_of_lessons, self.ledger.lessons, self._clock)
        self.keeper = Keeper(log_of_lessons, self.ledger.lessons, self._clock, self._ledger_failed)
        self.follower.on_alarm = self._alarmed
        self.metrics.lessons_behind.set_function(lambda: self.follower.behind)
        await self.follower.start()

    def _alarmed(self, buyer: str, of: str) -> None:
        if any(buyer in plan.buyers for plan in self.plans.values()):
            self.metrics.belief_alarms.labels(buyer, of).inc()
        log.warning("buyer has begun to disappoint", extra={"buyer": buyer, "of": of})

    async def _begin(self) -> None:
        try:
            await self.hearts.beat()
        except EngineUnavailable:
            log.error("the engine does not answer; serving from the fallback until it does")
        self.sweeper.last_round = self._clock.monotonic()
        self.drainer.start()
        self.worker.start()
        loops: dict[str, Coroutine[object, object, None]] = {
            "hearts": self.hearts.run(),
            "sweeper": self.sweeper.run(),
            "learning": self.follower.run(),
            "lessons": self.keeper.run(),
            "plans": self.plan_book.watch(self._clock, self._take_up),
            "gauges": self._gauges().run(),
            "retention": self._retention().run(),
            "lag": watch_lag(self._clock, self.metrics.event_loop_lag.observe),
        }
        if self._own_engine and not self.settings.redis_url:
            loops["engine"] = keep_running(self.engine, self.settings.data_dir, self._clock)
        self._tasks = [asyncio.create_task(loop, name=name) for name, loop in loops.items()]

    def _retention(self) -> Retention:
        return Retention(self.ledger, lambda: self.plan_book.current.by_name, self._clock, self._ledger_failed)

    def _gauges(self) -> Gauges:
        book = self.plan_book
        self.metrics.auctions_live.set_function(lambda: self.auctioneer.live)
        self.metrics.draining.set_function(lambda: self.draining)
        return Gauges(
            self.metrics,
            self.engine,
            self.catalogue,
            self._clock,
            lambda: book.current.by_name,
            lambda: len({mistake.where for mistake in book.problems}),
        )

    def _take_up(self, plans: Plans) -> None:
        self.plans.update(plans.by_name)
        self.on_plans(plans)
        self.metrics.preload_plans(plans.by_name.values())
        self.books.preload(buyer for plan in plans.by_name.values() for buyer in plan.buyers)

    def _plan_at(self, number: str) -> Plan | None:
        found = self.plan_for(number)
        return found[0] if found else None

    async def _known_caller(self, phone: str) -> Caller | None:
        return await known_caller(self.engine, phone)

    def _plan_callback(self, plan: str) -> Callback | None:
        known = self.plans.get(plan)
        return known.unsold.callback if known else None

    def _delivered(self, job: Job, outcome: DeliveryOutcome, punctuality_s: float | None) -> None:
        if job.kind is JobKind.SALE:
            if outcome is DeliveryOutcome.ENDED or job.outcome:
                self.drainer.notify()
            if job.outcome:  # given up at its claim, without its handler
                self.metrics.sale_ended(tally(SaleProgress.read(job.progress, job.results), None))
            return
        label = {DeliveryOutcome.TRANSIENT: "retried", DeliveryOutcome.PERMANENT: "dead"}.get(outcome, outcome.value)
        self.metrics.callback_happened(label)
        if punctuality_s is not None:
            self.metrics.callback_punctuality.observe(punctuality_s)

    def _ledger_failed(self, operation: str) -> None:
        self.metrics.ledger_errors.inc()
