"""An agent at work: over HTTP with a token of her own, and with people who have phones."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from callrouter.simulator.carrier import PhoneScript, RoomRecord, SimulatedCall
from tests.support.virtual_time import EPOCH, VirtualClock, run_virtual
from tests.support.waiting import wait_until
from tests.support.world import CALLER, OPS_TOKEN, TRANSFER, World, offers, plan

ANNA_TOKEN = "agent-anna-token-of-tests"
BEN_TOKEN = "agent-ben-token-of-tests"
TOKENS = f"ops:tests:{OPS_TOKEN},agent:anna:{ANNA_TOKEN},agent:ben:{BEN_TOKEN}"
ANNAS_PHONE = "+15125550177"
FIRST, SECOND, THIRD = "+16505550101", "+16505550102", "+16505550103"
PATIENT = PhoneScript(ring_s=2.0, talk_s=3_600.0)
"""A phone that is picked up, and stays so."""


class Anna:
    """An agent. Her requests go to the instance that `World` sends webhooks to."""

    def __init__(self, world: World, session: aiohttp.ClientSession, token: str = ANNA_TOKEN) -> None:
        self.world = world
        self._session = session
        self._token = token
        self.id = ""

    async def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """Status and body of one request of the API."""
        headers = {"Authorization": f"Bearer {self._token}"}
        url = f"{self.world.base_url}/api/v1{path}"
        async with self._session.request(method, url, json=body, headers=headers) as response:
            return response.status, await response.json(content_type=None)

    async def opens(self, phone: str = CALLER, zip_code: str = "78701", **further: Any) -> dict[str, Any]:
        """She has this caller; the transfer with its offer."""
        body = {
            "plan": "auto",
            "caller": {"phone": phone, "zip": zip_code},
            "agent": {"name": "Anna", "phone": ANNAS_PHONE},
            **further,
        }
        status, shown = await self.ask("POST", "/transfers", body)
        assert status in (200, 201), shown
        self.id = shown["id"]
        return shown

    async def does(self, act: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """``bridge``, ``next``, ``complete``, ``dialled``; what the transfer is then."""
        status, shown = await self.ask("POST", f"/transfers/{self.id}/{act}", body or {})
        assert status == 200, shown
        return shown

    async def sees(self) -> dict[str, Any]:
        """The transfer now."""
        status, shown = await self.ask("GET", f"/transfers/{self.id}")
        assert status == 200, shown
        return shown

    async def waits_for(self, *states: str, timeout_s: float = 120.0) -> dict[str, Any]:
        """The transfer when it has come to one of these states."""
        shown: dict[str, Any] = {}

        async def there() -> bool:
            nonlocal shown
            shown = await self.sees()
            return shown["state"] in states

        try:
            await until_so(there, timeout_s)
        except TimeoutError:
            raise AssertionError(f"still {shown['state']}: {shown}") from None
        return shown

    async def passes(self, seconds: float) -> None:
        """Time passes."""
        clock = self.world.clock
        end = clock.monotonic() + seconds
        await wait_until(lambda: clock.monotonic() >= end, timeout_s=seconds + 5, every_s=0.5)

    async def later(self, seconds: float) -> dict[str, Any]:
        """The transfer after a while."""
        await self.passes(seconds)
        return await self.sees()

    async def waits_while_offered(self, seconds: float) -> None:
        """An offer of which this many seconds are left is being asked for anew."""

        async def renewing() -> bool:
            return bool((await self.sees())["renewing"])

        await until_so(renewing, seconds + 30, every_s=0.02)

    async def first_of_hers(self) -> str:
        """The id of the newest transfer that she has open."""
        status, body = await self.ask("GET", "/transfers")
        assert status == 200, body
        return str(body["transfers"][0]["id"])

    async def until(self, talk_s: float) -> None:
        """The buyer has been on the line for so long."""

        async def there() -> bool:
            return float((await self.sees())["talk_s"] or 0) >= talk_s

        await until_so(there, talk_s + 60)

    async def waits_for_offer(self, payout: str) -> dict[str, Any]:
        """The transfer when the offer in hand pays this."""
        shown: dict[str, Any] = {}

        async def there() -> bool:
            nonlocal shown
            shown = await self.sees()
            return shown["offer"] is not None and shown["offer"]["payout"] == payout

        await until_so(there, 60)
        return shown

    async def cancels(self) -> dict[str, Any]:
        """Gives it up."""
        status, shown = await self.ask("DELETE", f"/transfers/{self.id}")
        assert status == 200, shown
        return shown

    def caller_on_line(self, phone: str = CALLER) -> SimulatedCall:
        """A call of the caller's that is on our carrier already, with somebody else's document."""
        return self.world.carrier.standing_call(
            phone, "+18885550199", '<Response><Pause length="600"/><Hangup/></Response>'
        )

    @property
    def room(self) -> RoomRecord:
        """The conference, as the carrier knows it."""
        return self.world.carrier.rooms[-1]

    async def record(self) -> dict[str, Any]:
        """The whole decision of her transfer."""
        found = await self.world.app.instance.calls.get(self.id)
        assert found is not None
        return found

    async def ends(self, timeout_s: float = 300.0) -> dict[str, Any]:
        """The record when the transfer is over and in the ledger; nobody was left alone on the way."""
        await self.waits_for("ended", timeout_s=timeout_s)
        await self.kept(self.id)
        return await self.record()

    async def kept(self, sid: str) -> None:
        """The call is in the ledger."""
        ledger = self.world.app.instance.ledger

        async def kept() -> bool:
            return await ledger.get(sid) is not None

        await until_so(kept, 30)

    async def transfers_in(self) -> SimulatedCall:
        """Her dialler transfers the caller to our number, showing the caller's; the call when it has ended."""
        call = self.world.place(TRANSFER, CALLER)
        await call.wait_ended()
        return call


