"""The simulated dialler."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from callrouter.simulator.partners import SimulatedDialler
from callrouter.simulator.partners.dialler import DiallerFault
from tests.support.virtual_time import VirtualClock, virtual

LEAD = {
    "email": "ann@example.com",
    "first_name": "Ann",
    "surname": "Doe",
    "mobile": "+15125550123",
    "type": "motor-trade",
    "delays": 600,
    "data": '{"zip": "78701"}',
}
SAVED = {"saved": True, "processed": True}


class Rig:
    """A dialler and a client."""

    def __init__(self, dialler: SimulatedDialler, session: aiohttp.ClientSession) -> None:
        self.dialler = dialler
        self._session = session

    async def post(self, what: str, body: Mapping[str, Any], key: str = "k1") -> tuple[int, Any]:
        """Status and JSON (or text) of one request."""
        url = f"{self.dialler.url}/lead/{what}"
        async with self._session.post(url, params={"key": key}, json=body) as reply:
            text = await reply.text()
            try:
                return reply.status, json.loads(text)
            except ValueError:
                return reply.status, text


@asynccontextmanager
async def rig(clock: VirtualClock) -> AsyncIterator[Rig]:
    """A started dialler."""
    dialler = SimulatedDialler(clock=clock, rng=random.Random(1), key="k1")
    await dialler.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield Rig(dialler, session)
    finally:
        await dialler.stop()


@virtual
async def test_a_whole_lead_is_saved_and_stands_until_cancelled(clock: VirtualClock) -> None:
    async with rig(clock) as r:
        assert await r.post("add", LEAD) == (200, SAVED)
        [lead] = r.dialler.standing()
        assert (lead.mobile, lead.due_at - lead.at) == ("+15125550123", 600)
        gone = {"type": "motor-trade", "mobile": "+15125550123"}
        assert await r.post("cancel", gone) == (200, {"cancelled": True})
        assert r.dialler.standing() == []
        assert await r.post("cancel", gone) == (200, {"cancelled": False, "warning": "not found"})


@virtual
async def test_a_second_lead_is_saved_but_not_taken_while_the_first_waits(clock: VirtualClock) -> None:
    async with rig(clock) as r:
        await r.post("add", LEAD)
        again = await r.post("add", LEAD)
        assert again == (200, {"saved": True, "processed": False, "error": "Another call is already scheduled"})
        await asyncio.sleep(601)
        assert await r.post("add", LEAD) == (200, SAVED)
        assert len(r.dialler.standing()) == 2


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": ""}, "email"),
        ({"email": "nobody"}, "email"),
        ({"first_name": None}, "first_name"),
        ({"mobile": "12"}, "mobile"),
        ({"delays": "soon"}, "delays"),
        ({"data": {"zip": "78701"}}, "data"),
        ({"test": True}, "test"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, Any], field: str) -> None:
    @virtual
    async def run(clock: VirtualClock) -> None:
        async with rig(clock) as r:
            status, body = await r.post("add", LEAD | change)
            assert (status, list(body), list(body[field]), r.dialler.standing()) == (400, [field], ["0"], [])

    run()


@virtual
async def test_a_test_lead_is_only_checked(clock: VirtualClock) -> None:
    async with rig(clock) as r:
        assert await r.post("add", LEAD | {"test": "true"}) == (200, {"test": "ok"})
        assert r.dialler.standing() == []


@virtual
async def test_a_type_that_was_never_given_out_is_unknown(clock: VirtualClock) -> None:
    async with rig(clock) as r:
        _, body = await r.post("add", LEAD | {"type": "boats"})
        assert body == {"saved": True, "processed": False, "error": "Unknown Type"}


@virtual
async def test_a_wrong_key_is_refused_and_nothing_is_kept(clock: VirtualClock) -> None:
    async with rig(clock) as r:
        assert (await r.post("add", LEAD, key="x"))[0] == 401
        assert r.dialler.leads == []


@pytest.mark.parametrize(
    ("fault", "status", "part"),
    [
        ("500", 500, "Internal"),
        ("400", 400, "cannot be blank"),
        ("unknown_type", 200, "Unknown Type"),
        ("existing", 200, "Existing Contact"),
        ("already_scheduled", 200, "Another call"),
        ("garbage", 200, "tru"),
    ],
)
def test_a_scripted_failure_is_one_reply_and_the_next_is_fine(fault: DiallerFault, status: int, part: str) -> None:
    @virtual
    async def run(clock: VirtualClock) -> None:
        async with rig(clock) as r:
            r.dialler.fail_next = [fault]
            seen, body = await r.post("add", LEAD)
            assert (seen, part in str(body)) == (status, True)
            assert r.dialler.standing() == []
            assert await r.post("add", LEAD) == (200, SAVED)

    run()


@pytest.mark.parametrize(
    ("fault", "warning"),
    [("server_error", "server error (save)"), ("not_found", "not found"), ("already_processed", "already processed")],
)
def test_a_cancel_can_fail_in_every_documented_way(fault: DiallerFault, warning: str) -> None:
    @virtual
    async def run(clock: VirtualClock) -> None:
        async with rig(clock) as r:
            await r.post("add", LEAD)
            r.dialler.fail_next = [fault]
            body = {"type": "motor-trade", "mobile": "+15125550123"}
            assert await r.post("cancel", body) == (200, {"cancelled": False, "warning": warning})
            assert len(r.dialler.standing()) == 1

    run()
