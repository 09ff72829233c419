"""``callrouter report``: what the calls of a period came to, by buyer, plan, day or hour."""

import argparse
import asyncio
import json
import shutil
import sys
from collections.abc import Mapping

from callrouter.commands.attach import attached_ledger
from callrouter.commands.periods import period_asked
from callrouter.commands.report_page import report_page
from callrouter.domain.clock import SystemClock, rfc3339
from callrouter.ledger.flat_text import Form, plain
from callrouter.ledger.periods import Period, recent_if_open
from callrouter.ledger.report_columns import cells, flat
from callrouter.ledger.totals import Asked, By, Totals

WIDEST = 160
"""Characters a line where nothing says how wide the terminal is."""


def run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print it. Raises `CallrouterError`."""
    given = period_asked(arguments)
    if given is None:
        return 2
    period = recent_if_open(given, SystemClock().now(), arguments.zone)
    asked = Asked(
        By(arguments.by), period.since, period.until, arguments.zone, plan=arguments.plan, buyer=arguments.buyer
    )
    found = asyncio.run(_totals(asked, environ))
    if arguments.csv or arguments.jsonl:
        for part in flat(found, asked.by, Form.CSV if arguments.csv else Form.JSONL):
            sys.stdout.write(part)
    elif arguments.json:
        sys.stdout.write(_json(found, asked, period))
    else:
        width = shutil.get_terminal_size((WIDEST, 24)).columns
        sys.stdout.write(report_page(found, asked, period, width))
    return 0


async def _totals(asked: Asked, environ: Mapping[str, str]) -> Totals:
    async with attached_ledger(environ) as ledger:
        return await ledger.totals(asked)


def _json(found: Totals, asked: Asked, period: Period) -> str:
    shown = {
        "period": {"from": rfc3339(period.since), "to": rfc3339(period.until)},
        "zone": asked.zone,
        "by": asked.by.value,
        "plan": asked.plan,
        "buyer": asked.buyer,
        "lines": [_plain(cells(line, asked.by)) for line in found.lines],
        "total": _plain(cells(found.total, asked.by, total=True)),
    }
    return json.dumps(shown, indent=2, ensure_ascii=False) + "\n"


def _plain(row: Mapping[str, object]) -> dict[str, object]:
    return {name: plain(value) for name, value in row.items()}
