"""``callrouter export calls|dials|answers``: the ledger's rows for other programs."""

import argparse
import asyncio
import sys
from collections.abc import Mapping
from contextlib import aclosing
from typing import TextIO

from callrouter.commands.attach import attached_ledger
from callrouter.commands.periods import period_asked
from callrouter.commands.whole_file import whole_file
from callrouter.ledger.exporting import COLUMNS, Dataset, Slice
from callrouter.ledger.flat_text import FlatText, Form


def run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Write the rows, some at a time. Raises `CallrouterError`."""
    period = period_asked(arguments)
    if period is None:
        return 2
    wanted = Slice(
        Dataset(arguments.dataset), period.since, period.until, plan=arguments.plan, buyer=arguments.buyer
    )  # fmt: skip
    form = Form(arguments.format)
    if arguments.output is None:
        asyncio.run(_write(wanted, form, sys.stdout, environ))
        return 0
    with whole_file(arguments.output, "--output") as out:
        rows = asyncio.run(_write(wanted, form, out, environ))
    sys.stderr.write(f"{rows:,} {wanted.of.value} in {arguments.output}\n")
    return 0


async def _write(wanted: Slice, form: Form, out: TextIO, environ: Mapping[str, str]) -> int:
    """How many rows there were."""
    flat, count = FlatText(COLUMNS[wanted.of], form), 0
    async with attached_ledger(environ) as ledger:
        out.write(flat.head)
        async with aclosing(ledger.exported(wanted)) as batches:
            async for rows in batches:
                out.write("".join(map(flat.row, rows)))
                count += len(rows)
        out.write(flat.tail)
    return count
