"""A worker in a process of its own, to be killed: ``python -m tests.sales.victim SOCKET PREFIX ORIGIN``."""

import asyncio
import sys
from pathlib import Path

from callrouter.domain.clock import SystemClock
from callrouter.engine.keys import Keys
from tests.sales.market import Market
from tests.sales.partner import LeadPartner

LEASE_S = 2.0


async def work(socket: str, prefix: str, origin: str) -> None:
    """Sell until killed."""
    here = Market(SystemClock(), Path(socket), {"a": LeadPartner(origin=origin)}, keys=Keys(prefix))
    here.worker(lease_s=LEASE_S)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:]))
