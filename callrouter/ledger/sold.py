"""What the ledger knows of the dials of one buyer: what we expect to be paid for, and the clocks that say so."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from sys import intern
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.ledger.amended import current_dials
from callrouter.ledger.tables import calls

BATCH = 1_000
"""How many rows are held at a time: statements may be long."""


@dataclass(frozen=True, slots=True)
class Sold:
    """One dial of a buyer that was answered or decided, as our ledger has it. Times are epoch seconds."""

    sid: str
    dial_no: int
    plan: str
    caller: str | None
    """E.164; a keyed hash that begins with ``#`` after the plan's retention; ``None``: withheld or erased."""
    number: str
    """What was dialled."""
    payout: Decimal
    min_duration_s: int
    called_at: float
    """The call's arrival."""
    dialled_at: float
    answered_at: float | None
    ended_at: float | None
    dial_s: int | None
    """The dial timer, dial placed to end: our best of the two sources."""
    answer_s: int | None
    """The answer timer, as the child leg's own status says."""
    action_s: int | None
    """The answer timer, as the dial's action says."""
    result: str
    """An ``AttemptResult``."""
    ended_by: str | None
    qualified: bool
    expected: Decimal
    """What we expect to be paid; 0 when it did not qualify."""
    offer_expires_at: float | None = None
    """Until when the offer was good; ``None`` when that is not known."""


async def sold_of(connection: AsyncConnection, buyer: str, since_ms: int, until_ms: int) -> AsyncIterator[Sold]:
    """The dials of a buyer that were decided from ``since_ms`` to before ``until_ms``, oldest first."""
    dial = current_dials().subquery()
    called = select(calls.c.sid, calls.c.from_number).subquery()
    query = (
        select(dial, called.c.from_number)
        .join(called, called.c.sid == dial.c.sid, isouter=True)
        .where(dial.c.buyer == buyer, dial.c.decided_ms >= since_ms, dial.c.decided_ms < until_ms)
        .order_by(dial.c.decided_ms, dial.c.sid, dial.c.no)
    )
    found = await connection.stream(query.execution_options(yield_per=BATCH))
    async for row in found:
        yield _sold(row)


def _sold(row: Row[Any]) -> Sold:
    """A month has 100,000 of them: of what is the same in many there is one object."""
    return Sold(
        sid=row.sid,
        dial_no=row.no,
        plan=intern(row.plan),
        caller=row.from_number,
        number=intern(row.number or ""),
        payout=_one(row.payout_cents or Decimal(0)),
        min_duration_s=row.min_duration_s or 0,
        called_at=row.started_ms / 1000,
        dialled_at=(row.initiated_ms or row.decided_ms) / 1000,
        answered_at=_seconds(row.answered_ms),
        ended_at=_seconds(row.ended_ms),
        dial_s=row.dial_leg_s if row.dial_leg_s is not None else row.dial_action_s,
        answer_s=row.answer_leg_s,
        action_s=row.answer_action_s,
        result=intern(row.result or ""),
        ended_by=None if row.ended_by is None else intern(row.ended_by),
        qualified=bool(row.qualified),
        expected=_one(row.expected_cents or Decimal(0)),
        offer_expires_at=_seconds(row.expires_ms),
    )


@lru_cache(maxsize=8192)
def _one(money: Decimal) -> Decimal:
    return money


def _seconds(ms: int | None) -> float | None:
    return None if ms is None else ms / 1000
