"""The outbox in the engine: claimed, acknowledged, retried, and seen by operations.

What a job is and how it moves is in ``engine/scripts/_outbox.lua``; call transitions enqueue there, in their
own step.
"""

import json
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

import redis.asyncio as redis

from callrouter.domain.clock import Clock
from callrouter.engine.client import Engine
from callrouter.engine.keys import JOB_DONE_TTL_S, STANDING_TTL_S

UNCERTAIN_REMEDY = "ask the buyer whether it has bought the lead: nobody else gets it, and it is not posted again"

_SCAN = 200
_ALL = 100_000


class JobKind(StrEnum):
    """What is to be done: the first two by the dialler, a sale by lead buyers."""

    CALLBACK = "callback"
    CANCEL = "cancel"
    SALE = "sale"


class JobState(StrEnum):
    """Where a job stands. A pending one is due, waiting, or with a worker.

    A callback that was taken back after its delivery is cancelled; its ``cancel`` job tells the dialler.
    """

    PENDING = "pending"
    DELIVERED = "delivered"
    ENDED = "ended"
    """A sale that is over; `Job.outcome` says how."""
    CANCELLED = "cancelled"
    DEAD = "dead"
    """Given up; also a sale that may have been made, and nobody knows."""


class Ack(StrEnum):
    """What the outbox made of a worker's report."""

    DELIVERED = "delivered"
    ENDED = "ended"
    """A sale is over."""
    RETRIED = "retried"
    DEAD = "dead"
    CANCELLED = "cancelled"
    """It was withdrawn while the worker had it."""
    LATE = "late"
    """Another claim, or an operator, has had it since."""


@dataclass(frozen=True)
class Job:
    """One job. Times are epoch seconds."""

    id: str
    kind: JobKind
    state: JobState
    due_at: float
    deadline_at: float
    payload: Mapping[str, Any]
    attempts: int
    fence: int
    """Which claim this is: only its holder may acknowledge."""
    created_at: float
    leased_until: float
    """0 when no worker has it."""
    done_at: float | None
    last_error: str
    stands_until: float | None
    """Of a delivered callback that was not taken back: when the person is called."""
    renewed: bool = False
    """It may be at the dialler by what was known before: that is taken back first."""
    progress: str = ""
    """Of a sale: how far it is, JSON."""
    results: str = "[]"
    """Of a sale: what each buyer answered, JSON."""
    outcome: str = ""
    """Of a sale that is over: how it ended."""

    @property
    def remedy(self) -> str | None:
        """What operations can do that we cannot."""
        return UNCERTAIN_REMEDY if self.outcome == "uncertain" else None


@dataclass(frozen=True)
class Claim:
    """The answer to a claim: jobs to work on, those given up just now, and when to ask again."""

    jobs: tuple[Job, ...]
    given_up: tuple[Job, ...]
    next_due_in_s: float | None
    """Seconds until the next job is due, ``None`` when there is none."""


@dataclass(frozen=True)
class Counts:
    """How full the outbox is. ``due`` counts deliveries to the dialler that a worker should have taken by now."""

    due: int
    pending: int
    dead: int


