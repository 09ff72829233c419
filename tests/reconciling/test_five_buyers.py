"""Five buyers' statements as they come from their systems, through the command, against one ledger on disk."""

import asyncio
import json
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from callrouter.cli import main
from callrouter.domain.clock import SystemClock
from callrouter.ledger.database import sqlite_url
from callrouter.ledger.number_hash import NumberHash
from callrouter.ledger.reads import Ledger
from tests.commands.ledgered import ledger_of
from tests.ledger.month import Record, sold

# ruff: noqa: ISC004 - the text of a map, and the text of a statement

CHICAGO = ZoneInfo("America/Chicago")
SECONDS = (142, 83, 205, 97, 12, 330)
PHONES = tuple(f"+1512555{no:04}" for no in range(142, 148))
ANSWERED = tuple(datetime(2026, 10, 5 + no, 13, 5 * no, 30, tzinfo=CHICAGO) for no in range(6))


def records() -> list[Record]:
    """Six answered calls of acme at $20.00 and 90 s: those of 83 and 12 s do not qualify."""
    each = zip(SECONDS, PHONES, ANSWERED, strict=True)
    return [sold(no, "acme", talk_s, at=at.timestamp() - 5, phone=phone) for no, (talk_s, phone, at) in enumerate(each)]


HUBSPOT = (
    "columns: {caller: Caller ID, at: Call Date, duration: Talk Time, payout: Payout, status: Disposition}\n"
    "time_formats: ['%m/%d/%Y %I:%M:%S %p']\ntime_zone: America/Chicago\n"
    "statuses: {paid: [Sold], unpaid: [Too Short]}\n",
    "Caller ID,Call Date,Talk Time,Payout,Disposition\n"
    "(512) 555-0142,10/05/2026 1:00:33 PM,2:22,$20.00,Sold\n"
    "(512) 555-0143,10/06/2026 1:05:33 PM,1:23,$20.00,Sold\n"
    "(512) 555-0144,10/07/2026 1:10:33 PM,3:25,$20.00,Sold\n\n"
    "(512) 555-0145,10/08/2026 1:15:33 PM,1:37,$0.00,Too Short\n"
    "(512) 555-0146,10/09/2026 1:20:33 PM,0:12,$0.00,Too Short\n"
    "(512) 555-0147,10/10/2026 1:25:33 PM,5:30,$20.00,Sold\n",
)
EXCEL = (
    "columns: {caller: [Phone Number], at: Start, duration: Call Length, payout: Amount Paid, reference: Note}\n"
    "time_formats: ['%m/%d/%y %H:%M']\ntime_zone: America/New_York\ndelimiter: ;\n",
    '\ufeff"Phone\nNumber";Start;"Call\nLength";Note;"Amount ""Paid"""\r\n'
    '5125550142;10/5/26 14:00;00:02:22;"a\nb";$20.00\r\n'
    '="5125550143";10/6/26 14:05;00:01:23;;$-\r\n'
    "15125550144;10/7/26 14:10;00:03:25;;$20.00\r\n"
    "5125550145.0;10/8/26 14:15;00:01:37;;$20.00\r\n"
    "5125550147;10/10/26 14:25;00:05:30;;$20.00\r\n"
    "5125550147;10/12/26 09:00;;reversal;($20.00)\r\n"
    ";;;;\r\nTotal;;;;$60.00\r\n",
)
MASKED = (
    "columns: {caller: Number, date: Date, time: Time, duration: Billable Seconds, payout: Revenue}\n"
    "time_formats: ['%Y-%m-%d %H:%M:%S']\ntime_zone: UTC\nheader_row: 3\nrounding: up_6\n",
    "Acme Publisher Statement\nPeriod: October\nDate,Time,Number,Billable Seconds,Revenue\n"
    "2026-10-05,18:00:31,512-XXX-0142,144.0,20\n2026-10-06,18:05:31,512-XXX-0143,84.0,0\n"
    "2026-10-07,18:10:31,512-XXX-0144,210.0,20\nDate,Time,Number,Billable Seconds,Revenue\n"
    "2026-10-08,18:15:31,512-XXX-0145,102.0,20\n2026-10-10,18:25:31,512-XXX-0147,330.0,20\n"
    "2026-10-10,18:45:00,737-XXX-0199,120.0,35\n,Total,,,115.00\n",
)
OFFSET = (
    "columns: {caller: ani, at: connected, duration: secs, payout: paid}\ntime_formats: ['%d %b %Y %H:%M:%S %z']\n"
    "delimiter: tab\n",
    "ani\tconnected\tsecs\tpaid\tcampaign\n"
    "+15125550142\t05 Oct 2026 11:00:30 -0700\t142\t20.00\tauto\n"
    "+15125550143\t06 Oct 2026 11:05:30 -0700\t83\t\tauto\n"
    "+15125550144\t07 Oct 2026 11:10:30 -0700\t205\t20.00\tauto\n"
    "+15125550145\t08 Oct 2026 11:15:30 -0700\t97\t18.00\tauto\n"
    "+15125550147\t10 Oct 2026 11:25:30 -0700\t330\t20.00\tauto\n",
)
DAYS = (
    "columns: {caller: from, at: day, duration: minutes, payout: price}\ntime_formats: ['%d.%m.%Y']\n"
    "time_zone: America/Chicago\nduration_unit: minutes\nslack_s: 4\ndecimal_mark: comma\ndelimiter: ;\n",
    "from;day;minutes;price\n1-512-555-0142;05.10.2026;2,4;20,00\n1-512-555-0144;07.10.2026;3,4;20,00\n"
    "1-512-555-0145;08.10.2026;1,6;20,00\n1-512-555-0147;10.10.2026;5,5;20,00\n",
)


