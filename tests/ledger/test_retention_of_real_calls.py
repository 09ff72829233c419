"""Real calls of every kind, 91 days later: nothing of the people in any table, nor in the file; all the money."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from callrouter.ledger import erasing
from callrouter.ledger.number_hash import FILE
from callrouter.ledger.totals import Asked, By, Totals
from callrouter.retention import DAY_S
from callrouter.simulator.carrier import PhoneScript
from tests.support.virtual_time import EPOCH, VirtualClock, run_virtual
from tests.support.world import CALLER, LEADS, OPS_TOKEN, TWO_STEPS, World, offers, plan, refuses
from tests.transfers.agents import ANNAS_PHONE, FIRST, TOKENS, agent

PERSON: Mapping[str, Any] = {
    "zip": "33139",
    "first_name": "Wilhelmina",
    "last_name": "Featherstone",
    "email": "wilhelmina@example.com",
    "address": "1210 Ocean Drive",
    "ip": "10.77.88.99",
    "consent": True,
    "fields": {"vehicle": "Oldsmobile"},
}
PERSONAL = (
    *("Wilhelmina", "Featherstone", "wilhelmina@example.com", "1210 Ocean", "10.77.88.99", "Oldsmobile"),
    *("Annabelle", "anna", 'exchange":{', "call_token", "POST http"),
)
PHONES = (CALLER[2:], ANNAS_PHONE[2:], CALLER[-7:], ANNAS_PHONE[-7:])

Stage = Callable[[World], Awaitable[None]]


async def one_step(world: World) -> None:
    world.lmal.answer = offers("40.00", FIRST)
    world.contactability.answer = refuses()
    await world.call()


async def a_post(world: World) -> None:
    world.lmal.answer = offers("40.00", FIRST)
    world.contactability.answer = refuses()
    await world.call()


async def a_lead(world: World) -> None:
    """Nobody wants the call; the person's lead is sold."""
    world.lmal.answer = world.contactability.answer = refuses()
    await world.call()
    await world.delivered(1_000)
    await world.settled()


async def a_room(world: World) -> None:
    async with agent(world) as anna:
        await anna.opens(caller={"phone": CALLER, **PERSON}, agent={"name": "Annabelle", "phone": ANNAS_PHONE})
        caller = anna.caller_on_line()
        await anna.does("bridge", {"caller_call_sid": caller.sid})
        await anna.waits_for("talking")
        await anna.does("complete")
        await anna.until(100)
        caller.hang_up()
        await anna.ends()


async def a_room_with_the_caller_rung(world: World) -> None:
    async with agent(world) as anna:
        await anna.opens(caller={"phone": CALLER, **PERSON}, agent={"name": "Annabelle", "phone": ANNAS_PHONE})
        await anna.does("bridge")
        await anna.waits_for("talking")
        await anna.does("next")
        await anna.cancels()
        await anna.kept(anna.id)


async def a_dial_in(world: World) -> None:
    async with agent(world) as anna:
        world.carrier.phone(FIRST, PhoneScript(ring_s=2.0, talk_s=100.0))
        await anna.opens(caller={"phone": CALLER, **PERSON}, agent={"name": "Annabelle", "phone": ANNAS_PHONE})
        await anna.transfers_in()
        await anna.ends()


STAGES: Mapping[str, tuple[Stage, Mapping[str, Any]]] = {
    "one step": (one_step, plan()),
    "post": (a_post, plan(buyers=TWO_STEPS)),
    "lead": (a_lead, plan(buyers=LEADS, unsold={"sell_lead": ["callconnectleads"]})),
    "room": (a_room, plan()),
    "caller rung": (a_room_with_the_caller_rung, plan()),
    "dial-in": (a_dial_in, plan()),
}


async def is_told(world: World) -> None:
    """A web form has told us of the person before they call."""
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {OPS_TOKEN}"}) as session:
        url = f"{world.base_url}/api/v1/callers/{CALLER}"
        async with session.put(url, json=PERSON) as response:
            assert response.status in (200, 201), await response.text()


def in_tables(file: Path) -> str:
    """All that is in every table."""
    with sqlite3.connect(file) as database:
        names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = str([database.execute(f"SELECT * FROM {name}").fetchall() for name in names])  # noqa: S608
    database.close()
    return found


def in_a_world(socket: Path, folder: Path, dialplan: Mapping[str, Any], days: int, test: Stage) -> None:
    """So many days after the tests' first."""

    async def whole(clock: VirtualClock) -> None:
        async with World(
            clock, socket, folder, dialplan=dialplan, further_settings={"CALLROUTER_API_TOKENS": TOKENS}
        ) as world:
            await test(world)

    run_virtual(whole, EPOCH + days * DAY_S)


def unlisted(value: Any, shape: erasing.Shape, path: str = "") -> Iterator[str]:
    """The keys of a record of which nobody has said whether they may stay."""
    for one in value if isinstance(value, list) else [value]:
        if not isinstance(one, dict):
            continue
        known: Mapping[str, erasing.Shape] = shape or {}
        for key, inner in one.items():
            if key in known:
                yield from unlisted(inner, known[key], f"{path}.{key}")
            elif key not in erasing.EMPTIED:
                yield f"{path}.{key}"


@pytest.mark.parametrize("kind", STAGES)
def test_91_days_later_nobody_is_left_in_the_ledger_and_the_money_is(
    kind: str, engine_socket: Path, tmp_path: Path
) -> None:
    stage, dialplan = STAGES[kind]
    file = tmp_path / "data" / "ledger.db"
    totals: list[Totals] = []
    before: list[dict[str, Any]] = []

    async def call(world: World) -> None:
        await is_told(world)
        await stage(world)
        before.extend(dict(row.record) for row in await world.rows())
        sold = await world.app.instance.ledger.sales([f"sale-{record['sid']}" for record in before])
        before.extend({key: one for key, one in sale.items() if key != "at"} for sale in sold.values())
        totals.append(await world.app.instance.ledger.totals(Asked(by=By.BUYER)))

    async def later(world: World) -> None:
        ledger = world.app.instance.ledger
        assert CALLER in in_tables(file)
        await asyncio.sleep(59)
        assert await ledger.plan_with_people() == "auto"
        await asyncio.sleep(5)
        assert await ledger.plan_with_people() is None
        totals.append(await ledger.totals(Asked(by=By.BUYER)))
        found = await world.app.instance.calls.find(phone=CALLER)
        assert len(found) == len(await world.rows()) > 0
        assert {record["from"][0] for record in found} == {"#"}

    in_a_world(engine_socket, tmp_path, dialplan, 0, call)
    assert [key for record in before for key in unlisted(record, erasing.KEPT)] == []
    assert not (tmp_path / "data" / FILE).exists()
    in_a_world(engine_socket, tmp_path, dialplan, 89, not_yet)
    in_a_world(engine_socket, tmp_path, dialplan, 91, later)
    assert totals[0] == totals[1]
    tables, raw = in_tables(file), file.read_bytes().decode("latin-1")
    assert [word for word in (*PERSONAL, *PHONES) if word in tables] == []
    assert [word for word in (*PERSONAL, *PHONES) if word in raw] == []
    assert not file.with_suffix(".db-wal").exists()
    assert "33139" in tables or "78701" in tables


async def not_yet(world: World) -> None:
    """A day before its time."""
    await asyncio.sleep(70)
    assert {row.from_number for row in await world.rows()} == {CALLER}
