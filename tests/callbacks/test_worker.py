"""The worker and the delivery, against a dialler that is really there."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from callrouter.callbacks.delivery import DiallerDelivery, lawful_delay_s
from callrouter.callbacks.outbox import Job, JobKind, JobState, Outbox
from callrouter.callbacks.outcome import Delivery
from callrouter.callbacks.outcome import DeliveryOutcome as D
from callrouter.callbacks.worker import OutboxWorker, backoff_s
from callrouter.dialplan import Callback
from callrouter.engine.client import Engine
from tests.callbacks.people import PERSON, account
from tests.support.engine import open_engine
from tests.support.virtual_time import EPOCH, VirtualClock, virtual
from tests.support.waiting import wait_until

DAY = 86_400.0
Answer = Callable[[web.Request, dict[str, Any]], Any]


class Dialler:
    """Answers from a script, and keeps what it was sent."""

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.seen: list[tuple[str, dict[str, Any]]] = []
        self.keys: set[str] = set()
        self.gate = asyncio.Event()
        self.gate.set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append((request.path, json.loads(await request.text())))
        self.keys.add(request.query["key"])
        await self.gate.wait()
        answer = self.answers.pop(0) if self.answers else (200, '{"saved":true,"processed":true}')
        if answer == "hang":
            await asyncio.sleep(60)
        if answer == "reset":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        status, body = answer
        return web.Response(status=status, text=body, content_type="text/html")


class Rig:
    """A dialler, an engine, and any number of workers in virtual time."""

    def __init__(self, clock: VirtualClock, engine: Engine, session: aiohttp.ClientSession, url: str) -> None:
        self.clock = clock
        self.engine = engine
        self.outbox = Outbox(engine, clock)
        self.dialler = Dialler()
        self.session = session
        self.url = url
        self.plans: dict[str, Callback] = {}
        self.outcomes: list[tuple[str, D, float | None]] = []

    def worker(self, **options: Any) -> OutboxWorker:
        delivery = DiallerDelivery(self.session, self.plans.get, self.clock)
        return OutboxWorker(self.outbox, delivery.handlers, self.clock, Random(7), self.note, **options)

    def note(self, job: Job, outcome: D, punctuality_s: float | None) -> None:
        self.outcomes.append((job.id, outcome, punctuality_s))

    @property
    def results(self) -> list[D]:
        return [outcome for _, outcome, _ in self.outcomes]

    async def stand(self, job_id: str = "cb-1", deadline_s: float = DAY, **changes: Any) -> None:
        await self.outbox.stand(job_id, {**PERSON, **changes}, deadline_s)

    async def state(self, job_id: str = "cb-1") -> JobState | None:
        job = await self.outbox.get(job_id)
        return job.state if job else None


@asynccontextmanager
async def rigged(clock: VirtualClock, socket: Path) -> AsyncIterator[Rig]:
    engine = open_engine(socket, clock)
    app = web.Application()
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    async with aiohttp.ClientSession() as session:
        rig = Rig(clock, engine, session, "")
        app.router.add_post("/api/lead/{what}", rig.dialler.handle)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        rig.url = f"http://{host}:{port}/api"
        rig.plans["auto"] = account(rig.url)
        yield rig
    await runner.cleanup()
    await engine.close()


@virtual
async def test_a_promised_callback_reaches_the_dialler(clock: VirtualClock, engine_socket: Path) -> None:
    async with rigged(clock, engine_socket) as rig:
        await rig.stand()
        worker = rig.worker()
        worker.start()
        await wait_until(lambda: rig.outcomes)
        await worker.stop()
        ((path, body),) = rig.dialler.seen
        assert path == "/api/lead/add"
        assert (body["mobile"], body["delays"]) == ("5125550142", 600)
        assert rig.dialler.keys == {"s3cr3t&key"}
        assert rig.results == [D.DELIVERED]
        assert rig.outcomes[0][2] == pytest.approx(0, abs=1)
        job = await rig.outbox.get("cb-1")
        assert job is not None
        assert job.stands_until == pytest.approx(EPOCH + 600, abs=1)


@virtual
async def test_a_notified_worker_does_not_wait_for_its_next_look(clock: VirtualClock, engine_socket: Path) -> None:
    async with rigged(clock, engine_socket) as rig:
        worker = rig.worker()
        worker.start()
        await asyncio.sleep(10.5)
        before = clock.now()
        await rig.stand()
        worker.notify()
        await wait_until(lambda: rig.dialler.seen, every_s=0.001)
        assert clock.now() - before < 0.1
        await worker.stop()
        assert rig.results == [D.DELIVERED], "a stop waits for what is under way"


@virtual
async def test_transient_faults_are_retried_with_what_is_left_of_the_delay(
    clock: VirtualClock, engine_socket: Path
) -> None:
    async with rigged(clock, engine_socket) as rig:
        rig.dialler.answers = [(500, "oops"), "hang", "reset", (200, "not json"), (302, "")]
        await rig.stand()
        worker = rig.worker()
        worker.start()
        await wait_until(lambda: D.DELIVERED in rig.results, timeout_s=200)
        await worker.stop()
        assert rig.results == [D.TRANSIENT] * 5 + [D.DELIVERED]
        delays = [body["delays"] for _, body in rig.dialler.seen]
        assert delays == sorted(delays, reverse=True)
        assert delays[-1] < 590, "the hanging attempt alone took ten seconds"
        assert rig.outcomes[-1][2] == pytest.approx(0, abs=1)


@virtual
async def test_a_callback_that_comes_late_is_asked_for_at_once_and_in_lawful_hours(
    clock: VirtualClock, engine_socket: Path
) -> None:
    async with rigged(clock, engine_socket) as rig:
        await rig.stand("cb-1", wanted_at=EPOCH - 50)
        evening_wait_s = 14 * 3600.0
        worker = rig.worker()
        worker.start()
        await wait_until(lambda: rig.outcomes)
        assert rig.dialler.seen[0][1]["delays"] == 0
        assert rig.outcomes[0][2] == pytest.approx(50, abs=1)
        await rig.stand("cb-2", phone="+15125550199", wanted_at=EPOCH + evening_wait_s)
        await wait_until(lambda: len(rig.outcomes) == 2)
        # 18:40 UTC and 14 hours are 02:40 in Austin: eight o'clock is 19 h 20 min away.
        assert rig.dialler.seen[1][1]["delays"] == pytest.approx(19 * 3600 + 20 * 60, abs=2)
        await worker.stop()


@virtual
async def test_permanent_faults_are_dead_letters_with_the_reason(clock: VirtualClock, engine_socket: Path) -> None:
    async with rigged(clock, engine_socket) as rig:
        rig.dialler.answers = [(400, '{"email":{"0":"Email cannot be blank."}}')]
        await rig.stand()
        worker = rig.worker()
        worker.start()
        await wait_until(lambda: rig.outcomes)
        await worker.stop()
        (dead,) = await rig.outbox.list(JobState.DEAD)
        assert dead.last_error == "email: Email cannot be blank."
        assert rig.results == [D.PERMANENT]


@virtual
async def test_an_unreachable_dialler_means_a_dead_letter_at_the_deadline(
    clock: VirtualClock, engine_socket: Path
) -> None:
    async with rigged(clock, engine_socket) as rig:
        rig.plans["auto"] = account("http://127.0.0.1:1/api")
        await rig.stand(deadline_s=900)
        worker = rig.worker()
        worker.start()
        await wait_until(lambda: D.DEAD in rig.results, timeout_s=1000, every_s=5)
        await worker.stop()
        (dead,) = await rig.outbox.list(JobState.DEAD)
        assert 15 < dead.attempts < 80
        assert dead.last_error == "ClientConnectorError"
        assert rig.results == [D.TRANSIENT] * (dead.attempts - 1) + [D.DEAD]


@virtual
async def test_a_plan_that_has_gone_is_waited_for(clock: VirtualClock, engine_socket: Path) -> None:
    async with rigged(clock, engine_socket) as rig:
        plan = rig.plans.pop("auto")
        await rig.stand()
        worker = rig.worker()
        worker.start()
        await wait_until(lambda: len(rig.outcomes) >= 3, timeout_s=60)
        rig.plans["auto"] = plan
        await wait_until(lambda: D.DELIVERED in rig.results, timeout_s=100)
        await worker.stop()
        assert set(rig.results) == {D.TRANSIENT, D.DELIVERED}


@virtual
async def test_a_bridge_during_the_delivery_takes_it_back_at_the_dialler(
    clock: VirtualClock, engine_socket: Path
) -> None:
    async with rigged(clock, engine_socket) as rig:
        rig.dialler.gate.clear()
        await rig.stand()
        worker = rig.worker()
        worker.start()
        await wait_until(lambda: rig.dialler.seen)
        assert await rig.outbox.withdraw("x-1", {"plan": "auto", "phone": PERSON["phone"]}, DAY)
        rig.dialler.answers = [(200, '{"saved":true,"processed":true}'), (200, '{"cancelled":true}')]
        rig.dialler.gate.set()
        await wait_until(lambda: len(rig.outcomes) == 2)
        await worker.stop()
        assert [path for path, _ in rig.dialler.seen] == ["/api/lead/add", "/api/lead/cancel"]
        assert rig.results == [D.WITHDRAWN, D.CANCELLED]
        assert await rig.state() is JobState.CANCELLED


@virtual
async def test_two_workers_deliver_each_callback_once(clock: VirtualClock, engine_socket: Path) -> None:
    async with rigged(clock, engine_socket) as rig:
        for n in range(60):
            await rig.stand(f"cb-{n}", phone=f"+151255501{n:02}")
        workers = [rig.worker(), rig.worker()]
        for worker in workers:
            worker.start()
        await wait_until(lambda: len(rig.outcomes) >= 60, timeout_s=60)
        for worker in workers:
            await worker.stop()
        assert rig.results == [D.DELIVERED] * 60
        assert len({body["mobile"] for _, body in rig.dialler.seen}) == len(rig.dialler.seen) == 60


@virtual
async def test_a_killed_worker_loses_nothing(clock: VirtualClock, engine_socket: Path) -> None:
    async with rigged(clock, engine_socket) as rig:
        rig.dialler.gate.clear()
        await rig.stand()
        killed = rig.worker()
        killed.start()
        await wait_until(lambda: rig.dialler.seen)
        await killed.stop(timeout_s=0)
        assert rig.outcomes == []
        rig.dialler.gate.set()
        survivor = rig.worker()
        survivor.start()
        await wait_until(lambda: rig.outcomes, timeout_s=40)
        await survivor.stop()
        assert rig.results == [D.DELIVERED]
        assert len(rig.dialler.seen) == 2


@virtual
async def test_a_broken_handler_is_retried_and_gives_nothing_away(
    clock: VirtualClock, engine_socket: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(job: Job) -> Delivery:
        raise RuntimeError(f"cannot call {job.payload['phone']}")

    caplog.set_level(logging.DEBUG)
    async with rigged(clock, engine_socket) as rig:
        await rig.stand()
        worker = OutboxWorker(rig.outbox, {JobKind.CALLBACK: broken}, clock, Random(1), rig.note)
        worker.start()
        await wait_until(lambda: len(rig.outcomes) >= 2, timeout_s=60)
        await worker.stop()
        assert set(rig.results) == {D.TRANSIENT}
        job = await rig.outbox.get("cb-1")
        assert job is not None
        assert job.last_error == "our own error: RuntimeError"
    told = "".join(str(record.__dict__) for record in caplog.records)
    assert "5125550142" not in told


@virtual
async def test_an_engine_that_is_out_is_survived(clock: VirtualClock, engine_socket: Path) -> None:
    async with rigged(clock, engine_socket) as rig:
        nowhere = open_engine(Path("/nonexistent/engine.sock"), clock)
        worker = OutboxWorker(Outbox(nowhere, clock), {}, clock, Random(1), rig.note)
        worker.start()
        await wait_until(lambda: worker.engine_failures >= 3, timeout_s=30)
        await worker.stop()
        await nowhere.close()


def test_the_backoff_grows_to_a_minute_and_is_spread() -> None:
    rng = Random(3)
    for attempts, cap in ((1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (5000, 60)):
        waits = [backoff_s(attempts, rng) for _ in range(300)]
        assert 0 <= min(waits) < cap * 0.1
        assert cap * 0.9 < max(waits) <= cap


def test_a_delay_is_rounded_up_and_never_past_closing_time() -> None:
    payload: Mapping[str, Any] = {**PERSON, "wanted_at": EPOCH + 10.4}
    assert lawful_delay_s(EPOCH, payload, account()) == 11
    # 21:00 in Austin is 8 h 20 min after the clock's start: half a second before it there is no whole second left.
    closing = EPOCH + 8 * 3600 + 20 * 60
    late: Mapping[str, Any] = {**PERSON, "wanted_at": closing - 0.1}
    assert lawful_delay_s(closing - 0.5, late, account()) == 11 * 3600 + 1
    assert lawful_delay_s(EPOCH, {**PERSON, "phone": "+18885550142", "zip": None, "state": None}, account()) is None
