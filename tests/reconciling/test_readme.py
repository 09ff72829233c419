"""The worked example of the package's README is what the command prints; run as a module, it writes it."""

import io
import re
import sys
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import callrouter
from callrouter.commands.statement_page import statement_page
from callrouter.ledger.sold import Sold
from callrouter.reconciling.cause import Cause
from callrouter.reconciling.reconcile import reconcile
from callrouter.reconciling.statement import rows_of
from callrouter.reconciling.statement_map import Rounding, StatementMap, read_map
from tests.reconciling.statements import a_call

README = Path(callrouter.__file__).parent / "reconciling" / "README.md"
NEW_YORK = ZoneInfo("America/New_York")


def _call(no: int, day: int, hour: int, minute: int, talk_s: int, caller: int, ring_s: int = 9) -> Sold:
    at = datetime(2026, 10, day, hour, minute, 20, tzinfo=NEW_YORK).timestamp()
    call = a_call(no, at, talk_s, ring_s, "28.00", sid=f"CA{no:02}")
    return Sold(**{**{name: getattr(call, name) for name in call.__slots__}, "caller": f"+1214555{caller:04}"})


CALLS = [
    _call(1, 5, 9, 15, 181, 101),
    _call(2, 5, 9, 40, 86, 102),
    _call(3, 5, 11, 2, 140, 103),
    _call(4, 6, 14, 30, 133, 101),
    _call(5, 6, 16, 8, 95, 104),
    _call(6, 6, 17, 45, 12, 105),
]


def _blocks() -> dict[str, str]:
    return dict(re.findall(r"```(yaml|csv|text)\n(.*?)```", README.read_text(), re.DOTALL))


def _said(blocks: dict[str, str]) -> str:
    how = read_map(blocks["yaml"].encode(), "acme.yaml")
    found = reconcile(rows_of(io.StringIO(blocks["csv"]), how, "october.csv"), CALLS, how)
    assert found.gap == sum((one.money for one in found.findings), Decimal(0))
    return statement_page(found, full=False)


def test_the_worked_example_is_what_the_command_prints() -> None:
    blocks = _blocks()
    assert _said(blocks) == blocks["text"]


def test_every_key_and_cause_and_way_of_rounding_is_explained() -> None:
    page = README.read_text()
    keys = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert set(keys) == {*StatementMap.model_fields, *(cause.value for cause in Cause)}
    assert all(f"`{way.value}`" in page for way in Rounding)


if __name__ == "__main__":
    written = README.read_text()
    README.write_text(written.replace(_blocks()["text"], _said(_blocks())))
    sys.stdout.write(_said(_blocks()))
