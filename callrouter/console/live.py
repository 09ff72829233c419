"""Live calls, as they go: what each waits for, and what its buyers have said so far."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callrouter.console.console import Console
from callrouter.console.events import live
from callrouter.console.moments import Record, auctions, epoch, still_asked
from callrouter.console.pages import HOME, OPERATIONS, fragment, guarded, render
from callrouter.console.plain_words import KINDS, STATES, family_of, money_words, reason_words, result_words
from callrouter.console.sessions import Session
from callrouter.dialplan import Plan

MOST_SHOWN = 200
EVERY_S = 1.0
KEPT_S = 0.9
"""Pages that are open at the same time share one look at the engine."""


@dataclass(frozen=True)
class Said:
    """What one buyer has said in the latest auction."""

    buyer: str
    words: str
    code: str
    family: str


@dataclass(frozen=True)
class LiveCall:
    """One live call as the screen shows it."""

    sid: str
    caller: str
    plan: str
    kind: str
    state: str
    tone: str
    since: float
    """When it began, epoch seconds."""
    talking_since: float | None
    buyers: Sequence[Said]
    dials: Sequence[str]


def live_call(record: Record, buyers: Sequence[str]) -> LiveCall:
    """Read a live call's record; ``buyers`` are the plan's. Pure."""
    last = max(1, len(auctions(record)))
    said = [_said(result) for result in record.get("results") or () if result["auction"] == last]
    said += [Said(buyer, "is being asked", "asked", "open") for buyer in still_asked(record, buyers)]
    state = str(record["state"])
    attempts: Sequence[Record] = record.get("attempts") or ()
    talking = next((a for a in reversed(attempts) if a["result"] is None and a.get("answered_at")), None)
    return LiveCall(
        sid=record["sid"],
        caller=record.get("from") or "number withheld",
        plan=record["plan"],
        kind=KINDS.get(record["kind"], record["kind"]),
        state=STATES.get(state, state),
        tone={"bridged": "good", "dialling": "info", "auction": "warn"}.get(state, ""),
        since=epoch(record["started_at"]) or 0.0,
        talking_since=epoch(talking["answered_at"]) if talking else None,
        buyers=said,
        dials=[f"{a['no']}: {a['buyer']} {_dialled(a)}" for a in attempts],
    )


def _said(result: Record) -> Said:
    offer, reason = result.get("offer"), result["reason"]
    words = f"offers {money_words(offer['payout'])}" if offer else reason_words(reason)
    return Said(result["buyer"], words, reason, family_of(reason))


def _dialled(attempt: Record) -> str:
    if attempt["result"] is None:
        return "talks with the caller" if attempt.get("answered_at") else "is being rung"
    return result_words(attempt["result"])


class _Look:
    """The live calls as last read, shared by all open pages of this instance."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = asyncio.Lock()
        self._read_at: float | None = None
        self._calls: list[LiveCall] = []

    async def calls(self) -> list[LiveCall]:
        """Newest first, at most `KEPT_S` old."""
        async with self._lock:
            now = self._console.clock.monotonic()
            if self._read_at is None or now - self._read_at >= KEPT_S:
                records = await self._console.calls.live()
                plans = self._console.plans
                self._calls = [live_call(record, _buyers(plans, record)) for record in records]
                self._read_at = now
            return self._calls


def _buyers(plans: Mapping[str, Plan], record: Record) -> list[str]:
    plan = plans.get(record["plan"])
    return list(plan.call_buyers) if plan else []


def routes(console: Console) -> list[Route]:
    """The page, and the stream that keeps it fresh."""
    look = _Look(console)

    async def values() -> dict[str, Any]:
        calls = await look.calls()
        return {"calls": calls[:MOST_SHOWN], "total": len(calls)}

    async def page(request: Request, session: Session) -> Response:
        return render(request, session, "live.html", now=console.clock.now(), **await values())

    async def stream(request: Request, session: Session) -> Response:
        async def part() -> str:
            return fragment(session, "live_part.html", **await values())

        return live(console, request, session, part, EVERY_S)

    return [
        Route(f"{HOME}/live", guarded(console, OPERATIONS, page), methods=["GET"]),
        Route(f"{HOME}/live/stream", guarded(console, OPERATIONS, stream), methods=["GET"]),
    ]
