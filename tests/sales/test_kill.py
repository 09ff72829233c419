"""kill -9 of the process that sells, at the very point: the next one neither sells again nor forgets."""

import asyncio
import sys
from pathlib import Path

import pytest

from callrouter.domain.clock import SystemClock
from tests.sales.market import PHONE, market
from tests.sales.partner import LeadPartner, listening
from tests.sales.victim import LEASE_S
from tests.support.waiting import wait_until


@pytest.mark.real_time
@pytest.mark.parametrize("point", ["/ping answered", "/post arrived", "/post answered"])
async def test_a_killed_process_leaves_one_sale_behind(point: str, engine_socket: Path) -> None:
    """Between ping and post, before the buyer buys, and between its buying and our record of it."""
    killed: list[int] = []
    partner = LeadPartner()
    async with listening(partner), market(SystemClock(), engine_socket, partners={"a": partner}) as here:
        await here.unsold()
        arguments = (str(engine_socket), here.keys.prefix, partner.origin)
        victim = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.sales.victim", *arguments)

        def kill(seen: str) -> None:
            if seen == point and not killed:
                victim.kill()
                killed.append(victim.pid)

        partner.on_request = kill
        try:
            await wait_until(lambda: killed, timeout_s=15)
        finally:
            if victim.returncode is None and not killed:
                victim.kill()
            await victim.wait()
        here.worker(lease_s=LEASE_S)
        sold = await here.ended(timeout_s=15)
    assert (sold["state"], sold["buyer"], sold["payout"]) == ("sold", "a", "10.00")
    assert partner.bought == [PHONE]
