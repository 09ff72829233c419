"""``callrouter reconcile STATEMENT.csv --buyer B [--map MAP.yaml]``: a buyer's statement against our ledger."""

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from callrouter.commands.attach import attached_ledger
from callrouter.commands.statement_page import statement_page
from callrouter.errors import ConfigurationError, Mistake, NotFound
from callrouter.ledger.periods import period_of
from callrouter.ledger.sold import Sold
from callrouter.reconciling.causes import Period
from callrouter.reconciling.finding import Reconciled
from callrouter.reconciling.matching import Hashes
from callrouter.reconciling.reconcile import Asked, ledger_period, reconcile
from callrouter.reconciling.rows import BadRow, Row
from callrouter.reconciling.shown import as_csv, as_json
from callrouter.reconciling.statement import rows_at
from callrouter.reconciling.statement_map import StatementMap, map_at


def run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the differences; that there are some is a finding, not a failure. Raises `CallrouterError`."""
    how = map_at(Path(arguments.map) if arguments.map else None)
    try:
        told = period_of(arguments.since, arguments.until, how.time_zone)  # days by their clock
    except ValueError as error:
        sys.stderr.write(f"callrouter reconcile: {error}\n")
        return 2
    asked = Asked(told.since, told.until)
    statement = Path(arguments.statement)
    rows = list(rows_at(statement, how))
    found = compared(rows, arguments.buyer, how, asked, environ, where=statement.name)
    sys.stdout.write(shown(found, arguments))
    return 0


def compared(
    rows: Sequence[Row | BadRow],
    buyer: str,
    how: StatementMap,
    asked: Asked,
    environ: Mapping[str, str],
    where: str,
) -> Reconciled:
    """The rows against the ledger of the environment's settings. Raises `CallrouterError`."""
    period = ledger_period(rows, how, asked)
    if not rows or period is None:
        remedy = "no row of it has a time that can be read; check time_formats, delimiter and header_row in the map"
        raise ConfigurationError([Mistake(where, "rows", remedy if rows else "it has no rows below its heads")])
    calls, hashes = asyncio.run(_ledgers_side(buyer, period, environ))
    if not calls:
        raise NotFound(
            f"the ledger has no dial of a buyer {buyer} near the statement's time; check --buyer and the map"
        )
    return reconcile(rows, calls, how, hashes, asked)


async def _ledgers_side(buyer: str, period: Period, environ: Mapping[str, str]) -> tuple[list[Sold], Hashes | None]:
    async with attached_ledger(environ) as ledger:
        return [sold async for sold in ledger.sold(buyer, period.since, period.until)], ledger.hashes


def shown(found: Reconciled, arguments: argparse.Namespace) -> str:
    """The whole of it, as JSON, as CSV, or for people."""
    full = arguments.full_numbers
    if arguments.json:
        return json.dumps(as_json(found, full=full), indent=2) + "\n"
    return as_csv(found, full=full) if arguments.csv else statement_page(found, full=full, every=arguments.all)
