"""Finished calls from the ledger, oldest first."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from callrouter.ledger.reads import LedgerCall

PAGE = 500
SLICES = 500
"""Into how many parts a period is cut at most."""
_SHORTEST_S = 3600.0


class Finished(Protocol):
    """The ledger."""

    async def find(
        self,
        *,
        since: float | None = None,
        until: float | None = None,
        plan: str | None = None,
        limit: int = 100,
        before: str | None = None,
    ) -> Sequence[LedgerCall]:
        """Calls that started from ``since`` to before ``until``, newest first."""
        ...


async def oldest_first(
    ledger: Finished, since: float, until: float, plan: str | None = None
) -> AsyncIterator[LedgerCall]:
    """Calls that started from ``since`` to before ``until`` (epoch s). Those of one part of it are held at a time."""
    step_s = max(_SHORTEST_S, (until - since) / SLICES)
    start = since
    while start < until:
        end = min(start + step_s, until)
        for call in reversed(await _between(ledger, start, end, plan)):
            yield call
        start = end


async def _between(ledger: Finished, since: float, until: float, plan: str | None) -> list[LedgerCall]:
    found: list[LedgerCall] = []
    while True:
        before = found[-1].sid if found else None
        page = await ledger.find(since=since, until=until, plan=plan, limit=PAGE, before=before)
        found += page
        if len(page) < PAGE:
            return found