@asynccontextmanager
async def agent(world: World, token: str = ANNA_TOKEN) -> AsyncIterator[Anna]:
    """Anna, with two buyers that want every caller and phones that are picked up."""
    world.lmal.answer = offers("40.00", FIRST, min_duration_s=90)
    world.contactability.answer = offers("30.00", SECOND, min_duration_s=60)
    for number in (FIRST, SECOND, ANNAS_PHONE, CALLER):
        world.carrier.phone(number, PATIENT)
    async with aiohttp.ClientSession() as session:
        yield Anna(world, session, token)


async def until_so(there: Callable[[], Awaitable[bool]], timeout_s: float, every_s: float = 0.1) -> None:
    """Return when ``await there()`` is true; raise `TimeoutError`."""
    async with asyncio.timeout(timeout_s):
        while not await there():  # noqa: ASYNC110 - it may be about anything
            await asyncio.sleep(every_s)


Test = Callable[[Anna], Awaitable[None]]


def with_agent(
    dialplan: Mapping[str, Any] | None = None, *, instances: int = 1, seed: int = 1
) -> Callable[[Test], Callable[[Path, Path], None]]:
    """Decorator: an ``async def test(anna)`` in virtual time, in a world of its own, where nobody stays in a room."""

    def decorate(test: Test) -> Callable[[Path, Path], None]:
        def run(engine_socket: Path, tmp_path: Path) -> None:
            async def whole(clock: VirtualClock) -> None:
                world = World(clock, engine_socket, tmp_path, seed, dialplan or plan(), instances)
                world.further_settings = {"CALLROUTER_API_TOKENS": TOKENS}
                async with world, agent(world) as anna:
                    await test(anna)
                    await deserted(world)

            run_virtual(whole, EPOCH)

        run.__name__, run.__doc__, run.__module__ = test.__name__, test.__doc__, test.__module__
        return run

    return decorate


LONGEST_ALONE_S = 30.0
"""Longer than any phone rings: who is alone that long waits for nobody."""


async def deserted(world: World) -> None:
    """Every room has ended, everybody's leg too, and nobody was alone in one while nothing rang."""
    await wait_until(lambda: all(room.ended_at is not None for room in world.carrier.rooms), timeout_s=120)
    await wait_until(lambda: not any(leg.live for leg in world.carrier.outbound), timeout_s=120)
    assert world.carrier.lonely(LONGEST_ALONE_S) == []


__all__ = ["ANNAS_PHONE", "CALLER", "FIRST", "SECOND", "THIRD", "TRANSFER"]
