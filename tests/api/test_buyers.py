"""Buyers for operations over real HTTP: who may look and switch, the shapes, and what is refused."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from callrouter.api.buyers import BuyerShown, BuyersShown
from callrouter.beliefs.document import dumped
from callrouter.learning.log import LessonLog
from tests.support.virtual_time import VirtualClock, virtual
from tests.support.world import LEADS, World, offers, plan

TOKENS = {role: f"{role}-token-of-the-tests" for role in ("agent", "ops", "system")}
GUARDS = {
    "caps": [{"of": "attempts", "per": "day", "most": 3}, {"of": "dollars", "per": "ever", "most": 100}],
    "concurrency": 2,
}
DIALPLAN = plan(
    buyers={**LEADS, "letsmakealead": {**LEADS["letsmakealead"], "guards": GUARDS}},
    unsold={"sell_lead": ["callconnectleads"]},
)
LMAL = "/api/v1/buyers/auto/letsmakealead"

Ask = Callable[..., Awaitable[tuple[int, Any]]]


@asynccontextmanager
async def asking(clock: VirtualClock, socket: Path, folder: Path, **more: Any) -> AsyncIterator[tuple[World, Ask]]:
    """A world, and a client of its API: ``await ask(method, path, role=…)``."""
    tokens = {"CALLROUTER_API_TOKENS": ",".join(f"{role}:{role}-person:{token}" for role, token in TOKENS.items())}
    made = World(clock, socket, folder, dialplan=DIALPLAN, further_settings=tokens, **more)
    async with made as world, aiohttp.ClientSession() as session:

        async def ask(method: str, path: str, *, role: str | None = "ops", **sent: Any) -> tuple[int, Any]:
            headers = {"Authorization": f"Bearer {TOKENS[role]}"} if role else {}
            async with session.request(method, world.served[0].url + path, headers=headers, **sent) as response:
                return response.status, await response.json(content_type=None)

        yield world, ask


@virtual
async def test_every_buyer_is_listed_in_the_documented_shape(
    clock: VirtualClock, engine_socket: Path, tmp_path: Path
) -> None:
    async with asking(clock, engine_socket, tmp_path) as (world, ask):
        world.contactability.answer, world.lmal.answer = offers("20", "+12145550111"), offers("30", "+12145550112")
        await world.call()
        status, body = await ask("GET", "/api/v1/buyers")
        assert status == 200
        shown = BuyersShown.model_validate(body).buyers
        assert body == BuyersShown(buyers=shown).model_dump(mode="json"), "every field, and no other"
        assert [(one.plan, one.buyer, one.buys) for one in shown] == [
            ("auto", "letsmakealead", "calls"),
            ("auto", "contactability", "calls"),
            ("auto", "callconnectleads", "leads"),
        ]
        assert await ask("GET", LMAL, role="system") == (200, body["buyers"][0])
        lmal, contactability = body["buyers"][:2]
        attempts, spent = lmal["caps"]
        assert attempts == {
            "of": "attempts",
            "per": "day",
            "limit": 3,
            "used": 1,
            "reserved": 0,
            "left": 2,
            "resets_at": "2026-11-21T05:00:00.000Z",
        }
        assert spent == {
            "of": "dollars",
            "per": "ever",
            "limit": "100.00",
            "used": "30.00",
            "reserved": "0.00",
            "left": "70.00",
            "resets_at": None,
        }
        assert lmal["concurrency"] == {"limit": 2, "in_use": 0}
        assert lmal["health"] == {"state": "ok", "failing_share": 0.0, "next_probe_at": None}
        assert (lmal["switched_off"], lmal["payout"]["highest"]) == (None, "30.00")
        assert contactability["concurrency"] is None
        assert [limit["calls"] for limit in contactability["limits"]] == [5, 300, 10_000]
        assert [limit["used"] for limit in contactability["limits"]] == [0, 0, 1], "the call has taken minutes"


@virtual
async def test_a_buyer_is_switched_off_and_on_by_the_tokens_name(
    clock: VirtualClock, engine_socket: Path, tmp_path: Path
) -> None:
    async with asking(clock, engine_socket, tmp_path) as (world, ask):
        world.contactability.answer, world.lmal.answer = offers("20", "+12145550111"), offers("30", "+12145550112")
        status, body = await ask("POST", f"{LMAL}/off", json={"why": "  numbers do not answer "})
        off = BuyerShown.model_validate(body).switched_off
        assert (status, off.by, off.why) == (200, "ops-person", "numbers do not answer")  # type: ignore[union-attr]
        assert (await ask("GET", LMAL))[1] == body
        assert (await world.record(await world.call()))["buyer"] == "contactability"
        status, body = await ask("POST", f"{LMAL}/on", role="system")
        assert (status, body["switched_off"], body["lately"]["asked"]) == (200, None, 0)
        assert (await world.record(await world.call()))["buyer"] == "letsmakealead"
        bodies: list[dict[str, Any]] = [{}, {"json": {}}, {"json": {"why": None}}]
        for sent in bodies:
            status, body = await ask("POST", f"{LMAL}/off", role="system", **sent)
            assert (status, body["switched_off"]["by"], body["switched_off"]["why"]) == (200, "system-person", None)
        for sent in bodies[:2]:
            assert (await ask("POST", f"{LMAL}/on", **sent))[0] == 200


@virtual
async def test_a_forgiven_buyer_is_answered_as_it_is_believed_from_now_on(
    clock: VirtualClock, engine_socket: Path, tmp_path: Path
) -> None:
    async with asking(clock, engine_socket, tmp_path, instances=2) as (world, ask):
        world.contactability.answer, world.lmal.answer = offers("20", "+12145550111"), offers("30", "+12145550112")
        await world.call()
        await asyncio.sleep(6)  # as long as an idle instance takes to look
        believed = (await ask("GET", LMAL))[1]["believed"]
        assert (believed["requests"], believed["dials"], believed["talks"]) == (1, 1.0, 1.0)
        bodies: list[dict[str, Any]] = [{}, {"json": {}}]
        for sent in bodies:
            status, body = await ask("POST", f"{LMAL}/forgive", **sent)
            assert (status, body["believed"]["dials"], body["believed"]["talks"]) == (200, 0, 0)
            assert (body["buyer"], body["believed"]["requests"]) == ("letsmakealead", 1), "how it replies is kept"
        assert (await ask("GET", LMAL))[1]["believed"] == body["believed"]
        await asyncio.sleep(2)
        one, other = (dumped(served.app.instance.follower.beliefs) for served in world.served)
        assert one == other


@virtual
async def test_agents_and_strangers_may_neither_look_nor_switch(
    clock: VirtualClock, engine_socket: Path, tmp_path: Path
) -> None:
    paths = [("GET", "/api/v1/buyers"), ("GET", LMAL), *(("POST", f"{LMAL}/{act}") for act in ("off", "on", "forgive"))]
    async with asking(clock, engine_socket, tmp_path) as (world, ask):
        for method, path in paths:
            assert (await ask(method, path, role="agent"))[0] == 403
            assert (await ask(method, path, role=None))[0] == 401
        assert (await ask("GET", LMAL))[1]["switched_off"] is None
        assert (await ask("GET", f"{LMAL}/off"))[0] == 405
        assert (await LessonLog(world.app.instance.engine).after(0, 10)).entries == [], "nobody was forgiven"


@virtual
async def test_an_unknown_buyer_is_404_and_a_wrong_body_is_refused(
    clock: VirtualClock, engine_socket: Path, tmp_path: Path
) -> None:
    async with asking(clock, engine_socket, tmp_path) as (world, ask):
        for path in ("auto/nobody", "home/letsmakealead", "auto/%20x", f"auto/{'x' * 60}", "AUTO/letsmakealead"):
            assert (await ask("GET", f"/api/v1/buyers/{path}"))[0] == 404
            for turn in ("off", "on", "forgive"):
                assert (await ask("POST", f"/api/v1/buyers/{path}/{turn}"))[0] == 404
        wrong: list[tuple[Mapping[str, Any], int]] = [
            ({"json": {"why": ""}}, 422),
            ({"json": {"why": "x" * 201}}, 422),
            ({"json": {"why": 7}}, 422),
            ({"json": {"because": "x"}}, 422),
            ({"json": ["why"]}, 400),
            ({"data": b"why"}, 400),
            ({"data": b"x" * 70_000}, 413),
        ]
        for sent, status in wrong:
            assert (await ask("POST", f"{LMAL}/off", **sent))[0] == status
        for turn in ("on", "forgive"):
            assert (await ask("POST", f"{LMAL}/{turn}", json={"why": "x"}))[0] == 422
        assert (await ask("GET", "/api/v1/buyers?plan=auto"))[0] == 422
        kept = await world.app.instance.engine.hash(world.keys.switches)
        assert kept == {}, "nothing was switched"


@virtual
async def test_while_the_ledger_does_not_answer_buyers_are_shown_without_lately_and_switched(
    clock: VirtualClock, engine_socket: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with asking(clock, engine_socket, tmp_path) as (_, ask):
        database = tmp_path / "data" / "ledger.db"
        assert database.exists()
        with database.open("r+b") as file:
            file.write(b"\0" * database.stat().st_size)
        status, body = await ask("POST", f"{LMAL}/off")
        assert (status, body["lately"], body["payout"]["highest"]) == (200, None, None)
        assert BuyerShown.model_validate(body).switched_off is not None
        assert "ledger not read for buyers" in caplog.text
