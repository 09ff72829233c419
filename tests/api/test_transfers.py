"""The API of warm transfers; what a transfer does is tested where it is done."""

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from callrouter.domain.caller import Caller
from callrouter.transfers.desk import Holder, TransferRefused
from callrouter.transfers.shown import BridgeWanted, DialledWanted, TransferState
from tests.api.desk import SID
from tests.api.service import Api
from tests.support.virtual_time import VirtualClock, run_virtual
from tests.support.world import World, offers, plan

PATH = "/api/v1/transfers"
WANTED: dict[str, Any] = {
    "plan": "auto",
    "caller": {"phone": "(512) 555-0123", "zip": "78701", "fields": {"insured": True}},
    "agent": {"name": "Ann", "phone": "512-555-0142"},
}


def wanted(**more: Any) -> dict[str, Any]:
    return {**WANTED, **more}


async def opened(api: Api, role: str = "agent") -> None:
    assert (await api.ask("POST", PATH, role=role, json=WANTED))[0] == 201


async def test_a_transfer_is_opened_with_what_is_known_and_answered_with_its_offer(api: Api) -> None:
    status, body, headers = await api.ask("POST", PATH, role="agent", json=wanted(caller_call_sid="CA" + "0" * 32))
    assert status == 201
    assert body["id"] == SID
    assert body["state"] == "offered"
    assert body["offer"] == {
        "buyer": "lmal",
        "number": "+18005550199",
        "payout": "25.00",
        "min_duration_s": 90,
        "expires_at": "2026-11-21T01:00:00.000Z",
        "expires_in_s": 29.5,
        "others": 1,
    }
    assert body["dial_in"] == {"number": "+18885550101", "pin": "4711"}
    assert headers["Cache-Control"] == "no-store"
    ((_, opening, by),) = api.desk.asked
    assert by == Holder("agent", "agent")
    assert opening.caller == Caller(phone="+15125550123", zip="78701", fields={"insured": True})
    assert (opening.plan, opening.agent.phone, opening.caller_call_sid) == ("auto", "+15125550142", "CA" + "0" * 32)


@pytest.mark.parametrize(("state", "status"), [("unsold", 200), ("asking", 201), ("offered", 201)])
async def test_a_transfer_that_nobody_wants_is_no_new_thing(api: Api, state: str, status: int) -> None:
    api.desk.state = TransferState(state)
    found, body, _ = await api.ask("POST", PATH, json=WANTED)
    assert (found, body["state"]) == (status, state)


@pytest.mark.parametrize(
    ("body", "keys"),
    [
        ({}, {"plan", "caller", "agent"}),
        (wanted(caller={}), {"caller.phone"}),
        (wanted(caller={"phone": "911", "zip": "0"}), {"caller.phone", "caller.zip"}),
        (wanted(caller={"phone": "5125550123", "fields": {"a b": 1}}), {"caller.fields.a b"}),
        (wanted(caller={"phone": "5125550123", "ttl_s": 5}), {"caller.ttl_s"}),
        (wanted(agent={}), {"agent.name"}),
        (wanted(agent={"name": "Ann", "phone": "900-555-0123"}), {"agent.phone"}),
        (wanted(agent={"name": "Ann", "phone": "888-555-0100"}), {"agent.phone"}),
        (wanted(agent={"name": "Ann", "cleint": "ann"}), {"agent.cleint"}),
        (wanted(caller_call_sid="CA1", plan="a b"), {"caller_call_sid", "plan"}),
    ],
)
async def test_every_mistake_is_told_with_its_place(api: Api, body: dict[str, Any], keys: set[str]) -> None:
    status, answered, _ = await api.ask("POST", PATH, json=body)
    assert status == 422
    assert {error["key"] for error in answered["errors"]} == keys
    assert api.desk.asked == []


async def test_an_unknown_inner_key_is_compared_with_its_neighbours(api: Api) -> None:
    body = wanted(agent={"name": "Ann", "cleint": "ann"})
    (error,) = (await api.ask("POST", PATH, json=body))[1]["errors"]
    assert error["remedy"] == "unknown; did you mean client?"


