"""The buyers' page says what was learned of each, and operations forgive one."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from callrouter.calls.buyers import Buyers
from callrouter.console.buyers import card
from callrouter.domain.clock import SystemClock
from callrouter.engine.client import Engine
from callrouter.learning.log import LessonLog
from tests.buyers.exemplars import CATALOGUE
from tests.calls.test_buyers_believed import learned, plans
from tests.console.records import START
from tests.console.served import AGENT_TOKEN, OPS_TOKEN, Browser, console_over, opened_ledger, serving
from tests.console.test_operations import BUYER

FORGIVE = "/console/buyers/auto/acme/forgive"
BELIEVED: Mapping[str, Any] = {
    "requests": 60, "offer_rate": 0.83, "offer_after_s": 0.5, "dials": 29.0, "answer_rate": 0.71, "talks": 24.0,
    "talk_s": 60, "talk_rate": 0.62, "usual_offer": {"payout": "18.00", "min_duration_s": 60}, "alarms": 0,
}  # fmt: skip


@pytest.fixture
async def page(engine: Engine, tmp_path: Path) -> AsyncIterator[Browser]:
    """Somebody in front of the buyers of two plans, one of whom is known."""
    async with opened_ledger(tmp_path) as ledger:
        beliefs = learned()
        buyers = Buyers(engine, ledger, plans, CATALOGUE, SystemClock(), lambda: beliefs)
        async with serving(console_over(engine, ledger, plans=plans(), buyers=buyers)) as browser:
            yield browser


async def lessons(engine: Engine) -> list[object]:
    return [entry.document for entry in (await LessonLog(engine).after(0, 10)).entries]


async def test_a_buyer_is_forgiven_once_it_is_asked_for_from_the_page(engine: Engine, page: Browser) -> None:
    await page.sign_in(OPS_TOKEN)
    shown = await page.get("/console/buyers")
    assert "Its phone is expected to be picked up in 7" in shown.text
    assert shown.text.count("Yes, forgive it") == 2, "of the plans' two buyers of that name, and not of the newcomer"
    done = await page.post(FORGIVE, {"csrf": shown.csrf})
    assert done.status == 303
    told = await page.get(done.headers["Location"])
    assert "acme of auto is forgiven" in told.text
    assert await lessons(engine) == [{"of": "forgiven", "buyer": "acme"}]


async def test_nobody_else_and_no_other_page_forgives(engine: Engine, page: Browser) -> None:
    assert (await page.post(FORGIVE, {})).status in (303, 403)
    await page.sign_in(AGENT_TOKEN)
    assert (await page.post(FORGIVE, {"csrf": "x"})).status == 403
    await page.sign_in(OPS_TOKEN)
    csrf = (await page.get("/console/buyers")).csrf
    assert (await page.post(FORGIVE, {})).status == 403
    assert (await page.post(FORGIVE, {"csrf": csrf}, {"Origin": "https://elsewhere.example"})).status == 403
    assert (await page.post("/console/buyers/auto/nobody/forgive", {"csrf": csrf})).status == 404
    assert (await page.get(FORGIVE)).status in (404, 405)
    assert await lessons(engine) == []


@pytest.mark.parametrize(
    ("changes", "says", "forgivable"),
    [
        (
            {},
            (
                "It makes an offer in 83% of cases, usually $18.00 after 0.5 s. Its phone is"
                " expected to be picked up in 71% of dials, and 62% of talks to last 60 s."
            ),
            True,
        ),
        ({"alarms": 2}, "62% of talks to last 60 s. It got much worse twice.", True),
        (
            {"dials": 0, "talks": 0},
            "nothing is known yet; like the average buyer's, its phone is expected to be picked up in 71%",
            False,
        ),
        (
            {"requests": 0, "dials": 0, "talks": 0, "offer_after_s": None, "usual_offer": None},
            "Nothing yet: its offers are valued like the average buyer's.",
            False,
        ),
    ],
)
def test_a_buyers_card_says_in_a_sentence_what_was_learned(
    changes: Mapping[str, object], says: str, forgivable: bool
) -> None:
    shown = card({**BUYER, "believed": {**BELIEVED, **changes}}, START)
    assert says in shown.believed
    assert shown.forgivable is forgivable


def test_of_a_buyer_of_leads_nothing_is_believed() -> None:
    shown = card({**BUYER, "believed": None}, START)
    assert (shown.believed, shown.forgivable) == ("", False)