class Outbox:
    """Typed access to the outbox. Every method raises `EngineUnavailable`."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    async def stand(self, job_id: str, payload: Mapping[str, Any], deadline_s: float) -> str:
        """Enqueue a callback due now; ``payload`` names ``plan`` and ``phone``. The id of what stands."""
        ttl_ms = STANDING_TTL_S * 1000
        args = (job_id, _ms(deadline_s), json.dumps(payload), ttl_ms)
        return cast(str, await self._run("job_stand", *args, standing=self._standing(payload)))

    async def withdraw(self, cancel_id: str, payload: Mapping[str, Any], deadline_s: float) -> str:
        """Take back what stands for a ``plan`` and ``phone``: ``none``, ``cancelled`` or ``cancel_sent``."""
        args = (cancel_id, json.dumps(payload), _ms(deadline_s))
        return cast(str, await self._run("job_withdraw", *args, standing=self._standing(payload)))

    async def claim(self, limit: int, lease_s: float) -> Claim:
        """Take up to ``limit`` due jobs for ``lease_s``; a job not acknowledged by then falls due again."""
        # Not sent again after a broken connection: what it took would then wait for its lease to end.
        _, wait_ms, *hashes = await self._run("job_claim", _ms(lease_s), limit, again=False)
        jobs = [_job(dict(zip(flat[::2], flat[1::2], strict=True))) for flat in hashes]
        return Claim(
            jobs=tuple(job for job in jobs if job.state is JobState.PENDING),
            given_up=tuple(job for job in jobs if job.state is JobState.DEAD),
            next_due_in_s=None if int(wait_ms) < 0 else int(wait_ms) / 1000,
        )

    async def done(self, job: Job, note: str = "", stands_until: float = 0.0) -> Ack:
        """The dialler has it."""
        return Ack(await self._run("job_done", job.id, job.fence, _ms(stands_until), note))

    async def retry(self, job: Job, delay_s: float, error: str) -> Ack:
        """Due again in ``delay_s``, or dead when its deadline comes first."""
        return Ack(await self._run("job_retry", job.id, job.fence, _ms(delay_s), error, 0))

    async def bury(self, job: Job, error: str) -> Ack:
        """Trying again cannot help."""
        return Ack(await self._run("job_retry", job.id, job.fence, 0, error, 1))

    async def requeue(self, job_id: str, deadline_s: float) -> str:
        """An operator's retry: due now, for ``deadline_s`` at most.

        ``requeued``, ``leased``, ``delivered``, ``cancelled``, ``absent``, ``superseded`` by another one, or
        ``none``: a sale that is over.
        """
        job = await self.get(job_id)
        if job is None:
            return "absent"
        args = (job_id, _ms(deadline_s), STANDING_TTL_S * 1000)
        return cast(str, await self._run("job_requeue", *args, standing=self._standing(job.payload)))

    async def cancel(self, job_id: str, deadline_s: float = 86_400) -> str:
        """An operator's cancel: ``cancelled``, ``cancel_sent`` (the dialler is told), ``leased`` or ``none``.

        ``leased`` is a cancel that is at the dialler now, or a sale whose present step is its last; ``none`` is a job
        that is over, or not there; ``uncertain`` a sale that ended now, and that a buyer may have made.
        """
        job = await self.get(job_id)
        if job is None:
            return "none"
        payload = {"plan": job.payload.get("plan"), "phone": job.payload.get("phone"), "why": "operator"}
        args = (job_id, f"cancel-{job_id}", json.dumps(payload), _ms(deadline_s))
        return cast(str, await self._run("job_cancel", *args, standing=self._standing(job.payload)))

    async def get(self, job_id: str) -> Job | None:
        """One job."""
        fields = await self._engine.hash(self._engine.keys.job(job_id))
        return _job(fields) if fields.get("id") else None

    async def list(self, state: JobState | None = None, limit: int = 100) -> Sequence[Job]:
        """Jobs, newest first; pending ones by when they are due."""
        keys = self._engine.keys
        if state is JobState.PENDING:
            ids = await self._engine.sorted_range(keys.outbox_due, "-inf", "+inf", limit)
            return [job for job in await self._read(ids) if job.state is JobState.PENDING]
        if state is JobState.DEAD:
            ids = await self._engine.sorted_newest(keys.outbox_dead, limit)
            return [job for job in await self._read(ids) if job.state is JobState.DEAD]
        found: list[Job] = []
        start = 0
        while len(found) < limit:
            page = await self._recent(start, _SCAN)
            found += [job for job in await self._read(page) if state in (None, job.state)]
            if len(page) < _SCAN:
                break
            start += _SCAN
        return found[:limit]

    async def page(self, state: JobState | None, limit: int, after: str | None = None) -> Sequence[Job] | None:
        """Jobs, newest first, from behind the job ``after``: what has come since changes nothing further down.

        ``None`` when ``after`` has passed out of the list.
        """
        keys = self._engine.keys
        ages = await self._ages([after]) if after is not None else [None]
        if after is not None and ages == [None]:
            return None
        if state in (JobState.PENDING, JobState.DEAD):  # few: looked for among themselves, not among all there were
            members = keys.outbox_due if state is JobState.PENDING else keys.outbox_dead
            ids = await self._engine.sorted_range(members, "-inf", "+inf", _ALL)
            aged = sorted(zip((age or 0.0 for age in await self._ages(ids)), ids, strict=True), reverse=True)
            further = [job_id for age, job_id in aged if after is None or (age, job_id) < (ages[0] or 0.0, after)]
            return [job for job in await self._read(further[:limit]) if job.state is state]
        found: list[Job] = []
        start = 0 if after is None else 1 + await self._rank(after)
        while len(found) < limit:
            ids = list(await self._recent(start, _SCAN))
            found += [job for job in await self._read(ids) if state in (None, job.state)]
            if len(ids) < _SCAN:
                break
            start += _SCAN
        return found[:limit]

    async def counts(self) -> Counts:
        """How full the outbox is."""
        keys = self._engine.keys
        now_ms = int(self._clock.now() * 1000)
        return Counts(
            due=int(await self._run("job_due")),
            pending=await self._engine.sorted_count(keys.outbox_due),
            dead=await self._engine.sorted_count(keys.outbox_dead, low=now_ms - JOB_DONE_TTL_S * 1000),
        )

    async def _recent(self, start: int, count: int) -> Sequence[str]:
        key = self._engine.keys.outbox_recent

        async def page(client: redis.Redis) -> Any:
            return await cast(Awaitable[Any], client.zrevrange(key, start, start + count - 1))

        return cast(Sequence[str], await self._engine.raw("zrevrange", page, again=True))

    async def _ages(self, ids: Sequence[str]) -> Sequence[float | None]:
        """When each job was created (epoch ms); ``None`` for one that is not listed any more."""

        async def scores(client: redis.Redis) -> Any:
            return await cast(Awaitable[Any], client.zmscore(self._engine.keys.outbox_recent, list(ids)))

        return cast(Sequence[float | None], await self._engine.raw("zmscore", scores, again=True)) if ids else []

    async def _rank(self, job_id: str) -> int:
        """How many jobs are newer."""

        async def rank(client: redis.Redis) -> Any:
            return await cast(Awaitable[Any], client.zrevrank(self._engine.keys.outbox_recent, job_id))

        return int(await self._engine.raw("zrevrank", rank, again=True) or 0)

    async def _read(self, ids: Sequence[str]) -> Sequence[Job]:
        async def hashes(client: redis.Redis) -> Any:
            async with client.pipeline(transaction=False) as pipe:
                for job_id in ids:
                    pipe.hgetall(self._engine.keys.job(job_id))
                return await pipe.execute()

        return [_job(fields) for fields in await self._engine.raw("hgetall", hashes, again=True) if fields.get("id")]

    def _standing(self, payload: Mapping[str, Any]) -> str:
        return self._engine.keys.standing(payload["plan"], payload["phone"])

    async def _run(self, name: str, *args: str | float, standing: str | None = None, again: bool = True) -> Any:
        """Every script takes the indexes, the ledger and the standing key; the time, the jobs' prefix and its own."""
        keys = self._engine.keys
        names = [keys.outbox_due, keys.outbox_dead, keys.outbox_recent, keys.ledger, *([standing] if standing else [])]
        return await self._engine.run(name, names, [self._engine.time_arg(), keys.job(""), *args], again=again)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _job(fields: Mapping[str, str]) -> Job:
    return Job(
        id=fields["id"],
        kind=JobKind(fields["kind"]),
        state=_state(fields),
        due_at=int(fields["due_ms"]) / 1000,
        deadline_at=int(fields["deadline_ms"]) / 1000,
        payload=json.loads(fields["payload"]),
        attempts=int(fields["attempts"]),
        fence=int(fields["fence"]),
        created_at=int(fields["created_ms"]) / 1000,
        leased_until=int(fields["lease_ms"]) / 1000,
        done_at=int(fields["done_ms"]) / 1000 if "done_ms" in fields else None,
        last_error=fields["last_error"],
        stands_until=_stands_until(fields),
        renewed="renewed" in fields,
        progress=fields.get("progress", ""),
        results=fields.get("results", "[]"),
        outcome=fields.get("outcome", ""),
    )


def _state(fields: Mapping[str, str]) -> JobState:
    state = JobState(fields["state"])
    taken_back = state is JobState.DELIVERED and "withdrawn" in fields
    return JobState.CANCELLED if taken_back else state


def _stands_until(fields: Mapping[str, str]) -> float | None:
    """No time is 0: a delivered ``cancel`` calls nobody."""
    if _state(fields) is not JobState.DELIVERED:
        return None
    return int(fields.get("stands_until_ms", 0)) / 1000 or None