@pytest.mark.parametrize("retired", [False, True], ids=["numbers", "hashes"])
@pytest.mark.parametrize(
    ("buyer", "gap", "causes"),
    [
        (HUBSPOT, "0.00", {"2", "5"}),
        (EXCEL, "-20.00", {"taken_back", "bad_row"}),
        (MASKED, "35.00", {"missing_on_ours", "bad_row", "number"}),
        (OFFSET, "-2.00", {"payout"}),
        (DAYS, "0.00", set()),
    ],
    ids=["hubspot", "excel", "masked", "offset", "days"],
)
def test_a_statement_as_it_comes_is_explained(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    buyer: tuple[str, str],
    gap: str,
    causes: set[str],
    retired: bool,
) -> None:
    environ = ledger_of(tmp_path / "data", records())
    if retired:
        asyncio.run(_retire(tmp_path / "data"))
    (tmp_path / "map.yaml").write_text(buyer[0])
    (tmp_path / "s.csv").write_text(buyer[1], newline="")
    options = ("--buyer", "acme", "--map", str(tmp_path / "map.yaml"), "--json")
    status = main(["reconcile", str(tmp_path / "s.csv"), *options], environ)
    said = capsys.readouterr()
    assert (status, said.err) == (0, "")
    found: dict[str, Any] = json.loads(said.out)
    assert found["gap"] == gap
    told = found["differences"]
    if buyer is HUBSPOT:
        assert [(one["line"], one["cause"], one["difference"]) for one in told] == [
            (3, "paid_unexpected", "20.00"),
            (6, "not_paid", "-20.00"),
        ]
        return
    assert {one["cause"] for one in told} == causes
    assert sum(one["cause"] == "bad_row" and one["difference"] != "0.00" for one in told) == 0


async def _retire(folder: Path) -> None:
    ledger = Ledger(sqlite_url(folder), SystemClock(), NumberHash(None, folder))
    assert await ledger.retire("auto", datetime(2027, 1, 1, tzinfo=CHICAGO).timestamp()) == len(records())
    await ledger.close()
