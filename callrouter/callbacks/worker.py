"""Takes due jobs from the outbox, has them handled, and reports back."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from random import Random

from callrouter.callbacks.outbox import Ack, Job, JobKind, Outbox
from callrouter.callbacks.outcome import COMPLETE, Delivery, DeliveryOutcome
from callrouter.domain.clock import Clock
from callrouter.errors import EngineUnavailable

log = logging.getLogger("callrouter.callbacks")

BASE_S = 1.0
CAP_S = 60.0
POLL_S = 1.0
"""How long a job that another instance enqueued may go unseen."""
LEASE_S = 30.0
CONCURRENCY = 8

Handler = Callable[[Job], Awaitable[Delivery]]
OnOutcome = Callable[[Job, DeliveryOutcome, float | None], None]
"""Called once for each finished attempt, and for each job given up; the seconds are its punctuality."""


def backoff_s(attempts: int, rng: Random) -> float:
    """Exponential with full jitter: up to 1, 2, 4 … 60 seconds after the first, second, third … attempt."""
    return rng.uniform(0.0, min(CAP_S, BASE_S * 2.0 ** min(attempts - 1, 16)))


class OutboxWorker:
    """Runs until stopped. Any number of them may share one outbox."""

    def __init__(
        self,
        outbox: Outbox,
        handlers: Mapping[JobKind, Handler],
        clock: Clock,
        rng: Random,
        on_outcome: OnOutcome,
        *,
        lease_s: float = LEASE_S,
        concurrency: int = CONCURRENCY,
    ) -> None:
        self._outbox = outbox
        self._handlers = handlers
        self._clock = clock
        self._rng = rng
        self._on_outcome = on_outcome
        self._lease_s = lease_s
        self._concurrency = concurrency
        self._wake = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        self._loop: asyncio.Task[None] | None = None
        self._stopping = False
        self.engine_failures = 0
        """How often the engine did not answer."""

    def start(self) -> None:
        """Begin to work, in a task of its own."""
        self._loop = asyncio.create_task(self._work(), name="outbox")

    def notify(self) -> None:
        """A job was enqueued by this instance: look now."""
        self._wake.set()

    async def stop(self, timeout_s: float = 15.0) -> None:
        """Take no more jobs and wait for those under way; what is not done by then falls due again."""
        self._stopping = True
        self._wake.set()
        if self._loop is not None:
            await self._loop
        if self._running:
            _, left = await asyncio.wait(self._running, timeout=timeout_s)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _work(self) -> None:
        failures = 0
        while not self._stopping:
            self._wake.clear()
            try:
                pause_s = await self._take()
                failures = 0
            except Exception as error:  # noqa: BLE001 - whatever went wrong, the jobs are still owed
                failures += 1
                self.engine_failures += 1
                pause_s = min(POLL_S * failures, 5.0)
                log.warning("outbox not read", extra={"failures": failures, "error": type(error).__name__})
            if pause_s > 0:
                await self._pause(pause_s)

    async def _take(self) -> float:
        """Claim what there is room for; the seconds until the next look."""
        room = self._concurrency - len(self._running)
        if room <= 0:
            return POLL_S
        claim = await self._outbox.claim(room, self._lease_s)
        for job in claim.given_up:
            log.error("job given up", extra={"job": job.id, "kind": job.kind.value, "attempts": job.attempts})
            self._on_outcome(job, DeliveryOutcome.DEAD, None)
        for job in claim.jobs:
            task = asyncio.create_task(self._run(job), name=f"outbox {job.id}")
            self._running.add(task)
            task.add_done_callback(self._finished)
        return POLL_S if claim.next_due_in_s is None else min(POLL_S, claim.next_due_in_s)

    async def _pause(self, pause_s: float) -> None:
        try:
            async with asyncio.timeout(pause_s):
                await self._wake.wait()
        except TimeoutError:
            return

    def _finished(self, task: asyncio.Task[None]) -> None:
        if len(self._running) >= self._concurrency:
            self._wake.set()
        self._running.discard(task)

    async def _run(self, job: Job) -> None:
        # Half the lease is left for the report, so that nobody else has the job before we are done with it.
        ends = self._clock.monotonic() + self._lease_s
        delivery = await self._handle(job)
        try:
            ack = await self._report(job, delivery, ends)
        except EngineUnavailable:
            self.engine_failures += 1
            log.error("delivery not recorded; it is repeated", extra={"job": job.id})
            return
        outcome = _outcome(delivery, ack)
        log.info(
            "job attempt",
            extra={
                "job": job.id,
                "kind": job.kind.value,
                "outcome": outcome.value,
                "attempt": job.attempts,
                "detail": delivery.detail,
            },
        )
        self._on_outcome(job, outcome, delivery.punctuality_s)

    async def _handle(self, job: Job) -> Delivery:
        try:
            async with asyncio.timeout(self._lease_s / 2):
                return await self._handlers[job.kind](job)
        except TimeoutError:
            return Delivery(DeliveryOutcome.TRANSIENT, "timeout")
        except Exception as error:  # noqa: BLE001 - whatever a handler does, the job is owed
            # The text may hold the person's data; the type does not.
            log.error("job handler failed", extra={"job": job.id, "error": type(error).__name__})
            return Delivery(DeliveryOutcome.TRANSIENT, f"our own error: {type(error).__name__}")

    async def _report(self, job: Job, delivery: Delivery, ends: float) -> Ack:
        """Tell the outbox, again and again while the lease lasts; the end of a sale until it is told."""
        delay_s = backoff_s(job.attempts, self._rng)
        while True:
            try:
                if delivery.settle is not None:
                    ack = await delivery.settle()
                    self._wake.set()
                    return ack
                if delivery.outcome in COMPLETE:
                    return await self._outbox.done(job, delivery.detail, delivery.stands_until)
                if delivery.outcome is DeliveryOutcome.PERMANENT:
                    return await self._outbox.bury(job, delivery.detail)
                ack = await self._outbox.retry(job, delay_s, delivery.detail or delivery.outcome.value)
                if delay_s < POLL_S:
                    self._wake.set()
                return ack
            except EngineUnavailable:
                # How a sale ended is known only here, and nobody may ask the buyer again: it is told however late.
                if delivery.outcome is not DeliveryOutcome.ENDED and self._clock.monotonic() + BASE_S >= ends:
                    raise
                await asyncio.sleep(BASE_S / 2)


def _outcome(delivery: Delivery, ack: Ack) -> DeliveryOutcome:
    if ack is Ack.LATE:
        return DeliveryOutcome.LATE
    if ack is Ack.CANCELLED:
        return DeliveryOutcome.WITHDRAWN
    if ack is Ack.DEAD and delivery.outcome is not DeliveryOutcome.PERMANENT:
        return DeliveryOutcome.DEAD
    return delivery.outcome
