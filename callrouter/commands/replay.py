"""``callrouter replay``: recorded calls decided again, under their own settings and under others."""

import argparse
import asyncio
import json
import shutil
import sys
from collections.abc import AsyncIterator, Mapping
from typing import Any

from callrouter.commands.attach import attached_engine, attached_ledger, engine_exists
from callrouter.commands.believed_then import BelievedThen
from callrouter.commands.periods import period_asked
from callrouter.commands.replay_page import as_json, replay_page
from callrouter.domain.clock import SystemClock
from callrouter.ledger.periods import Period, recent_if_open
from callrouter.ledger.reads import Ledger
from callrouter.replaying.changes import Changes, changes_of
from callrouter.replaying.reading import oldest_first
from callrouter.replaying.replay import Replayed, replayed
from callrouter.settings import read_settings

WIDEST = 120
"""Characters a line where nothing says how wide the terminal is."""


def run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print what came of it; 1 when a decision does not come out as it was. Raises `CallrouterError`."""
    given = period_asked(arguments)
    if given is None:
        return 2
    try:
        changes = changes_of(arguments.what_if) if arguments.what_if else None
    except ValueError as error:
        sys.stderr.write(f"callrouter replay: --what-if: {error}\n")
        return 2
    period = recent_if_open(given, SystemClock().now(), arguments.zone)
    found = asyncio.run(_replayed(period, arguments.plan, changes, environ))
    if arguments.json:
        sys.stdout.write(json.dumps(as_json(found, changes, arguments.by, period), indent=2) + "\n")
    else:
        width = shutil.get_terminal_size((WIDEST, 24)).columns
        sys.stdout.write(replay_page(found, changes, arguments.by, period.words(arguments.zone), width))
    return 0 if found.same or changes is not None else 1


async def _replayed(period: Period, plan: str | None, changes: Changes | None, environ: Mapping[str, str]) -> Replayed:
    engine = (lambda: attached_engine(environ)) if engine_exists(read_settings(environ, serving=False)) else None
    async with attached_ledger(environ) as ledger:
        beliefs = BelievedThen(ledger.lessons, SystemClock(), engine)
        return await replayed(records(ledger, period, plan), beliefs, changes)


async def records(ledger: Ledger, period: Period, plan: str | None) -> AsyncIterator[tuple[float, Mapping[str, Any]]]:
    """The records of a period's finished calls, as `replayed` takes them."""
    async for call in oldest_first(ledger, period.since or 0.0, period.until or 0.0, plan):
        yield call.started_at, call.record
