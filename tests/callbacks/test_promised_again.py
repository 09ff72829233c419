"""One person, several promises and withdrawals: the last word holds, here and at the dialler."""

import asyncio
from pathlib import Path

from callrouter.callbacks.outbox import Ack, JobState
from tests.callbacks.people import PERSON
from tests.callbacks.test_outbox import DAY, Rig
from tests.support.virtual_time import VirtualClock, virtual


@virtual
async def test_a_new_promise_goes_behind_an_operators_cancel(clock: VirtualClock, engine_socket: Path) -> None:
    """The operator's cancel is being retried when the person calls again: it must not take back the new promise."""
    async with Rig(engine_socket, clock) as rig:
        await rig.stand("cb-1")
        await rig.outbox.done(await rig.one(), stands_until=clock.now() + 600)
        assert await rig.outbox.cancel("cb-1") == "cancel_sent"
        await rig.outbox.retry(await rig.one(), 5, "HTTP 500")
        await rig.stand("cb-2")
        delivered = []
        for _ in range(20):
            for job in await rig.claim():
                delivered.append(job.id)
                await rig.outbox.done(job, stands_until=clock.now() + 600)
            await asyncio.sleep(1)
        assert delivered == ["cb-2"]


@virtual
async def test_what_an_abandoned_cancel_left_at_the_dialler_is_still_cancelled(
    clock: VirtualClock, engine_socket: Path
) -> None:
    """Bridged (the cancel fails), hung up on early and promised again, bridged at last: the dialler must be told."""
    async with Rig(engine_socket, clock) as rig:
        await rig.stand("cb-1")
        await rig.outbox.done(await rig.one(), stands_until=clock.now() + 600)
        await rig.withdraw("x-1")
        cancel = await rig.one()
        await rig.stand("cb-2")
        assert await rig.outbox.retry(cancel, 1, "timeout") is Ack.CANCELLED
        assert await rig.withdraw("x-2") == "cancel_sent"
        await asyncio.sleep(60)
        assert await rig.ids() == ["x-2"]


@virtual
async def test_a_later_promise_lives_as_long_as_it_should(clock: VirtualClock, engine_socket: Path) -> None:
    """Promised again shortly before the first promise's deadline: that deadline no longer ends it."""
    async with Rig(engine_socket, clock) as rig:
        await rig.stand("cb-1")
        await rig.outbox.retry(await rig.one(), DAY - 120, "HTTP 500")
        await asyncio.sleep(DAY - 100)
        assert await rig.stand("cb-2") == "cb-1"
        await rig.outbox.retry(await rig.one(), 110, "HTTP 500")
        await asyncio.sleep(200)
        assert await rig.state("cb-1") is JobState.PENDING


@virtual
async def test_what_the_person_tells_later_counts(clock: VirtualClock, engine_socket: Path) -> None:
    """The zip of the second call decides the lawful hours of the callback that stands since the first."""
    async with Rig(engine_socket, clock) as rig:
        nobody = {**PERSON, "zip": None, "state": None, "phone": "+12125550142"}
        await rig.stand("cb-1", nobody)
        await rig.stand("cb-2", {**nobody, "zip": "96813", "state": "HI"})
        assert (await rig.one()).payload["zip"] == "96813"


@virtual
async def test_a_withdrawn_callback_cannot_be_requeued(clock: VirtualClock, engine_socket: Path) -> None:
    async with Rig(engine_socket, clock) as rig:
        await rig.stand()
        await rig.one(lease_s=30)
        await rig.withdraw()
        await asyncio.sleep(31)
        assert await rig.outbox.requeue("cb-1", DAY) == "cancelled"
