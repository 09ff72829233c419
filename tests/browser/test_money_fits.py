"""The Money page's table of figures, as wide as an ordinary month makes it."""

from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.async_api import Browser

from callrouter.domain.clock import SystemClock
from tests.browser.screen import NARROW, WIDE, looking
from tests.console.served import OPS_TOKEN, console_over, opened_ledger, serving
from tests.ledger.month import Record, month, rows_of, sold
from tests.support.engine import open_engine

OVER = "(() => { const it = document.querySelector('.scroll'); return it.scrollWidth - it.clientWidth; })()"
PAGE_OVER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def a_month(now: datetime) -> list[Record]:
    """Calls of every kind, and a buyer of a long name that ends its calls short."""
    start = now - timedelta(days=5)
    short = [
        sold(10_000 + no, "contactability-leads", 85, at=start.timestamp() + no, pays="1240.00") for no in range(30)
    ]
    long = [
        sold(20_000 + no, "contactability-leads", 120, at=start.timestamp() + no, pays="1240.00", by="caller")
        for no in range(80)
    ]
    return [*month(3, 300, start, 4), *short, *long]


async def test_every_column_is_seen_on_an_ordinary_screen_and_a_phone_scrolls_the_table_alone(
    chromium: Browser, engine_socket: Path, tmp_path: Path
) -> None:
    now = datetime.fromtimestamp(SystemClock().now(), UTC)
    async with AsyncExitStack() as after, opened_ledger(tmp_path) as ledger:
        engine = open_engine(engine_socket)
        after.push_async_callback(engine.close)
        await ledger.add(rows_of(a_month(now)))
        async with serving(console_over(engine, ledger)) as somebody:
            for size in (WIDE, NARROW):
                async with looking(chromium, somebody.url, size) as screen:
                    await screen.sign_in(OPS_TOKEN)
                    await screen.goto("/console/money")
                    await screen.says("contactability-leads", "Disputed")
                    assert (size, await screen.page.evaluate(PAGE_OVER)) == (size, 0)
                    if size == WIDE:
                        assert await screen.page.evaluate(OVER) == 0
