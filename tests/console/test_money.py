"""The money page over real HTTP: its figures, who ends calls short, its periods, its links and its CSV."""

import csv
import io
from datetime import UTC, datetime
from html import unescape

import pytest

from callrouter.console.console import Console
from callrouter.console.money import periods, question
from callrouter.ledger.report_columns import columns
from callrouter.ledger.totals import By
from tests.console.served import AGENT_TOKEN, OPS_TOKEN, Browser
from tests.ledger.month import Record, rows_of, sold

NOW = datetime(2026, 11, 21, 2, 25, tzinfo=UTC).timestamp()
AT = datetime(2026, 11, 20, 18, tzinfo=UTC).timestamp()
DAY_S = 86_400
PERIOD = "from=2026-11-19&to=2026-11-20"


@pytest.fixture
async def olga(browser: Browser) -> Browser:
    """Olga of operations, signed in."""
    await browser.sign_in(OPS_TOKEN)
    return browser


async def keep(console: Console, *records: Record) -> None:
    assert console.ledger is not None
    await console.ledger.add(rows_of(records))


async def test_strangers_and_agents_see_neither_the_page_nor_its_csv(browser: Browser) -> None:
    paths = ("/console/money", "/console/money.csv?by=day")
    assert [(await browser.get(path)).status for path in paths] == [303, 303]
    await browser.sign_in(AGENT_TOKEN)
    assert [(await browser.get(path)).status for path in paths] == [403, 403]


async def test_the_figures_are_those_of_the_period(console: Console, olga: Browser) -> None:
    await keep(
        console,
        sold(1, "acme", 100, at=AT, pays="1234.50"),
        sold(2, "bolt", 60, at=AT - DAY_S),
        sold(3, "bolt", 200, at=AT - 2 * DAY_S, pays="777.00"),
    )
    page = await olga.get(f"/console/money?{PERIOD}")
    assert (page.status, page.text.count("$1,234.50"), "$777.00" in page.text) == (200, 3, False)
    assert "2026-11-19 to 2026-11-20 (UTC)" in page.text
    assert "50% of bridged" in page.text
    assert "Nothing was left on the table" in page.text
    assert "end calls short" not in page.text


@pytest.mark.parametrize(
    ("by", "key", "link"),
    [
        ("buyer", "acme", "/console/calls?from=2026-11-19&to=2026-11-20&buyer=acme"),
        ("plan", "auto", "/console/calls?from=2026-11-19&to=2026-11-20&plan=auto"),
        ("day", "2026-11-20", "/console/calls?from=2026-11-20&to=2026-11-20"),
        ("hour", "2026-11-20 18:00",
         "/console/calls?from=2026-11-20T18%3A00%3A00.000Z&to=2026-11-20T19%3A00%3A00.000Z"),
    ],
)  # fmt: skip
async def test_each_line_leads_to_its_calls(console: Console, olga: Browser, by: str, key: str, link: str) -> None:
    mine = sold(1, "acme", 100, at=AT + 1_800)
    await keep(console, mine, sold(2, "bolt", 100, at=AT - DAY_S, plan="home"))
    page = await olga.get(f"/console/money?{PERIOD}&by={by}")
    assert f'<a href="{link}">{key}</a>' in unescape(page.text)
    calls = await olga.get(link)
    assert (mine["sid"] in calls.text, f"{2:032x}" in calls.text) == (True, False)


async def test_a_buyer_that_ends_calls_short_is_named_with_the_evidence(console: Console, olga: Browser) -> None:
    await keep(console, *(sold(no, "acme", 87, at=AT + no) for no in range(12)))
    page = await olga.get(f"/console/money?{PERIOD}")
    assert "acme may end calls short" in page.text
    assert "Of the 12 times that it hung up" in page.text
    assert "once in" in page.text
    link = "/console/calls?from=2026-11-19&to=2026-11-20&buyer=acme&outcome=bridged&qualified=no"
    assert f'href="{link}"' in unescape(page.text)
    assert "acme may end calls short" not in (await olga.get(f"/console/money?{PERIOD}&by=plan")).text


async def test_the_csv_has_the_pages_figures_and_the_commands_columns(console: Console, olga: Browser) -> None:
    await keep(console, *(sold(no, buyer, 100, at=AT + no) for no, buyer in enumerate(("acme", "=bolt()"))))
    page = await olga.get(f"/console/money?{PERIOD}&buyer=acme")
    link = f"/console/money.csv?by=buyer&{PERIOD}&buyer=acme"
    assert f'href="{link}"' in unescape(page.text)
    assert [row["buyer"] for row in _rows((await olga.get(link)).text)] == ["acme", "total"]
    answer = await olga.get(f"/console/money.csv?{PERIOD}")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="callrouter-buyer-2026-11-19.csv"'
    assert answer.headers["Cache-Control"] == "no-store"
    rows = _rows(answer.text)
    assert tuple(rows[0]) == columns(By.BUYER)
    assert [(row["buyer"], row["expected_payout"]) for row in rows] == [
        ("'=bolt()", "20.00"), ("acme", "20.00"), ("total", "40.00"),
    ]  # fmt: skip


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


async def test_a_period_that_cannot_be_meant_says_what_to_write_and_counts_nothing(olga: Browser) -> None:
    for query, says in {
        "from=2026-11-21&to=2026-11-20": "This is before the first day.",
        "from=soon": "Write a day, such as 2026-11-21.",
        "to=9999-99-99": "Write a day, such as 2026-11-21.",
    }.items():
        for path in ("money", "money.csv"):
            page = await olga.get(f"/console/{path}?{query}")
            assert (page.status, says in page.text, "Nothing was counted" in page.text) == (200, True, True), query


async def test_a_period_without_calls_says_so(olga: Browser) -> None:
    page = await olga.get("/console/money?buyer=nobody&plan=%00none&by=century")
    assert (page.status, "No call started in this period" in page.text) == (200, True)


def test_without_days_it_is_the_last_seven_and_the_links_say_where_one_is() -> None:
    asked = question({}, NOW)
    assert asked.period.words("UTC") == "2026-11-15 to 2026-11-21 (UTC)"
    assert [words for words, _, here in periods(asked, NOW) if here] == ["7 days"]
    of_day = question({"by": "day", "plan": "auto"}, NOW)
    links = {words: link for words, link, _ in periods(of_day, NOW)}
    assert links["Yesterday"] == "/console/money?by=day&from=2026-11-20&to=2026-11-20&plan=auto"
    assert links["30 days"] == "/console/money?by=day&from=2026-10-23&to=2026-11-21&plan=auto"
    assert question({"to": "2026-11-10"}, NOW).first == "2026-11-04"
    assert question({"from": "2027-01-01"}, NOW).period.words("UTC") == "2027-01-01 (UTC)"
