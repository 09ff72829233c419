"""The outbox on the real engine: who may have a job, who may acknowledge it, and what a withdrawal does."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from callrouter.callbacks.outbox import Ack, Job, JobKind, JobState, Outbox
from callrouter.engine.client import Engine
from callrouter.engine.keys import JOB_DONE_TTL_S
from tests.callbacks.people import PERSON
from tests.support.engine import open_engine
from tests.support.virtual_time import VirtualClock, virtual

DAY = 86_400.0
OTHER: Mapping[str, Any] = {**PERSON, "phone": "+15125550199"}


class Rig:
    """An outbox on a clock that the test moves."""

    def __init__(self, socket: Path, clock: VirtualClock) -> None:
        self.clock = clock
        self.engine: Engine = open_engine(socket, clock)
        self.outbox = Outbox(self.engine, clock)

    async def __aenter__(self) -> "Rig":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.engine.close()

    async def stand(self, job_id: str = "cb-1", person: Mapping[str, Any] = PERSON) -> str:
        return await self.outbox.stand(job_id, person, DAY)

    async def withdraw(self, cancel_id: str = "x-1") -> str:
        return await self.outbox.withdraw(cancel_id, {"plan": "auto", "phone": PERSON["phone"]}, DAY)

    async def claim(self, lease_s: float = 30) -> list[Job]:
        return list((await self.outbox.claim(10, lease_s)).jobs)

    async def one(self, lease_s: float = 30) -> Job:
        (job,) = await self.claim(lease_s)
        return job

    async def state(self, job_id: str = "cb-1") -> JobState | None:
        job = await self.outbox.get(job_id)
        return job.state if job else None

    async def ids(self) -> list[str]:
        return [job.id for job in await self.claim()]


@virtual
async def test_a_job_goes_from_promise_to_delivery(clock: VirtualClock, engine_socket: Path) -> None:
    async with Rig(engine_socket, clock) as rig:
        assert await rig.stand() == "cb-1"
        job = await rig.one()
        assert (job.kind, job.payload, job.attempts, job.fence) == (JobKind.CALLBACK, PERSON, 1, 1)
        assert await rig.claim() == []
        assert await rig.outbox.done(job, "fine", clock.now() + 600) is Ack.DELIVERED
        after = await rig.outbox.get("cb-1")
        assert after is not None
        assert (after.state, after.last_error, after.done_at) == (JobState.DELIVERED, "fine", clock.now())
        assert after.stands_until == clock.now() + 600
        assert await rig.claim() == []


@virtual
async def test_a_vanished_workers_job_falls_due_again(clock: VirtualClock, engine_socket: Path) -> None:
    async with Rig(engine_socket, clock) as rig:
        await rig.stand()
        first = await rig.one(lease_s=30)
        await asyncio.sleep(29.9)
        assert await rig.claim() == []
        await asyncio.sleep(0.2)
        second = await rig.one()
        assert (second.attempts, second.fence) == (2, 2)
        assert await rig.outbox.done(first) is Ack.LATE
        assert await rig.outbox.retry(first, 1, "late") is Ack.LATE
        assert await rig.outbox.bury(first, "late") is Ack.LATE
        assert await rig.outbox.done(second) is Ack.DELIVERED


@virtual
async def test_no_job_is_handed_to_two_workers(clock: VirtualClock, engine_socket: Path) -> None:
    async with Rig(engine_socket, clock) as rig:
        for n in range(40):
            await rig.stand(f"cb-{n}", {**PERSON, "phone": f"+151255501{n:02}"})
        claims = await asyncio.gather(*(rig.outbox.claim(7, 30) for _ in range(10)))
        ids = [job.id for claim in claims for job in claim.jobs]
        assert sorted(ids) == sorted(f"cb-{n}" for n in range(40))


@virtual
async def test_a_failed_job_waits_and_is_given_up_at_its_deadline(clock: VirtualClock, engine_socket: Path) -> None:
    async with Rig(engine_socket, clock) as rig:
        await rig.outbox.stand("cb-1", PERSON, 100)
        assert await rig.outbox.retry(await rig.one(), 60, "HTTP 500") is Ack.RETRIED
        assert await rig.claim() == []
        assert (await rig.outbox.claim(1, 30)).next_due_in_s == 60
        await asyncio.sleep(60)
        assert await rig.outbox.retry(await rig.one(), 60, "HTTP 502") is Ack.DEAD
        assert [(j.id, j.last_error) for j in await rig.outbox.list(JobState.DEAD)] == [("cb-1", "HTTP 502")]


@virtual
async def test_a_job_past_its_deadline_is_not_handed_out(clock: VirtualClock, engine_socket: Path) -> None:
    async with Rig(engine_socket, clock) as rig:
        await rig.outbox.stand("cb-1", PERSON, 100)
        await asyncio.sleep(100)
        claim = await rig.outbox.claim(5, 30)
        assert claim.jobs == ()
        assert [job.id for job in claim.given_up] == ["cb-1"]
        assert (await rig.outbox.claim(5, 30)).given_up == ()


@virtual
async def test_a_second_call_finds_the_callback_that_stands(clock: VirtualClock, engine_socket: Path) -> None:
    async with Rig(engine_socket, clock) as rig:
        assert await rig.stand("cb-1") == "cb-1"
        assert await rig.stand("cb-2") == "cb-1"
        assert await rig.stand("cb-3", OTHER) == "cb-3"
        for job in await rig.claim():
            await rig.outbox.done(job, stands_until=clock.now() + 600)
        assert await rig.stand("cb-4") == "cb-1"
        await asyncio.sleep(601)
        assert await rig.stand("cb-5") == "cb-5", "the person has been called by now"


@virtual
async def test_an_id_is_not_enqueued_twice(clock: VirtualClock, engine_socket: Path) -> None:
    async with Rig(engine_socket, clock) as rig:
        await rig.stand()
        await rig.outbox.done(await rig.one())
        await rig.stand()
        assert await rig.claim() == []
        assert await rig.state() is JobState.DELIVERED
        ttl = await rig.engine.raw("ttl", lambda r: r.ttl(rig.engine.keys.job("cb-1")))
        assert JOB_DONE_TTL_S - 60 <= ttl <= JOB_DONE_TTL_S


@virtual
async def test_withdrawing_before_any_attempt_tells_nobody(clock: VirtualClock, engine_socket: Path) -> None:
    async with Rig(engine_socket, clock) as rig:
        assert await rig.withdraw() == "none"
        await rig.stand()
        assert await rig.withdraw() == "cancelled"
        assert await rig.withdraw("x-2") == "none"
        assert await rig.claim() == []
        assert await rig.state() is JobState.CANCELLED


@virtual
async def test_withdrawing_a_delivered_callback_cancels_it_at_the_dialler(
    clock: VirtualClock, engine_socket: Path
) -> None:
    async with Rig(engine_socket, clock) as rig:
        await rig.stand()
        await rig.outbox.done(await rig.one(), stands_until=clock.now() + 600)
        assert await rig.withdraw() == "cancel_sent"
        assert await rig.withdraw("x-2") == "none"
        job = await rig.one()
        assert (job.id, job.kind, job.payload["phone"]) == ("x-1", JobKind.CANCEL, PERSON["phone"])


@virtual
async def test_a_failed_attempt_may_have_arrived_so_the_dialler_is_told(
    clock: VirtualClock, engine_socket: Path
) -> None:
    async with Rig(engine_socket, clock) as rig:
        await rig.stand()
        await rig.outbox.retry(await rig.one(), 5, "timeout")
        assert await rig.withdraw() == "cancel_sent"
        await asyncio.sleep(10)
        assert await rig.ids() == ["x-1"]


@virtual
async def test_a_callback_withdrawn_while_it_is_delivered_ends_cancelled(
    clock: VirtualClock, engine_socket: Path
) -> None:
    async with Rig(engine_socket, clock) as rig:
        await rig.stand()
        job = await rig.one(lease_s=30)
        assert await rig.withdraw() == "cancel_sent"
        assert await rig.claim() == [], "the cancel must not overtake the callback"
        assert await rig.outbox.done(job, stands_until=clock.now() + 600) is Ack.CANCELLED
        assert await rig.ids() == ["x-1"]
        assert await rig.state() is JobState.CANCELLED


@virtual
async def test_a_withdrawn_callback_is_not_tried_again(clock: VirtualClock, engine_socket: Path) -> None:
    async with Rig(engine_socket, clock) as rig:
        await rig.stand()
        job = await rig.one()
        await rig.withdraw()
        assert await rig.outbox.retry(job, 1, "timeout") is Ack.CANCELLED
        await asyncio.sleep(5)
        assert await rig.ids() == ["x-1"]


@virtual
async def test_a_worker_that_vanished_with_a_withdrawn_callback_leaves_only_the_cancel(
    clock: VirtualClock, engine_socket: Path
) -> None:
    async with Rig(engine_socket, clock) as rig:
        await rig.stand()
        stalled = await rig.one(lease_s=30)
        await rig.withdraw()
        await asyncio.sleep(31)
        cancel = await rig.one()
        assert cancel.id == "x-1"
        assert await rig.outbox.done(cancel) is Ack.DELIVERED
        # The stalled worker delivered after all, behind the cancel: it is cancelled once more.
        assert await rig.outbox.done(stalled) is Ack.LATE
        assert await rig.ids() == ["x-1"]


@virtual
async def test_a_cancel_that_was_out_when_the_late_callback_arrived_runs_again(
    clock: VirtualClock, engine_socket: Path
) -> None:
    async with Rig(engine_socket, clock) as rig:
        await rig.stand()
        stalled = await rig.one(lease_s=30)
        await rig.withdraw()
        await asyncio.sleep(31)
        cancel = await rig.one(lease_s=30)
        assert await rig.outbox.done(stalled) is Ack.LATE
        assert await rig.outbox.done(cancel) is Ack.LATE
        await asyncio.sleep(31)
        assert await rig.ids() == ["x-1"]


@virtual
async def test_a_new_callback_stops_the_cancel_of_the_one_before(clock: VirtualClock, engine_socket: Path) -> None:
    async with Rig(engine_socket, clock) as rig:
        await rig.stand()
        await rig.outbox.done(await rig.one(), stands_until=clock.now() + 600)
        await rig.withdraw()
        assert await rig.stand("cb-2") == "cb-2"
        assert await rig.ids() == ["cb-2"]
        assert await rig.state("x-1") is JobState.CANCELLED


@virtual
async def test_a_new_callback_goes_behind_a_cancel_that_is_out(clock: VirtualClock, engine_socket: Path) -> None:
    async with Rig(engine_socket, clock) as rig:
        await rig.stand()
        await rig.outbox.done(await rig.one(), stands_until=clock.now() + 600)
        await rig.withdraw()
        cancel = await rig.one(lease_s=30)
        await rig.stand("cb-2")
        assert await rig.claim() == []
        assert await rig.outbox.retry(cancel, 0, "timeout") is Ack.CANCELLED, "it would hit the new one"
        await asyncio.sleep(30)
        assert await rig.ids() == ["cb-2"]


@virtual
async def test_operators_retry_the_dead_and_not_the_superseded(clock: VirtualClock, engine_socket: Path) -> None:
    async with Rig(engine_socket, clock) as rig:
        await rig.stand()
        assert await rig.outbox.bury(await rig.one(), "Unknown Type") is Ack.DEAD
        assert (await rig.outbox.counts()).dead == 1
        assert await rig.outbox.requeue("cb-1", DAY) == "requeued"
        counts = await rig.outbox.counts()
        assert (counts.due, counts.pending, counts.dead) == (1, 1, 0)
        job = await rig.one()
        assert (job.attempts, job.fence) == (2, 2)
        assert await rig.outbox.requeue("cb-1", DAY) == "leased"
        await rig.outbox.bury(job, "Unknown Type")
        await rig.stand("cb-2")
        assert await rig.outbox.requeue("cb-1", DAY) == "superseded"
        assert await rig.outbox.requeue("cb-9", DAY) == "absent"


@virtual
async def test_a_retried_callback_can_be_withdrawn(clock: VirtualClock, engine_socket: Path) -> None:
    async with Rig(engine_socket, clock) as rig:
        await rig.stand()
        await rig.outbox.bury(await rig.one(), "Unknown Type")
        await rig.outbox.requeue("cb-1", DAY)
        assert await rig.withdraw() == "cancel_sent"
        assert await rig.ids() == ["x-1"]
        assert await rig.outbox.requeue("cb-1", DAY) == "cancelled"


@virtual
async def test_a_retried_callback_stands_again_though_a_later_one_came_between(
    clock: VirtualClock, engine_socket: Path
) -> None:
    async with Rig(engine_socket, clock) as rig:
        await rig.stand("cb-1")
        await rig.outbox.bury(await rig.one(), "Unknown Type")
        await rig.stand("cb-2")
        await rig.outbox.done(await rig.one(), stands_until=clock.now() + 5)
        await asyncio.sleep(6)
        assert await rig.outbox.requeue("cb-1", DAY) == "requeued"
        assert await rig.stand("cb-3") == "cb-1"


@virtual
async def test_operators_cancel_what_is_not_over(clock: VirtualClock, engine_socket: Path) -> None:
    async with Rig(engine_socket, clock) as rig:
        assert await rig.outbox.cancel("cb-1") == "none"
        await rig.stand("cb-1")
        assert await rig.outbox.cancel("cb-1") == "cancelled"
        assert await rig.outbox.cancel("cb-1") == "none"
        assert await rig.stand("cb-2") == "cb-2", "a cancelled callback does not stand"
        await rig.outbox.done(await rig.one(), stands_until=clock.now() + 600)
        assert await rig.outbox.cancel("cb-2") == "cancel_sent"
        assert await rig.ids() == ["cancel-cb-2"]
        assert await rig.stand("cb-3") == "cb-3"


@virtual
async def test_jobs_are_listed_by_state_newest_first(clock: VirtualClock, engine_socket: Path) -> None:
    async with Rig(engine_socket, clock) as rig:
        for n in range(5):
            await rig.stand(f"cb-{n}", {**PERSON, "phone": f"+1512555010{n}"})
            await asyncio.sleep(1)
        jobs = await rig.claim()
        await rig.outbox.done(jobs[0])
        await rig.outbox.done(jobs[3])
        await rig.outbox.bury(jobs[1], "no")
        assert [j.id for j in await rig.outbox.list()] == ["cb-4", "cb-3", "cb-2", "cb-1", "cb-0"]
        assert [j.id for j in await rig.outbox.list(limit=2)] == ["cb-4", "cb-3"]
        assert [j.id for j in await rig.outbox.list(JobState.DELIVERED)] == ["cb-3", "cb-0"]
        assert [j.id for j in await rig.outbox.list(JobState.PENDING)] == ["cb-2", "cb-4"]
        assert [j.id for j in await rig.outbox.list(JobState.DEAD)] == ["cb-1"]
