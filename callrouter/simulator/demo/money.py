"""What the calls are expected to pay, as everybody tells it who could be asked: to the cent, they say the same."""

import asyncio
import json
import os
import re
import sqlite3
import sys
from collections.abc import Iterable, Mapping
from contextlib import closing
from decimal import Decimal
from pathlib import Path

from callrouter.simulator.carrier import DialRecord
from callrouter.simulator.demo.service import DemoFailed, Service
from callrouter.simulator.partners import PartnerOffer
from callrouter.simulator.scenarios import Part

BOOKED_WITHIN_S = 45.0
"""Longer than the rows of an instance that was killed while it wrote them wait to be taken over."""
_LOOK_EVERY_S = 0.2
_SHOWN = re.compile(r"Expected payout</dt>\s*<dd[^>]*>\$([0-9,]+\.[0-9]{2})<")
_CENT = Decimal("0.01")


async def accounts(service: Service, calls: int) -> dict[str, Decimal]:
    """Dollars by who says so: the ledger's file, the report, the console. Raises `DemoFailed`.

    ``calls`` is how many rows the ledger should have; they are waited for.
    """
    return {
        "the ledger": await _in_ledger(service.data_dir / "ledger.db", calls),
        "the report": await _in_report(service),
        "the console": await _in_console(service),
    }


def earned(
    dials: Iterable[DialRecord], offers: Mapping[str, Iterable[PartnerOffer]], minimum_s: Mapping[str, int]
) -> Decimal:
    """What the buyers' talks are worth by the carrier's whole seconds: the offer in force at the dial, if long enough.

    ``offers`` and ``minimum_s`` are by the buyer's number.
    """
    total = Decimal(0)
    for dial in dials:
        if dial.answered_at is None or dial.ended_at is None or not dial.bridged:
            continue
        whole_s = int(dial.ended_at - dial.answered_at + 0.001)
        made = [offer for offer in offers.get(dial.number, ()) if offer.at <= dial.started_at]
        if made and whole_s >= minimum_s[dial.number]:
            total += max(made, key=lambda offer: offer.at).payout
    return total


def minimum_durations(parts: Iterable[Part]) -> dict[str, int]:
    """Seconds by the number that an offer of this part names."""
    answers = [answer for part in parts for answer in (part.lmal, part.contactability)]
    return {answer.number: answer.min_duration_s for answer in answers if answer.min_duration_s is not None}


async def _in_ledger(file: Path, calls: int) -> Decimal:
    try:
        async with asyncio.timeout(BOOKED_WITHIN_S):
            while (sums := await asyncio.to_thread(_sums, file))[0] < calls:  # noqa: ASYNC110 - another process
                await asyncio.sleep(_LOOK_EVERY_S)
    except TimeoutError:
        sums = await asyncio.to_thread(_sums, file)  # the checks will say which rows are missing
    return Decimal(sums[1]) * _CENT


def _sums(file: Path) -> tuple[int, int]:
    """Rows, and cents."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10)) as database:
        rows, cents = database.execute("SELECT count(*), coalesce(sum(expected_cents), 0) FROM calls").fetchone()
    return int(rows), int(cents)


async def _in_report(service: Service) -> Decimal:
    """As operations would ask for it in a terminal."""
    command = (sys.executable, "-m", "callrouter", "report", "--by", "buyer", "--json")
    environ = {**os.environ, **service.python_path, "CALLROUTER_DATA_DIR": str(service.data_dir)}
    environ.pop("CALLROUTER_DATABASE_URL", None)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, env=environ, stdout=pipe, stderr=pipe)
    told, trouble = await process.communicate()
    if process.returncode != 0:
        raise DemoFailed(f"`callrouter report` ended with {process.returncode}: {trouble.decode().strip()[-300:]}")
    return Decimal(json.loads(told)["total"]["expected_payout"])


async def _in_console(service: Service) -> Decimal:
    shown = _SHOWN.search(await service.console_page("/console/money"))
    if shown is None:
        raise DemoFailed("the console's page of money shows no total")
    return Decimal(shown[1].replace(",", ""))