async def test_each_order_reaches_the_transfer(api: Api) -> None:
    await opened(api)
    orders: list[tuple[str, str, dict[str, Any] | None]] = [
        ("GET", "", None),
        ("POST", "/bridge", {"caller": "call"}),
        ("POST", "/bridge", None),
        ("POST", "/next", None),
        ("POST", "/complete", {}),
        ("POST", "/dialled", None),
        ("POST", "/dialled", {"result": "bridged", "talk_s": 95}),
        ("DELETE", "", None),
    ]
    for method, path, body in orders:
        status, shown, _ = await api.ask(method, f"{PATH}/{SID}{path}", role="agent", json=body)
        assert (status, shown["id"]) == (200, SID)
    asked = [(what, *(more.model_dump(exclude_defaults=True) for more in rest)) for what, *rest in api.desk.asked[1:]]
    assert asked == [
        ("get",),
        ("bridge", {"caller": "call"}),
        ("bridge", {}),
        ("following",),
        ("complete",),
        ("dialled", {}),
        ("dialled", {"result": "bridged", "talk_s": 95}),
        ("cancel",),
    ]
    assert isinstance(api.desk.asked[2][1], BridgeWanted)
    assert isinstance(api.desk.asked[6][1], DialledWanted)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/bridge", {"caller": "shout"}),
        ("/bridge", {"agent": {"name": "Ann", "phone": "8885550101"}}),
        ("/dialled", {"result": "sold"}),
        ("/dialled", {"talk_s": -1}),
        ("/complete", {"now": True}),
    ],
)
async def test_an_order_with_what_it_does_not_know_is_refused(api: Api, path: str, body: dict[str, Any]) -> None:
    await opened(api)
    assert (await api.ask("POST", f"{PATH}/{SID}{path}", role="agent", json=body))[0] == 422
    assert len(api.desk.asked) == 1


async def test_what_cannot_be_done_now_is_a_conflict_with_a_remedy(api: Api) -> None:
    await opened(api)
    api.desk.refuses = TransferRefused("nobody talks yet", "wait until the buyer has answered")
    status, body, _ = await api.ask("POST", f"{PATH}/{SID}/complete", role="agent")
    assert (status, body["detail"]) == (409, "nobody talks yet; wait until the buyer has answered")


@pytest.mark.parametrize("sid", [SID, "TR" + "b" * 32, "TR1", "CA" + "a" * 32, "a%20b"])
async def test_a_transfer_that_is_not_there_or_not_the_agents_is_404(api: Api, sid: str) -> None:
    await opened(api, role="system")
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/bridge"), ("POST", "/next"), ("POST", "/dialled")):
        assert (await api.ask(method, f"{PATH}/{sid}{path}", role="agent"))[0] == 404
    assert len(api.desk.asked) == 1


async def test_the_list_has_the_holders_own_up_to_a_limit(api: Api) -> None:
    await opened(api)
    for query, count in (("", 3), ("?limit=2", 2)):
        status, body, _ = await api.ask("GET", f"{PATH}{query}", role="agent")
        assert (status, [one["id"] for one in body["transfers"]]) == (200, [SID] * count)
    assert (await api.ask("GET", PATH, role="ops"))[1] == {"transfers": []}
    assert (await api.ask("GET", f"{PATH}?limit=0", role="agent"))[0] == 422


TWO_AGENTS = {"CALLROUTER_API_TOKENS": "agent:ann:agent-token-of-ann-1,agent:bob:agent-token-of-bob-1"}


def test_an_agent_reads_the_call_of_her_own_transfer_and_another_does_not(engine_socket: Path, tmp_path: Path) -> None:
    async def whole(clock: VirtualClock) -> None:
        made = World(clock, engine_socket, tmp_path, dialplan=plan(), further_settings=TWO_AGENTS)
        async with made as world, aiohttp.ClientSession(world.served[0].url) as session:
            world.lmal.answer = offers("25.00", "+18005550199")
            ann, bob = ({"Authorization": f"Bearer agent-token-of-{name}-1"} for name in ("ann", "bob"))
            async with session.post(PATH, json=WANTED, headers=ann) as response:
                assert response.status == 201
                sid = (await response.json())["id"]
            for path in (f"{PATH}/{sid}", f"/api/v1/calls/{sid}"):
                async with session.get(path, headers=bob) as response:
                    assert (path, response.status) == (path, 404)
                async with session.get(path, headers=ann) as response:
                    assert (path, response.status) == (path, 200)
            async with session.get(PATH, headers=bob) as response:
                assert await response.json() == {"transfers": []}
            async with session.delete(f"{PATH}/{sid}", headers=ann) as response:
                assert response.status == 200

    run_virtual(whole)
