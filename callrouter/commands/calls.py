"""``callrouter calls`` and ``callrouter calls show SID``."""

import argparse
import asyncio
import json
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from callrouter.api.calls import SUMMARY, Wanted
from callrouter.api.query import moment
from callrouter.commands.attach import attached
from callrouter.commands.call_page import call_page
from callrouter.commands.tables import clock_time, money, table
from callrouter.domain.clock import SystemClock
from callrouter.domain.phone import caller_number
from callrouter.errors import NotFound

_AGO = re.compile(r"([0-9]{1,5})([smhd])", re.ASCII)
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

COLUMNS = ("time (UTC)", "sid", "from", "plan", "outcome", "buyer", "payout", "talk")


def run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the table, or one call. Raises `CallrouterError`."""
    if arguments.action == "show":
        return asyncio.run(_show(arguments.sid, environ, as_json=arguments.json))
    try:
        wanted = Wanted(
            since=_since(arguments.since, SystemClock().now()),
            until=None,
            phone=_phone(arguments.phone),
            plan=arguments.plan,
            outcome=arguments.outcome,
        )
    except ValueError as error:
        sys.stderr.write(f"callrouter calls: {error}\n")
        return 2
    return asyncio.run(_list(wanted, arguments.limit, environ, as_json=arguments.json))


async def _list(wanted: Wanted, limit: int, environ: Mapping[str, str], *, as_json: bool) -> int:
    async with attached(environ) as found:
        # Live calls first: one that ends in between is then there twice and not missing.
        live = [call for call in await found.calls.live() if wanted.has(call)]
        ended = await found.calls.find(
            since=wanted.since, phone=wanted.phone, plan=wanted.plan, outcome=wanted.outcome, limit=limit
        )
    sids = {call["sid"] for call in ended}
    calls = [*(call for call in reversed(live) if call["sid"] not in sids), *ended]
    if as_json:
        shown = [{key: call.get(key) for key in SUMMARY} for call in calls]
        sys.stdout.write(json.dumps({"calls": shown}, indent=2) + "\n")
    else:
        sys.stdout.write(_table(calls))
    return 0


async def _show(sid: str, environ: Mapping[str, str], *, as_json: bool) -> int:
    async with attached(environ) as found:
        call = await found.calls.get(sid)
    if call is None:
        raise NotFound(f"no call {sid}; `callrouter calls` lists them")
    sys.stdout.write(json.dumps(call, indent=2) + "\n" if as_json else call_page(call))
    return 0


def _table(calls: Sequence[Mapping[str, Any]]) -> str:
    if not calls:
        return "No calls.\n"
    return table(COLUMNS, map(_row, calls), right=("payout", "talk"))


def _row(call: Mapping[str, Any]) -> tuple[object, ...]:
    talk = None if call["bridged_s"] is None else f"{call['bridged_s']} s"
    outcome = call["outcome"] or f"({call['state']})"
    caller = call["from"] or "withheld"
    return (
        clock_time(call["started_at"]), call["sid"], caller, call["plan"], outcome,
        call["buyer"], money(call["payout"]), talk,
    )  # fmt: skip


def _since(text: str | None, now: float) -> float | None:
    if text is None:
        return None
    ago = _AGO.fullmatch(text)
    if ago:
        return now - int(ago[1]) * _UNIT_S[ago[2]]
    try:
        return moment(text)
    except ValueError as error:
        raise ValueError(f"--since: write 30m, 1h, 2d, or {str(error).removeprefix('write ')}") from None


def _phone(text: str | None) -> str | None:
    if text is None:
        return None
    phone = caller_number(text)
    if phone is None:
        raise ValueError("--phone: write a North American number, such as +1 and ten digits")
    return phone
